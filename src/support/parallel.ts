import { SessionClosedError } from '../errors.ts'
import { type Entry, ItemSource } from './item-source.ts'
import { attachSuppressed } from './suppressed.ts'

/** How far parallel work has come: `workParallel()`, and `map()` of a pool of threads. */
export interface ParallelProgress {
  /** Items that have ended, failed ones included. */
  readonly done: number
  /** All items, where their number is known: of arrays, sets and maps. */
  readonly total: number | undefined
  readonly failed: number
}

/** How {@link runParallel} goes about it. */
export interface ParallelSettings {
  /** Items that are worked on at a time. */
  readonly concurrency: number
  /** Stops everything when it aborts; its reason is thrown. */
  readonly signal?: AbortSignal | undefined
  /** Called after each item. What it throws stops everything, as the error of an item does. */
  readonly onProgress?: ((progress: ParallelProgress) => void) | undefined
  /** Works on every item, whatever becomes of the others. */
  readonly settle: boolean
}

/** What is done with an item. The signal aborts when all is to stop. */
type Work<Item, Result> = (item: Item, index: number, signal: AbortSignal) => Promise<Result>

/**
 * Works on items, a few at a time, and gives their outcomes in their order. Unless they are to settle, the first error stops the rest
 * and is thrown when all have ended, with further ones in its `suppressed`.
 *
 * @param owner what is called, as messages tell it
 * @throws ArgumentError for items that are not iterable; the signal's reason; what the items throw
 */
export async function runParallel<Item, Result>(
  owner: string,
  items: Iterable<Item> | AsyncIterable<Item>,
  work: Work<Item, Result>,
  settings: ParallelSettings,
): Promise<PromiseSettledResult<Result>[]> {
  return new ParallelWork(owner, new ItemSource(owner, items), work, settings).run()
}

class ParallelWork<Item, Result> {
  readonly #owner: string
  readonly #source: ItemSource<Item>
  readonly #work: Work<Item, Result>
  readonly #settings: ParallelSettings
  readonly #outcomes: PromiseSettledResult<Result>[] = []
  readonly #stop = new AbortController()
  /** What is thrown in the end; set once. */
  #error: { readonly value: unknown } | undefined
  #done = 0
  #failed = 0

  constructor(owner: string, source: ItemSource<Item>, work: Work<Item, Result>, settings: ParallelSettings) {
    this.#owner = owner
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
    try {
      const value = await this.#work(item, index, signal)
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
      new SessionClosedError(`${this.#owner} has stopped, because another item failed.`, { cause: error }),
    )
  }

  /** Rollbacks of stopped items that failed were kept with the reason of the stop, which nobody else sees. */
  #keepFailedEnds(error: unknown): void {
    const { suppressed = [] } = this.#stop.signal.reason as SessionClosedError
    for (const failure of suppressed) attachSuppressed(error, failure)
  }
}
