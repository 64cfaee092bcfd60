import type { Connection } from '../engine/index.ts'
import { InvalidRequestError } from '../errors.ts'
import { describePlan, previewFlush } from '../flush/index.ts'
import { runBlock } from './block.ts'
import { closeAll, commitAll, prepareAll, rollbackAll } from './ending.ts'
import { SessionInstances } from './instances.ts'
import { openNested, runNested } from './nested.ts'
import type { SessionTransaction } from './session-transaction.ts'

/**
 * The transaction of a session and its ends. The second of the three parts of a {@link Session}.
 */
export abstract class SessionTransactions extends SessionInstances {
  /**
   * Begins a transaction. One also begins by itself at first use, so this is needed only to begin early, or with `autobegin: false`.
   *
   * With a function it is a managed block: committed when the function resolves, rolled back when it rejects, and the same
   * error is thrown on. The session itself stays open.
   *
   * ```ts
   * await session.begin(async () => { session.add(new User({ name: 'ed' })) })
   * ```
   *
   * @throws InvalidRequestError when a transaction has begun already
   */
  begin(): Promise<SessionTransaction>
  begin<T>(body: (session: this) => Promise<T> | T): Promise<T>
  begin<T>(body?: (session: this) => Promise<T> | T): Promise<T | SessionTransaction> {
    const { core } = this
    if (body !== undefined) return runBlock(core, () => body(this))
    return core.gate.run('begin()', async () => beginNow(this.core))
  }

  /**
   * Sets a savepoint, after flushing what is pending. With a function it is released when that resolves, and rolled back to when it
   * rejects; blocks that overlap run one after another, so that neither undoes the other.
   *
   * ```sql
   * SAVEPOINT heddle_1; …; RELEASE SAVEPOINT heddle_1
   * ```
   *
   * @see https://docs.sqlalchemy.org/en/20/orm/session_transaction.html#using-savepoint
   */
  beginNested(): Promise<SessionTransaction>
  beginNested<T>(body: (session: this) => Promise<T> | T): Promise<T>
  beginNested<T>(body?: (session: this) => Promise<T> | T): Promise<T | SessionTransaction> {
    const { core } = this
    return core.gate.run<T | SessionTransaction>('beginNested()', async () => {
      core.rows.refuseBetween('beginNested()')
      return body === undefined ? openNested(core) : runNested(core, () => body(this))
    })
  }

  /**
   * Writes what is new, changed and deleted, in as few statements as the database allows. Done before queries (autoflush) and at
   * commit by itself.
   *
   * @throws the database's error, StaleDataError or FlushError; the session can then only be rolled back
   * @throws SessionAlreadyFlushingError from inside a flush, and with `concurrency: 'raise'` beside one
   */
  flush(): Promise<void> {
    const { core } = this
    const isBeside = core.options.concurrency === 'raise' && (core.flushing || core.gate.current === 'flush()')
    if (isBeside || core.gate.isInsideFlush()) return Promise.reject(core.alreadyFlushing('flush()'))
    return core.gate.run('flush()', () => core.flushNow('flush()'))
  }

  /**
   * Flushes and commits the whole transaction, savepoints included, and gives the connections back.
   *
   * @throws ConcurrentUseError when another operation of the session has not ended: an await is missing
   * @throws PendingRollbackError after a failed flush; CommitUnknownError when the answer to COMMIT never came
   */
  commit(): Promise<void> {
    const { core } = this
    if (core.gate.isInsideFlush()) return Promise.reject(insideFlush('commit()'))
    return core.gate.runAlone('commit()', () => commitAll(core))
  }

  /**
   * Rolls the whole transaction back, savepoints included, and puts every instance back as it was at its beginning. Never refuses:
   * what is queued is rejected, what runs stops before its next statement. With nothing begun it does nothing.
   */
  rollback(): Promise<void> {
    const { core } = this
    if (core.gate.isInsideFlush()) return Promise.reject(insideFlush('rollback()'))
    core.abortConnecting('rollback()')
    return core.gate.seize('rollback()', () => rollbackAll(core))
  }

  /**
   * The first half of a two-phase commit: flushes, and has every connection's database promise that it can commit. `commit()` does it
   * by itself; call it to know before other work is done. Only `commit()`, `rollback()` or `close()` may follow.
   *
   * @throws InvalidRequestError without the option `twophase`, and while a savepoint is open
   * @throws the database's error when one refuses; everything has then been rolled back
   */
  prepare(): Promise<void> {
    const { core } = this
    if (core.gate.isInsideFlush()) return Promise.reject(insideFlush('prepare()'))
    if (!core.options.twophase) {
      return Promise.reject(
        new InvalidRequestError("prepare(): 'twophase' mode is not enabled; make the session with { twophase: true }."),
      )
    }
    return core.gate.runAlone('prepare()', () => prepareAll(core))
  }

  /**
   * Ends the session: rolls back, detaches every instance, gives the connections back. It can be used again afterwards, unless
   * `closeResetsOnly: false` was set, or a managed block has ended it. Never refuses, like `rollback`.
   */
  close(): Promise<void> {
    const { core } = this
    if (core.gate.isInsideFlush()) return Promise.reject(insideFlush('close()'))
    if (!core.options.closeResetsOnly) core.gate.closeForGood('close() was called, with closeResetsOnly: false')
    core.abortConnecting('close()')
    return core.gate.seize('close()', () => closeAll(core))
  }

  /** Like `close`, and the session can always be used again. */
  reset(): Promise<void> {
    const { core } = this
    if (core.gate.isInsideFlush()) return Promise.reject(insideFlush('reset()'))
    core.abortConnecting('reset()')
    return core.gate.seize('reset()', () => closeAll(core))
  }

  /** Like `close`, and the pool discards the connections: for a session whose connection is in an unknown condition. */
  invalidate(): Promise<void> {
    const { core } = this
    if (core.gate.isInsideFlush()) return Promise.reject(insideFlush('invalidate()'))
    return core.gate.seize('invalidate()', async () => {
      for (const { connection } of core.transaction?.enlistments.values() ?? []) {
        connection.invalidate(new InvalidRequestError('session.invalidate() was called'))
      }
      await closeAll(core)
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The session's connection, inside its transaction; autoflushes nothing. What is run on it is the caller's own business. */
  connection(): Promise<Connection> {
    const { core } = this
    return core.gate.run('connection()', async () => {
      const connection = await core.connectionOf(core.binds.forStatement(), 'connection()')
      core.transaction?.snapshot.noteWrite()
      return connection
    })
  }

  /** Runs `callback` once when this transaction has been committed and its connections are back: for outboxes and caches. */
  afterCommit(callback: () => unknown): void {
    this.core.ensureTransaction('afterCommit()').callbacks.add('commit', callback)
  }

  /** Runs `callback` once when this transaction, or the savepoint in which it was asked for, has been rolled back. */
  afterRollback(callback: () => unknown): void {
    this.core.ensureTransaction('afterRollback()').callbacks.add('rollback', callback)
  }

  /** Whether a transaction has begun, with or without a connection. */
  inTransaction(): boolean {
    return this.core.transaction !== undefined
  }

  inNestedTransaction(): boolean {
    return this.core.transaction?.nested === true
  }

  /** The outermost transaction, or null. */
  getTransaction(): SessionTransaction | null {
    let transaction = this.core.transaction
    while (transaction?.parent !== undefined) transaction = transaction.parent
    return transaction ?? null
  }

  /** The innermost savepoint, or null. */
  getNestedTransaction(): SessionTransaction | null {
    const { transaction } = this.core
    return transaction?.nested === true ? transaction : null
  }

  /** False from a failed flush until `rollback()`. */
  get isActive(): boolean {
    return this.core.transaction?.isActive ?? true
  }

  /** Whether queries flush first. Can be set; see also `noAutoflush`. */
  get autoflush(): boolean {
    return this.core.autoflush
  }
  set autoflush(on: boolean) {
    this.core.autoflush = on
  }

  /** Runs a function during which queries do not flush; the earlier setting comes back also when it fails. */
  async noAutoflush<T>(body: () => Promise<T> | T): Promise<T> {
    const { core } = this
    const before = core.autoflush
    core.autoflush = false
    try {
      return await body()
    } finally {
      core.autoflush = before
    }
  }

  /**
   * What the next flush would write, one line a batch, in order. Runs and changes nothing.
   *
   * ```
   * insert users (name) 2 rows, id from the database
   * ```
   */
  explainFlush(): string {
    return describePlan(previewFlush(this.core.unit))
  }
}

function beginNow(core: SessionInstances['core']): SessionTransaction {
  core.refuseEndedBlock('begin()')
  if (core.transaction !== undefined) {
    throw new InvalidRequestError(
      'begin(): a transaction has already begun on this session; end it first, or use beginNested().',
    )
  }
  return core.beginTransaction('begin')
}

/** The error for an end of the transaction that a flush runs in. */
export function insideFlush(what: string): InvalidRequestError {
  return new InvalidRequestError(
    `${what} was called inside a flush of the same session; end the transaction after the flush.`,
  )
}
