import { setImmediate as nextTurn } from 'node:timers/promises'
import { Session } from './session.ts'

/** How often a request is run again before its client hears of a conflict. */
const RETRIES = 8

/** How a request is run. */
export interface RequestOptions {
  /** Aborts when the client is gone: nothing is committed for it any more. */
  readonly signal: AbortSignal
  /** The request only reads. On SQLite it then never waits for a writer. Default: false */
  readonly readOnly?: boolean
  /** What the session is called, in errors and among the holders of connections. */
  readonly label?: string
  /** Called before the work is done once more. */
  readonly onRetry?: () => void
}

/**
 * Runs the work of one request: in a scope, a session and a transaction of its own, which is committed when the work succeeds and
 * rolled back when it fails.
 *
 * A database may give up a transaction because of another one (a deadlock, a serialization failure). It has stored nothing then, so
 * the whole work is run again, from the beginning and in a new session: what was read is no longer true.
 *
 * When the signal aborts before COMMIT, what runs is cancelled, everything is rolled back, and the signal's reason is thrown.
 */
export function inTransaction<T>(work: () => Promise<T>, options: RequestOptions): Promise<T> {
  const { signal, readOnly = false, label = 'request', onRetry } = options
  let attempts = 0
  const attempt = () => {
    attempts += 1
    if (attempts > 1) onRetry?.()
    return untilWritten(work)
  }
  return Session.transaction(attempt, { signal, readOnly, label, retries: RETRIES })
}

/**
 * The last moment to hear that the client is gone is when everything is written and nothing is committed. SQLite answers without
 * ever leaving this turn of the event loop, so the loop is given its turns here: one to end what it is at, and one to look at sockets.
 */
async function untilWritten<T>(work: () => Promise<T>): Promise<T> {
  const result = await work()
  await Session().flush()
  await nextTurn()
  await nextTurn()
  return result
}
