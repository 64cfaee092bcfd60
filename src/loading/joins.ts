import { JoinNode, type JoinType, type OperationNode, RawNode } from 'kysely'
import { ArgumentError } from '../errors.ts'
import { nameOf, type RelationLink } from '../mapping/index.ts'
import { checkOptions, describeValue, rule } from '../support/index.ts'
import { allOf, type Condition, oncePerCriteria, textOf } from './condition.ts'
import { readWhere } from './conditions.ts'
import { aliasedTable, type EntityTable, standsFor } from './entity-table.ts'
import { hasOwnCondition } from './own-condition.ts'
import { type Join, type QueryState, scopeIn } from './query-state.ts'
import { hasPairs, pairsBetween, tied } from './relation-conditions.ts'
import { relationIn } from './relation-paths.ts'
import { asTranslated } from './translated.ts'

/** How an entity is joined. */
export interface GivenJoinOptions {
  readonly as?: string
  readonly on?: unknown
}

const rules = {
  as: rule('a name of letters, digits and _', (value) => typeof value === 'string' && /^[A-Za-z_]\w*$/.test(value)),
  on: rule('a function that makes a condition', (value) => typeof value === 'function'),
}

/**
 * The joins of a query after one more along a path of relations. What the path passes on its way is joined too, unless it was.
 *
 * @throws ArgumentError for a path that is none, and for a name that is taken
 */
export function readJoin(
  own: EntityTable,
  state: QueryState,
  call: 'join()' | 'leftJoin()',
  path: unknown,
  options: GivenJoinOptions = {},
): readonly Join[] {
  if (typeof path !== 'string')
    throw new ArgumentError(`${call} takes the name of a relation, not ${describeValue(path)}.`)
  checkOptions(call, options, rules)
  const names = path.split('.')
  const start = names.length > 1 ? state.joins.find(({ table }) => table.name === names[0]) : undefined
  const steps = start === undefined ? names : names.slice(1)
  const joins = [...state.joins]
  let parent = start?.table ?? own
  steps.forEach((name, place) => {
    const isLast = place === steps.length - 1
    const link = relationIn(call, parent.model, name, path)
    const known = isLast ? undefined : joins.find((join) => isSame(join, parent, link))
    const added = known ?? joinOf(own, { ...state, joins }, call, parent, link, isLast ? options : {})
    if (known === undefined) joins.push(added)
    parent = added.table
  })
  return joins
}

function isSame(join: Join, parent: EntityTable, link: RelationLink): boolean {
  return join.link === link && join.parent === parent.name && join.table.name === link.property
}

function joinOf(
  own: EntityTable,
  state: QueryState,
  call: string,
  parent: EntityTable,
  link: RelationLink,
  { as = link.property, on }: GivenJoinOptions,
): Join {
  refuseTaken(own, state, call, link, as)
  const table = aliasedTable(own, link.target, { name: as, alias: as })
  const type: JoinType = call === 'leftJoin()' ? 'LeftJoin' : 'InnerJoin'
  const scope = scopeIn(own, state)
  const joined = { ...scope, joined: [...scope.joined, table] }
  const extra = on === undefined ? undefined : readWhere(joined, `${call} on`, [on])
  const given = extra === undefined ? [] : [extra]
  const join = { type, parent, link, table }
  const under: Join['under'] = oncePerCriteria((criteria) => joinWith(join, [...given, ...criteria.of(table)], under))
  return joinWith(join, given, under)
}

/** A join of a table to another along a relation. */
interface JoinPlace {
  readonly type: JoinType
  readonly parent: EntityTable
  readonly link: RelationLink
  readonly table: EntityTable
}

function joinWith(
  { type, parent, link, table }: JoinPlace,
  conditions: readonly Condition[],
  under: Join['under'],
): Join {
  const nodes = joinNodes(type, parent, link, table, allOf(conditions))
  const text = hasOwnCondition(link) ? undefined : textOf(conditions)
  const also = conditions.length === 0 ? '' : ` on(${text?.shape})`
  return {
    table,
    link,
    parent: parent.name,
    shape: text && `${type} ${parent.name}.${link.index} ${table.name}${also}`,
    values: text?.values ?? [],
    toNodes: () => nodes,
    under,
  }
}

function refuseTaken(own: EntityTable, { joins }: QueryState, call: string, link: RelationLink, name: string): void {
  if (name !== own.name && joins.every(({ table }) => table.name !== name)) return
  throw new ArgumentError(
    `${call}: the query for ${nameOf(own.model)} has a table '${name}' already; join ${link.property} under another name: ` +
      `{ as: 'other_${name}' }.`,
  )
}

/** A relation through a table of pairs is one join: an outer one then gives no row for a pair without its target. */
export function joinNodes(
  type: JoinType,
  parent: EntityTable,
  link: RelationLink,
  table: EntityTable,
  on: OperationNode | undefined,
): readonly JoinNode[] {
  const also = (condition: OperationNode) => (on === undefined ? condition : both(condition, on))
  if (!hasPairs(link)) return [joinNode(type, table.from, also(tied(link, parent, table)))]
  const { from, toSource, toTarget } = pairsBetween(link, parent, table, `${table.name}_pairs`)
  if (type === 'InnerJoin') return [joinNode(type, from, toSource), joinNode(type, table.from, also(toTarget))]
  const inner = RawNode.create(['(', ' inner join ', ' on ', ')'], [from, table.from, also(toTarget)])
  return [joinNode(type, standsFor(asTranslated(inner), table), toSource)]
}

function both(one: OperationNode, other: OperationNode): OperationNode {
  return RawNode.create(['', ' and (', ')'], [one, other])
}

function joinNode(type: JoinType, from: OperationNode, on: OperationNode): JoinNode {
  return asTranslated(JoinNode.createWithOn(type, asTranslated(from), asTranslated(on)))
}
