import type { EntityModel } from '../../mapping/index.ts'
import type { Dialect } from '../../sql/index.ts'
import { readFilters } from '../conditions.ts'
import { type EntityTable, entityTable } from '../entity-table.ts'
import { freshState } from '../query-state.ts'
import type { EntitySelect } from '../query-target.ts'
import { entitySelect } from '../select.ts'
import type { JoinedPlan } from './joined-plan.ts'
import { joinedPlan } from './joined-plan.ts'
import type { LoadPlan } from './load-plan.ts'

/** A select that reads one instance together with relations. */
export type KeySelect = EntitySelect & { readonly joined: JoinedPlan }

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

/** The select of one row by its key with the relations that are joined to it; undefined where none is. */
export function selectOfKey(
  dialect: Dialect,
  model: EntityModel,
  key: readonly unknown[],
  plan: LoadPlan,
  populateExisting: boolean,
): KeySelect | undefined {
  if (!joinsByKey(dialect, model, plan)) return undefined
  const table = entityTable(dialect, model)
  const values = Object.fromEntries(model.key.map(({ property }, i) => [property, key[i]]))
  const state = { ...freshState, plan, populateExisting, conditions: readFilters(table, values) }
  return entitySelect(table, state) as KeySelect
}
