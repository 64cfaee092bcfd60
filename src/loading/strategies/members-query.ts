import { ParensNode, ValueNode } from 'kysely'
import type { RelationLink } from '../../mapping/index.ts'
import type { InstanceState } from '../../state/index.ts'
import type { Condition } from '../condition.ts'
import { readFilters } from '../conditions.ts'
import { type EntityTable, entityTable } from '../entity-table.ts'
import { hasOwnCondition, ownCondition } from '../own-condition.ts'
import { Query } from '../query.ts'
import { freshState } from '../query-state.ts'
import type { QueryTarget } from '../query-target.ts'
import { allEqual, existsNode, hasPairs, pairsBetween } from '../relation-conditions.ts'
import { noPlan, planOf } from './load-plan.ts'

declare module '../../mapping/types.ts' {
  interface MemberQuery<Item> extends Query<Item> {}
}

/** The query for the stored members of a collection of one instance, which other conditions and an order can be added to. */
export function membersQuery(target: QueryTarget, state: InstanceState, link: RelationLink): Query<unknown> {
  const table = entityTable(target.dialectFor(link.target), link.target)
  const own = hasOwnCondition(link) ? [ownPart(link, table)] : []
  const conditions = [...belonging(state, link, table), ...own]
  const rules = planOf(state).rules.filter(({ propagates }) => propagates)
  return new Query(target, table, { ...freshState, conditions, plan: noPlan.withRules(...rules) })
}

function ownPart(link: RelationLink, table: EntityTable): Condition {
  const node = ownCondition(link, entityTable(table.dialect, link.source), table)
  return fixed(() => ParensNode.create(node as NonNullable<typeof node>))
}

function belonging(state: InstanceState, link: RelationLink, table: EntityTable): Condition[] {
  if (!hasPairs(link)) {
    const values = state.committedValues()
    const wanted = link.pairs.map(({ source, target }) => [target.property, values[source.index] ?? null])
    return readFilters(table, Object.fromEntries(wanted))
  }
  const source = entityTable(table.dialect, link.source)
  const { from, toTarget, owned } = pairsBetween(link, source, table, 'heddle_pairs')
  const key = link.source.key.map((column, i) => {
    const encode = source.property(column.property)?.encode as (value: unknown) => unknown
    return ValueNode.create(encode(state.storedKey?.[i]))
  })
  const isOwned = allEqual(owned.map((column, i) => [column, key[i] as ValueNode] as const))
  return [fixed(() => existsNode(from, [toTarget, isOwned], false))]
}

function fixed(toNode: Condition['toNode']): Condition {
  return { shape: undefined, values: [], toNode }
}
