import { hasKinds, hasRelationsToLoad, hydrateRows, hydrationOf, joinsByKey, noPlan } from '../loading/index.ts'
import type { EntityModel } from '../mapping/index.ts'
import { type InstanceState, identityOf } from '../state/index.ts'
import type { SessionCore } from './core.ts'
import { readerNow } from './run-orm.ts'

const plainly = { populateExisting: false } as const

/**
 * Reads the row of a key that the session does not hold, within the call: where one statement does it, and the driver answers at once.
 * Null where there is no such row; undefined, with nothing read, where more is to be done or waited for.
 */
export function getNow(
  core: SessionCore,
  model: EntityModel,
  key: readonly unknown[],
  what: string,
): InstanceState | null | undefined {
  const { unit } = core
  if (unit.hasWork || core.criteria !== undefined || hasKinds(model) || hasRelationsToLoad(model, noPlan))
    return undefined
  const identity = identityOf(model, key)
  if (identity === undefined || unit.find(model, identity) !== undefined) return undefined
  const reader = readerNow(core, { call: what, model, isColumnLoad: false })
  if (reader?.runNow === undefined || joinsByKey(reader.dialect, model, noPlan)) return undefined
  const columns = noPlan.columnsOf(model)
  const outcome = reader.runNow(reader.statements.selectByKey(model, columns, undefined)(key))
  if (outcome === undefined) return undefined
  return hydrateRows(unit, hydrationOf(reader.dialect, model, columns), outcome.rows, plainly)[0] ?? null
}
