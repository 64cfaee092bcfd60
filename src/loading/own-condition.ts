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
import type { RelationLink } from '../mapping/index.ts'
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
  const plain = entityTable(dialect, link.target)
  const named = (model: RelationLink['target'], alias: string) => aliasedTable(plain, model, { name: alias, alias })
  const target =
    link.options.on !== undefined
      ? named(link.target, 'target')
      : link.through === undefined
        ? plain
        : named(link.target, 't')
  const node = ownCondition(link, named(link.source, 'source'), target) as OperationNode
  return {
    name: `${link.source.table}.${link.property}`,
    condition: new ExpressionWrapper<never, never, unknown>(node),
  }
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
