import { ArgumentError, InvalidRequestError, PendingRollbackError } from '../errors.ts'
import type { BeginOptions, TransactionStatus } from './driver.ts'
import { isBusy } from './sqlite-busy.ts'
import type { SqliteDatabase, SqliteStatement } from './sqlite-library.ts'
import type { WriterAccess } from './sqlite-writer-access.ts'
import type { WriterTurn } from './sqlite-writer-queue.ts'

/**
 * The transaction of one connection, and with it the turn to write: whoever may write in a transaction has the turn from before
 * its BEGIN until after its end, however it ends.
 *
 * `begun` was begun through the driver; `typed` by the text of a statement (BEGIN, SAVEPOINT); `lost` is one that SQLite has
 * rolled back by itself, which is to be ended by `rollback()` before anything else runs.
 */
export class SqliteTransaction {
  readonly #database: SqliteDatabase
  readonly #access: WriterAccess
  readonly #onlyReads: boolean
  #status: 'idle' | 'begun' | 'typed' | 'lost' = 'idle'
  #isReading = false
  readonly #controls = new Map<string, SqliteStatement>()
  #lostBy: unknown
  /** Undefined for a transaction that only reads. */
  #turn: WriterTurn | undefined

  /** @param onlyReads the file is open for reading only */
  constructor(database: SqliteDatabase, access: WriterAccess, onlyReads: boolean) {
    this.#database = database
    this.#access = access
    this.#onlyReads = onlyReads
  }

  get status(): TransactionStatus {
    if (this.#status === 'idle') return 'idle'
    return this.#status === 'lost' ? 'failed' : 'open'
  }

  get isOpen(): boolean {
    return this.#status !== 'idle'
  }

  /** Whether it was begun with `readOnly`. */
  get isReading(): boolean {
    return this.#isReading
  }

  /** Whether its end is the driver's to decide, and not that of a statement's text. */
  get isBegun(): boolean {
    return this.#status === 'begun'
  }

  /** @throws PendingRollbackError when SQLite has rolled the transaction back: a statement would run outside of it */
  checkAlive(): void {
    if (this.#status !== 'lost') return
    const message =
      'SQLite has rolled this transaction back because of an earlier failure, which is the cause of this error. ' +
      'Nothing of it is stored. Call rollback() before anything else.'
    throw new PendingRollbackError(message, { cause: this.#lostBy })
  }

  /** Begins within the call. False, with nothing done, where another writes or SQLite is busy. */
  beginNow(options: BeginOptions, label: string): boolean {
    this.#checkBegin(options)
    const isReading = options.readOnly === true
    const turn = isReading || this.#onlyReads ? undefined : this.#access.tryEnter({ label })
    if (turn === undefined && !isReading && !this.#onlyReads) return false
    try {
      if (turn === undefined) this.#control('begin deferred')
      else this.#control('begin immediate')
    } catch (error) {
      turn?.release()
      if (isBusy(error)) return false
      throw error
    }
    this.#turn = turn
    this.#isReading = isReading
    this.#status = 'begun'
    return true
  }

  /** Prepared once: parsing BEGIN and COMMIT anew each time costs half as much as a small transaction. */
  #control(sql: 'begin deferred' | 'begin immediate' | 'commit'): void {
    let statement = this.#controls.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      this.#controls.set(sql, statement)
    }
    statement.run([])
  }

  async begin(options: BeginOptions, label: string): Promise<void> {
    this.#checkBegin(options)
    const waiting = this.#access.waiting(`begin a transaction`, { signal: options.signal })
    const isReading = options.readOnly === true
    if (isReading || this.#onlyReads) await this.#access.retry(waiting, () => this.#database.exec('begin deferred'))
    else this.#turn = await this.#beginWriting(await this.#access.enter(waiting, { label }), waiting)
    this.#isReading = isReading
    this.#status = 'begun'
  }

  async #beginWriting(turn: WriterTurn, waiting: Parameters<WriterAccess['retry']>[0]): Promise<WriterTurn> {
    try {
      await this.#access.retry(waiting, () => this.#database.exec('begin immediate'))
      return turn
    } catch (error) {
      turn.release()
      throw error
    }
  }

  #checkBegin({ isolation, signal }: BeginOptions): void {
    signal?.throwIfAborted()
    if (this.#status !== 'idle')
      throw new InvalidRequestError('begin() was called while a transaction is open. End it first.')
    if (isolation === undefined || isolation === 'serializable' || isolation === 'snapshot') return
    throw new ArgumentError(
      `SQLite has no isolation level '${isolation}': its transactions are all serializable. Ask for 'serializable' or 'snapshot', or for none.`,
    )
  }

  /** A statement's text has begun a transaction. It keeps the turn with which it ran. */
  adopt(turn: WriterTurn): void {
    this.#status = 'typed'
    this.#turn = turn
  }

  /** A statement's text may have ended the transaction that another has begun. */
  settleTyped(): void {
    if (this.#status === 'typed' && !this.#database.inTransaction) this.#clear()
  }

  /** A statement failed: finds out whether SQLite has ended the transaction with it. */
  noticeFailure(error: unknown): void {
    if (this.#status === 'idle' || this.#status === 'lost' || this.#database.inTransaction) return
    this.#clear()
    this.#status = 'lost'
    this.#lostBy = error
  }

  /** Commits within the call. Undefined, with nothing done, where SQLite is busy. */
  commitNow(): 'committed' | 'rolled back' | undefined {
    if (this.#status === 'idle' || this.#status === 'lost') return undefined
    try {
      this.#control('commit')
    } catch (error) {
      if (isBusy(error)) return undefined
      this.noticeFailure(error)
      throw error
    }
    this.#clear()
    return 'committed'
  }

  async commit(): Promise<'committed' | 'rolled back'> {
    if (this.#status === 'idle') throw new InvalidRequestError('commit() was called while no transaction is open.')
    if (this.#status === 'lost') {
      this.#clear()
      return 'rolled back'
    }
    try {
      await this.#access.retry(this.#access.waiting('commit'), () => this.#database.exec('commit'))
    } catch (error) {
      this.noticeFailure(error)
      throw error
    }
    this.#clear()
    return 'committed'
  }

  /** Does nothing when no transaction is open. */
  rollback(): void {
    try {
      if (this.#status === 'begun' || this.#status === 'typed') this.#database.exec('rollback')
    } finally {
      this.#clear()
    }
  }

  /** The connection is closed, and with it the transaction was rolled back. */
  abandon(): void {
    this.#clear()
  }

  #clear(): void {
    this.#status = 'idle'
    this.#isReading = false
    this.#lostBy = undefined
    this.#turn?.release()
    this.#turn = undefined
  }
}
