import type { Collection, CollectionChanges } from './collection.ts'
import { type CollectionView, INSPECT, type Inspect } from './collection-view.ts'

/** A real Set, whose own ways of changing it are hidden from what is derived. */
const ReadableSet = Set as unknown as new () => ReadonlySet<object>
const { add: put, delete: drop, clear: empty } = Set.prototype

/** A loaded collection as a set of its members. */
export class CollectionSet extends ReadableSet implements CollectionView {
  readonly #collection: Collection
  readonly #changes: CollectionChanges

  constructor(collection: Collection, changes: CollectionChanges) {
    super()
    this.#collection = collection
    this.#changes = changes
    this.follow()
  }

  get isLoaded(): true {
    return true
  }

  add(...items: object[]): void {
    for (const item of items) this.#changes.add(this.#collection, item)
  }

  remove(...items: object[]): void {
    for (const item of items) this.#changes.remove(this.#collection, item)
  }

  delete(item: object): boolean {
    const isIn = this.has(item)
    if (isIn) this.remove(item)
    return isIn
  }

  clear(): void {
    this.remove(...this.#collection.knownItems)
  }

  /** The members have changed. */
  follow(): void {
    empty.call(this)
    for (const item of this.#collection.knownItems) put.call(this, item)
  }

  inserted(item: object): void {
    put.call(this, item)
  }

  extracted(item: object): void {
    drop.call(this, item)
  }

  [INSPECT](_depth: number, options: object, inspect: Inspect): string {
    return inspect(new Set(this), options)
  }
}
