import { ArgumentError, SessionClosedError } from '../errors.ts'
import { isSessionmaker, type Session, type Sessionmaker } from '../session/index.ts'
import {
  aBoolean,
  aFunction,
  anAbortSignal,
  anInteger,
  aString,
  attachSuppressed,
  describeValue,
  type RulesOf,
  readOptions,
} from '../support/index.ts'
import { runBlockWithin } from './interruption.ts'
import { type Entry, ItemSource } from './item-source.ts'
import { type SessionScopes, scopesOf } from './scoped-session.ts'
import { openTransaction } from './transaction.ts'

/** How far {@link workParallel} has come. */
export interface ParallelProgress {
  /** Items that have ended, failed ones included. */
  readonly done: number
  /** All items, where their number is known: of arrays, sets and maps. */
  readonly total: number | undefined
  readonly failed: number
}

/** How {@link workParallel} goes about it. */
export interface WorkParallelOptions {
  /** Items that are worked on at a time; each needs a connection. Default: 8 */
  readonly concurrency?: number
  /** Stops everything when it aborts; its reason is thrown. */
  readonly signal?: AbortSignal | undefined
  /** Called after each item. What it throws stops everything, as the error of an item does. */
  readonly onProgress?: (progress: ParallelProgress) => void
  /** Work on every item, whatever becomes of the others, and give the outcome of each. Default: false */
  readonly settle?: boolean
  /** What the sessions call themselves, with the number of the item. Default: 'workParallel' */
  readonly label?: string
}

type Work<S, Item, Result> = (session: S, item: Item, index: number) => Promise<Result> | Result
type Open<S> = <T>(body: (session: S) => Promise<T> | T, label: string, signal: AbortSignal) => Promise<T>

const rules: RulesOf<WorkParallelOptions> = {
  concurrency: anInteger(1),
  signal: anAbortSignal,
  onProgress: aFunction,
  settle: aBoolean,
  label: aString,
}

/**
 * Works on many items, a few at a time, each in a scope, session and transaction of its own, which is committed when its work resolves.
 * Gives the results in the order of the items.
 *
 * The first error stops the rest: items that are worked on are rolled back, those that wait are never begun, and the error is thrown
 * when all have ended. What was committed before stays. With `settle: true` every item is worked on.
 *
 * ```ts
 * const totals = await workParallel(Session, [1, 2, 3], async (session, id) => totalOf(await session.getOne(Order, id)))
 * ```
 *
 * @param sessions a registry, or a sessionmaker: then there are no scopes
 * @param items an async iterable is asked for the next item when one can be worked on
 * @throws what the work throws; errors of other items that ended with it are in its `suppressed`
 */
export function workParallel<S extends Session, Item, Result>(
  sessions: SessionScopes<S> | Sessionmaker<S>,
  items: Iterable<Item> | AsyncIterable<Item>,
  work: Work<S, Item, Result>,
  options: WorkParallelOptions & { readonly settle: true },
): Promise<PromiseSettledResult<Result>[]>
export function workParallel<S extends Session, Item, Result>(
  sessions: SessionScopes<S> | Sessionmaker<S>,
  items: Iterable<Item> | AsyncIterable<Item>,
  work: Work<S, Item, Result>,
  options?: WorkParallelOptions & { readonly settle?: false },
): Promise<Result[]>
export async function workParallel<S extends Session, Item, Result>(
  sessions: SessionScopes<S> | Sessionmaker<S>,
  items: Iterable<Item> | AsyncIterable<Item>,
  work: Work<S, Item, Result>,
  options: WorkParallelOptions = {},
): Promise<Result[] | PromiseSettledResult<Result>[]> {
  if (typeof work !== 'function') {
    throw new ArgumentError(`workParallel(): a function is needed for the work, not ${describeValue(work)}.`)
  }
  const settings = readOptions('workParallel()', options, rules, {
    concurrency: 8,
    settle: false,
    label: 'workParallel',
  })
  const parallel = new ParallelWork<S, Item, Result>(openerOf(sessions), new ItemSource(items), work, settings)
  const outcomes = await parallel.run()
  if (settings.settle) return outcomes
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<Result>).value)
}

/** How one item gets its session. */
function openerOf<S extends Session>(sessions: SessionScopes<S> | Sessionmaker<S>): Open<S> {
  if (isSessionmaker(sessions)) {
    return (body, label, signal) => {
      const session = (sessions as Sessionmaker<S>)({ label })
      return runBlockWithin(session, () => body(session), signal)
    }
  }
  const scopes = typeof sessions === 'function' ? scopesOf<S>(sessions) : undefined
  if (scopes !== undefined) return (body, label, signal) => openTransaction(scopes, body, { label }, { signal })
  throw new ArgumentError(
    `workParallel(): what scopedSession() or sessionmaker() gives is needed first, not ${describeValue(sessions)}.`,
  )
}

type Settings = WorkParallelOptions & Required<Pick<WorkParallelOptions, 'concurrency' | 'settle' | 'label'>>

class ParallelWork<S extends Session, Item, Result> {
  readonly #open: Open<S>
  readonly #source: ItemSource<Item>
  readonly #work: Work<S, Item, Result>
  readonly #settings: Settings
  readonly #outcomes: PromiseSettledResult<Result>[] = []
  readonly #stop = new AbortController()
  /** What is thrown in the end; set once. */
  #error: { readonly value: unknown } | undefined
  #done = 0
  #failed = 0

  constructor(open: Open<S>, source: ItemSource<Item>, work: Work<S, Item, Result>, settings: Settings) {
    this.#open = open
    this.#source = source
    this.#work = work
    this.#settings = settings
  }

  async run(): Promise<PromiseSettledResult<Result>[]> {
    const { concurrency, signal } = this.#settings
    const onAbort = () => this.#end(signal?.reason)
    if (signal?.aborted === true) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const workers = Math.min(concurrency, this.#source.total ?? concurrency)
    await Promise.all(Array.from({ length: workers }, () => this.#workOnItems()))
    signal?.removeEventListener('abort', onAbort)
    await this.#source.close().catch((failure: unknown) => this.#end(failure))
    if (this.#error === undefined) return this.#outcomes
    this.#keepFailedEnds(this.#error.value)
    throw this.#error.value
  }

  /** Never rejects: an error ends the whole. */
  async #workOnItems(): Promise<void> {
    const { signal } = this.#stop
    try {
      for (;;) {
        const entry = await this.#source.next(signal)
        if (entry === undefined) return
        await this.#workOn(entry)
      }
    } catch (error) {
      if (error !== signal.reason) this.#end(error)
    }
  }

  async #workOn({ index, item }: Entry<Item>): Promise<void> {
    const { signal } = this.#stop
    const label = `${this.#settings.label} #${index}`
    try {
      const value = await this.#open((session) => this.#work(session, item, index), label, signal)
      this.#outcomes[index] = { status: 'fulfilled', value }
    } catch (reason) {
      if (signal.aborted && reason === signal.reason) return
      this.#failed++
      this.#outcomes[index] = { status: 'rejected', reason }
      if (!this.#settings.settle) this.#end(reason)
    }
    this.#done++
    this.#settings.onProgress?.({ done: this.#done, total: this.#source.total, failed: this.#failed })
  }

  /** The first error stops all; further ones are kept with it. */
  #end(error: unknown): void {
    if (this.#error !== undefined) {
      attachSuppressed(this.#error.value, error)
      return
    }
    this.#error = { value: error }
    this.#stop.abort(
      new SessionClosedError('workParallel() has stopped, because another item failed.', { cause: error }),
    )
  }

  /** Rollbacks of stopped items that failed were kept with the reason of the stop, which nobody else sees. */
  #keepFailedEnds(error: unknown): void {
    const { suppressed = [] } = this.#stop.signal.reason as SessionClosedError
    for (const failure of suppressed) attachSuppressed(error, failure)
  }
}
