export { flushUnit, type FlushStages, prepareFlush } from './flush.ts'
export { describePlan } from './plan.ts'
export type { ConnectionFor } from './run.ts'
