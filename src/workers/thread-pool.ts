import { randomUUID } from 'node:crypto'
import { BroadcastChannel, MessageChannel, type MessagePort } from 'node:worker_threads'
import { ArgumentError, PoolClosedError, ThreadEndedError } from '../index.ts'
import { abortable, Deadline, describeValue, runParallel, systemClock, warn } from '../support/index.ts'
import type { Answer, Assignment, EndMessage, StopRequest } from './messages.ts'
import { packError, unpackError } from './packed-error.ts'
import { startThreads, type Threads } from './piscina.ts'
import { readMapOptions, readPoolOptions, type ThreadMapOptions, type ThreadPoolOptions } from './pool-options.ts'
import { refuseUnsendable, uncloneable } from './sendable.ts'
import type { ThreadWorker } from './thread-worker.ts'

/** The exports of a worker's module, where nothing is known of them. */
// biome-ignore lint/suspicious/noExplicitAny: items and results of any kind
type AnyWorkers = Record<string, ThreadWorker<any, any>>

/** The names of those exports that a pool of threads can call. */
export type WorkerName<Workers> = {
  // biome-ignore lint/suspicious/noExplicitAny: items and results of any kind
  [Name in keyof Workers]: Workers[Name] extends ThreadWorker<any, any> ? Name : never
}[keyof Workers] &
  string

/** What an export of a worker's module takes. */
export type ItemOf<Worker> = Worker extends ThreadWorker<infer Item, unknown> ? Item : never
/** What an export of a worker's module gives. */
export type ResultOf<Worker> = Worker extends ThreadWorker<never, infer Result> ? Result : never

/** What {@link threadPool} gives. */
export interface ThreadPool<Workers = AnyWorkers> extends AsyncDisposable {
  /** How many threads it keeps. */
  readonly threads: number
  /**
   * Has an export of the worker's module work on many items, one at a time in each thread, each in a session and transaction of its own.
   * Gives the results in the order of the items.
   *
   * The first error stops the rest: items that are worked on are rolled back, those that wait are never begun, and the error is thrown
   * when all have ended. What was committed before stays.
   *
   * ```ts
   * const totals = await pool.map([1, 2, 3], 'handle')
   * ```
   *
   * @param items an async iterable is asked for the next item when a thread can work on one
   * @throws what the work throws, with its class, code, cause and fields; further errors are in its `suppressed`
   * @throws UnsendableError for an item or a result with something in it that belongs to one thread: an instance, a session, an engine
   * @throws ThreadEndedError when a thread ended before it answered; PoolClosedError; ArgumentError
   */
  map<Name extends WorkerName<Workers>>(
    items: Iterable<ItemOf<Workers[Name]>> | AsyncIterable<ItemOf<Workers[Name]>>,
    name: Name,
    options: ThreadMapOptions & { readonly settle: true },
  ): Promise<PromiseSettledResult<ResultOf<Workers[Name]>>[]>
  map<Name extends WorkerName<Workers>>(
    items: Iterable<ItemOf<Workers[Name]>> | AsyncIterable<ItemOf<Workers[Name]>>,
    name: Name,
    options?: ThreadMapOptions & { readonly settle?: false },
  ): Promise<ResultOf<Workers[Name]>[]>
  /** The same for one item. */
  run<Name extends WorkerName<Workers>>(
    item: ItemOf<Workers[Name]>,
    name: Name,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<ResultOf<Workers[Name]>>
  /**
   * Ends the pool: what is worked on is stopped and rolled back, every thread disposes of its engines and ends. Resolves when all have.
   */
  close(): Promise<void>
}

/**
 * A pool of real threads, for work that keeps a processor busy beside the database. Each thread has its own copy of every module, and so
 * its own engine, pool and sessions. Needs the package `piscina`. The threads start with the first item.
 *
 * ```ts
 * import type * as workers from './worker.ts'
 * await using pool = threadPool<typeof workers>(new URL('./worker.ts', import.meta.url), { threads: 4 })
 * const totals = await pool.map([1, 2, 3], 'handle') // export const handle = threadWorker(Session, async (session, n) => …)
 * ```
 *
 * @param module where the worker is: a `file:` URL of a module whose exports `threadWorker()` has made
 * @throws ArgumentError for anything else, unknown options and wrong values
 */
export function threadPool<Workers = AnyWorkers>(
  module: URL | string,
  options: ThreadPoolOptions = {},
): ThreadPool<Workers> {
  return new PiscinaThreadPool(moduleUrl(module), readPoolOptions(options)) as unknown as ThreadPool<Workers>
}

class PiscinaThreadPool {
  readonly threads: number
  readonly #url: string
  readonly #options: Required<ThreadPoolOptions>
  readonly #channel = `heddle threads ${randomUUID()}`
  readonly #closing = new AbortController()
  /** Items that a thread works on. */
  readonly #underWay = new Set<Promise<unknown>>()
  #started: Promise<Threads> | undefined
  #closed: Promise<void> | undefined

  constructor(url: string, options: Required<ThreadPoolOptions>) {
    this.#url = url
    this.#options = options
    this.threads = options.threads
  }

  async map(items: Iterable<unknown>, name: string, options: ThreadMapOptions = {}): Promise<unknown[]> {
    this.#refuseClosed('map()')
    checkName(name)
    const settings = readMapOptions(options, this.threads)
    const onItem = (item: unknown, index: number, signal: AbortSignal) => this.#assign(name, item, index, signal)
    const outcomes = await runParallel('map()', items, onItem, { ...settings, signal: this.#stopBy(settings.signal) })
    if (settings.settle) return outcomes
    return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<unknown>).value)
  }

  async run(item: unknown, name: string, options: { readonly signal?: AbortSignal } = {}): Promise<unknown> {
    return (await this.map([item], name, options))[0]
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #stopBy(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([this.#closing.signal, signal])
  }

  async #assign(name: string, item: unknown, index: number, signal: AbortSignal): Promise<unknown> {
    refuseUnsendable(item, 'item', ` as item ${index} of map()`)
    const working = this.#workOn(name, item, index, signal)
    this.#underWay.add(working)
    try {
      return await working
    } finally {
      this.#underWay.delete(working)
    }
  }

  async #workOn(name: string, item: unknown, index: number, signal: AbortSignal): Promise<unknown> {
    const threads = await this.#start()
    signal.throwIfAborted()
    const { port1: here, port2: port } = new MessageChannel()
    const force = new AbortController()
    const stopping = this.#stopOnAbort(signal, here, force)
    try {
      const assignment: Assignment = { url: this.#url, name, item, index, port }
      const answered = answerOn(here)
      const ran = threads.run(assignment, { transferList: [port], signal: force.signal })
      // The answer comes on another way than the end of the run, and may be the later of the two.
      return this.#outcome(await Promise.race([answered, ran.then(() => answered)]))
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw asSendingError(error, index)
    } finally {
      stopping.dispose()
      here.close()
    }
  }

  /** Asks the thread to stop, and ends it where it does not: one that computes without a pause cannot hear. */
  #stopOnAbort(signal: AbortSignal, port: MessagePort, force: AbortController): { dispose(): void } {
    let timer: object | undefined
    const onAbort = () => {
      port.postMessage({ stop: packError(signal.reason) } satisfies StopRequest)
      timer = systemClock.setTimeout(() => force.abort(signal.reason), this.#options.grace)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    return {
      dispose: () => {
        signal.removeEventListener('abort', onAbort)
        if (timer !== undefined) systemClock.clearTimeout(timer)
      },
    }
  }

  #outcome(answer: Answer): unknown {
    if ('result' in answer) return answer.result
    throw new Thrown(unpackError(answer.failure, this.#options.errors))
  }

  #start(): Promise<Threads> {
    this.#started ??= startThreads(this.threads, { channel: this.#channel })
    return this.#started
  }

  async #close(): Promise<void> {
    this.#closing.abort(new PoolClosedError('The pool of threads was closed while it worked; what ran is rolled back.'))
    await Promise.allSettled(this.#underWay)
    const threads = await this.#started?.catch(() => undefined)
    if (threads === undefined) return
    await this.#endEach(threads)
    await threads.destroy()
  }

  /** Has every thread dispose of its engines. One that does not answer in time is ended without. */
  async #endEach(threads: Threads): Promise<void> {
    const awaited = new Set(threads.threads.map(({ threadId }) => threadId))
    if (awaited.size === 0) return
    const { promise: allEnded, resolve } = Promise.withResolvers<void>()
    using limit = new Deadline({ timeout: this.#options.grace })
    const channel = new BroadcastChannel(this.#channel)
    channel.onmessage = (event: { readonly data?: unknown }) => {
      const message = event.data as Exclude<EndMessage, 'end'>
      if (message.failure !== undefined) warnOfEnd(unpackError(message.failure, []))
      awaited.delete(message.ended)
      if (awaited.size === 0) resolve()
    }
    channel.postMessage('end' satisfies EndMessage)
    await abortable(allEnded, limit.signal).catch((reason: unknown) => warnOfEnd(reason))
    channel.close()
  }

  #refuseClosed(call: string): void {
    if (this.#closed === undefined) return
    throw new PoolClosedError(`${call} was called on a pool of threads that has been closed; make another one.`)
  }
}

/** Marks what the work has thrown, whatever that is, among the failures of the threads themselves. */
class Thrown {
  readonly value: unknown
  constructor(value: unknown) {
    this.value = value
  }
}

function asSendingError(error: unknown, index: number): unknown {
  if (error instanceof Thrown) return error.value
  const { name } = error as { readonly name?: unknown }
  if (name === 'DataCloneError') return uncloneable(error, 'item', ` as item ${index} of map()`)
  return new ThreadEndedError(
    `The thread that worked on item ${index} ended before it answered: an error that nobody caught, process.exit(), or too little ` +
      'memory. What it had not committed is rolled back; the pool has started another one.',
    { cause: error },
  )
}

function answerOn(port: MessagePort): Promise<Answer> {
  return new Promise((resolve) => port.once('message', resolve))
}

function warnOfEnd(failure: unknown): void {
  const what = failure instanceof Error ? failure.message : String(failure)
  warn('HEDDLE_THREAD_END', `A thread could not dispose of its engines before it was ended: ${what}`)
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && name !== '') return
  throw new ArgumentError(`map(): the name of an export of the worker's module is needed, not ${describeValue(name)}.`)
}

function moduleUrl(module: unknown): string {
  const text = module instanceof URL ? module.href : module
  if (typeof text === 'string' && text.startsWith('file:')) return text
  throw new ArgumentError(
    `threadPool(): a file URL of the worker's module is needed, as new URL('./worker.ts', import.meta.url), not ${describeValue(module)}.`,
  )
}
