import { InvalidRequestError } from '../errors.ts'
import type { Session } from '../session/index.ts'

/**
 * Where the session of one scope is kept. A session is in one place at a time, which refuses callers of other scopes at the
 * session's gate.
 */
export abstract class Place<S extends Session> {
  /** Given up at the end of the scope, because branches that outlive it still hold the place. */
  #session: S | undefined

  get session(): S | undefined {
    return this.#session
  }

  /**
   * Keeps a session. The one that was there before is let go, not closed.
   *
   * @throws InvalidRequestError when it is kept in another place
   */
  put(session: S): void {
    if (session === this.#session) return
    const { gate } = session.core
    if (gate.guard !== undefined) {
      throw new InvalidRequestError(`set(): ${session.label} belongs to another scope; take it out of that one first.`)
    }
    this.take()
    this.#session = session
    gate.guard = (call) => this.refusal(session, call)
  }

  /** Lets the session go, as it is. */
  take(): S | undefined {
    const session = this.#session
    if (session !== undefined) session.core.gate.guard = undefined
    this.#session = undefined
    return session
  }

  /** Lets the session go, and closes it for good: rolled back, its connection given back. */
  async close(by: string): Promise<void> {
    const session = this.take()
    if (session === undefined) return
    session.core.gate.closeForGood(by)
    await session.close()
  }

  /** The error for a call on the session from where the caller is now, where it must not be made. */
  protected abstract refusal(session: S, call: string): Error | undefined
}
