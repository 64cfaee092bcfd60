import { ConcurrentUseError, SessionClosedError } from '../errors.ts'
import { AsyncContext, callSite, Lane } from '../support/index.ts'

/** What happens to a call that overlaps another one of the same session. */
export type Concurrency = 'serialize' | 'raise'

/** A place inside a running operation where the program's own code runs: a listener, or the body of a savepoint. */
interface Inside {
  readonly gate: Gate
  readonly lane: Lane
  readonly outer: Inside | undefined
  open: boolean
}

const inside = new AsyncContext<Inside>()

/**
 * The one way into a session for everything that reaches the database. Operations run one at a time, in the order of the calls;
 * code of the program that runs inside an operation gets a lane of its own there, so that it cannot wait for itself.
 */
export class Gate {
  readonly #lane = new Lane()
  readonly #concurrency: Concurrency
  /** Set when the session has ended for good: what it was that ended it. */
  #closedBy: string | undefined
  /** How many ends wait for the running operation; while one does, that operation sends nothing more. */
  #seizing = 0
  /**
   * The promises that an end may reject: of the operation that was started last, and of those that wait. An end marks them as
   * handled, because its own caller hears of them; a forgotten one must not take the process down.
   */
  #started: Promise<unknown> | undefined
  readonly #waiting = new Set<Promise<unknown>>()
  /** Set by the scope that the session belongs to: the error for a caller that must not use it, from another scope for example. */
  guard: ((label: string) => Error | undefined) | undefined = undefined

  constructor(concurrency: Concurrency) {
    this.#concurrency = concurrency
  }

  get closedBy(): string | undefined {
    return this.#closedBy
  }

  /** From now on nothing runs: every call is rejected, naming what has ended the session. */
  closeForGood(by: string): void {
    this.#closedBy ??= by
  }

  /** Whether an operation runs or waits that is not the caller's own. */
  isBusy(): boolean {
    return this.#laneHere().isBusy
  }

  /** Whether the caller is the program's own code inside the running operation. */
  isInside(): boolean {
    return this.#lane.isBusy && this.#laneHere() !== this.#lane
  }

  /** The error for a call that must not run at all: on a session that has ended, or one that the guard refuses. */
  refusalOf(label: string): Error | undefined {
    return this.#closedBy === undefined ? this.guard?.(label) : this.#closedError(label)
  }

  /** Runs an operation in its turn. */
  run<T>(label: string, work: () => Promise<T>): Promise<T> {
    const refusal = this.refusalOf(label)
    if (refusal !== undefined) return Promise.reject(refusal)
    if (!this.#lane.isBusy) return this.#start(this.#lane, label, work)
    const lane = this.#laneHere()
    if (!lane.isBusy) return this.#start(lane, label, work)
    if (this.#concurrency === 'raise') return Promise.reject(this.overlap(label))
    return this.#queue(lane, label, work)
  }

  /** Runs an operation that tears work in two where others are under way: refused unless the lane is idle. */
  runAlone<T>(label: string, work: () => Promise<T>): Promise<T> {
    const refusal = this.refusalOf(label)
    if (refusal !== undefined) return Promise.reject(refusal)
    const lane = this.#laneHere()
    if (lane.isBusy) return Promise.reject(this.overlap(label))
    return lane.run(label, work)
  }

  /**
   * Runs an end (rollback, close), which never refuses: what is queued is rejected, what runs stops before its next statement.
   */
  seize<T>(label: string, work: () => Promise<T>): Promise<T> {
    const lane = this.#laneHere()
    if (!lane.isBusy) return lane.run(label, work)
    for (const promise of this.#waiting) promise.catch(ignore)
    this.#started?.catch(ignore)
    this.#waiting.clear()
    lane.rejectQueued((queued) => this.#endedError(queued, label))
    this.#seizing++
    return lane.run(label, () => {
      this.#seizing--
      return work()
    })
  }

  /** Called before each statement: the running operation stops where an end waits for it. */
  checkInterrupted(label: string): void {
    if (this.#seizing > 0) throw this.#endedError(label, 'rollback() or close()')
  }

  /** Runs the program's own code inside the running operation; its calls on the session run there, in their own order. */
  async within<T>(code: () => Promise<T> | T): Promise<T> {
    const place: Inside = { gate: this, lane: new Lane(), outer: inside.get(), open: true }
    try {
      return await inside.run(place, code)
    } finally {
      await place.lane.whenIdle()
      place.open = false
    }
  }

  /** The error for a call that overlaps others: names all of them. */
  overlap(label: string): ConcurrentUseError {
    const entries = this.#laneHere().entries()
    const calls = [...entries.map((entry) => entry.label), label]
    const places = [...entries.map((entry) => entry.stack), callSite()]
    const where = calls.flatMap((call, i) => (places[i] === undefined ? [] : [`\n${call} was called\n${places[i]}`]))
    const others = entries.map((entry) => entry.label).join(', ')
    return new ConcurrentUseError(
      `${label} was called while ${others} had not ended on the same session: an await is missing, or two branches share ` +
        `the session. Await ${others} first, or give each branch a session of its own.${where.join('')}`,
      { calls },
    )
  }

  /** The lane of the innermost open place of this gate around the caller, or the gate's own. */
  #laneHere(): Lane {
    if (!this.#lane.isBusy) return this.#lane
    for (let place = inside.get(); place !== undefined; place = place.outer) {
      if (place.gate === this && place.open) return place.lane
    }
    return this.#lane
  }

  #start<T>(lane: Lane, label: string, work: () => Promise<T>): Promise<T> {
    const promise = lane.run(label, work)
    this.#started = promise
    return promise
  }

  #queue<T>(lane: Lane, label: string, work: () => Promise<T>): Promise<T> {
    const promise = lane.run(label, () => {
      this.#waiting.delete(promise)
      this.#started = promise
      return work()
    })
    this.#waiting.add(promise)
    return promise
  }

  #closedError(label: string): SessionClosedError {
    return new SessionClosedError(
      `${label} was called after its session had ended (${this.#closedBy}); nothing was sent. ` +
        'Await everything inside the block, or open a session of its own for work that outlives it.',
    )
  }

  #endedError(label: string, by: string): SessionClosedError {
    return new SessionClosedError(`${label} had not run to its end when ${by} ended its transaction; it was not sent.`)
  }
}

function ignore(): void {}
