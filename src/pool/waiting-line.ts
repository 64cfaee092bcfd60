import type { Clock, ClockTimer } from '../support/index.ts'

/** What limits the waiting of one. */
export interface WaitOptions {
  /** Milliseconds; 0 fails at once, `Infinity` waits for ever. */
  readonly timeout: number
  readonly signal?: AbortSignal | undefined
  readonly timeoutError: () => Error
}

/** One who waits. Neighbours are linked, so that leaving from the middle costs the same wherever it is. */
interface Waiter<Gift> {
  readonly resolve: (gift: Gift) => void
  readonly reject: (error: unknown) => void
  readonly stopWatching: () => void
  before: Waiter<Gift> | undefined
  behind: Waiter<Gift> | undefined
}

/**
 * Those who wait, first come, first served. Joining, leaving and serving take the same time however long the line is. One who has
 * left (timeout, abort) is out of the line before the next can be served, so nothing is ever given to it.
 */
export class WaitingLine<Gift> {
  readonly #clock: Clock
  #first: Waiter<Gift> | undefined
  #last: Waiter<Gift> | undefined
  #length = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get length(): number {
    return this.#length
  }

  /** Waits for a gift. Rejects with the timeout error, or with the signal's reason. */
  wait(options: WaitOptions): Promise<Gift> {
    if (options.signal?.aborted === true) return Promise.reject(options.signal.reason)
    if (options.timeout <= 0) return Promise.reject(options.timeoutError())
    return new Promise((resolve, reject) => {
      const waiter: Waiter<Gift> = {
        resolve,
        reject,
        stopWatching: this.#watch(options, (error) => {
          this.#leave(waiter)
          reject(error)
        }),
        before: this.#last,
        behind: undefined,
      }
      this.#join(waiter)
    })
  }

  /** Gives to the first in the line; false when nobody waits. */
  serveFirst(gift: Gift): boolean {
    const waiter = this.#first
    if (waiter === undefined) return false
    this.#leave(waiter)
    waiter.resolve(gift)
    return true
  }

  /** Sends everybody away with an error. */
  rejectAll(makeError: () => Error): void {
    for (let waiter = this.#first; waiter !== undefined; waiter = this.#first) {
      this.#leave(waiter)
      waiter.reject(makeError())
    }
  }

  #watch(options: WaitOptions, giveUp: (error: unknown) => void): () => void {
    const { signal } = options
    let timer: ClockTimer | undefined
    const endsAt = this.#clock.now() + options.timeout
    // A timer of Node may fire a little before its time; nobody is sent away early.
    const onTimer = () => {
      const left = endsAt - this.#clock.now()
      if (left <= 0) giveUp(options.timeoutError())
      else timer = this.#clock.setTimeout(onTimer, Math.ceil(left))
    }
    const onAbort = () => giveUp(signal?.reason)
    if (options.timeout !== Number.POSITIVE_INFINITY) timer = this.#clock.setTimeout(onTimer, options.timeout)
    signal?.addEventListener('abort', onAbort, { once: true })
    return () => {
      if (timer !== undefined) this.#clock.clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #join(waiter: Waiter<Gift>): void {
    if (this.#last === undefined) this.#first = waiter
    else this.#last.behind = waiter
    this.#last = waiter
    this.#length++
  }

  #leave(waiter: Waiter<Gift>): void {
    waiter.stopWatching()
    if (waiter.before === undefined) this.#first = waiter.behind
    else waiter.before.behind = waiter.behind
    if (waiter.behind === undefined) this.#last = waiter.before
    else waiter.behind.before = waiter.before
    waiter.before = undefined
    waiter.behind = undefined
    this.#length--
  }
}
