import { DetachedInstanceError } from '../errors.ts'
import type { RelationLink } from '../mapping/index.ts'
import { type CollectionView, INSPECT, type Inspect } from './collection-view.ts'
import type { InstanceState } from './instance-state.ts'
import { COLLECTION, type CollectionContent, type CollectionSlot } from './relation-slot.ts'

/** Changes a collection, with everything that hangs on it: the other side, cascades, the session. */
export interface CollectionChanges {
  add(collection: Collection, item: object): void
  remove(collection: Collection, item: object): void
}

/**
 * One to-many property of one instance: its members, and what was added and removed since the last flush. While it is not loaded it
 * knows only those; loading puts them together with the stored members.
 */
export class Collection implements CollectionSlot {
  readonly state: InstanceState
  readonly link: RelationLink
  readonly changes: CollectionChanges
  /** The members as the program sees them; undefined while not loaded. */
  #list: CollectionList | undefined
  /** The same for looking up, once a collection is large. */
  #members: Set<object> | undefined
  /** Of these most collections never have any, so they are made when they are asked for. */
  #added: Set<object> | undefined
  #removed: Set<object> | undefined
  /** Whether the program has put anything in, taken anything out, or set it; reading it does not count. */
  wasTouched = false
  /** Whether there may be stored members that are not in the list. */
  #isPart = false
  #unloaded: UnloadedList | undefined

  constructor(state: InstanceState, link: RelationLink, changes: CollectionChanges, items?: readonly object[]) {
    this.state = state
    this.link = link
    this.changes = changes
    if (items !== undefined) this.#fill(items)
  }

  get [COLLECTION](): true {
    return true
  }

  get isLoaded(): boolean {
    return this.#list !== undefined
  }

  /** Whether all members are known; a loaded collection may be a part of them, as a query chose it. */
  get isWhole(): boolean {
    return this.#list !== undefined && !this.#isPart
  }

  /** The members that were put in since the last flush. */
  get added(): Set<object> {
    this.#added ??= new Set()
    return this.#added
  }
  set added(items: Set<object>) {
    this.#added = items
  }

  /** The members that were taken out since the last flush. */
  get removed(): Set<object> {
    this.#removed ??= new Set()
    return this.#removed
  }
  set removed(items: Set<object>) {
    this.#removed = items
  }

  /** What the property gives. */
  get view(): CollectionView {
    if (this.#list !== undefined) return this.#list
    this.#unloaded ??= new UnloadedList(this, this.changes)
    return this.#unloaded
  }

  /** The members that are known: all of a loaded collection, the added ones of another. */
  get knownItems(): readonly object[] {
    return this.#list ?? [...(this.#added ?? [])]
  }

  /** Whether there is anything to write. */
  get isChanged(): boolean {
    return (
      (this.#added !== undefined && this.#added.size > 0) || (this.#removed !== undefined && this.#removed.size > 0)
    )
  }

  has(item: object): boolean {
    return this.#list === undefined ? this.#added?.has(item) === true : this.#memberSet().has(item)
  }

  /** Whether an instance could be put in; arrays take any. @throws InvalidRequestError where it cannot */
  refuseMember(_item: object): void {}

  /** Whether these could be the members, together. @throws InvalidRequestError where they cannot */
  refuseMembers(_items: Iterable<object>): void {}

  /** Puts a member in, without anything that hangs on it. False where it is in already. */
  put(item: object): boolean {
    this.wasTouched = true
    if (this.has(item)) return false
    if (!this.removed.delete(item)) this.added.add(item)
    if (this.#list !== undefined) {
      this.#memberSet().add(item)
      Array.prototype.push.call(this.#list, item)
    }
    return true
  }

  /** Takes a member out, likewise. A collection that is not known as a whole takes any: it may be stored there. */
  take(item: object): boolean {
    this.wasTouched = true
    if (this.#list !== undefined && this.#memberSet().delete(item)) {
      Array.prototype.splice.call(this.#list, this.#list.indexOf(item), 1)
    } else if (this.isWhole || this.removed.has(item)) return false
    if (!this.added.delete(item)) this.removed.add(item)
    return true
  }

  /** The stored members arrived, or a part of them: what was added and removed meanwhile is put on top of them. */
  load(stored: readonly object[], isPart = false): void {
    this.#isPart = isPart
    this.#fill(this.isChanged ? this.#underChanges(stored, isPart) : stored)
  }

  #underChanges(stored: readonly object[], isPart: boolean): object[] {
    const { added, removed } = this
    const present = new Set(stored)
    for (const item of added) if (present.has(item)) added.delete(item)
    if (!isPart) for (const item of removed) if (!present.has(item)) removed.delete(item)
    return [...stored.filter((item) => !removed.has(item)), ...added]
  }

  #fill(items: readonly object[]): void {
    this.#members = undefined
    this.#list = CollectionList.over(this, eachOnce(items))
  }

  #memberSet(): Set<object> | CollectionLookup {
    if (this.#members !== undefined) return this.#members
    const list = this.#list as CollectionList
    if (list.length <= FEW) return new CollectionLookup(list)
    this.#members = new Set(list)
    return this.#members
  }

  /** The stored members, without changes that are not flushed; undefined while not loaded. */
  content(): CollectionContent {
    if (this.#list === undefined || !this.isChanged) return this.#list?.slice()
    return [...this.#list.filter((item) => !this.added.has(item)), ...this.removed]
  }

  /** Makes the members what they were, in the array that the program may hold. */
  restore(content: CollectionContent): void {
    this.#added = undefined
    this.#removed = undefined
    if (content !== undefined && this.#list !== undefined) refill(this.#list, content)
    else if (content !== undefined) this.#fill(content)
    else this.#list = undefined
    if (content === undefined) this.#isPart = false
    this.#members = undefined
  }

  /** Its instance has no row any more: nothing of it is stored. */
  becomeNew(): void {
    if (this.#list === undefined) this.#fill([...this.added])
    this.#added = new Set(this.#list)
    this.#removed = undefined
  }

  /** A member whose row is gone leaves without a trace. */
  drop(item: object): void {
    this.#added?.delete(item)
    this.#removed?.delete(item)
    this.#members?.delete(item)
    const index = this.#list?.indexOf(item) ?? -1
    if (index >= 0) Array.prototype.splice.call(this.#list, index, 1)
  }
}

/** Up to so many members are looked through where they are; for more a Set is made. */
const FEW = 16

/** The list itself where nothing is in it twice. */
function eachOnce(items: readonly object[]): readonly object[] {
  if (items.length > FEW) {
    const members = new Set(items)
    return members.size === items.length ? items : [...members]
  }
  for (let i = 1; i < items.length; i++) {
    for (let before = 0; before < i; before++) if (items[i] === items[before]) return [...new Set(items)]
  }
  return items
}

function refill(list: CollectionList, items: readonly object[]): void {
  list.length = 0
  for (const item of items) Array.prototype.push.call(list, item)
}

/** A small list as a set: looking through a few members is cheaper than keeping a second structure. */
class CollectionLookup {
  readonly #list: readonly object[]
  constructor(list: readonly object[]) {
    this.#list = list
  }
  has(item: object): boolean {
    return this.#list.includes(item)
  }
  add(_item: object): void {}
  delete(item: object): boolean {
    return this.#list.includes(item)
  }
}

/**
 * A loaded collection: an array of the members. `add` and `remove`, and `push` and its like, tell the other side and the session;
 * assigning to an index does not, and is refused by the types.
 */
export class CollectionList extends Array<object> implements CollectionView {
  /** A private slot, so that a list shows its members only. */
  #collection: Collection | undefined

  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  /** Writing to places is many times faster than `push`, which has no short way for an array of another class. */
  static over(collection: Collection, items: readonly object[]): CollectionList {
    const list = new CollectionList(items.length)
    list.#collection = collection
    for (let i = 0; i < items.length; i++) list[i] = items[i] as object
    return list
  }

  get isLoaded(): true {
    return true
  }

  /** `console.log` shows an array. */
  [INSPECT](_depth: number, options: object, inspect: Inspect): string {
    return inspect(Array.from(this), options)
  }

  /** Puts instances in; those that are in already stay once. */
  add(...items: object[]): void {
    const collection = this.#collection as Collection
    for (const item of items) collection.changes.add(collection, item)
  }

  /** Takes instances out. */
  remove(...items: object[]): void {
    const collection = this.#collection as Collection
    for (const item of items) collection.changes.remove(collection, item)
  }

  override push(...items: object[]): number {
    this.add(...items)
    return this.length
  }

  override unshift(...items: object[]): number {
    return this.push(...items)
  }

  override pop(): object | undefined {
    return this.#takeAt(this.length - 1)
  }

  override shift(): object | undefined {
    return this.#takeAt(0)
  }

  override splice(start: number, count = this.length, ...items: object[]): object[] {
    const taken = this.slice(start, start < 0 ? this.length + start + count : start + count)
    this.remove(...taken)
    this.add(...items)
    return taken
  }

  #takeAt(index: number): object | undefined {
    const item = this[index]
    if (item !== undefined) this.remove(item)
    return item
  }
}

/** A collection that is not loaded: `await` gives its members, `add` and `remove` need no loading. */
export class UnloadedList implements PromiseLike<readonly object[]> {
  readonly #collection: Collection
  readonly #changes: CollectionChanges

  constructor(collection: Collection, changes: CollectionChanges) {
    this.#collection = collection
    this.#changes = changes
  }

  get isLoaded(): false {
    return false
  }

  [INSPECT](): string {
    return '<not loaded>'
  }

  /** `JSON.stringify` leaves it out. */
  toJSON(): undefined {
    return undefined
  }

  add(...items: object[]): void {
    for (const item of items) this.#changes.add(this.#collection, item)
  }

  remove(...items: object[]): void {
    for (const item of items) this.#changes.remove(this.#collection, item)
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting it is what it is for
  then<Kept, Failed>(
    onLoaded?: ((items: readonly object[]) => Kept | PromiseLike<Kept>) | null,
    onFailed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Kept | Failed> {
    const { state, link } = this.#collection
    return (loadRelated(state, link) as Promise<readonly object[]>).then(onLoaded, onFailed)
  }
}

/** Loads a relation through the session; a detached instance has none. */
export function loadRelated(state: InstanceState, link: RelationLink): Promise<unknown> {
  if (state.owner !== undefined) return state.owner.loadRelated(state, link)
  return Promise.reject(
    new DetachedInstanceError(
      `Loading ${state.describe()}.${link.property}: the instance is in no session; add it to one, or load the relation with ` +
        `query(${link.source.name}).with('${link.property}').`,
    ),
  )
}
