/** A timer that a {@link Clock} started; only good for giving back to its `clearTimeout`. */
export type ClockTimer = object

/** Where time comes from. Everything in heddle that waits takes one, so that a test can turn the hands itself. */
export interface Clock {
  /** Milliseconds since the epoch; never goes backwards. */
  now(): number
  /**
   * Calls `run` once after `delay` milliseconds (at most 24.8 days; a longer delay counts as that).
   * With `unref` the timer does not keep the program alive.
   */
  setTimeout(run: () => void, delay: number, options?: { readonly unref?: boolean }): ClockTimer
  clearTimeout(timer: ClockTimer): void
}

/** The longest delay that a timer of Node can have: a longer one would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1

/** Read once: reading it costs as much as reading the time. */
const timeOrigin = performance.timeOrigin

/** The real clock. Monotonic: it is not moved by somebody who sets the time of day. */
export const systemClock: Clock = {
  now: () => timeOrigin + performance.now(),
  setTimeout: (run, delay, options) => {
    const timer = setTimeout(run, Math.min(delay, LONGEST_DELAY))
    if (options?.unref === true) timer.unref()
    return timer
  },
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** Resolves after what is ready now, promises included, has run. */
export function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(() => resolve(undefined)))
}
