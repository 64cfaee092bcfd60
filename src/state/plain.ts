import { InvalidRequestError } from '../errors.ts'
import { linksOf, type RelationLink } from '../mapping/index.ts'
import type { CollectionMap } from './collection-map.ts'
import type { InstanceState } from './instance-state.ts'
import { knownRelated } from './reach.ts'
import { isCollectionSlot } from './relation-slot.ts'
import { collectionOf } from './relation-sync.ts'
import { tryStateOf } from './slot.ts'
import { knownOne } from './to-one.ts'

type Plain = Record<string, unknown>

/**
 * The columns of an instance and its loaded relations as a plain object, what is not there left out: for copies that leave the
 * session, for `structuredClone`, for other threads. A relation back to an instance that is being copied is left out; an instance that
 * is reached a second time is copied without its relations.
 */
export function toObject(this: object): Plain {
  return showing((tour) => plainOf(tryStateOf(this), tour, objectForm))
}

/** What `JSON.stringify` shows: the same, with 64-bit integers and bytes in forms that JSON has (digits, base64). */
export function toJson(this: object): Plain {
  return showing((tour) => plainOf(tryStateOf(this), tour, jsonForm))
}

/** One way of copying: what becomes of a value, and which method of a class of the program's own comes first. */
interface Form {
  readonly method: 'toObject' | 'toJSON'
  readonly own: (this: object) => unknown
  value(value: unknown): unknown
  /** A collection that is a set. */
  set(items: readonly unknown[]): unknown
  /** A collection that is a map. */
  map(entries: readonly (readonly [key: unknown, item: unknown])[]): unknown
}

const objectForm: Form = {
  method: 'toObject',
  own: toObject,
  value: copied,
  set: (items) => new Set(items),
  map: (entries) => new Map(entries),
}
const jsonForm: Form = {
  method: 'toJSON',
  own: toJson,
  value: jsonValue,
  set: (items) => items,
  map: (entries) => Object.fromEntries(entries.map(([key, item]) => [String(key), item])),
}

/** A copy that shares nothing with the instance; values of a program's own classes (`custom()`) are taken as unchangeable. */
function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = prototype === Object.prototype || prototype === null || Array.isArray(value)
  return isPlain || value instanceof Date || value instanceof Uint8Array ? structuredClone(value) : value
}

function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  return value
}

/** What one call shows: the instances it is inside of, and all it has come by. */
interface Tour {
  readonly open: Set<InstanceState>
  readonly seen: Set<InstanceState>
}

/** The call that shows something at this moment; a class's own `toJSON` or `toObject` may call another inside. */
let current: Tour | undefined

function showing<Shown>(show: (tour: Tour) => Shown): Shown {
  if (current !== undefined) return show(current)
  current = { open: new Set(), seen: new Set() }
  try {
    return show(current)
  } finally {
    current = undefined
  }
}

function plainOf(state: InstanceState | undefined, tour: Tour, form: Form): Plain {
  const plain: Plain = {}
  if (state === undefined) return plain
  for (const { property, index } of state.model.columns) {
    const value = state.values[index]
    if (value !== undefined) plain[property] = form.value(value)
  }
  if (tour.seen.has(state)) return plain
  inside(state, tour, () => {
    for (const link of loadedLinks(state, tour)) plain[link.property] = plainRelated(state, link, tour, form)
  })
  return plain
}

function inside(state: InstanceState, tour: Tour, show: () => void): void {
  tour.seen.add(state)
  tour.open.add(state)
  try {
    show()
  } finally {
    tour.open.delete(state)
  }
}

function plainRelated(state: InstanceState, link: RelationLink, tour: Tour, form: Form): unknown {
  if (!link.toMany) {
    const one = knownOne(state, link)
    return one == null ? null : plainItem(one, tour, form)
  }
  const items = shownItems(state, link, tour)
  const plain = items.map((item) => plainItem(item, tour, form))
  if (link.shape === 'array') return plain
  const keys = keysOf(state, link, items)
  return keys === undefined ? form.set(plain) : form.map(plain.map((item, i) => [keys[i], item]))
}

/** The keys of members, where the collection has any and all are known; undefined where it is none that has. */
function keysOf(state: InstanceState, link: RelationLink, items: readonly object[]): readonly unknown[] | undefined {
  if (typeof link.shape === 'string') return undefined
  const keyOf = new Map<object, unknown>()
  for (const [key, item] of collectionOf(state, link).view as CollectionMap) keyOf.set(item, key)
  return items.map((item) => keyOf.get(item))
}

/** A class that shows itself in a way of its own is asked. */
function plainItem(item: object, tour: Tour, form: Form): unknown {
  const method = (item as Record<string, unknown>)[form.method]
  if (typeof method === 'function' && method !== form.own) return method.call(item)
  return plainOf(tryStateOf(item), tour, form)
}

/** The members, without those that are being shown. */
function shownItems(state: InstanceState, link: RelationLink, tour: Tour): object[] {
  return knownRelated(state, link).filter((item) => !isOpen(item, tour))
}

function isOpen(item: object, { open }: Tour): boolean {
  return open.has(tryStateOf(item) as InstanceState)
}

/** The relations that can be read without loading and do not lead back to what is being shown. */
function loadedLinks(state: InstanceState, tour: Tour): RelationLink[] {
  if (state.related === undefined && isNew(state)) return []
  return linksOf(state.model).filter((link) => {
    const slot = state.related?.[link.index]
    if (link.toMany) return isCollectionSlot(slot) && slot.isLoaded
    if (slot === undefined && isNew(state)) return false
    const one = knownOne(state, link)
    return one !== undefined && (one === null || !isOpen(one, tour))
  })
}

function isNew({ status }: InstanceState): boolean {
  return status === 'transient' || status === 'pending'
}

interface InspectOptions {
  readonly depth?: number | null
}

/**
 * What `console.log` and `util.inspect` show: the class, the columns and the loaded relations, `<not loaded>` for what is not there.
 * An instance that is reached a second time is named only.
 */
export function inspectInstance(
  this: object,
  depth: number,
  options: InspectOptions,
  inspect: (value: unknown, options: object) => string,
): string {
  const state = tryStateOf(this)
  const name = (this.constructor as { readonly name?: string } | undefined)?.name ?? 'Entity'
  if (state === undefined) return `[${name}.prototype]`
  if (depth < 0) return `[${name}]`
  return showing((tour) => {
    if (tour.seen.has(state)) return `[${state.describe()}]`
    let text = ''
    inside(state, tour, () => {
      const nested = options.depth === null ? null : depth - 1
      text = `${name} ${inspect(inspectedOf(state, tour), { ...options, depth: nested })}`
    })
    return text
  })
}

function inspectedOf(state: InstanceState, tour: Tour): Plain {
  const shown: Plain = {}
  for (const { property, index } of state.model.columns) {
    const value = state.values[index]
    if (value !== undefined) shown[property] = value
    else if (!isNew(state)) shown[property] = NOT_LOADED
  }
  for (const link of loadedLinks(state, tour)) {
    shown[link.property] = link.toMany ? shownCollection(state, link, tour) : knownOne(state, link)
  }
  if (isNew(state)) return shown
  for (const link of linksOf(state.model)) if (!isKnown(state, link)) shown[link.property] = NOT_LOADED
  return shown
}

/** Showing never fails: where keys are not known yet a map is shown as its members. */
function shownCollection(state: InstanceState, link: RelationLink, tour: Tour): unknown {
  const items = shownItems(state, link, tour)
  if (link.shape === 'array') return items
  if (link.shape === 'set') return new Set(items)
  try {
    const keys = keysOf(state, link, items) as readonly unknown[]
    return new Map(items.map((item, i) => [keys[i], item]))
  } catch (error) {
    if (error instanceof InvalidRequestError) return items
    throw error
  }
}

function isKnown(state: InstanceState, link: RelationLink): boolean {
  const slot = state.related?.[link.index]
  return link.toMany ? isCollectionSlot(slot) && slot.isLoaded : knownOne(state, link) !== undefined
}

/** Printed without quotes. */
const NOT_LOADED = { [Symbol.for('nodejs.util.inspect.custom')]: () => '<not loaded>' }
