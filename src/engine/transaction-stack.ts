import type { BeginOptions, TransactionStatus } from '../drivers/index.ts'
import { CommitUnknownError, InvalidRequestError, PendingRollbackError } from '../errors.ts'
import { defineLifecycle } from '../support/index.ts'

/** What a {@link TransactionStack} sends to the database; errors come back translated. */
export interface TransactionLine {
  /** What the driver knows of the server's transaction; 'idle' when there is no connection. */
  readonly status: TransactionStatus
  /** Begins within the call; false, with nothing done, where that has to wait. */
  beginNow(options: BeginOptions): boolean
  /** `xid`: the name of a two-phase transaction. */
  begin(options: BeginOptions, xid: string | undefined): Promise<void>
  commit(): Promise<'committed' | 'rolled back'>
  /** Commits within the call; undefined, with nothing done, where that has to wait. */
  commitNow(): 'committed' | 'rolled back' | undefined
  /** Sends nothing where the server has no transaction any more. */
  rollback(xid: string | undefined): Promise<void>
  prepare(xid: string): Promise<void>
  commitPrepared(xid: string): Promise<void>
  rollbackPrepared(xid: string): Promise<void>
  savepoint(step: 'savepoint' | 'releaseSavepoint' | 'rollbackSavepoint', name: string): Promise<void>
}

/**
 * `failed`: can only be rolled back, because its connection is gone, the server has ended it, or a step of it (COMMIT, RELEASE) failed.
 * `prepared`: the first half of a two-phase commit is done; it survives the connection. `left prepared`: somebody else has to finish it.
 */
export const transactionLifecycle = defineLifecycle({
  name: 'transaction',
  initial: 'active',
  moves: {
    fail: { from: ['active', 'failed'], to: 'failed' },
    prepare: { from: ['active'], to: 'prepared' },
    leave: { from: ['prepared'], to: 'left prepared' },
    commit: { from: ['active', 'prepared'], to: 'committed' },
    rollback: { from: ['active', 'failed', 'prepared'], to: 'rolled back' },
  },
})
type Life = ReturnType<typeof transactionLifecycle.create>

/** The record of one transaction or savepoint. */
export interface Level {
  /** The savepoint's name; undefined for the transaction itself. */
  readonly name: string | undefined
  /** The name of a two-phase transaction. */
  readonly xid: string | undefined
  readonly life: Life
  /** Whether a callback runs inside it: it then ends with the callback and not before. */
  readonly scoped: boolean
  /** The first error since it began, and why it failed. */
  firstError: unknown
  /** The object that the program has for it, the same whenever it asks. */
  face: object | undefined
}

/**
 * The transaction of one connection with its savepoints. The bottom is the transaction, the top the innermost savepoint. Owned by
 * one connection, which calls one method at a time.
 */
export class TransactionStack {
  readonly #line: TransactionLine
  /** Only active levels and, on top of them, failed ones. */
  #levels: Level[] = []
  #savepointsMade = 0

  constructor(line: TransactionLine) {
    this.#line = line
  }

  get root(): Level | undefined {
    return this.#levels[0]
  }

  /** The innermost savepoint, or the transaction itself. */
  get top(): Level | undefined {
    return this.#levels.at(-1)
  }

  /** Whether a level is still part of the transaction. */
  holds(level: Level): boolean {
    return this.#levels.includes(level)
  }

  /** Whether a statement may run: there is no transaction, or one that is neither failed nor has a failed savepoint. */
  get isUsable(): boolean {
    const levels = this.#levels
    return levels.length === 0 || (levels[0]?.life.state === 'active' && this.top?.life.state === 'active')
  }

  /** Whether the transaction is prepared, and only to be committed or rolled back. */
  get isPrepared(): boolean {
    return this.root?.life.state === 'prepared'
  }

  /**
   * @throws PendingRollbackError while the transaction or its innermost savepoint has failed
   * @throws InvalidRequestError once it is prepared
   */
  checkUsable(attempt: string): void {
    if (this.isUsable) return
    if (!this.isPrepared) throw this.#pendingRollback(attempt)
    throw new InvalidRequestError(
      `Cannot ${attempt}: the transaction '${this.root?.xid}' on this connection is prepared; only commit() or rollback() may follow`,
    )
  }

  async begin(options: BeginOptions, scoped: boolean, xid?: string): Promise<Level> {
    if (this.root) {
      throw new InvalidRequestError(
        'Cannot begin(): this connection is in a transaction already (the first statement begins one by itself). ' +
          'End it with commit() or rollback(), or use beginNested() for a savepoint',
      )
    }
    await this.#line.begin(options, xid)
    return this.#push(undefined, scoped, xid)
  }

  /** Begins within the call; false, with nothing done, where there is a transaction already, or something has to be waited for. */
  beginNow(options: BeginOptions): boolean {
    if (this.root !== undefined || !this.#line.beginNow(options)) return false
    this.#push(undefined, false)
    return true
  }

  async savepoint(scoped: boolean): Promise<Level> {
    this.checkUsable('set a savepoint')
    const name = `heddle_${++this.#savepointsMade}`
    await this.#line.savepoint('savepoint', name)
    return this.#push(name, scoped)
  }

  /** RELEASE. A savepoint that cannot be released is failed until it is rolled back. */
  async release(level: Level): Promise<void> {
    this.#checkInnermost(level)
    try {
      await this.#line.savepoint('releaseSavepoint', level.name ?? '')
    } catch (error) {
      this.#fail(level, error)
      throw error
    }
    level.life.enter('commit')
    this.#levels = this.#levels.slice(0, -1)
  }

  /**
   * ROLLBACK TO, which ends the savepoints inside it too. One whose RELEASE failed may be on the server still, with all that was done
   * in it: it is rolled back there too, and where that is impossible the transaction has failed.
   */
  async rollbackTo(level: Level): Promise<void> {
    const index = this.#levels.indexOf(level)
    if (index < 0) return
    const releaseFailed = level.life.state === 'failed'
    const wasActive = this.root?.life.state === 'active'
    const ended = this.#levels.slice(index)
    this.#levels = this.#levels.slice(0, index)
    for (const each of ended) each.life.enter('rollback')
    if (!wasActive) return
    const rolledBack = this.#rollbackOnServer(level)
    await (releaseFailed ? rolledBack.catch(() => {}) : rolledBack)
  }

  /** A two-phase transaction that is not prepared yet is prepared first. Within the call where nothing has to be waited for. */
  commit(): Promise<void> | undefined {
    const { root } = this
    if (!root) return undefined
    if (root.xid !== undefined) return this.#commitInTwo(root, root.xid)
    this.#checkMayEnd(root, 'commit')
    let answer: 'committed' | 'rolled back' | undefined
    try {
      answer = this.#line.commitNow()
    } catch (error) {
      this.#fail(root, error)
      throw error
    }
    if (answer === undefined) return this.#commitLater(root)
    this.#settleCommit(root, answer)
    return undefined
  }

  async #commitLater(root: Level): Promise<void> {
    let answer: 'committed' | 'rolled back'
    try {
      answer = await this.#line.commit()
    } catch (error) {
      this.#fail(root, error)
      throw error
    }
    this.#settleCommit(root, answer)
  }

  #settleCommit(root: Level, answer: 'committed' | 'rolled back'): void {
    if (answer === 'rolled back') {
      const error = this.#aborted(root)
      this.#fail(root, error)
      throw error
    }
    for (const each of this.#levels) each.life.enter('commit')
    this.#levels = []
  }

  /** The first half of a two-phase commit. Savepoints are part of what is prepared. */
  async prepare(): Promise<void> {
    const { root } = this
    if (root?.xid === undefined) {
      throw new InvalidRequestError(
        'Cannot prepare(): this connection is in no two-phase transaction. Begin one with beginTwoPhase()',
      )
    }
    this.#checkMayEnd(root, 'prepare')
    try {
      await this.#line.prepare(root.xid)
    } catch (error) {
      this.#fail(root, error)
      throw error
    }
    const [, ...savepoints] = this.#levels
    for (const each of savepoints) each.life.enter('commit')
    root.life.enter('prepare')
    this.#levels = [root]
  }

  /** Gives a prepared transaction out of hand, for somebody else to finish. Returns its name; undefined when there is none. */
  leavePrepared(): string | undefined {
    const { root } = this
    if (root === undefined || !this.isPrepared) return undefined
    root.life.enter('leave')
    this.#levels = []
    return root.xid
  }

  /** Ends the transaction with all of its savepoints, whatever state they are in. */
  async rollback(): Promise<void> {
    const { root } = this
    if (!root) return
    const wasPrepared = this.isPrepared
    const ended = this.#levels
    this.#levels = []
    for (const each of ended) each.life.enter('rollback')
    if (wasPrepared && root.xid !== undefined) await this.#line.rollbackPrepared(root.xid)
    else await this.#line.rollback(root.xid)
  }

  /** A statement failed: remembers the first one, and whether the server has ended the transaction with it. */
  noteError(error: unknown, endsTransaction: boolean): void {
    const { root, top } = this
    if (!root || !top) return
    root.firstError ??= error
    top.firstError ??= error
    if (endsTransaction && !this.isPrepared) this.#fail(root, error)
  }

  /** One whose outcome is unknown must not be rolled back any more: it is left to whoever finds out. */
  async #commitInTwo(root: Level, xid: string): Promise<void> {
    if (!this.isPrepared) await this.prepare()
    try {
      await this.#line.commitPrepared(xid)
    } catch (error) {
      if (error instanceof CommitUnknownError) this.leavePrepared()
      throw error
    }
    root.life.enter('commit')
    this.#levels = []
  }

  #checkMayEnd(root: Level, attempt: string): void {
    this.checkUsable(attempt)
    this.#checkNoScope()
    if (this.#line.status === 'failed') throw this.#aborted(root)
  }

  #push(name: string | undefined, scoped: boolean, xid?: string): Level {
    const level: Level = {
      name,
      xid,
      scoped,
      life: transactionLifecycle.create(),
      firstError: undefined,
      face: undefined,
    }
    this.#levels = this.#levels.length === 0 ? [level] : [...this.#levels, level]
    return level
  }

  #fail(level: Level, error: unknown): void {
    level.firstError ??= error
    level.life.enter('fail')
  }

  async #rollbackOnServer(level: Level): Promise<void> {
    try {
      await this.#line.savepoint('rollbackSavepoint', level.name ?? '')
    } catch (error) {
      const { root } = this
      if (root) this.#fail(root, error)
      throw error
    }
    // What failed inside the savepoint is undone: it is no longer why an enclosing level could fail.
    if (level.firstError === undefined) return
    for (const each of this.#levels) if (each.firstError === level.firstError) each.firstError = undefined
  }

  #checkInnermost(level: Level): void {
    const { top } = this
    if (level.life.state === 'failed') throw this.#pendingRollback(`release the savepoint ${level.name}`)
    if (level.life.state !== 'active') {
      throw new InvalidRequestError(
        `Cannot release the savepoint ${level.name}: it has ended (${level.life.state}), or what encloses it has. ` +
          'Nothing that was done inside it and rolled back is stored',
      )
    }
    this.checkUsable(`release the savepoint ${level.name}`)
    if (top === level) return
    throw new InvalidRequestError(
      `Cannot release the savepoint ${level.name}: ${top?.name}, set after it, is still open. ` +
        'End savepoints in the reverse order of their beginning; those of one connection cannot run side by side',
    )
  }

  #checkNoScope(): void {
    const scoped = this.#levels.find((level) => level.scoped && level.name !== undefined)
    if (!scoped) return
    throw new InvalidRequestError(
      `Cannot commit: the callback of the savepoint ${scoped.name} is still running. Await beginNested() before commit()`,
    )
  }

  #pendingRollback(attempt: string): PendingRollbackError {
    const failed = this.#levels.find((level) => level.life.state === 'failed')
    const what = failed?.name === undefined ? 'the transaction' : `the savepoint ${failed.name}`
    return new PendingRollbackError(
      `Cannot ${attempt}: ${what} on this connection has failed and waits for rollback(). ` +
        `The first error was: ${messageOf(failed?.firstError)}`,
      { cause: failed?.firstError },
    )
  }

  /** The server will not store, or has not stored, what was done: it answers COMMIT by rolling back. */
  #aborted(root: Level): PendingRollbackError {
    const error = new PendingRollbackError(
      'Cannot commit: the database has aborted this transaction after a statement failed, and nothing of it is stored. ' +
        `Call rollback(), and do not go on after an error inside a transaction. The error was: ${messageOf(root.firstError)}`,
      { cause: root.firstError },
    )
    if (root.life.state === 'active') this.#fail(root, error)
    return error
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error ?? 'unknown')
}
