import { hostname } from 'node:os'
import process from 'node:process'
import { threadId } from 'node:worker_threads'
import { LockLostError, LockNotAvailableError } from '../errors.ts'
import { type ExclusiveLockTexts, exclusiveLockTexts, lockFileTexts } from '../sql/index.ts'
import { abortable, Deadline, systemClock } from '../support/index.ts'
import type { Connection } from './connection.ts'
import { createEngine } from './create-engine.ts'
import type { Engine } from './engine.ts'

/** How often the lock is looked after, and how long the answer may take, in milliseconds. */
const CHECK_EVERY = 1_000
const ANSWER_WITHIN = 10_000

/** How long another process may be busy with a lock's file without having the lock: it looks at it, or notes itself in it. */
const FILE_BUSY_FOR = 50

/** What came of asking for a lock. */
export type LockAttempt = { readonly lock: HeldLock } | { readonly holder: string | undefined }

/** A lock that is held until `release`, or until its connection is lost. */
export interface HeldLock {
  /** Aborts when the lock is lost, with a LockLostError. */
  readonly lost: AbortSignal
  /** Asks the database whether it is held still. @throws LockLostError */
  check(): Promise<void>
  /** Never rejects. */
  release(): Promise<void>
}

/**
 * Takes a lock by its name, if nobody has it: on a connection of its own, so that it is free when this process is gone, and survives
 * what others commit or roll back.
 *
 * @throws OperationalError when the database cannot be reached; the signal's reason
 */
export async function tryExclusiveLock(
  engine: Engine,
  name: string,
  signal: AbortSignal | undefined,
): Promise<LockAttempt> {
  // A database that is one connection belongs to this thread alone, which puts its callers in order before they come here.
  if (engine.url.singleConnection) return { lock: lockOfThisThread() }
  const place = await placeOf(engine, name, signal)
  let lock: DatabaseLock | undefined
  try {
    lock = await DatabaseLock.take(place, name, signal)
    return lock === undefined ? { holder: await holderOf(place, name, signal) } : { lock }
  } finally {
    if (lock === undefined) await place.end()
  }
}

function lockOfThisThread(): HeldLock {
  return { lost: new AbortController().signal, check: async () => {}, release: async () => {} }
}

/** Where a lock is kept: in the database, or in a file beside it. */
interface LockPlace {
  readonly engine: Engine
  readonly texts: ExclusiveLockTexts
  /** Before the lock is taken: notes who is about to. Undefined where somebody has it. */
  note(connection: Connection): Promise<boolean | undefined>
  end(): Promise<void>
}

async function placeOf(engine: Engine, name: string, signal: AbortSignal | undefined): Promise<LockPlace> {
  const texts = exclusiveLockTexts(engine.dialect, engine.url.database ?? '')
  const files = lockFileTexts(engine.dialect)
  if (files === undefined) return { engine, texts, note: async () => true, end: async () => {} }
  const [row] = await withConnection(engine, signal, async (connection) => (await connection.run(files.path)).rows)
  const database = files.fileFor((row as { file: string }).file, name)
  const beside = createEngine(engine.url.with({ database, query: {} }), {
    pool: 'null',
    connectArgs: { journalMode: 'delete', busyTimeout: FILE_BUSY_FOR },
  })
  const note = (connection: Connection) =>
    unlessBusy(async () => {
      await connection.begin()
      for (const statement of files.note(thisProcess())) await connection.run(statement)
      await connection.commit()
      return true
    })
  return { engine: beside, texts, note, end: () => beside.dispose() }
}

async function holderOf(
  { engine, texts }: LockPlace,
  name: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const [row] = await withConnection(engine, signal, async (other) => (await other.run(texts.holder(name))).rows)
    return (row as { holder?: string | null } | undefined)?.holder ?? undefined
  } catch {
    // It is told only to help: who may not look, or comes when it is free again, is told no name.
    return undefined
  }
}

async function withConnection<T>(
  engine: Engine,
  signal: AbortSignal | undefined,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  await using connection = await engine.connectApart('a look at an exclusive lock', signal)
  return await work(connection)
}

/** A lock on a connection of its own, which is looked after. */
class DatabaseLock implements HeldLock {
  readonly #place: LockPlace
  readonly #name: string
  readonly #connection: Connection
  readonly #lost = new AbortController()
  #isOver = false
  #timer: object | undefined

  private constructor(place: LockPlace, name: string, connection: Connection) {
    this.#place = place
    this.#name = name
    this.#connection = connection
    this.#lookAfter()
  }

  /** Undefined when somebody else has it. */
  static async take(
    place: LockPlace,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<DatabaseLock | undefined> {
    const connection = await unlessBusy(() => place.engine.connectApart(`exclusive lock '${name}'`, signal))
    if (connection === undefined) return undefined
    try {
      if (await takeOn(connection, place, name)) return new DatabaseLock(place, name, connection)
    } catch (error) {
      await connection.close()
      throw error
    }
    await connection.close()
    return undefined
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  async check(): Promise<void> {
    this.lost.throwIfAborted()
    await this.#ask()
    this.lost.throwIfAborted()
  }

  async release(): Promise<void> {
    this.#isOver = true
    if (this.#timer !== undefined) systemClock.clearTimeout(this.#timer)
    if (!this.lost.aborted) await this.#giveUp()
    await this.#connection.close()
    await this.#place.end()
  }

  /** Where it does not work, the end of the connection does it. */
  async #giveUp(): Promise<void> {
    const release = this.#place.texts.release(this.#name)
    const given: Promise<unknown> = release === undefined ? this.#connection.rollback() : this.#connection.run(release)
    await this.#answerOf(given).catch(() => {})
  }

  #lookAfter(): void {
    const look = () => this.#ask().then(() => !this.#isOver && this.#lookAfter())
    this.#timer = systemClock.setTimeout(look, CHECK_EVERY, { unref: true })
  }

  /** Never rejects: what it finds is told by `lost`. */
  async #ask(): Promise<void> {
    if (this.#isOver || this.lost.aborted) return
    try {
      if (!(await this.#answerOf(isLocked(this.#connection.run(this.#place.texts.check(this.#name)))))) {
        this.#lose(undefined)
      }
    } catch (error) {
      this.#lose(error)
    }
  }

  /** A connection that does not answer is given up, and with it whatever waits for an answer. */
  async #answerOf<T>(answer: Promise<T>): Promise<T> {
    using limit = new Deadline({ timeout: ANSWER_WITHIN })
    try {
      return await abortable(answer, limit.signal)
    } catch (error) {
      if (limit.signal?.aborted === true && !this.#connection.closed) this.#connection.invalidate(error)
      throw error
    }
  }

  #lose(cause: unknown): void {
    if (this.#isOver || this.lost.aborted) return
    const why = cause instanceof Error ? `: ${cause.message}` : ': the database gave it away'
    this.#lost.abort(
      new LockLostError(
        `The exclusive lock '${this.#name}' was lost while its work ran${why}. Another process may have begun the same work ` +
          'since: look at what both have done before it is run again.',
        { cause },
      ),
    )
    if (!this.#connection.closed) this.#connection.invalidate(this.lost.reason)
  }
}

async function takeOn(connection: Connection, place: LockPlace, name: string): Promise<boolean> {
  const { transaction } = place.texts
  if (!(await place.note(connection))) return false
  if (transaction !== undefined && (await unlessBusy(() => connection.begin(transaction))) === undefined) return false
  return isLocked(connection.run(place.texts.take(name)))
}

async function isLocked(outcome: Promise<{ readonly rows: readonly unknown[] }>): Promise<boolean> {
  const [row] = (await outcome).rows
  return Number((row as { locked?: unknown } | undefined)?.locked ?? 0) === 1
}

async function unlessBusy<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof LockNotAvailableError) return undefined
    throw error
  }
}

function thisProcess(): string {
  return `process ${process.pid} of ${hostname()}${threadId === 0 ? '' : `, thread ${threadId}`}`
}
