import { InvalidRequestError, PendingRollbackError, ResourceClosedError } from '../errors.ts'
import { Snapshot } from '../state/index.ts'
import { defineLifecycle, keepInThread, LazyMap, type Machine } from '../support/index.ts'
import { Callbacks } from './callbacks.ts'
import type { Enlistment } from './enlistment.ts'
import type { Bind } from './options.ts'

export type TransactionState = 'active' | 'provisioning' | 'prepared' | 'committed' | 'deactive' | 'closed'
export type TransactionMove = 'provision' | 'prepare' | 'markCommitted' | 'deactivate' | 'close'

/** How a session's transaction came to be. */
export type TransactionOrigin = 'autobegin' | 'begin' | 'begin nested'

/**
 * The legal moves of a session's transaction. `deactive` is one whose flush failed, or whose rollback is being told to
 * listeners: nothing but a rollback moves it.
 */
export const transactionLifecycle = defineLifecycle<TransactionState, TransactionMove>({
  name: 'session transaction',
  initial: 'active',
  moves: {
    provision: { from: ['active'], during: 'provisioning', to: 'active' },
    prepare: { from: ['active'], to: 'prepared' },
    markCommitted: { from: ['active', 'prepared'], to: 'committed' },
    deactivate: { from: ['active', 'prepared', 'deactive'], to: 'deactive' },
    close: { from: ['active', 'provisioning', 'prepared', 'committed', 'deactive'], to: 'closed' },
  },
})

/** Ends of a transaction, which its session performs. */
export interface TransactionEnds {
  commitTo(transaction: SessionTransaction): Promise<void>
  rollbackTo(transaction: SessionTransaction): Promise<void>
}

/**
 * A transaction of a session, or a savepoint inside one. It exists from the first use of the session, and takes a connection at the
 * first statement; `session.getTransaction()` and `session.getNestedTransaction()` give it.
 *
 * @see https://docs.sqlalchemy.org/en/20/orm/session_api.html#sqlalchemy.orm.SessionTransaction
 */
export class SessionTransaction {
  /** The enclosing transaction of a savepoint; undefined for the outermost. */
  readonly parent: SessionTransaction | undefined
  readonly origin: TransactionOrigin
  /** @internal What it has done to instances. */
  readonly snapshot: Snapshot
  /** @internal The connections that take part; kept by the outermost. */
  readonly enlistments: LazyMap<Bind, Enlistment>
  /** @internal The failure that made it unusable. */
  failure: unknown
  /** @internal Something was changed after the failure. */
  changedAfterFailure = false
  /** @internal A change that was made while the body of this savepoint ran, by a branch that is not part of it. */
  changedFromOutside: string | undefined
  /** @internal COMMIT is on its way: what is changed now belongs to the next transaction. */
  isCommitting = false
  /** @internal The database has rolled it back already, because of the failure. */
  rolledBackInDatabase = false
  /** @internal What is to run once it has ended. */
  readonly callbacks = new Callbacks()
  readonly #machine: Machine<TransactionState, TransactionMove>
  readonly #ends: TransactionEnds

  constructor(origin: TransactionOrigin, parent: SessionTransaction | undefined, ends: TransactionEnds) {
    this.origin = origin
    this.parent = parent
    this.snapshot = new Snapshot(parent?.snapshot)
    this.enlistments = parent?.enlistments ?? new LazyMap()
    this.#machine = transactionLifecycle.create()
    this.#ends = ends
    keepInThread(this)
  }

  /** Whether it is a savepoint. */
  get nested(): boolean {
    return this.parent !== undefined
  }

  get state(): TransactionState {
    return this.#machine.state
  }

  /** Whether statements can be run in it. */
  get isActive(): boolean {
    return this.state === 'active' || this.state === 'provisioning'
  }

  /** @internal Moves at once. @throws IllegalStateChangeError */
  move(to: Exclude<TransactionMove, 'provision'>): void {
    this.#machine.enter(to)
  }

  /** @internal Obtains a connection; other moves are refused meanwhile. */
  provision<T>(work: () => T): T {
    return this.#machine.run('provision', work)
  }

  /**
   * Flushes and commits: releases a savepoint and those inside it, or commits the whole.
   * @throws ResourceClosedError when it has ended already
   */
  commit(): Promise<void> {
    return this.state === 'closed' ? Promise.reject(hasEnded('commit')) : this.#ends.commitTo(this)
  }

  /**
   * Rolls back to its beginning, with the savepoints inside it.
   * @throws ResourceClosedError when it has ended already
   */
  rollback(): Promise<void> {
    return this.state === 'closed' ? Promise.reject(hasEnded('rollback')) : this.#ends.rollbackTo(this)
  }

  /** Rolls back if it has not ended yet. */
  async close(): Promise<void> {
    if (this.state !== 'closed') await this.#ends.rollbackTo(this)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * @internal Refuses statements where the state allows none.
   * @throws PendingRollbackError after a failure, InvalidRequestError in the middle of an end
   */
  requireActive(what: string): void {
    const { state } = this
    if (state === 'active' || state === 'provisioning') return
    if (state === 'deactive') throw this.pendingRollback(what)
    throw new InvalidRequestError(
      `${what}: the session's transaction is ${state}; no SQL can be run in it any more. Use another session.`,
    )
  }

  /** @internal @throws PendingRollbackError after a failure */
  requireNoFailure(what: string): void {
    if (this.state === 'deactive') throw this.pendingRollback(what)
  }

  /** @internal The error for any use after a failure. */
  pendingRollback(what: string): PendingRollbackError {
    const { failure } = this
    const told = failure instanceof Error ? failure.message : String(failure)
    const why = failure === undefined ? 'it is being rolled back' : `an earlier failure ended it (${told})`
    return new PendingRollbackError(
      `${what}: the session's transaction cannot be used, because ${why}. Call rollback() and begin anew.`,
      { cause: failure },
    )
  }
}

function hasEnded(call: string): ResourceClosedError {
  return new ResourceClosedError(`transaction.${call}(): this transaction has ended already.`)
}
