import { ArgumentError, InvalidRequestError } from '../errors.ts'
import { classOf, linksOf, nameOf, type RelationLink } from '../mapping/index.ts'
import type { Collection, CollectionChanges } from './collection.ts'
import { hearAppended, hearAssigned, hearRemoved, hearReplaced } from './entity-events-relations.ts'
import { stateOf } from './inspect.ts'
import type { InstanceState, RelationChange } from './instance-state.ts'
import { keyNow, memberKeyOf } from './member-key.ts'
import { isOrphanOf } from './orphans.ts'
import { knownRelated } from './reach.ts'
import { createCollection } from './shaped-collection.ts'
import { tryStateOf } from './slot.ts'
import { knownOne } from './to-one.ts'

/** Assigns a to-one property: this side, the other side, cascades. */
export function assignOne(state: InstanceState, link: RelationLink, value: unknown): void {
  const given = checkedItem(state, link, value)
  const before = knownOne(state, link)
  if (before === given && state.related?.[link.index] !== undefined) return
  const item = checkedItem(state, link, hearAssigned(state, link, given, before))
  if (link.options.viewOnly === true) {
    state.slots()[link.index] = item
    return
  }
  askSessions('related attribute set', link, state, item, before)
  refuseAsMember(state, link, item)
  refuseSecondParent(state, link, item)
  refuseToAdd(state, link, item)
  setOne(state, link, item, before)
  const { inverse } = link
  if (before != null) {
    noteParent(link, before, null, state)
    if (inverse !== undefined) leave(before, inverse, state.instance)
    expungeOrphan(state, link, before)
  }
  if (item === null) return
  noteParent(link, item, state)
  if (inverse !== undefined) join(item, inverse, state.instance)
  cascadeAdd(state, link, item)
}

/** The collection on the other side may refuse the instance: another member has its key. */
function refuseAsMember(state: InstanceState, { inverse }: RelationLink, item: object | null): void {
  if (item === null || inverse === undefined || !inverse.toMany || inverse.shape === 'array') return
  const collection = collectionOf(stateOf(item), inverse)
  if (!collection.has(state.instance)) collection.refuseMember(state.instance)
}

/** The sessions of all that a change of a relation touches may refuse it, before anything is changed. */
function askSessions(
  what: RelationChange,
  link: RelationLink,
  state: InstanceState,
  ...touched: readonly (object | null | undefined)[]
): void {
  if (link.options.viewOnly === true) return
  state.owner?.willRelate(link, what)
  for (const other of touched) if (other != null) stateOf(other).owner?.willRelate(link, what)
}

/** Remembers to whom an instance belongs, for relations that own it. */
function noteParent(link: RelationLink, item: object, parent: InstanceState | null, lostBy?: InstanceState): void {
  if (!link.ownsTarget && link.options.singleParent !== true && !link.cascade.has('delete')) return
  const state = stateOf(item)
  const current = state.parents?.get(link)
  // Another parent that has taken it since keeps it, unless that one is in no session: after a rollback, for example.
  const isTaken = current != null && current !== lostBy && (current.owner !== undefined || state.owner === undefined)
  if (parent === null && isTaken) return
  state.parents ??= new Map()
  state.parents.set(link, parent)
}

/** Sets the slot alone, and remembers what it was at the last flush. */
function setOne(
  state: InstanceState,
  link: RelationLink,
  item: object | null,
  before: object | null | undefined,
): void {
  state.noteRelationChange()
  state.relatedOriginals ??= new Map()
  if (!state.relatedOriginals.has(link.index)) state.relatedOriginals.set(link.index, before)
  state.slots()[link.index] = item
}

/** The other side of an item that went away: its property no longer holds the instance. */
function leave(item: object, inverse: RelationLink, instance: object): void {
  const state = stateOf(item)
  noteParent(inverse, instance, null, state)
  if (inverse.toMany) {
    const collection = collectionOf(state, inverse)
    if (collection.isWhole && !collection.has(instance)) return
    state.noteRelationChange()
    collection.take(instance)
  } else if (knownOne(state, inverse) === instance) {
    setOne(state, inverse, null, instance)
  }
}

/** The other side of an item that was set: its property holds the instance. */
function join(item: object, inverse: RelationLink, instance: object): void {
  const state = stateOf(item)
  noteParent(inverse, instance, state)
  if (inverse.toMany) {
    const collection = collectionOf(state, inverse)
    if (!collection.has(instance)) {
      state.noteRelationChange()
      collection.put(instance)
    }
    return
  }
  const before = knownOne(state, inverse)
  if (before !== instance) setOne(state, inverse, instance, before)
}

/** What hangs on a change of a collection. */
export const collectionChanges: CollectionChanges = {
  add(collection, value) {
    const { state, link } = collection
    const given = checkedItem(state, link, value) as object
    if (collection.has(given)) return
    const item = checkedItem(state, link, hearAppended(state, link, given)) as object
    if (link.options.viewOnly === true) {
      collection.put(item)
      return
    }
    askSessions('collection append', link, state, item)
    collection.refuseMember(item)
    refuseSecondParent(state, link, item)
    refuseToAdd(state, link, item)
    state.noteRelationChange()
    collection.put(item)
    noteParent(link, item, state)
    const { inverse } = link
    if (inverse !== undefined) joinFromCollection(state, inverse, item)
    cascadeAdd(state, link, item)
  },

  remove(collection, value) {
    const { state, link } = collection
    const item = checkedItem(state, link, value) as object
    if (collection.isWhole && !collection.has(item)) return
    if (link.options.viewOnly === true) {
      collection.take(item)
      return
    }
    hearRemoved(state, link, item)
    askSessions('collection remove', link, state, item)
    state.noteRelationChange()
    collection.take(item)
    noteParent(link, item, null, state)
    if (link.inverse !== undefined) leave(item, link.inverse, state.instance)
    expungeOrphan(state, link, item)
  },
}

/** A member that had another parent leaves that one's collection too. */
function joinFromCollection(parent: InstanceState, inverse: RelationLink, item: object): void {
  const state = stateOf(item)
  if (!inverse.toMany) {
    const before = knownOne(state, inverse)
    if (before != null && before !== parent.instance && inverse.inverse !== undefined)
      leave(before, inverse.inverse, item)
  }
  join(item, inverse, parent.instance)
}

/** Replaces the members of a collection. */
export function assignMany(state: InstanceState, link: RelationLink, value: unknown): void {
  const wished = hearReplaced(state, link, iterated(state, link, value))
  const items = iterated(state, link, wished).map((item) => checkedItem(state, link, item) as object)
  const collection = collectionOf(state, link)
  const isFilled = link.options.collection === 'writeOnly' && state.identity === undefined
  if (!collection.isWhole && !isFilled) throw notLoadedForReplacing(state, link, collection.isLoaded)
  collection.refuseMembers(items)
  if (value instanceof Map) refuseOtherKeys(state, link, value)
  collection.wasTouched = true
  const wanted = new Set(items)
  for (const item of collection.knownItems.filter((item) => !wanted.has(item)))
    collectionChanges.remove(collection, item)
  for (const item of wanted) collectionChanges.add(collection, item)
}

/** In a map that is assigned each member stands under its own key. */
function refuseOtherKeys(state: InstanceState, link: RelationLink, given: ReadonlyMap<unknown, unknown>): void {
  const key = memberKeyOf(link)
  for (const [at, item] of key === undefined ? [] : given) {
    const own = keyNow(key as NonNullable<typeof key>, item as object)
    if (own === undefined || Object.is(own, at)) continue
    throw new ArgumentError(
      `Setting ${state.describe()}.${link.property}: the member at ${JSON.stringify(String(at))} has the ${key?.name} ` +
        `${JSON.stringify(String(own))}; a map must have each member under its own key, or give an array.`,
    )
  }
}

function iterated(state: InstanceState, link: RelationLink, value: unknown): unknown[] {
  const isIterable = typeof (value as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function'
  if (value instanceof Map) return [...value.values()]
  if (isIterable && typeof value !== 'string') return [...(value as Iterable<unknown>)]
  throw new ArgumentError(
    `Setting ${state.describe()}.${link.property}: a collection takes an array of ${link.target.name}.`,
  )
}

function notLoadedForReplacing(state: InstanceState, link: RelationLink, isPart: boolean): InvalidRequestError {
  const found = isPart ? 'only a part of the collection is loaded' : 'the collection is not loaded'
  const remedy = isPart
    ? `load all of it with refresh(instance, ['${link.property}'])`
    : `await instance.${link.property}`
  return new InvalidRequestError(
    `Setting ${state.describe()}.${link.property}: ${found}, so what it loses is not known; ${remedy} first, or use add() and ` +
      'remove().',
  )
}

/** The collection of an instance. That of a new instance is empty; that of a stored one is not loaded at first. */
export function collectionOf(state: InstanceState, link: RelationLink): Collection {
  const slots = state.slots()
  let collection = slots[link.index] as Collection | undefined
  if (collection === undefined) {
    const isNew = state.status === 'transient' || state.status === 'pending'
    collection = createCollection(state, link, collectionChanges, isNew ? [] : undefined)
    slots[link.index] = collection
  }
  return collection
}

function checkedItem(state: InstanceState, link: RelationLink, value: unknown): object | null {
  if (value === null && !link.toMany) return null
  const given = tryStateOf(value)
  if (given !== undefined && isKindOf(link, value as object)) return value as object
  const found = given === undefined ? (value === null ? 'null' : typeof value) : given.model.name
  throw new ArgumentError(
    `Setting ${state.describe()}.${link.property}: an instance of ${nameOf(link.target)} is needed, ${found} was given.`,
  )
}

function isKindOf(link: RelationLink, value: object): boolean {
  return tryStateOf(value)?.model === link.target || value instanceof classOf(link.target)
}

/** What is put into a relation of an instance that is in a session joins the session, where the relation cascades that. */
function cascadeAdd(state: InstanceState, link: RelationLink, item: object): void {
  if (cascadesAdd(state, link)) state.owner?.addByCascade(stateOf(item), link)
}

/** Before anything is changed: neither side of a relation may hold what the session refuses. */
function refuseToAdd(state: InstanceState, link: RelationLink, item: object | null): void {
  if (item !== null && cascadesAdd(state, link)) state.owner?.refuseToAdd(stateOf(item))
}

function cascadesAdd(state: InstanceState, link: RelationLink): boolean {
  return link.cascade.has('save-update') && (state.status === 'pending' || state.status === 'persistent')
}

/** The other sides of an instance that a rollback took out, and that is added again, hold it again. */
export function rejoin(state: InstanceState): void {
  state.isUnjoined = false
  for (const link of linksOf(state.model)) {
    const { inverse } = link
    if (inverse === undefined) continue
    for (const item of knownRelated(state, link)) join(item, inverse, state.instance)
  }
}

/** An instance whose row is gone leaves the collections of those it knows. */
export function leaveCollections(state: InstanceState): void {
  for (const link of linksOf(state.model)) {
    const { inverse } = link
    if (inverse?.toMany !== true) continue
    const one = link.toMany ? undefined : knownOne(state, link)
    for (const item of one == null ? knownRelated(state, link) : [one]) {
      const collection = stateOf(item).related?.[inverse.index] as Collection | undefined
      collection?.drop(state.instance)
    }
  }
}

/** A pending instance that its only parent let go leaves the session at once. */
function expungeOrphan(state: InstanceState, link: RelationLink, item: object): void {
  const lost = stateOf(item)
  if (link.ownsTarget && isOrphanOf(lost, link)) state.owner?.expungeOrphan(lost)
}

/** Whether a parent that is remembered does not hold the instance any more: after a rollback, for example. */
function hasLetGo(parent: InstanceState, link: RelationLink, item: object): boolean {
  const slot = parent.related?.[link.index]
  if (slot === undefined) return false
  if (!link.toMany) return slot !== item
  const collection = slot as Collection
  return collection.isWhole ? !collection.has(item) : collection.removed.has(item)
}

/** With `singleParent` an instance belongs to one parent only. */
function refuseSecondParent(state: InstanceState, link: RelationLink, item: object | null): void {
  if (item === null || link.options.singleParent !== true) return
  const other = stateOf(item).parents?.get(link)
  if (other == null || other === state || other.wasDeleted || hasLetGo(other, link, item)) return
  throw new InvalidRequestError(
    `Setting ${state.describe()}.${link.property}: ${stateOf(item).describe()} belongs to ${other.describe()} already, and the ` +
      'relation allows a single parent.',
  )
}
