export type { ParallelProgress } from '../support/index.ts'
export { type ExclusiveLock, type RunExclusiveOptions, runExclusive } from './run-exclusive.ts'
export {
  type ScopedSession,
  type ScopedSessionOptions,
  type SessionRegistry,
  type SessionScopes,
  scopedSession,
} from './scoped-session.ts'
export type { Propagation, ScopedTransactionOptions } from './transaction-options.ts'
export { type WorkParallelOptions, workParallel } from './work-parallel.ts'
