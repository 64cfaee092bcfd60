import { InvalidRequestError } from '../errors.ts'
import type { RelationLink } from '../mapping/index.ts'
import { Collection, type CollectionChanges } from './collection.ts'
import { CollectionMap } from './collection-map.ts'
import { CollectionSet } from './collection-set.ts'
import type { CollectionView } from './collection-view.ts'
import { stateOf } from './inspect.ts'
import type { InstanceState } from './instance-state.ts'
import { keyNow, memberKeyOf } from './member-key.ts'
import type { CollectionContent } from './relation-slot.ts'
import { WriteOnlyCollection } from './write-only.ts'

/** The collection of a relation, as its shape wants it: one that is an array knows nothing of the others. */
export function createCollection(
  state: InstanceState,
  link: RelationLink,
  changes: CollectionChanges,
  items?: readonly object[],
): Collection {
  if (link.options.collection === 'writeOnly') return new WriteOnlyCollection(state, link, changes, items)
  const Kind = link.shape === 'array' ? Collection : ShapedCollection
  return new Kind(state, link, changes, items)
}

/** A collection that the program sees as a set or a map: made of the members when it is first read, and kept in step with them. */
class ShapedCollection extends Collection {
  #shown: CollectionSet | CollectionMap | undefined

  override get view(): CollectionView {
    if (!this.isLoaded) return super.view
    this.#shown ??= this.#makeShown()
    return this.#shown
  }

  #makeShown(): CollectionSet | CollectionMap {
    const key = memberKeyOf(this.link)
    return key === undefined ? new CollectionSet(this, this.changes) : new CollectionMap(this, this.changes, key)
  }

  override put(item: object): boolean {
    const isNew = super.put(item)
    if (isNew) this.#shown?.inserted(item)
    return isNew
  }

  override take(item: object): boolean {
    const wasIn = super.take(item)
    if (wasIn) this.#shown?.extracted(item)
    return wasIn
  }

  override drop(item: object): void {
    super.drop(item)
    this.#shown?.follow()
  }

  override load(stored: readonly object[], isPart = false): void {
    super.load(stored, isPart)
    this.#shown?.follow()
  }

  override restore(content: CollectionContent): void {
    super.restore(content)
    if (this.isLoaded) this.#shown?.follow()
    else this.#shown = undefined
  }

  /** Two members cannot have one key. What is not loaded may hold another one still: reading it will tell. */
  override refuseMember(item: object): void {
    if (!this.isLoaded || memberKeyOf(this.link) === undefined) return
    const holder = (this.view as CollectionMap).holderOf(item)
    if (holder !== undefined) throw this.#sameKey(item, holder)
  }

  /** The same for all that are to be the members together. */
  override refuseMembers(items: Iterable<object>): void {
    const key = memberKeyOf(this.link)
    const byKey = new Map<unknown, object>()
    for (const item of key === undefined ? [] : items) {
      const now = keyNow(key as NonNullable<typeof key>, item)
      const other = now === undefined ? undefined : byKey.get(now)
      if (other !== undefined && other !== item) throw this.#sameKey(item, other)
      byKey.set(now, item)
    }
  }

  #sameKey(item: object, holder: object): InvalidRequestError {
    const key = memberKeyOf(this.link) as NonNullable<ReturnType<typeof memberKeyOf>>
    return new InvalidRequestError(
      `Adding ${stateOf(item).describe()} to ${this.state.describe()}.${this.link.property}: ${stateOf(holder).describe()} has the ` +
        `${key.name} ${JSON.stringify(String(keyNow(key, item)))} there already; remove that one first, or give the other another ${key.name}.`,
    )
  }
}
