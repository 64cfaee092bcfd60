import { ArgumentError } from '../errors.ts'
import { abortable } from './deadline.ts'
import { Lane } from './lane.ts'
import { describeValue } from './options.ts'
import { warn } from './warn.ts'

/** An item and its place among the others. */
export interface Entry<Item> {
  readonly index: number
  readonly item: Item
}

/** Items, asked for one at a time, however many ask. */
export class ItemSource<Item> {
  /** How many there are, where that is known before the end. */
  readonly total: number | undefined
  readonly #iterator: Iterator<Item> | AsyncIterator<Item>
  readonly #lane = new Lane()
  #given = 0
  #state: 'open' | 'asking' | 'ended' = 'open'

  /** @throws ArgumentError for what is not iterable, in the name of `owner` */
  constructor(owner: string, items: Iterable<Item> | AsyncIterable<Item>) {
    this.total = sizeOf(items)
    this.#iterator = iteratorOf(owner, items)
  }

  /** The next item, or undefined after the last. @throws the reason of `signal`, and what the items throw */
  next(signal: AbortSignal): Promise<Entry<Item> | undefined> {
    return this.#lane.run('next item', async () => {
      signal.throwIfAborted()
      if (this.#state !== 'open') return undefined
      this.#state = 'asking'
      const result = await abortable(this.#ask(), signal)
      if (result.done === true) return undefined
      return { index: this.#given++, item: result.value }
    })
  }

  /** Tells the items that no more are wanted. */
  async close(): Promise<void> {
    if (this.#state === 'ended') return
    const closing = Promise.resolve(this.#iterator.return?.())
    if (this.#state === 'open') await closing
    // Its answer to the last question is still to come, and may never: nobody waits for that.
    else closing.catch((failure: unknown) => warn('HEDDLE_SUPPRESSED', `The items could not be closed: ${failure}`))
  }

  async #ask(): Promise<IteratorResult<Item>> {
    try {
      const result = await this.#iterator.next()
      this.#state = result.done === true ? 'ended' : 'open'
      return result
    } catch (error) {
      this.#state = 'ended'
      throw error
    }
  }
}

function iteratorOf<Item>(
  owner: string,
  items: Iterable<Item> | AsyncIterable<Item>,
): Iterator<Item> | AsyncIterator<Item> {
  if (items !== null && items !== undefined) {
    if (Symbol.asyncIterator in Object(items)) return (items as AsyncIterable<Item>)[Symbol.asyncIterator]()
    if (Symbol.iterator in Object(items)) return (items as Iterable<Item>)[Symbol.iterator]()
  }
  throw new ArgumentError(`${owner}: its items must be iterable, and are ${describeValue(items)}.`)
}

function sizeOf(items: unknown): number | undefined {
  if (Array.isArray(items)) return items.length
  return items instanceof Set || items instanceof Map ? items.size : undefined
}
