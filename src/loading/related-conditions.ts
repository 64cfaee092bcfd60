import type { OperationNode } from 'kysely'
import type { RelationLink } from '../mapping/index.ts'
import type { Condition } from './condition.ts'
import { aliasedTable, type EntityTable } from './entity-table.ts'
import { hasOwnCondition } from './own-condition.ts'
import { type QueryState, ruledBy, valuesOf } from './query-state.ts'
import { existsNode, hasPairs, pairsBetween, tied } from './relation-conditions.ts'

/** The target of a relation as a condition inside another query sees it: under a name that no query around it has. */
export function innerTable(outer: EntityTable, link: RelationLink, taken: ReadonlySet<string>): EntityTable {
  let alias = link.property
  for (let n = 2; taken.has(alias); n++) alias = `${link.property}_${n}`
  return aliasedTable(outer, link.target, { name: link.property, alias })
}

/** There is a related row for which the conditions hold, or there is none. */
export function relatedCondition(
  outer: EntityTable,
  link: RelationLink,
  inner: EntityTable,
  state: QueryState,
  negated: boolean,
): Condition {
  const shapes = state.conditions.map(({ shape }) => shape)
  const known = !hasOwnCondition(link) && shapes.every((shape) => shape !== undefined)
  const key = `${outer.name}.${link.index} ${inner.node.table.identifier.name}`
  return {
    shape: known ? `${negated ? 'no' : 'has'} ${key}(${shapes.join(';')})` : undefined,
    values: known ? valuesOf({ ...state, limit: undefined, offset: undefined }) : [],
    toNode: () => existing(outer, link, inner, state, negated),
    under: (criteria) => relatedCondition(outer, link, inner, ruledBy(criteria, inner, state), negated),
  }
}

function existing(
  outer: EntityTable,
  link: RelationLink,
  inner: EntityTable,
  { conditions }: QueryState,
  negated: boolean,
): OperationNode {
  const narrowed = conditions.map((condition) => condition.toNode())
  if (!hasPairs(link)) return existsNode(inner.from, [tied(link, outer, inner), ...narrowed], negated)
  const alias = `${inner.node.table.identifier.name}_pairs`
  const { from, toSource, toTarget } = pairsBetween(link, outer, inner, alias)
  const target = existsNode(inner.from, [toTarget, ...narrowed], false)
  const isPlain = narrowed.length === 0 && !hasOwnCondition(link)
  return existsNode(from, isPlain ? [toSource] : [toSource, target], negated)
}
