import { Sessions } from './session.ts'

/**
 * Lets the demo act in the middle of a transaction. Clients cannot know when theirs is there, but the demo has both sides in its hand:
 * sessions are labelled with the address of their client, and tell when they have written their changes.
 */
export class MidTransaction {
  readonly #acts = new Map<string, () => Promise<void>>()
  readonly #stop: () => void

  constructor() {
    this.#stop = Sessions.on('afterFlush', ({ session }) => this.#act(session.label))
  }

  /** Calls `act` once, when the next transaction of the client at this address is written and not committed. */
  once(address: string, act: () => Promise<void>): void {
    this.#acts.set(address, act)
  }

  /** Acts no more. */
  end(): void {
    this.#stop()
  }

  async #act(address: string): Promise<void> {
    const act = this.#acts.get(address)
    this.#acts.delete(address)
    await act?.()
  }
}
