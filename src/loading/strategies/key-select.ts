import type { EntityModel } from '../../mapping/index.ts'
import type { Dialect, LockOptions } from '../../sql/index.ts'
import type { Criteria } from '../condition.ts'
import { readFilters } from '../conditions.ts'
import { type EntityTable, entityTable } from '../entity-table.ts'
import { freshState, reachedBy, ruledBy } from '../query-state.ts'
import type { EntitySelect } from '../query-target.ts'
import { entitySelect } from '../select.ts'
import { joinedPlan } from './joined-plan.ts'
import type { LoadPlan } from './load-plan.ts'

/** Plans by which a table is read alone: that takes a look at every relation, and is the same each time. */
const alone = new WeakMap<EntityTable, WeakSet<LoadPlan>>()

/** Whether a row that is read by its key comes with relations that are joined to it. */
export function joinsByKey(dialect: Dialect, model: EntityModel, plan: LoadPlan): boolean {
  if (model.relations.length === 0) return false
  const table = entityTable(dialect, model)
  const known = alone.get(table)
  if (known?.has(plan) === true) return false
  if (joinedPlan(table, { ...freshState, plan }) !== undefined) return true
  alone.set(table, (known ?? new WeakSet<LoadPlan>()).add(plan))
  return false
}

/** How one row is selected by its key. */
export interface KeySelectOptions {
  readonly plan: LoadPlan
  readonly populateExisting: boolean
  readonly lock?: LockOptions | undefined
  /** What holds for the relations that come in the row. */
  readonly criteria: Criteria | undefined
  /** Whether it holds for the row itself, too. */
  readonly hides: boolean
}

/**
 * The select of one row by its key where it is more than that: with relations that are joined to it, or with criteria; undefined where
 * it is not.
 */
export function selectOfKey(
  dialect: Dialect,
  model: EntityModel,
  key: readonly unknown[],
  { plan, populateExisting, lock, criteria, hides }: KeySelectOptions,
): EntitySelect | undefined {
  if (criteria === undefined && (lock !== undefined || !joinsByKey(dialect, model, plan))) return undefined
  const table = entityTable(dialect, model)
  const values = Object.fromEntries(model.key.map(({ property }, i) => [property, key[i]]))
  const conditions = readFilters(table, values)
  const plain = { ...freshState, plan, populateExisting, lock, conditions }
  const state = criteria === undefined ? plain : hides ? ruledBy(criteria, table, plain) : reachedBy(criteria, plain)
  const isRuled = state.conditions.length > conditions.length
  // Without criteria it was asked for joins already.
  const isMore = criteria === undefined || isRuled || (lock === undefined && joinedPlan(table, state) !== undefined)
  return isMore ? entitySelect(table, state) : undefined
}
