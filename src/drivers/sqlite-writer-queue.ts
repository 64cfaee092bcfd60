import { systemClock } from '../support/index.ts'

/** Who waits for or holds the turn to write, as messages tell it. */
export interface WriterOwner {
  readonly label: string
}

/** The turn to write to one file. Whoever has it must release it, in every end that the work can come to. */
export interface WriterTurn {
  readonly owner: WriterOwner
  /** When it was taken, in milliseconds since the epoch. */
  readonly since: number
  /** Gives the turn to the next in line. Calling it again does nothing. */
  release(): void
}

/** How long to wait in line. */
export interface EnterOptions {
  /** Milliseconds after which the waiting ends with what `expired` makes. */
  readonly limit: number
  readonly signal?: AbortSignal | undefined
  readonly expired: () => Error
}

interface Waiter {
  readonly owner: WriterOwner
  readonly receive: (turn: WriterTurn) => void
}

/**
 * The line of those who want to write to one SQLite file from this process: first come, first served, one at a time.
 *
 * SQLite has a lock of its own, but it waits for it by blocking the thread, and the writer that it waits for may need this
 * very thread to finish. So the connections of one process wait here, where waiting blocks nobody.
 */
export class WriterQueue {
  /** Only `#grant` and the release of the turn itself change it: a turn passes from hand to hand without a gap. */
  #holder: WriterTurn | undefined
  readonly #waiting = new Set<Waiter>()

  /** Who writes now. */
  get holder(): WriterTurn | undefined {
    return this.#holder
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Takes the turn if it is free and nobody waits for it. */
  tryEnter(owner: WriterOwner): WriterTurn | undefined {
    return this.#holder === undefined ? this.#grant(owner) : undefined
  }

  /**
   * Waits for the turn.
   * @throws the signal's reason when it aborts, what `options.expired` makes when the limit is over; the place in line is then given up
   */
  enter(owner: WriterOwner, options: EnterOptions): Promise<WriterTurn> {
    if (options.signal?.aborted === true) return Promise.reject(options.signal.reason)
    const turn = this.tryEnter(owner)
    return turn === undefined ? this.#wait(owner, options) : Promise.resolve(turn)
  }

  #wait(owner: WriterOwner, { limit, signal, expired }: EnterOptions): Promise<WriterTurn> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(waiter)
        if (timer !== undefined) systemClock.clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      }
      const give = (up: () => unknown) => {
        leave()
        reject(up())
      }
      const onAbort = () => give(() => signal?.reason)
      const timer = Number.isFinite(limit) ? systemClock.setTimeout(() => give(expired), limit) : undefined
      signal?.addEventListener('abort', onAbort, { once: true })
      const receive = (turn: WriterTurn) => {
        leave()
        resolve(turn)
      }
      const waiter: Waiter = { owner, receive }
      this.#waiting.add(waiter)
    })
  }

  #grant(owner: WriterOwner): WriterTurn {
    const turn: WriterTurn = {
      owner,
      since: systemClock.now(),
      release: () => {
        if (this.#holder !== turn) return
        this.#holder = undefined
        this.#serveNext()
      },
    }
    this.#holder = turn
    return turn
  }

  #serveNext(): void {
    const [next] = this.#waiting
    next?.receive(this.#grant(next.owner))
  }
}
