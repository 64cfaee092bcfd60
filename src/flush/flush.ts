import type { InstanceState, UnitOfWork } from '../state/index.ts'
import { cascadeWork, reachesMore, reachesNothing } from './cascade.ts'
import type { LoadMembers, LoadStored } from './load-members.ts'
import { planFlush } from './plan.ts'
import { tellRefreshed } from './refreshed.ts'
import { RowHooks, type RowListeners } from './row-hooks.ts'
import { type ConnectionFor, runPlan } from './run.ts'
import { beginFlight, settleFailure, settleSuccess } from './settle.ts'
import type { FlushPlan } from './steps.ts'
import { forgetStoredPairs } from './stored-pairs.ts'
import { lacksVersions, readUnreadVersions } from './unread-versions.ts'
import { collectWork } from './work.ts'

/** What a flush needs of its session. */
export interface FlushHost {
  readonly connectionFor: ConnectionFor
  readonly loadMembers: LoadMembers
  /** The same for what is stored, where the program has replaced it unseen. */
  readonly loadStored: LoadStored
  /** Who hears of rows before and after their statements. */
  readonly rows?: RowListeners
  /** After all statements, before any record has advanced. */
  beforeSettle?(): Promise<void>
}

/** What a flush would write as things are, without what its cascades would still have to load. */
export function previewFlush(unit: UnitOfWork): FlushPlan {
  return planFlush(collectWork(unit))
}

/** Until the picture is taken without a pause after the last look: what another branch changed in one has to be followed as well. */
async function followWork(unit: UnitOfWork, host: FlushHost): Promise<void> {
  const followed = new Set<InstanceState>()
  do {
    await cascadeWork(unit, followed, host.loadMembers, host.loadStored)
    await forgetStoredPairs(unit, host.connectionFor)
    await readUnreadVersions(unit, host.connectionFor)
  } while (reachesMore(unit, followed))
}

/**
 * Writes the unit of work: cascade, plan, run, settle. After a failure every record is as it was.
 *
 * @throws what the database threw, StaleDataError, FlushError
 */
export async function flushUnit(unit: UnitOfWork, host: FlushHost): Promise<void> {
  if (!reachesNothing(unit) || lacksVersions(unit)) await followWork(unit, host)
  const work = collectWork(unit)
  const plan = planFlush(work)
  const flight = beginFlight(unit, work)
  const hooks = new RowHooks(unit, host.rows)
  try {
    await runPlan(plan, host.connectionFor, hooks)
    await host.beforeSettle?.()
    settleSuccess(unit, flight, plan)
  } catch (error) {
    hooks.undo()
    settleFailure(unit, flight)
    throw error
  }
  tellRefreshed(plan)
}
