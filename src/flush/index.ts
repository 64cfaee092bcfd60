export type { LoadMembers } from './cascade.ts'
export { describePlan } from './describe.ts'
export { type FlushHost, flushUnit, previewFlush } from './flush.ts'
export type { ConnectionFor } from './run.ts'
