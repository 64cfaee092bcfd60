import { DeadlockError, LockNotAvailableError, SerializationError } from '../errors.ts'
import type { Session } from '../session/index.ts'
import { attachSuppressed, sleep } from '../support/index.ts'

/** The longest pause before the first retry; doubles with each, in milliseconds. */
const FIRST_PAUSE = 20
const LONGEST_PAUSE = 2_000

/** One run of a transaction that may be repeated. */
export class Attempt {
  #rolledBack = false
  #session: Session | undefined

  /** Follows the session of the attempt. Only what is seen to be rolled back is run again. */
  follow(session: Session): void {
    this.#session = session
    session.core.events.on('afterSoftRollback', ({ previousTransaction }) => {
      if (!previousTransaction.nested) this.#rolledBack = true
    })
  }

  /** Whether the attempt has failed for a reason that may be gone the next time, and has left nothing behind. */
  isWorthRepeating(error: unknown): boolean {
    if (!this.#rolledBack || this.#session === undefined) return false
    if (error instanceof SerializationError || error instanceof DeadlockError) return true
    return error instanceof LockNotAvailableError && waitsForFiles(this.#session)
  }
}

/** Whether a lock that is not available can only be that of a database file, which somebody else is writing. */
function waitsForFiles({ core }: Session): boolean {
  const { bind, binds } = core.options
  const all = [...(bind === undefined ? [] : [bind]), ...(binds?.values() ?? [])]
  return all.length > 0 && all.every(({ dialect }) => dialect.capabilities.singleWriter)
}

/** Runs `run`, and again after failures that are worth it, with growing random pauses in between. */
export async function withRetries<T>(
  retries: number,
  signal: AbortSignal | undefined,
  run: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    const attempt = new Attempt()
    try {
      return await run(attempt)
    } catch (error) {
      if (failures >= retries || !attempt.isWorthRepeating(error)) throw error
      await pause(failures, signal, error)
    }
  }
}

async function pause(failures: number, signal: AbortSignal | undefined, error: unknown): Promise<void> {
  const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures)
  try {
    await sleep(Math.random() * longest, { signal })
  } catch (reason) {
    attachSuppressed(reason, error)
    throw reason
  }
}
