export type { ParallelProgress } from '../support/index.ts'
export { OpenScope, type OpenScopeOptions, openScope } from './open-scope.ts'
export { type ExclusiveLock, type RunExclusiveOptions, runExclusive } from './run-exclusive.ts'
export {
  type ScopedSession,
  type ScopedSessionOptions,
  type SessionRegistry,
  type SessionScopes,
  scopedSession,
} from './scoped-session.ts'
export type { Propagation, ScopedTransactionOptions } from './transaction-options.ts'
export { type WithSessionOptions, withSession } from './with-session.ts'
export { type WorkParallelOptions, workParallel } from './work-parallel.ts'
