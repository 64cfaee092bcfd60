import { InvalidRequestError } from '../errors.ts'
import type { MemberKey } from '../mapping/index.ts'
import type { Collection, CollectionChanges } from './collection.ts'
import { type CollectionView, INSPECT, type Inspect } from './collection-view.ts'
import { stateOf } from './inspect.ts'
import { keyNow } from './member-key.ts'

/** A real Map, whose own ways of changing it are hidden from what is derived. */
const ReadableMap = Map as unknown as new () => ReadonlyMap<unknown, object>
const { set: put, delete: drop, clear: empty } = Map.prototype

/**
 * A loaded collection as a map by a key of its members. The members themselves are the collection's; the map follows them when it is
 * read: a key that was changed meanwhile, or that the database made, is the one by which its member is found.
 */
export class CollectionMap extends ReadableMap implements CollectionView {
  readonly #collection: Collection
  readonly #changes: CollectionChanges
  readonly #key: MemberKey
  /** The key under which each member stands in the map. */
  readonly #keys = new Map<object, unknown>()
  /** The members, or their number, are others than those in the map. */
  #isBehind = true

  constructor(collection: Collection, changes: CollectionChanges, key: MemberKey) {
    super()
    this.#collection = collection
    this.#changes = changes
    this.#key = key
  }

  get isLoaded(): true {
    return true
  }

  override get size(): number {
    return this.#collection.knownItems.length
  }

  override get(key: unknown): object | undefined {
    const found = this.#isBehind ? undefined : super.get(key)
    if (found !== undefined && this.#hasKey(found, key)) return found
    this.#follow()
    return super.get(key)
  }

  override has(key: unknown): boolean {
    return this.get(key) !== undefined
  }

  override keys(): MapIterator<unknown> {
    this.#follow()
    return super.keys()
  }

  override entries(): MapIterator<[unknown, object]> {
    this.#follow()
    return super.entries()
  }

  override [Symbol.iterator](): MapIterator<[unknown, object]> {
    return this.entries()
  }

  /** Needs no keys. */
  override values(): MapIterator<object> {
    return this.#collection.knownItems.values() as MapIterator<object>
  }

  override forEach(visit: (item: object, key: unknown, map: ReadonlyMap<unknown, object>) => void): void {
    this.#follow()
    for (const [key, item] of super.entries()) visit(item, key, this)
  }

  add(...items: object[]): void {
    for (const item of items) this.#changes.add(this.#collection, item)
  }

  remove(...items: object[]): void {
    for (const item of items) this.#changes.remove(this.#collection, item)
  }

  /** A member is put in under its own key only. */
  set(key: unknown, item: object): this {
    const own = keyNow(this.#key, item)
    if (!Object.is(own, key)) {
      throw new InvalidRequestError(
        `Setting ${this.#place} at ${String(key)}: the member's own ${this.#key.name} is ${String(own)}; set that first, or use add().`,
      )
    }
    this.add(item)
    return this
  }

  delete(key: unknown): boolean {
    const item = this.get(key)
    if (item !== undefined) this.remove(item)
    return item !== undefined
  }

  clear(): void {
    this.remove(...this.#collection.knownItems)
  }

  /** The members have changed. */
  follow(): void {
    this.#isBehind = true
  }

  /** The other member that has the key of `item`, as far as that is known. */
  holderOf(item: object): object | undefined {
    const key = keyNow(this.#key, item)
    if (key === undefined) return undefined
    if (this.#isBehind) this.#tryFollow()
    const found = this.#isBehind ? undefined : super.get(key)
    return found !== undefined && found !== item && this.#hasKey(found, key) ? found : undefined
  }

  /** One that came in or went out is put right alone, where the map was right before. */
  inserted(item: object): void {
    const key = this.#isBehind ? undefined : keyNow(this.#key, item)
    if (key === undefined || super.has(key)) this.#isBehind = true
    else this.#put(key, item)
  }

  extracted(item: object): void {
    const key = this.#keys.get(item)
    if (this.#isBehind || super.get(key) !== item) {
      this.#isBehind = true
      return
    }
    drop.call(this, key)
    this.#keys.delete(item)
  }

  [INSPECT](_depth: number, options: object, inspect: Inspect): string {
    this.#tryFollow()
    return inspect(this.#isBehind ? [...this.#collection.knownItems] : new Map(super.entries()), options)
  }

  #hasKey(item: object, key: unknown): boolean {
    const now = keyNow(this.#key, item)
    return now === undefined ? Object.is(this.#keys.get(item), key) : Object.is(now, key)
  }

  #tryFollow(): void {
    try {
      this.#follow()
    } catch (error) {
      if (!(error instanceof InvalidRequestError)) throw error
    }
  }

  /** Puts the map right where a key or the members have changed. A member that is not loaded keeps the key it had. */
  #follow(): void {
    const items = this.#collection.knownItems
    if (!this.#isBehind && items.every((item) => this.#hasKey(item, this.#keys.get(item)))) return
    const byKey = new Map<unknown, object>()
    for (const item of items) {
      const key = keyNow(this.#key, item) ?? this.#keys.get(item)
      if (key === undefined) throw this.#noKey(item)
      const other = byKey.get(key)
      if (other !== undefined) throw this.#sameKey(item, other, key)
      byKey.set(key, item)
    }
    empty.call(this)
    this.#keys.clear()
    for (const [key, item] of byKey) this.#put(key, item)
    this.#isBehind = false
  }

  #put(key: unknown, item: object): void {
    put.call(this, key, item)
    this.#keys.set(item, key)
  }

  get #place(): string {
    const { state, link } = this.#collection
    return `${state.describe()}.${link.property}`
  }

  #noKey(item: object): InvalidRequestError {
    return new InvalidRequestError(
      `Reading ${this.#place} by key: ${stateOf(item).describe()} has no ${this.#key.name} yet; give it one, or flush where the database ` +
        'makes it. values() needs no keys.',
    )
  }

  #sameKey(item: object, other: object, key: unknown): InvalidRequestError {
    return new InvalidRequestError(
      `Reading ${this.#place} by key: ${stateOf(other).describe()} and ${stateOf(item).describe()} both have the ${this.#key.name} ` +
        `${JSON.stringify(String(key))}; change or remove one of them. values() needs no keys.`,
    )
  }
}
