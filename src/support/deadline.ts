import { type Clock, type ClockTimer, systemClock } from './clock.ts'

/** What limits an operation in time. */
export interface DeadlineOptions {
  /** Milliseconds until the deadline, from now. Without one, only the signal ends the operation. */
  readonly timeout?: number | undefined
  /** The caller's own way to give up. */
  readonly signal?: AbortSignal | undefined
  /** Makes the reason of the abort when the time is up. By default a `DOMException` named `TimeoutError`. */
  readonly timeoutReason?: () => unknown
  readonly clock?: Clock
}

/**
 * A timeout and a signal as one signal. Dispose of it when the operation has settled: until then a timer runs and
 * the caller's signal holds a listener.
 *
 * @example
 * using deadline = new Deadline({ timeout: 5_000, signal })
 * await abortable(work(), deadline.signal)
 */
export class Deadline {
  /** Aborts at the deadline or with the given signal, whichever is first; `undefined` when nothing limits. */
  readonly signal: AbortSignal | undefined
  readonly #clock: Clock
  readonly #endsAt: number
  #timer: ClockTimer | undefined
  #unlisten: (() => void) | undefined

  constructor(options: DeadlineOptions) {
    this.#clock = options.clock ?? systemClock
    const timeout = options.timeout ?? Number.POSITIVE_INFINITY
    this.#endsAt = timeout === Number.POSITIVE_INFINITY ? timeout : this.#clock.now() + timeout
    this.signal = timeout === Number.POSITIVE_INFINITY ? options.signal : this.#combine(options, timeout)
  }

  /** Milliseconds left, never below 0; `Infinity` without a timeout. */
  remaining(): number {
    if (this.#endsAt === Number.POSITIVE_INFINITY) return this.#endsAt
    return Math.max(0, this.#endsAt - this.#clock.now())
  }

  /** Stops the timer and lets go of the caller's signal. The own signal never aborts afterwards. */
  dispose(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#unlisten?.()
    this.#unlisten = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #combine(options: DeadlineOptions, timeout: number): AbortSignal {
    const controller = new AbortController()
    const outer = options.signal
    if (outer?.aborted === true) {
      controller.abort(outer.reason)
      return controller.signal
    }
    const timeUp = () => {
      this.dispose()
      controller.abort(options.timeoutReason?.() ?? timeoutError(timeout))
    }
    this.#timer = this.#clock.setTimeout(timeUp, timeout)
    if (outer !== undefined) this.#follow(outer, controller)
    return controller.signal
  }

  #follow(outer: AbortSignal, controller: AbortController): void {
    const onAbort = () => {
      this.dispose()
      controller.abort(outer.reason)
    }
    outer.addEventListener('abort', onAbort, { once: true })
    this.#unlisten = () => outer.removeEventListener('abort', onAbort)
  }
}

function timeoutError(timeout: number): DOMException {
  return new DOMException(`The operation did not end within ${timeout} ms`, 'TimeoutError')
}

/**
 * The promise, or a rejection with the signal's reason, whichever is first. The promise itself goes on; what becomes
 * of it after an abort is the caller's care, but its rejection is then no longer an unhandled one.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    const settled = () => signal.removeEventListener('abort', onAbort)
    promise.then(resolve, reject).then(settled)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

/**
 * Resolves after `delay` milliseconds; rejects with the signal's reason as soon as it aborts.
 *
 * @example
 * await sleep(100, { signal })
 */
export function sleep(
  delay: number,
  options: { readonly signal?: AbortSignal | undefined; readonly clock?: Clock } = {},
): Promise<void> {
  const { signal, clock = systemClock } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    const onAbort = () => {
      clock.clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, delay)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
