import type { UnitOfWork } from '../state/index.ts'
import { collectWork, type FlushWork } from './cascade.ts'
import { type FlushPlan, planFlush } from './plan.ts'
import { type ConnectionFor, runPlan } from './run.ts'
import { beginFlight, settleFailure, settleSuccess } from './settle.ts'

/** The stages of a flush at which the session is told. */
export interface FlushStages {
  /** After all statements, before any record has advanced. */
  beforeSettle?(): Promise<void>
}

/** Whether a flush has anything to write, and what. Instances without a net change stop being dirty. */
export function prepareFlush(unit: UnitOfWork): { readonly work: FlushWork; readonly plan: FlushPlan } {
  const work = collectWork(unit)
  return { work, plan: planFlush(work) }
}

/**
 * Writes the unit of work: cascade, plan, run, settle. After a failure every record is as it was.
 *
 * @throws what the database threw, StaleDataError, FlushError
 */
export async function flushUnit(unit: UnitOfWork, connectionFor: ConnectionFor, stages: FlushStages = {}): Promise<void> {
  const { work, plan } = prepareFlush(unit)
  beginFlight(unit, work)
  try {
    const results = await runPlan(plan, connectionFor)
    await stages.beforeSettle?.()
    settleSuccess(unit, work, plan, results)
  } catch (error) {
    settleFailure(unit, work)
    throw error
  }
}
