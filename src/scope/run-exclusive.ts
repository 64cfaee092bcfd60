import { type Engine, type HeldLock, tryExclusiveLock } from '../engine/index.ts'
import { ArgumentError, InvalidRequestError, LockNotAvailableError } from '../errors.ts'
import { type Bind, isSessionmaker, type Session, type Sessionmaker } from '../session/index.ts'
import {
  AsyncContext,
  anAbortSignal,
  attachSuppressed,
  Deadline,
  describeValue,
  milliseconds,
  oneOf,
  type RulesOf,
  readOptions,
  sleep,
} from '../support/index.ts'
import { enterLine } from './exclusive-line.ts'
import { type SessionScopes, scopesOf } from './scoped-session.ts'

/** The longest pause before the database is asked again, in milliseconds; the first is a twentieth of it, each later one double. */
const LONGEST_PAUSE = 1_000
const FIRST_PAUSE = 50

/** How {@link runExclusive} goes about it. */
export interface RunExclusiveOptions {
  /**
   * What happens while somebody else runs the job:
   * - `fail`: LockNotAvailableError, which says who (the default)
   * - `skip`: the function is not called, and the result is undefined
   * - `wait`: until the other has ended; first come, first served among the callers of one thread
   */
  readonly ifBusy?: 'skip' | 'wait' | 'fail'
  /** Milliseconds to wait for the other to end, with `wait`. Default: no limit */
  readonly timeout?: number
  /** Gives up waiting when it aborts; while the function runs, the signal that this has been given aborts with it. */
  readonly signal?: AbortSignal | undefined
}

/** The lock under which a function of {@link runExclusive} runs. */
export interface ExclusiveLock {
  readonly name: string
  /** Aborts when the lock is lost (LockLostError), or when the caller's own signal does: give it to what must not go on then. */
  readonly signal: AbortSignal
  /**
   * Asks the database whether the lock is held still: before a step that must not be done twice.
   * @throws LockLostError
   */
  check(): Promise<void>
}

const rules: RulesOf<RunExclusiveOptions> = {
  ifBusy: oneOf('skip', 'wait', 'fail'),
  timeout: milliseconds,
  signal: anAbortSignal,
}

type Settings = RunExclusiveOptions & { readonly ifBusy: 'skip' | 'wait' | 'fail' }
type Sessions = SessionScopes<never> | Sessionmaker<never> | SessionScopes | Sessionmaker

/** The locks under which a call runs. A branch that outlives the work is under none any more. */
interface Holding {
  readonly engine: Engine
  readonly name: string
  readonly outer: Holding | undefined
  isOver: boolean
}

const holding = new AsyncContext<Holding>()

/**
 * Runs a function that must not run twice at a time, in all processes and on all machines that use the database. The lock is held by a
 * connection of its own, beside the pool, while the function works with its own sessions and commits as often as it likes. When the
 * process dies the lock is free.
 *
 * - PostgreSQL: an advisory lock of the database. MySQL and MariaDB: `GET_LOCK`, for one server and not for a cluster of several writers.
 * - SQLite: a small file beside the database for each name, which stays there; in memory, and PGlite: in this thread, as the database is.
 *
 * ```ts
 * await runExclusive(Sessions, 'nightly report', async ({ signal }) => { … }, { ifBusy: 'wait', timeout: 60_000 })
 * ```
 *
 * ```sql
 * select pg_try_advisory_xact_lock(…)
 * ```
 *
 * @param sessions a sessionmaker or a registry, whose engine (its `bind`) has the lock
 * @param name of the job, the same wherever it is run
 * @param work what it resolves to is the result
 * @throws LockNotAvailableError with `fail` when it runs elsewhere, with `wait` when the timeout is over
 * @throws LockLostError when the lock was lost while the function ran, also where that resolved; what the function throws otherwise
 * @throws InvalidRequestError inside the same job, which would wait for itself; ArgumentError
 */
export function runExclusive<T>(
  sessions: SessionScopes<Session> | Sessionmaker<Session>,
  name: string,
  work: (lock: ExclusiveLock) => Promise<T> | T,
  options: RunExclusiveOptions & { readonly ifBusy: 'skip' },
): Promise<T | undefined>
export function runExclusive<T>(
  sessions: SessionScopes<Session> | Sessionmaker<Session>,
  name: string,
  work: (lock: ExclusiveLock) => Promise<T> | T,
  options?: RunExclusiveOptions & { readonly ifBusy?: 'wait' | 'fail' },
): Promise<T>
export async function runExclusive<T>(
  sessions: Sessions,
  name: string,
  work: (lock: ExclusiveLock) => Promise<T> | T,
  options: RunExclusiveOptions = {},
): Promise<T | undefined> {
  const engine = engineOf(sessions)
  checkArguments(name, work)
  const settings: Settings = readOptions('runExclusive()', options, rules, { ifBusy: 'fail' } as const)
  refuseReentry(engine, name)
  const held = await acquire(engine, name, settings)
  if (held === undefined) return undefined
  try {
    return await runUnder(held.lock, engine, name, work, settings.signal)
  } finally {
    await held.lock.release()
    held.leave()
  }
}

interface Acquired {
  readonly lock: HeldLock
  leave(): void
}

async function acquire(engine: Engine, name: string, settings: Settings): Promise<Acquired | undefined> {
  const { ifBusy } = settings
  const timeout = ifBusy === 'wait' ? settings.timeout : undefined
  let holder: string | undefined = 'another caller of this thread'
  const timeoutReason = () => busy(name, holder, `It was waited for ${timeout} ms.`)
  using deadline = new Deadline({ timeout, signal: settings.signal, timeoutReason })
  deadline.signal?.throwIfAborted()
  const leave = await enterLine(engine.url, name, ifBusy === 'wait', deadline.signal)
  try {
    for (let attempts = 0; leave !== undefined; attempts++) {
      const attempt = await tryExclusiveLock(engine, name, deadline.signal)
      if ('lock' in attempt) return { lock: attempt.lock, leave }
      holder = attempt.holder ?? 'another process'
      if (ifBusy !== 'wait') break
      await sleep(pauseAfter(attempts), { signal: deadline.signal })
    }
  } catch (error) {
    leave?.()
    throw error
  }
  leave?.()
  if (ifBusy === 'skip') return undefined
  throw busy(name, holder, "Give { ifBusy: 'wait' } to wait for its end, or 'skip' to leave the work to it.")
}

/** Of random length, so that several who wait do not ask at the same time. */
function pauseAfter(attempts: number): number {
  return Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** attempts) * (0.5 + Math.random() / 2)
}

async function runUnder<T>(
  held: HeldLock,
  engine: Engine,
  name: string,
  work: (lock: ExclusiveLock) => Promise<T> | T,
  signal: AbortSignal | undefined,
): Promise<T> {
  const combined = signal === undefined ? held.lost : AbortSignal.any([held.lost, signal])
  const lock: ExclusiveLock = Object.freeze({ name, signal: combined, check: () => held.check() })
  const place: Holding = { engine, name, outer: holding.get(), isOver: false }
  let result: T
  try {
    result = await holding.run(place, async () => work(lock))
  } catch (error) {
    if (held.lost.aborted) attachSuppressed(error, held.lost.reason)
    throw error
  } finally {
    place.isOver = true
  }
  await held.check()
  return result
}

/** @throws InvalidRequestError where the caller runs under this lock already, and would wait for itself */
function refuseReentry(engine: Engine, name: string): void {
  for (let outer = holding.get(); outer !== undefined; outer = outer.outer) {
    if (outer.isOver || outer.name !== name || outer.engine.url !== engine.url) continue
    throw new InvalidRequestError(
      `runExclusive(): the job '${name}' was asked for inside itself, where it can never begin. Call its function directly there.`,
    )
  }
}

function busy(name: string, holder: string | undefined, what: string): LockNotAvailableError {
  return new LockNotAvailableError(`runExclusive(): the job '${name}' is run by ${holder ?? 'another'} now. ${what}`)
}

function checkArguments(name: unknown, work: unknown): void {
  if (typeof name !== 'string' || name === '') {
    throw new ArgumentError(
      `runExclusive(): the job's name must be a text that is not empty, not ${describeValue(name)}.`,
    )
  }
  if (typeof work === 'function') return
  throw new ArgumentError(`runExclusive(): a function is needed for the work of '${name}', not ${describeValue(work)}.`)
}

/** The engine that new sessions are bound to. */
function engineOf(sessions: unknown): Engine {
  const maker = isSessionmaker(sessions) ? sessions : isObject(sessions) ? scopesOf(sessions)?.maker : undefined
  if (maker === undefined) {
    throw new ArgumentError(
      `runExclusive(): what sessionmaker() or scopedSession() gives is needed first, not ${describeValue(sessions)}.`,
    )
  }
  const bind: Bind | undefined = maker.options.bind
  if (bind !== undefined && 'connect' in bind) return bind
  const found = bind === undefined ? 'none' : 'a connection'
  throw new ArgumentError(
    `runExclusive(): the lock is held on a connection of its own, which an engine makes; the sessionmaker's 'bind' is ${found}.`,
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'function' || (typeof value === 'object' && value !== null)
}
