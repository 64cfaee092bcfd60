import { bindContext } from './async-context.ts'
import { isThenable } from './thenable.ts'
import { callSite } from './trace.ts'

/** One operation of a {@link Lane}, running or waiting, as it is told in errors. */
export interface LaneEntry {
  readonly label: string
  /** Where the operation was asked for; only with tracing on. */
  readonly stack: string | undefined
}

interface Queued extends LaneEntry {
  readonly start: () => void
  readonly reject: (error: Error) => void
  next: Queued | undefined
}

/**
 * One operation at a time, in the order of the calls. An operation that finds the lane idle starts within the call,
 * and costs one promise beyond its own; the others wait in a line. What one throws never reaches the next.
 *
 * An operation that awaits another of the same lane would wait for itself: work inside an operation must not
 * go through the lane again.
 *
 * @example
 * const lane = new Lane()
 * await Promise.all([lane.run('first', readOne), lane.run('second', readTwo)]) // readTwo starts when readOne has settled
 */
export class Lane {
  #busy = false
  #current: string | undefined
  #currentStack: string | undefined
  /** The line of those who wait: first, last, and how many. Nothing of an entry is kept once it has started. */
  #first: Queued | undefined
  #last: Queued | undefined
  #waiting = 0
  #idleListeners: (() => void)[] | undefined

  /** Whether an operation is running. */
  get isBusy(): boolean {
    return this.#busy
  }

  /** The label of the running operation, `undefined` while idle. */
  get current(): string | undefined {
    return this.#current
  }

  /** How many operations wait for their turn. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Runs `work` when all that was asked for before has settled, and settles as it does.
   *
   * @param label what the operation calls itself, for errors that name it
   */
  run<T>(label: string, work: () => Promise<T> | T): Promise<T> {
    if (this.#busy) return this.#enqueue(label, work)
    this.#occupy(label, callSite())
    let result: Promise<T> | T
    try {
      result = work()
    } catch (error) {
      this.#free()
      return Promise.reject(error)
    }
    if (isThenable(result)) return this.#watch(result)
    this.#free()
    return Promise.resolve(result)
  }

  /** The labels of the running operation and of those that wait, in order. */
  labels(): readonly string[] {
    return this.entries().map((entry) => entry.label)
  }

  /** The running operation and those that wait, in order, with their call sites while tracing is on. */
  entries(): readonly LaneEntry[] {
    const entries: LaneEntry[] = []
    if (this.#current !== undefined) entries.push({ label: this.#current, stack: this.#currentStack })
    for (let entry = this.#first; entry !== undefined; entry = entry.next) {
      entries.push({ label: entry.label, stack: entry.stack })
    }
    return entries
  }

  /** Rejects all that wait, without running them, each with the error made for its label. The running one goes on. */
  rejectQueued(makeError: (label: string) => Error): void {
    let entry = this.#first
    this.#first = undefined
    this.#last = undefined
    this.#waiting = 0
    for (; entry !== undefined; entry = entry.next) entry.reject(makeError(entry.label))
  }

  /** Resolves once nothing runs and nothing waits: at once while idle. */
  whenIdle(): Promise<void> {
    if (!this.#busy) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idleListeners ??= []
      this.#idleListeners.push(resolve)
    })
  }

  #enqueue<T>(label: string, work: () => Promise<T> | T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // It is started by the end of another operation, and must not inherit that one's asynchronous scope.
      const start = bindContext(() => this.#start(work, resolve, reject))
      const entry: Queued = { label, stack: callSite(), start, reject, next: undefined }
      if (this.#last === undefined) this.#first = entry
      else this.#last.next = entry
      this.#last = entry
      this.#waiting++
    })
  }

  #start<T>(work: () => Promise<T> | T, resolve: (value: T) => void, reject: (error: unknown) => void): void {
    const pass = (value: T) => {
      resolve(value)
      this.#free()
    }
    const fail = (error: unknown) => {
      reject(error)
      this.#free()
    }
    // Also a plain value or a throw ends its turn in a microtask: a long line of them must not become a deep stack.
    let result: Promise<T>
    try {
      result = Promise.resolve(work())
    } catch (error) {
      result = Promise.reject(error)
    }
    result.then(pass, fail)
  }

  /** Hands the outcome on, so that a rejection which nobody awaits is reported by the process and not lost here. */
  async #watch<T>(result: Promise<T>): Promise<T> {
    try {
      return await result
    } finally {
      this.#free()
    }
  }

  #occupy(label: string, stack: string | undefined): void {
    this.#busy = true
    this.#current = label
    this.#currentStack = stack
  }

  #free(): void {
    const entry = this.#first
    if (entry === undefined) {
      this.#becomeIdle()
      return
    }
    this.#first = entry.next
    if (entry.next === undefined) this.#last = undefined
    this.#waiting--
    this.#occupy(entry.label, entry.stack)
    entry.start()
  }

  #becomeIdle(): void {
    this.#busy = false
    this.#current = undefined
    this.#currentStack = undefined
    const listeners = this.#idleListeners
    if (listeners === undefined) return
    this.#idleListeners = undefined
    for (const listener of listeners) listener()
  }
}
