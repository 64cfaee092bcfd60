import type { DriverConnection, Statement } from '../../src/drivers/index.ts'
import type { Engine } from '../../src/engine/index.ts'

/**
 * What becomes of one call on a driver connection:
 * - `refuse`: it is not made, and rejects
 * - `fail after`: it is made, and rejects nevertheless
 * - `cut`: the connection is lost before it is made
 * - `lose answer`: it is made, and the connection is lost before its answer comes
 * - `hang`: it is not made and does not settle before `letGo()`; it is made then
 */
export type Fault = 'refuse' | 'fail after' | 'cut' | 'lose answer' | 'hang'

/** Which calls a fault meets: the n-th from now (from 0), or those whose text matches. */
export type FaultyCall = number | RegExp

interface Plan {
  readonly call: FaultyCall
  readonly fault: Fault
  readonly error: Error
  left: number
}

/** What a test asks of a driver beyond its contract: to fail. */
type Breakable = { -readonly [Name in keyof DriverConnection]: DriverConnection[Name] }

/**
 * Real driver connections that fail on demand. Every connection that the engine opens from now on is watched: a call's text
 * is its SQL in lower case, or 'begin', 'commit', 'rollback', 'ping', 'reset'.
 *
 * @example
 * const faults = injectFaults(engine) // before the engine's first connection
 * faults.plan(/^commit$/, 'lose answer')
 */
export function injectFaults(engine: Engine): Faults {
  const faults = new Faults()
  engine.on('connect', ({ resource }) => faults.watch(resource as DriverConnection))
  return faults
}

/** The faults of one engine, and what was called on its connections. */
export class Faults {
  /** The texts of all calls since the beginning, or since `clear()`. */
  calls: string[] = []
  #plans: Plan[] = []
  #seen = 0
  #hanging: (() => void)[] = []

  /**
   * Plans a fault for a call, or for so many that match.
   *
   * @returns the error with which these calls reject
   */
  plan(call: FaultyCall, fault: Fault, times = 1): Error {
    const error = Object.assign(new Error(`the driver's ${fault}`), { isInjected: true })
    const position = typeof call === 'number' ? this.#seen + call : call
    this.#plans.push({ call: position, fault, error, left: times })
    return error
  }

  /** Forgets the calls and all plans that have not come to pass. */
  clear(): void {
    this.calls = []
    this.#plans = []
  }

  /** Whether every planned fault has come to pass. */
  get isSpent(): boolean {
    return this.#plans.length === 0
  }

  /** How many calls hang now. */
  get hanging(): number {
    return this.#hanging.length
  }

  /** Resolves when a call hangs. */
  async untilHanging(): Promise<void> {
    while (this.#hanging.length === 0) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Lets every call that hangs go on. */
  letGo(): void {
    for (const go of this.#hanging.splice(0)) go()
  }

  /** Puts itself between a connection and its holder. */
  watch(real: DriverConnection): void {
    const faulty = real as Breakable
    const { runNow, beginNow, commitNow } = real
    const call = {
      run: real.run.bind(real),
      runEach: real.runEach.bind(real),
      begin: real.begin.bind(real),
      commit: real.commit.bind(real),
      rollback: real.rollback.bind(real),
      ping: real.ping.bind(real),
      reset: real.reset.bind(real),
    }
    faulty.run = (statement) => this.#meet(real, textOf(statement), () => call.run(statement))
    faulty.runEach = (statement, sets) => this.#meet(real, textOf(statement), () => call.runEach(statement, sets))
    faulty.begin = (options) => this.#meet(real, 'begin', () => call.begin(options))
    faulty.commit = () => this.#meet(real, 'commit', () => call.commit())
    faulty.rollback = () => this.#meet(real, 'rollback', () => call.rollback())
    faulty.ping = () => this.#meet(real, 'ping', () => call.ping())
    faulty.reset = () => this.#meet(real, 'reset', () => call.reset())
    if (beginNow !== undefined)
      faulty.beginNow = (options) => this.#meetNow('begin', () => beginNow.call(real, options)) ?? false
    if (commitNow !== undefined) faulty.commitNow = () => this.#meetNow('commit', () => commitNow.call(real))
    if (runNow === undefined) return
    faulty.runNow = (statement) => {
      return this.#meetNow(textOf(statement), () => runNow.call(real, statement))
    }
  }

  /** A call that is done at once, unless a fault is planned for it: its holder then makes the one that may take its time. */
  #meetNow<T>(text: string, work: () => T | undefined): T | undefined {
    if (this.#planFor(text) !== undefined) return undefined
    const outcome = work()
    if (outcome !== undefined && outcome !== false) this.#note(text)
    return outcome
  }

  async #meet<T>(real: DriverConnection, text: string, work: () => Promise<T>): Promise<T> {
    const plan = this.#planFor(text)
    this.#note(text)
    if (plan === undefined) return work()
    plan.left--
    if (plan.left === 0) this.#plans = this.#plans.filter((each) => each !== plan)
    if (plan.fault === 'hang') return this.#hang(work)
    if (plan.fault === 'lose answer' || plan.fault === 'fail after') await work()
    if (plan.fault === 'lose answer' || plan.fault === 'cut') cut(real, plan.error)
    throw plan.error
  }

  #planFor(text: string): Plan | undefined {
    return this.#plans.find(({ call }) => (typeof call === 'number' ? call === this.#seen : call.test(text)))
  }

  #note(text: string): void {
    this.calls.push(text)
    this.#seen++
  }

  async #hang<T>(work: () => Promise<T>): Promise<T> {
    await new Promise<void>((resolve) => this.#hanging.push(resolve))
    return work()
  }
}

function textOf({ sql }: Statement): string {
  return sql.replace(/["`]/g, '').replace(/\s+/g, ' ').trim().toLowerCase()
}

/** From now on the connection is what it is after a cut: broken, and silent towards the server. */
function cut(real: DriverConnection, error: Error): void {
  real.destroy()
  Object.defineProperty(real, 'brokenBy', { configurable: true, get: () => error })
  Object.defineProperty(real, 'transactionStatus', { configurable: true, get: () => 'unknown' })
  const lost = () => Promise.reject(error)
  Object.assign(real, {
    runNow: undefined,
    commitNow: undefined,
    run: lost,
    runEach: lost,
    commit: lost,
    rollback: lost,
    ping: lost,
    reset: lost,
  })
}
