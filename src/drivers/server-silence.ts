import type { Socket } from 'node:net'
import { ArgumentError } from '../errors.ts'
import type { DriverTarget } from './driver.ts'

/** How long a server may take to answer ROLLBACK, in milliseconds. One that does not rolls back when its connection is closed. */
export const ROLLBACK_PATIENCE = 10_000

/** What a {@link Silence} watches. */
export interface SilenceParts {
  readonly socket: Socket
  /** Milliseconds in which nothing came while an answer was awaited; 0 waits for ever. */
  readonly limit: number
  /** Whether an answer is awaited now. */
  readonly isAsked: () => boolean
  /** Gives the connection up. */
  readonly giveUp: (error: Error) => void
}

/**
 * Gives up on a server that says nothing while it is asked, as one does behind a cable that was cut. The socket's own timer is
 * used, which is moved on by whatever comes or goes, so that watching costs nothing with each statement.
 */
export class Silence {
  readonly #parts: SilenceParts
  #limit: number

  constructor(parts: SilenceParts) {
    this.#parts = parts
    this.#limit = parts.limit
    if (parts.limit > 0) parts.socket.setTimeout(parts.limit)
    parts.socket.on('timeout', () => this.#onTimeout())
  }

  /** Runs `work` with at most so many milliseconds of silence. */
  async within<T>(limit: number, work: () => Promise<T>): Promise<T> {
    const { socket, limit: usual } = this.#parts
    this.#limit = usual === 0 ? limit : Math.min(usual, limit)
    socket.setTimeout(this.#limit)
    try {
      return await work()
    } finally {
      this.#limit = usual
      socket.setTimeout(usual)
    }
  }

  #onTimeout(): void {
    if (!this.#parts.isAsked()) return
    const error = new Error(`The server sent nothing for ${this.#limit} ms while an answer was awaited`)
    this.#parts.giveUp(Object.assign(error, { code: 'ETIMEDOUT' }))
  }
}

/**
 * What the URL or `connectArgs` say of `socketTimeout`, in milliseconds; 0 where they say nothing.
 * @throws ArgumentError for what is no number of milliseconds
 */
export function readSocketTimeout(target: DriverTarget): number {
  const given = target.connectArgs['socketTimeout'] ?? target.query['socketTimeout'] ?? 0
  const limit = given === '' ? Number.NaN : Number(given)
  if (Number.isFinite(limit) && limit >= 0) return limit
  throw new ArgumentError(`'socketTimeout' is a number of milliseconds, 0 for no limit; '${String(given)}' was given.`)
}
