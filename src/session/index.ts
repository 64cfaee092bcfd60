export { runBlock, runBlockAndClose } from './block.ts'
export { commitAll } from './ending.ts'
export {
  type AttributeEvent,
  type EntityEvents,
  type EntityInstanceEvent,
  listens,
  type OnOptions,
  type OnPropertyOptions,
  off,
  on,
  type RefreshFlushEvent,
  type RowEvent,
  type SetEvent,
} from './entity-events.ts'
export type {
  AfterBeginEvent,
  BulkEvent,
  InstanceEvent,
  SessionEvent,
  SessionEvents,
  SessionTransactionEvent,
  SoftRollbackEvent,
} from './events.ts'
export {
  type ExternalOptions,
  joinExternal,
  markChanged,
  shouldRetry,
  type TransactionCoordinator,
  type TransactionParticipant,
} from './external.ts'
export type { Concurrency } from './gate.ts'
export type { ForUpdate, GetOptions, GetWithOptions } from './get-options.ts'
export { closeAllSessions } from './live.ts'
export { makeTransient, makeTransientToDetached, wasDeleted } from './make-transient.ts'
export type { AnyEntityClass, Bind, JoinTransactionMode, SessionOptions } from './options.ts'
export { type OrmAnswer, OrmExecution } from './orm-execution.ts'
export { objectSession, Session } from './session.ts'
export type { RowValues, UpsertOptions } from './session-rows.ts'
export { SessionTransaction, transactionLifecycle } from './session-transaction.ts'
export {
  isSessionmaker,
  type SessionClass,
  type Sessionmaker,
  type SessionmakerOptions,
  sessionmaker,
} from './sessionmaker.ts'
export type { ExecuteOptions } from './statements.ts'
export { type ValidatedValue, type ValidatesOptions, type Validation, validates } from './validates.ts'
