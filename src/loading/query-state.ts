import type { JoinNode, OrderByItemNode, SelectQueryNode } from 'kysely'
import type { RelationLink } from '../mapping/index.ts'
import type { LockOptions } from '../sql/index.ts'
import type { Condition, Criteria } from './condition.ts'
import type { BoundColumn, EntityTable } from './entity-table.ts'
import type { Scope } from './scope.ts'
import type { Selection } from './selection.ts'
import { type LoadPlan, noPlan } from './strategies/load-plan.ts'

/** A key of the order; without values where it has a shape. */
export interface Ordering {
  readonly shape: string | undefined
  readonly toNodes: () => readonly OrderByItemNode[]
  /** The property of the query's own entity by which it orders, where it is one. */
  readonly keyset?: { readonly column: BoundColumn; readonly descending: boolean }
}

/** An entity that is joined along a relation, under a name of its own. */
export interface Join {
  readonly table: EntityTable
  readonly link: RelationLink
  /** The name of the table that it is joined to. */
  readonly parent: string
  readonly shape: string | undefined
  readonly values: readonly unknown[]
  readonly toNodes: () => readonly JoinNode[]
  /** The same where criteria hold for the entity that is joined; one join for the same criteria. */
  readonly under: (criteria: Criteria) => Join
}

/** All that a query has been told. Frozen: every change makes a new one. */
export interface QueryState {
  /** The tree that `modify()` left behind; what follows is added to it. */
  readonly modified: SelectQueryNode | undefined
  /** That tree where criteria hold for the entities in it; undefined where `modify()` was not called. */
  readonly modifiedUnder?: ((criteria: Criteria) => SelectQueryNode) | undefined
  /** What holds for the entities that are joined to load them; undefined where nothing does. */
  readonly criteria?: Criteria | undefined
  /** What rows hold; undefined for instances. */
  readonly selection: Selection | undefined
  readonly joins: readonly Join[]
  readonly conditions: readonly Condition[]
  readonly groups: readonly Condition[]
  readonly havings: readonly Condition[]
  readonly orderings: readonly Ordering[]
  readonly limit: number | undefined
  readonly offset: number | undefined
  readonly distinct: boolean
  readonly lock: LockOptions | undefined
  readonly populateExisting: boolean
  readonly autoflush: boolean | undefined
  readonly executionOptions: Readonly<Record<string, unknown>> | undefined
  /** What is said of the loading of relations and columns. */
  readonly plan: LoadPlan
}

/** A query that has been told nothing: all rows. */
export const freshState: QueryState = Object.freeze({
  modified: undefined,
  selection: undefined,
  joins: [],
  conditions: [],
  groups: [],
  havings: [],
  orderings: [],
  limit: undefined,
  offset: undefined,
  distinct: false,
  lock: undefined,
  populateExisting: false,
  autoflush: undefined,
  executionOptions: undefined,
  plan: noPlan,
})

/**
 * What tells the text of a query from that of every other of its entity and dialect; undefined where a part of it is not known
 * beforehand. Every part ends with a sign that cannot occur inside it, so that no two lists of parts read the same.
 */
export function shapeOf(state: QueryState): string | undefined {
  if (state.modified !== undefined || state.lock?.of !== undefined) return undefined
  let shape = ''
  for (const part of state.selection?.parts ?? []) {
    if (part.shape === undefined) return undefined
    shape += `${part.shape};`
  }
  shape += '|'
  for (const parts of [state.joins, state.conditions, state.groups, state.havings, state.orderings]) {
    for (const part of parts) {
      if (part.shape === undefined) return undefined
      shape += `${part.shape};`
    }
    shape += '|'
  }
  return `${shape}${flagsOf(state)}`
}

function flagsOf({ distinct, limit, offset, lock }: QueryState): string {
  const page = `${limit === undefined ? '' : 'l'}${offset === undefined ? '' : 'o'}`
  const rows = lock === undefined ? '' : `${lock.mode}${lock.nowait ? ',nowait' : ''}${lock.skipLocked ? ',skip' : ''}`
  return `${distinct ? 'd' : ''}${page}|${rows}`
}

/**
 * The values of a query that has a shape, in the order of their placeholders.
 *
 * @param joined those of tables that are joined beside the query's own joins
 */
export function valuesOf(
  { joins, conditions, havings, limit, offset }: QueryState,
  joined: readonly unknown[] = [],
): unknown[] {
  const values = joins.flatMap((join) => join.values)
  for (const value of joined) values.push(value)
  for (const parts of [conditions, havings]) {
    for (const part of parts) for (const value of part.values) values.push(value)
  }
  if (limit !== undefined) values.push(limit)
  if (offset !== undefined) values.push(offset)
  return values
}

/** What names in the conditions of a query may refer to. */
export function scopeIn(own: EntityTable, { joins }: QueryState): Scope {
  return { own, joined: joins.map(({ table }) => table) }
}

/** The query where criteria hold for all that it reaches beside its own entity. */
export function reachedBy(criteria: Criteria, state: QueryState): QueryState {
  return {
    ...state,
    criteria,
    modified: state.modifiedUnder?.(criteria) ?? state.modified,
    joins: state.joins.map((join) => join.under(criteria)),
    conditions: state.conditions.map((condition) => condition.under?.(criteria) ?? condition),
  }
}

/** The query where they hold for its own entity, too. */
export function ruledBy(criteria: Criteria | undefined, table: EntityTable, state: QueryState): QueryState {
  if (criteria === undefined) return state
  const reached = reachedBy(criteria, state)
  return { ...reached, conditions: [...reached.conditions, ...criteria.of(table)] }
}
