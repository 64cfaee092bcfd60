import type { EntityModel } from '../../mapping/index.ts'
import type { Dialect } from '../../sql/index.ts'
import { readFilters } from '../conditions.ts'
import { entityTable } from '../entity-table.ts'
import { freshState } from '../query-state.ts'
import type { EntitySelect } from '../query-target.ts'
import { entitySelect } from '../select.ts'
import type { JoinedPlan } from './joined-plan.ts'
import { joinedPlan } from './joined-plan.ts'
import type { LoadPlan } from './load-plan.ts'

/** A select that reads one instance together with relations. */
export type KeySelect = EntitySelect & { readonly joined: JoinedPlan }

/** The select of one row by its key with the relations that are joined to it; undefined where none is. */
export function selectOfKey(
  dialect: Dialect,
  model: EntityModel,
  key: readonly unknown[],
  plan: LoadPlan,
  populateExisting: boolean,
): KeySelect | undefined {
  const table = entityTable(dialect, model)
  if (joinedPlan(table, { ...freshState, plan }) === undefined) return undefined
  const values = Object.fromEntries(model.key.map(({ property }, i) => [property, key[i]]))
  const state = { ...freshState, plan, populateExisting, conditions: readFilters(table, values) }
  return entitySelect(table, state) as KeySelect
}
