import { OperationalError } from '../errors.ts'
import { sleep } from '../support/index.ts'

/**
 * How long SQLite itself may wait for a lock, in milliseconds: it blocks the whole thread meanwhile. Longer waits are
 * made of such slices with asynchronous pauses between them.
 */
export const BUSY_SLICE = 4

const SHORTEST_PAUSE = 1
const LONGEST_PAUSE = 25

const BUSY = 5
const BUSY_SNAPSHOT = 517

/** What both packages' errors have in common with what is looked for in them. */
interface SqliteFailure {
  /** better-sqlite3: the name of the result code; node:sqlite: always 'ERR_SQLITE_ERROR'. */
  readonly code?: unknown
  /** node:sqlite: the extended result code. */
  readonly errcode?: unknown
}

/** Whether another connection was in the way and the same statement may succeed a little later. */
export function isBusy(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as SqliteFailure
  if (typeof errcode === 'number') return (errcode & 0xff) === BUSY && errcode !== BUSY_SNAPSHOT
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY') && code !== 'SQLITE_BUSY_SNAPSHOT'
}

/** Whether a write was refused because the file, the connection or the transaction only reads. */
export function isReadOnlyFailure(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as SqliteFailure
  if (typeof errcode === 'number') return (errcode & 0xff) === 8
  return typeof code === 'string' && code.startsWith('SQLITE_READONLY')
}

/** The error for such a write inside a transaction that was begun as a reading one. */
export function writeRefused(cause: unknown): Error {
  const message =
    'A statement tried to write in a transaction that was begun with readOnly. Begin one without it to write.'
  return new OperationalError(message, { cause, databaseCode: 'SQLITE_READONLY' })
}

/** How long to go on trying, and how to give up earlier. */
export interface RetryOptions {
  /** `performance.now()` at which waiting ends. */
  readonly until: number
  /** Asked for at the first pause: most attempts need none. */
  readonly signal: () => AbortSignal
  /** Makes the error for when the time is up, out of SQLite's last one. */
  readonly expired: (error: unknown) => Error
}

/**
 * Runs `attempt`, and runs it again and again while SQLite is busy, pausing without blocking in between.
 *
 * @throws what `attempt` throws, unless SQLite was busy; the signal's reason; what `expired` makes
 */
export async function retryWhileBusy<T>(attempt: () => T, options: RetryOptions): Promise<T> {
  for (let round = 0; ; round++) {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error)) throw error
      if (performance.now() >= options.until) throw options.expired(error)
    }
    await sleep(pauseOf(round, options.until), { signal: options.signal() })
  }
}

/** Doubles up to the longest, with jitter, so that processes that wait for each other do not meet again and again. */
function pauseOf(round: number, until: number): number {
  const longest = Math.min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** Math.min(round, 10))
  const pause = longest / 2 + (Math.random() * longest) / 2
  return Math.max(0, Math.min(pause, until - performance.now()))
}
