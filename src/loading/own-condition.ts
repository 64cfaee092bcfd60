import {
  AndNode,
  type Expression,
  ExpressionWrapper,
  expressionBuilder,
  isOperationNodeSource,
  type OperationNode,
  ParensNode,
} from 'kysely'
import { ArgumentError, MappingError } from '../errors.ts'
import type { RelationLink, TargetFilter } from '../mapping/index.ts'
import type { Dialect, RelationFilter } from '../sql/index.ts'
import { describeValue } from '../support/index.ts'
import { aliasedTable, type EntityTable, entityTable } from './entity-table.ts'
import type { Scope } from './scope.ts'
import { translate } from './translate.ts'

/**
 * The condition that a relation was declared with (`on`, `where`), between two tables of a query.
 *
 * @throws MappingError for a condition that names what the entities do not have
 */
export function ownCondition(link: RelationLink, source: EntityTable, target: EntityTable): OperationNode | undefined {
  const { on, where } = link.options
  if (on !== undefined) {
    const scope = { own: called(target, 'target'), joined: [called(source, 'source')] }
    return conditionNode(link, 'on', scope, on(expressionBuilder()))
  }
  if (where === undefined) return undefined
  return conditionNode(link, 'where', { own: called(target, 'target'), joined: [] }, where(expressionBuilder()))
}

/** Whether a relation has such a condition. */
export function hasOwnCondition({ options }: RelationLink): boolean {
  return options.on !== undefined || options.where !== undefined
}

/** One condition beside another. */
export function narrowed(condition: OperationNode, own: OperationNode | undefined): OperationNode {
  return own === undefined ? condition : AndNode.create(condition, own)
}

const filters = new WeakMap<Dialect, WeakMap<RelationLink, RelationFilter>>()

/** The condition for the statements that load the relation: made once for each dialect, as they are. */
export function loadFilter(dialect: Dialect, link: RelationLink): RelationFilter | undefined {
  if (!hasOwnCondition(link)) return undefined
  const ofDialect = filters.get(dialect) ?? new WeakMap<RelationLink, RelationFilter>()
  filters.set(dialect, ofDialect)
  const filter = ofDialect.get(link) ?? makeFilter(dialect, link)
  ofDialect.set(link, filter)
  return filter
}

function makeFilter(dialect: Dialect, link: RelationLink): RelationFilter {
  const source = aliasedTable(entityTable(dialect, link.source), link.source, { name: 'source', alias: 'source' })
  const node = ownCondition(link, source, loadedTable(dialect, link)) as OperationNode
  return {
    name: `${link.source.table}.${link.property}`,
    condition: new ExpressionWrapper<never, never, unknown>(node),
  }
}

/** The targets of a relation as the statements that load them name their table. */
export function loadedTable(dialect: Dialect, link: RelationLink): EntityTable {
  const plain = entityTable(dialect, link.target)
  if (link.options.on === undefined && link.through === undefined) return plain
  const alias = link.options.on === undefined ? 't' : 'target'
  return aliasedTable(plain, link.target, { name: alias, alias })
}

/**
 * A condition that a query adds to a relation's own, for the statement that loads it.
 *
 * @param call what was called, for messages
 * @throws ArgumentError for what is no condition, for unknown properties, and for values that do not fit
 */
export function addedCondition(
  dialect: Dialect,
  call: string,
  link: RelationLink,
  where: TargetFilter,
): Expression<unknown> {
  const made: unknown = where(expressionBuilder())
  if (typeof made !== 'object' || made === null || !isOperationNodeSource(made)) {
    throw new ArgumentError(
      `${call}: where must return a condition such as eb('city', '=', 'Boston'), not ${describeValue(made)}.`,
    )
  }
  const scope = { own: called(loadedTable(dialect, link), 'target'), joined: [] }
  const node = translate(scope, `${call} where`, made.toOperationNode())
  return new ExpressionWrapper<never, never, unknown>(ParensNode.create(node))
}

/** The same table in the statement, under the name by which conditions of relations know it. */
function called(table: EntityTable, name: 'source' | 'target'): EntityTable {
  return aliasedTable(table, table.model, { name, alias: table.node.table.identifier.name })
}

function conditionNode(link: RelationLink, option: string, scope: Scope, made: Expression<unknown>): OperationNode {
  const place = `${link.source.name}.${link.property} ${option}`
  if (!isOperationNodeSource(made)) {
    throw new MappingError(
      `${place}: the function must return a condition such as eb('city', '=', 'Boston'), got ${describeValue(made)}.`,
    )
  }
  try {
    return ParensNode.create(translate(scope, place, made.toOperationNode()))
  } catch (cause) {
    if (!(cause instanceof ArgumentError)) throw cause
    throw new MappingError(cause.message, { cause })
  }
}
