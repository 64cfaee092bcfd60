import type { Connection } from '../engine/index.ts'
import type { Transition } from '../state/index.ts'
import type { OrmExecution } from './orm-execution.ts'
import type { SessionTransaction } from './session-transaction.ts'

/** Every session event carries its session. */
export interface SessionEvent<S> {
  readonly session: S
}

/** A transaction of a session, or a savepoint, began or ended. */
export interface SessionTransactionEvent<S> extends SessionEvent<S> {
  readonly transaction: SessionTransaction
}

/** A connection joined a session's transaction. */
export interface AfterBeginEvent<S> extends SessionTransactionEvent<S> {
  readonly connection: Connection
}

/** Something happened to one instance of a session. */
export interface InstanceEvent<S> extends SessionEvent<S> {
  readonly instance: object
}

/** A rollback happened at any level. */
export interface SoftRollbackEvent<S> extends SessionEvent<S> {
  readonly previousTransaction: SessionTransaction
}

/** Many rows of an entity were written at once, by a query. */
export interface BulkEvent<S> extends SessionEvent<S> {
  /** The entity's class. */
  readonly entity: unknown
  readonly rowCount: number
}

type TransitionEvents<S> = { [Name in Transition]: InstanceEvent<S> }

/**
 * The events of sessions: `Sessions.on('beforeFlush', ({ session }) => …)`. Listeners of those marked *async* may be
 * async and may use the session; the others run at once.
 *
 * @see https://docs.sqlalchemy.org/en/20/orm/events.html#session-events
 */
export interface SessionEvents<S> extends TransitionEvents<S> {
  /** A transaction or savepoint began. */
  afterTransactionCreate: SessionTransactionEvent<S>
  /** A transaction or savepoint has ended, in whatever way. */
  afterTransactionEnd: SessionTransactionEvent<S>
  /** *async.* A connection has joined the transaction. */
  afterBegin: AfterBeginEvent<S>
  /** *async.* Before the flush of a commit; may change anything. */
  beforeCommit: SessionEvent<S>
  /** *async.* The transaction is committed; instances are not expired yet; no SQL. */
  afterCommit: SessionEvent<S>
  /** *async.* The database has rolled back; no SQL. */
  afterRollback: SessionEvent<S>
  /** *async.* Any level was rolled back; SQL is possible where the session is active again. */
  afterSoftRollback: SoftRollbackEvent<S>
  /** *async.* Before the work is collected; may add, delete, change and query. */
  beforeFlush: SessionEvent<S>
  /** *async.* After the statements, before instances have advanced; SQL only. */
  afterFlush: SessionEvent<S>
  /** *async.* A statement is about to be run for the program; a listener may change it, or return the answer. */
  doOrmExecute: OrmExecution<S>
  /** *async.* After the flush; what changes here is flushed by the next one, in a commit at once. */
  afterFlushPostexec: SessionEvent<S>
  /** *async.* After an UPDATE by conditions, when the session's instances agree with it. */
  afterBulkUpdate: BulkEvent<S>
  /** *async.* The same after a DELETE by conditions. */
  afterBulkDelete: BulkEvent<S>
  /** Before an instance joins the session: it is in no set yet. Throwing refuses it. */
  beforeAttach: InstanceEvent<S>
  afterAttach: InstanceEvent<S>
}
