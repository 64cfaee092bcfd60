import type { Connection } from '../engine/index.ts'
import { runBlockAndClose, type Session } from '../session/index.ts'
import { abortable, systemClock } from '../support/index.ts'

/** How long an interrupted session may take to become quiet before its connections are discarded, in milliseconds. */
const GRACE = 2_000
/** A request to cancel that comes before its statement is lost, so it is made again, in milliseconds. */
const CANCEL_AGAIN = 250

/**
 * A managed block of a session that is closed with it, as long as `signal` allows. The signal covers the function and the flush of
 * what it has left; a COMMIT is always waited for, because only its answer tells what has become of the work.
 */
export function runBlockWithin<T>(
  session: Session,
  body: () => Promise<T> | T,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return runBlockAndClose(session.core, body)
  const { promise: stuck, reject: leave } = Promise.withResolvers<never>()
  const block = runBlockAndClose(session.core, () =>
    runWithin(session, () => runAndFlush(session, body), signal, leave),
  )
  return Promise.race([block, stuck])
}

/**
 * Runs `body`, and gives up as soon as the signal aborts: nothing runs on the session any more, what runs is cancelled on the
 * server, and the promise is rejected with the signal's reason.
 *
 * @param leave called where the session could not be made quiet: its own end may then never come
 */
export async function runWithin<T>(
  session: Session,
  body: () => Promise<T> | T,
  signal: AbortSignal | undefined,
  leave?: (reason: unknown) => void,
): Promise<T> {
  try {
    signal?.throwIfAborted()
    return await abortable((async () => body())(), signal)
  } catch (error) {
    if (signal?.aborted === true && !(await interrupt(session, signal.reason))) leave?.(signal.reason)
    throw error
  }
}

/** The flush is alone, like the COMMIT after it: a call that was not awaited is refused. */
async function runAndFlush<T>({ core }: Session, body: () => Promise<T> | T): Promise<T> {
  const result = await body()
  if (core.transaction?.isActive === true && core.unit.hasWork) {
    await core.gate.runAlone('the end of the block', () => core.flushNow('the end of the block'))
  }
  return result
}

/**
 * Stops everything on a session, for good: what waits is refused, what runs is cancelled on the server. Resolves when the session
 * is quiet; with false when it does not become so, and its connections were discarded instead.
 */
export async function interrupt({ core }: Session, reason: unknown): Promise<boolean> {
  const by = `it was given up: ${reason instanceof Error ? reason.message : String(reason)}`
  core.gate.closeForGood(by)
  core.abortConnecting('An interruption')
  const connections = [...(core.transaction?.enlistments.values() ?? [])].map(({ connection }) => connection)
  const cancelling = new Cancelling(connections)
  // Whoever ends the session rolls back next: a request to cancel that is under way must not meet that, or another holder.
  const quiet = core.gate.seize('an interruption', () => cancelling.stop())
  if (await settlesInTime(quiet)) return true
  await cancelling.stop()
  for (const connection of connections) if (!connection.closed) connection.invalidate(reason)
  return false
}

/** Asks the server to stop what runs on some connections, again and again until it is stopped. */
class Cancelling {
  readonly #connections: readonly Connection[]
  readonly #timer: NodeJS.Timeout
  #asked: Promise<unknown> | undefined

  constructor(connections: readonly Connection[]) {
    this.#connections = connections
    this.#timer = setInterval(() => this.#ask(), CANCEL_AGAIN)
    this.#ask()
  }

  /** Resolves when no request is under way any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#asked
  }

  #ask(): void {
    if (this.#asked !== undefined) return
    this.#asked = Promise.allSettled(this.#connections.map((connection) => connection.cancelRunning())).finally(() => {
      this.#asked = undefined
    })
  }
}

function settlesInTime(promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = systemClock.setTimeout(() => resolve(false), GRACE)
    const settled = () => {
      systemClock.clearTimeout(timer)
      resolve(true)
    }
    promise.then(settled, settled)
  })
}
