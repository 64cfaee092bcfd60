import type { Clock, ClockTimer } from '../../src/support/index.ts'

interface Alarm {
  readonly at: number
  readonly run: () => void
}

/** A clock whose hands a test turns. Timers fire in the order of their times, within `advance`. */
export class ManualClock implements Clock {
  #now = 1_000_000
  readonly #alarms = new Set<Alarm>()

  now(): number {
    return this.#now
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#alarms.size
  }

  setTimeout(run: () => void, delay: number): ClockTimer {
    const alarm = { at: this.#now + delay, run }
    this.#alarms.add(alarm)
    return alarm
  }

  clearTimeout(timer: ClockTimer): void {
    this.#alarms.delete(timer as Alarm)
  }

  /** Lets the time pass, and what waits for it run. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.at)
      this.#alarms.delete(next)
      next.run()
      await settle()
    }
    this.#now = end
    await settle()
  }

  #next(end: number): Alarm | undefined {
    let first: Alarm | undefined
    for (const alarm of this.#alarms) {
      if (alarm.at <= end && (first === undefined || alarm.at < first.at)) first = alarm
    }
    return first
  }
}

/** Lets everything that is only waiting for its microtask run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
