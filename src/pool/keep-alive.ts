import type { Clock, ClockTimer } from '../support/index.ts'
import type { Slot } from './resource.ts'

/** What {@link KeepAlive} works with. */
export interface KeepAliveParts<R extends object> {
  /** Milliseconds after which one that is idle is asked. */
  readonly interval: number
  readonly clock: Clock
  /** The idle ones. */
  readonly idle: () => Iterable<Slot<R>>
  /** Takes one out of the idle ones, asks it, and puts it back or replaces it. Never rejects. */
  readonly ask: (slot: Slot<R>) => Promise<void>
}

/**
 * Asks those that were idle for long whether they answer: what stands between may take a silent connection for forgotten, and one that
 * is gone is better known before somebody needs it. One at a time, so that the others can be taken meanwhile. No timer runs while
 * nothing is idle.
 */
export class KeepAlive<R extends object> {
  readonly #parts: KeepAliveParts<R>
  #timer: ClockTimer | undefined
  #isAsking = false
  #isStopped = false

  constructor(parts: KeepAliveParts<R>) {
    this.#parts = parts
  }

  /** To be told of everyone that becomes idle. */
  rested(slot: Slot<R>): void {
    slot.idleSince = this.#parts.clock.now()
    if (this.#timer === undefined && !this.#isAsking) this.#sleep(this.#parts.interval)
  }

  stop(): void {
    this.#isStopped = true
    if (this.#timer !== undefined) this.#parts.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #sleep(delay: number): void {
    if (this.#isStopped) return
    this.#timer = this.#parts.clock.setTimeout(() => void this.#askAll(), Math.max(1, Math.ceil(delay)), {
      unref: true,
    })
  }

  async #askAll(): Promise<void> {
    this.#timer = undefined
    this.#isAsking = true
    for (let slot = this.#longest(); slot !== undefined && !this.#isStopped; slot = this.#longest()) {
      const left = this.#left(slot)
      if (left > 0) break
      await this.#parts.ask(slot)
    }
    this.#isAsking = false
    const next = this.#longest()
    if (next !== undefined) this.#sleep(this.#left(next))
  }

  #left(slot: Slot<R>): number {
    return slot.idleSince + this.#parts.interval - this.#parts.clock.now()
  }

  /** The one that is idle for the longest time. */
  #longest(): Slot<R> | undefined {
    let longest: Slot<R> | undefined
    for (const slot of this.#parts.idle()) {
      if (longest === undefined || slot.idleSince < longest.idleSince) longest = slot
    }
    return longest
  }
}
