import { ConcurrentUseError, SessionClosedError } from '../errors.ts'
import { AsyncContext, callSite, Lane } from '../support/index.ts'
import { type SessionMove, type SessionStatus, sessionLifecycle } from './session-lifecycle.ts'

/** What happens to a call that overlaps another one of the same session. */
export type Concurrency = 'serialize' | 'raise'

/** An operation that waits for its turn, until an end rejects it. */
interface Waiting {
  readonly promise: Promise<unknown>
  reject(by: string): void
}

/**
 * A lane, and the operations in it that an end may reject. Their promises are then marked as handled, because the caller of the end
 * hears of it: one that was forgotten must not take the process down.
 */
interface Line {
  readonly lane: Lane
  /** Of the operation that was started last. */
  started: Promise<unknown> | undefined
  waiting: Set<Waiting> | undefined
}

/**
 * Where the program's code runs in a flush: not in one, beside its statements (before and after all of them, where anything may change),
 * or between them.
 */
export type FlushStage = 'none' | 'beside' | 'between'

/** A place inside a running operation where the program's own code runs: a listener, or the body of a savepoint. */
interface Inside {
  readonly gate: Gate
  readonly line: Line
  readonly outer: Inside | undefined
  readonly stage: FlushStage
  open: boolean
}

const inside = new AsyncContext<Inside>()

/**
 * The one way into a session for everything that reaches the database. Operations run one at a time, in the order of the calls;
 * code of the program that runs inside an operation gets a lane of its own there, so that it cannot wait for itself.
 */
export class Gate {
  readonly #line = newLine()
  readonly #concurrency: Concurrency
  /** The lines of the open places, the outermost first. */
  #innerLines: Line[] | undefined
  /** The places that are bodies of savepoints, the outermost first. */
  #savepoints: Inside[] | undefined
  /** Promises made from those of operations, since the last one that found the session idle. */
  #followed: Promise<unknown>[] | undefined
  #status: SessionStatus = 'quiet'
  /** Set when the session has ended for good: what it was that ended it. */
  #closedBy: string | undefined
  /** How many ends wait for the running operation; while one does, that operation sends nothing more. */
  #seizing = 0
  /** Set by the scope that the session belongs to: the error for a caller that must not use it, from another scope for example. */
  guard: ((label: string) => Error | undefined) | undefined = undefined

  constructor(concurrency: Concurrency) {
    this.#concurrency = concurrency
  }

  get closedBy(): string | undefined {
    return this.#closedBy
  }

  /** From now on nothing runs: every call, and whatever waits, is rejected, naming what has ended the session. */
  closeForGood(by: string): void {
    if (this.#closedBy !== undefined) return
    this.#closedBy = by
    this.#move(this.#status === 'in transaction' ? 'closeInTransaction' : 'close')
  }

  /** The session's outermost transaction begins. @throws IllegalStateChangeError on a session that has ended for good */
  transactionBegins(): void {
    this.#move('begin')
  }

  transactionEnds(): void {
    this.#move(this.#status === 'closing' ? 'finish' : 'end')
  }

  #move(move: SessionMove): void {
    this.#status = sessionLifecycle.next(this.#status, move)
  }

  /** Whether an operation runs or waits that is not the caller's own. */
  isBusy(): boolean {
    return this.#lineHere().lane.isBusy
  }

  /** The operation that runs where the caller is. */
  get current(): string | undefined {
    return this.#lineHere().lane.current
  }

  /** Whether the caller is code of the program that a flush has called. */
  isInsideFlush(): boolean {
    for (let place = inside.get(); place !== undefined; place = place.outer) {
      if (place.gate === this && place.open && place.stage !== 'none') return true
    }
    return false
  }

  /** Whether the caller is code of the program that a flush has called between its statements. */
  isBetweenStatements(): boolean {
    for (let place = inside.get(); place !== undefined; place = place.outer) {
      if (place.gate === this && place.open && place.stage === 'between') return true
    }
    return false
  }

  /** The error for a call that must not run at all: on a session that has ended, or one that the guard refuses. */
  refusalOf(label: string): Error | undefined {
    return this.#closedBy === undefined ? this.guard?.(label) : this.#closedError(label)
  }

  /** Runs an operation in its turn. */
  run<T>(label: string, work: () => Promise<T> | T): Promise<T> {
    const refusal = this.refusalOf(label)
    if (refusal !== undefined) return Promise.reject(refusal)
    if (!this.#line.lane.isBusy) return this.#startIdle(label, work)
    const line = this.#lineHere()
    if (!line.lane.isBusy) return this.#start(line, label, work)
    if (this.#concurrency === 'raise') return Promise.reject(this.overlap(label))
    return this.#queue(line, label, work)
  }

  /** Runs an operation that tears work in two where others are under way: refused unless the lane is idle. */
  runAlone<T>(label: string, work: () => Promise<T>): Promise<T> {
    const refusal = this.refusalOf(label)
    if (refusal !== undefined) return Promise.reject(refusal)
    const line = this.#lineHere()
    if (line.lane.isBusy) return Promise.reject(this.overlap(label))
    return this.#start(line, label, work)
  }

  /**
   * Runs the end (rollback, close) of everything, which never refuses: what is queued is rejected, what runs stops before its next
   * statement.
   */
  seize<T>(label: string, work: () => Promise<T> | T): Promise<T> {
    return this.#seize([this.#line, ...(this.#innerLines ?? [])], label, work)
  }

  /** Like {@link seize}, for what happens where the caller is: in the same savepoint, or further inside. */
  seizeHere<T>(label: string, work: () => Promise<T>): Promise<T> {
    const inner = this.#innerLines ?? []
    const here = inner.indexOf(this.#lineHere())
    return this.#seize(here < 0 ? [this.#line, ...inner] : inner.slice(here), label, work)
  }

  #seize<T>(lines: readonly Line[], label: string, work: () => Promise<T> | T): Promise<T> {
    const { lane } = this.#lineHere()
    for (const line of lines) this.#rejectWaiting(line, label)
    for (const promise of this.#followed?.splice(0) ?? []) promise.catch(ignore)
    if (!lane.isBusy) return lane.run(label, work)
    this.#seizing++
    return lane.run(label, () => {
      this.#seizing--
      return work()
    })
  }

  /** Their turns in the lane remain, and do nothing. An end that waits there is not among them: it is never rejected. */
  #rejectWaiting(line: Line, by: string): void {
    line.started?.catch(ignore)
    for (const waiting of line.waiting ?? []) {
      waiting.promise.catch(ignore)
      waiting.reject(by)
    }
    line.waiting?.clear()
  }

  /** Called before each statement: the running operation stops where an end waits for it. */
  checkInterrupted(label: string): void {
    if (this.#seizing > 0) throw this.#endedError(label, 'rollback() or close()')
  }

  /** Runs the program's own code inside the running operation; its calls on the session run there, in their own order. */
  within<T>(code: () => Promise<T> | T, stage: FlushStage = 'none'): Promise<T> {
    return this.#runAt({ gate: this, line: newLine(), outer: inside.get(), stage, open: true }, code)
  }

  /**
   * The same for a savepoint: `work` runs its body by the function that it is given, and ends it. Until then it is known who is part
   * of it.
   */
  async withSavepoint<T>(work: (runBody: <R>(body: () => Promise<R> | R) => Promise<R>) => Promise<T>): Promise<T> {
    const place: Inside = { gate: this, line: newLine(), outer: inside.get(), stage: 'none', open: true }
    this.#savepoints ??= []
    this.#savepoints.push(place)
    try {
      return await work((body) => this.#runAt(place, body))
    } finally {
      this.#savepoints.pop()
    }
  }

  /** Whether a savepoint that has a body is open, and the caller is no part of that but another branch. */
  isOutsideSavepoint(): boolean {
    const innermost = this.#savepoints?.at(-1)
    if (innermost === undefined) return false
    for (let place = inside.get(); place !== undefined; place = place.outer) if (place === innermost) return false
    return true
  }

  async #runAt<T>(place: Inside, code: () => Promise<T> | T): Promise<T> {
    this.#innerLines ??= []
    this.#innerLines.push(place.line)
    try {
      return await inside.run(place, code)
    } finally {
      await place.line.lane.whenIdle()
      place.open = false
      this.#innerLines.pop()
    }
  }

  /** Has an end treat a promise like that of the operation it was made from. */
  follow<T>(promise: Promise<T>): Promise<T> {
    this.#followed ??= []
    this.#followed.push(promise)
    return promise
  }

  /** The error for a call that overlaps others: names all of them. */
  overlap(label: string): ConcurrentUseError {
    const entries = this.#lineHere().lane.entries()
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

  /** The line of the innermost open place of this gate around the caller, or the gate's own. */
  #lineHere(): Line {
    if (!this.#line.lane.isBusy) return this.#line
    for (let place = inside.get(); place !== undefined; place = place.outer) {
      if (place.gate === this && place.open) return place.line
    }
    return this.#line
  }

  #startIdle<T>(label: string, work: () => Promise<T> | T): Promise<T> {
    this.#followed = undefined
    return this.#start(this.#line, label, work)
  }

  #start<T>(line: Line, label: string, work: () => Promise<T> | T): Promise<T> {
    const promise = line.lane.run(label, work)
    line.started = promise
    return promise
  }

  #queue<T>(line: Line, label: string, work: () => Promise<T> | T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const waiting = { promise, reject: (by: string) => reject(this.#endedError(label, by)) }
    line.waiting ??= new Set()
    line.waiting.add(waiting)
    const turn = line.lane.run(label, () => {
      // Rejected meanwhile: its promise is settled, and what comes here is nobody's.
      if (line.waiting?.delete(waiting) !== true) return promise
      line.started = promise
      if (this.#closedBy !== undefined) throw this.#closedError(label)
      return work()
    })
    turn.then(resolve, reject)
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

function newLine(): Line {
  return { lane: new Lane(), started: undefined, waiting: undefined }
}

function ignore(): void {}
