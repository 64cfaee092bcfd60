import { LockNotAvailableError, ResourceClosedError, StatementTimeoutError } from '../errors.ts'
import { systemClock } from '../support/index.ts'
import { retryWhileBusy } from './sqlite-busy.ts'
import type { WriterOwner, WriterQueue, WriterTurn } from './sqlite-writer-queue.ts'

/** What a connection is, for waiting and for the messages about it. */
export interface AccessTarget {
  readonly path: string | undefined
  readonly writers: WriterQueue
  readonly owner: WriterOwner
  /** Milliseconds for all waiting of one operation, in the line and for other processes together. */
  readonly busyTimeout: number
}

/** One operation that may have to wait. */
export interface Waiting {
  /** Completes 'Could not …'. */
  readonly attempt: string
  /** `performance.now()` at which waiting ends. */
  readonly until: number
  readonly sql?: string
  readonly signal?: AbortSignal | undefined
}

/** How one connection waits for the right to write: first in the line of this process, then for other processes. Never blocks longer than a slice. */
export class WriterAccess {
  readonly #target: AccessTarget
  /** Of the wait that is under way: a connection waits for one thing at a time. */
  #interrupt: AbortController | undefined

  constructor(target: AccessTarget) {
    this.#target = target
  }

  /** Describes an operation that begins to wait now. */
  waiting(attempt: string, more: { readonly sql?: string; readonly signal?: AbortSignal | undefined } = {}): Waiting {
    return { attempt, until: performance.now() + this.#target.busyTimeout, ...more }
  }

  /** The turn to write, if nobody has it. */
  tryEnter(owner: WriterOwner = this.#target.owner): WriterTurn | undefined {
    return this.#target.writers.tryEnter(owner)
  }

  /** Waits in the line of this process. */
  async enter(waiting: Waiting, owner: WriterOwner = this.#target.owner): Promise<WriterTurn> {
    waiting.signal?.throwIfAborted()
    const turn = this.#target.writers.tryEnter(owner)
    if (turn !== undefined) return turn
    const limit = Math.max(0, waiting.until - performance.now())
    const expired = () => this.#lockError(waiting)
    try {
      return await this.#target.writers.enter(owner, { limit, signal: this.#interruptible(waiting.signal), expired })
    } finally {
      this.#interrupt = undefined
    }
  }

  /** Tries until SQLite is no longer busy. */
  async retry<T>(waiting: Waiting, attempt: () => T): Promise<T> {
    let interruptible: AbortSignal | undefined
    const signal = () => {
      interruptible ??= this.#interruptible(waiting.signal)
      return interruptible
    }
    try {
      const expired = (error: unknown) => this.#lockError(waiting, error)
      return await retryWhileBusy(attempt, { until: waiting.until, signal, expired })
    } finally {
      this.#interrupt = undefined
    }
  }

  /** Ends the wait that is under way because somebody asked for it. */
  cancel(): void {
    this.#interrupt?.abort(new StatementTimeoutError('The statement was cancelled while it waited for the write lock.'))
  }

  /** Ends the wait that is under way because the connection is closed. */
  close(): void {
    this.#interrupt?.abort(new ResourceClosedError('The connection was closed while it waited for the write lock.'))
  }

  /** A signal for the wait that begins now: the caller's, and the connection's own. */
  #interruptible(outer: AbortSignal | undefined): AbortSignal {
    const interrupt = new AbortController()
    this.#interrupt = interrupt
    return outer === undefined ? interrupt.signal : AbortSignal.any([outer, interrupt.signal])
  }

  #lockError(waiting: Waiting, cause?: unknown): LockNotAvailableError {
    const { path, busyTimeout } = this.#target
    const message =
      `Could not ${waiting.attempt} on ${path ?? 'the SQLite database in memory'}: the lock was not available within ${busyTimeout} ms. ` +
      `${this.#holderText(cause !== undefined)} SQLite lets one transaction write at a time: end transactions sooner, ` +
      'begin those that only read with readOnly, or raise busyTimeout.'
    const sql = waiting.sql === undefined ? {} : { sql: waiting.sql }
    return new LockNotAvailableError(message, { cause, databaseCode: 'SQLITE_BUSY', ...sql })
  }

  #holderText(isSqliteBusy: boolean): string {
    const { holder, waiting } = this.#target.writers
    if (holder === undefined || isSqliteBusy) return 'Another process, or a reader of this one, holds it.'
    const held = Math.round(systemClock.now() - holder.since)
    const others = waiting === 0 ? '' : ` ${waiting} more ${waiting === 1 ? 'waits' : 'wait'} for it.`
    return `${holder.owner.label} of this process has held it for ${held} ms.${others}`
  }
}
