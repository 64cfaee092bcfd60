import { DetachedInstanceError, NotLoadedError } from '../errors.ts'
import type { ColumnModel, EntityModel, RelationLink } from '../mapping/index.ts'
import { momentOf } from '../support/index.ts'
import { checkValue, isSame, sameValue } from './column-value.ts'
import { emitInstanceEvent, heard, isHeardAnywhere } from './entity-events.ts'
import type { IdentityKey } from './identity.ts'
import { emptySlots, isCollectionSlot, keepSlot, restoreSlot } from './relation-slot.ts'
import { ValuesByColumn } from './values-by-column.ts'

/**
 * Where an instance stands towards the database. Exactly one holds at any time:
 * transient (new, in no session), pending (to be inserted), persistent (has a row, in a session), deleted (its
 * DELETE was flushed, the transaction is open), detached (has a row, in no session).
 */
export type InstanceStatus = 'transient' | 'pending' | 'persistent' | 'deleted' | 'detached'

/** What is done to a relation. */
export type RelationChange = 'related attribute set' | 'collection append' | 'collection remove'

/** The session's side of an instance: told before the first change of each instance, and may refuse it. */
export interface StateOwner {
  /** Called before the first change since the last flush. Throws where the session can take no change now. */
  willChange(state: InstanceState): void
  /** Called before each change of a relation. Throws where the session can take none now. */
  willRelate(link: RelationLink, what: RelationChange): void
  /** A value was changed in place: what is kept of it for a rollback is not what it was. */
  forgetKept(state: InstanceState, column: ColumnModel): void
  /** Loads a relation: the instance, null, or the members. */
  loadRelated(state: InstanceState, link: RelationLink): Promise<unknown>
  /** The query for the members of a collection that is never loaded. */
  queryMembers(state: InstanceState, link: RelationLink): unknown
  /** The instance of a row that the session holds. */
  findByIdentity(model: EntityModel, identity: IdentityKey): object | undefined
  /** An instance was put into a relation that cascades save-update. A child that was marked for DELETE lives on with its new parent. */
  addByCascade(state: InstanceState, link: RelationLink): void
  /** Throws where an instance that is about to be put into such a relation could not be added. */
  refuseToAdd(state: InstanceState): void
  /** An instance lost a parent without which it must not be: out at once where it is pending. */
  expungeOrphan(state: InstanceState): void
}

/** The values and relations of an instance at some moment, to come back to. */
export interface KeptRecord {
  readonly values: readonly unknown[]
  /** Whether the times among the values are milliseconds still. */
  readonly isUnread: boolean
  /** Instances, null, or the content of collections, by relation index. */
  readonly related: readonly unknown[] | undefined
  readonly parents: ReadonlyMap<RelationLink, InstanceState | null> | undefined
}

/** The values of changed columns before their first change since the last flush, by column index. */
export type Originals = ValuesByColumn

const WAS_DELETED = 1
const EXPIRED = 2
const RELATIONS_CHANGED = 4
const UNJOINED = 8
const UNREAD_MOMENTS = 16

/** What few instances have: changed relations to one, and parents that own them. */
interface Ties {
  originals: Map<number, object | null | undefined> | undefined
  parents: Map<RelationLink, InstanceState | null> | undefined
}

/**
 * What heddle knows about one instance. It hangs off a private slot of the instance and is never visible on it.
 * Synchronous and in memory; the session moves its status, the accessors its values.
 */
export class InstanceState {
  readonly model: EntityModel
  instance: object
  /**
   * The values with their times as the row gave them: milliseconds where nobody has read them. For accessors of other columns, for who
   * asks what is there, and to put a program's value in.
   */
  raw: unknown[]
  /** What changed since the last flush, or undefined when nothing did. */
  originals: Originals | undefined = undefined
  status: InstanceStatus = 'transient'
  owner: StateOwner | undefined = undefined
  /** The identity under which the row is known; undefined until the row exists. */
  identity: IdentityKey | undefined = undefined
  #storedKey: readonly unknown[] | undefined = undefined
  /** Some yes and no of it, as bits: a session may hold very many of these records. */
  #facts = 0
  /** By relation index: an instance or null, or a collection; `undefined` where nothing is known yet. */
  related: unknown[] | undefined = undefined
  /** The instances that came from the same query: relations are loaded for all of them together. */
  siblings: readonly (InstanceState | null)[] | undefined = undefined
  #ties: Ties | undefined = undefined

  constructor(model: EntityModel, instance: object, values: unknown[]) {
    this.model = model
    this.instance = instance
    this.raw = values
  }

  /** By column index. `undefined` is a value that is not there: never set, expired, or left out of a select. */
  get values(): unknown[] {
    if ((this.#facts & UNREAD_MOMENTS) !== 0) this.#readMoments()
    return this.raw
  }
  set values(values: unknown[]) {
    this.raw = values
    this.#facts &= ~UNREAD_MOMENTS
  }

  /** A row came with times as milliseconds: Dates are made of them when somebody reads one. */
  noteUnreadMoments(): void {
    this.#facts |= UNREAD_MOMENTS
  }

  #readMoments(): void {
    const { raw } = this
    for (const index of this.model.moments) raw[index] = momentOf(raw[index])
    this.#facts &= ~UNREAD_MOMENTS
  }

  /**
   * The key values of the row as stored, which a changed key attribute does not touch. Where the identity is that value, it is not
   * kept a second time.
   */
  get storedKey(): readonly unknown[] | undefined {
    if (this.#storedKey !== undefined || this.identity === undefined) return this.#storedKey
    return [this.identity]
  }
  set storedKey(key: readonly unknown[] | undefined) {
    this.#storedKey = key
  }

  /** Its DELETE was flushed and committed, or is about to be. */
  get wasDeleted(): boolean {
    return (this.#facts & WAS_DELETED) !== 0
  }
  set wasDeleted(is: boolean) {
    this.#note(WAS_DELETED, is)
  }

  /** All of its columns were dropped for reloading, and have not been read again since. */
  get expired(): boolean {
    return (this.#facts & EXPIRED) !== 0
  }
  set expired(is: boolean) {
    this.#note(EXPIRED, is)
  }

  /** Whether a relation was changed since the last flush. */
  get relationsChanged(): boolean {
    return (this.#facts & RELATIONS_CHANGED) !== 0
  }
  set relationsChanged(is: boolean) {
    this.#note(RELATIONS_CHANGED, is)
  }

  /** A rollback has taken it out, and the other sides of its relations know it no longer. */
  get isUnjoined(): boolean {
    return (this.#facts & UNJOINED) !== 0
  }
  set isUnjoined(is: boolean) {
    this.#note(UNJOINED, is)
  }

  #note(fact: number, is: boolean): void {
    this.#facts = is ? this.#facts | fact : this.#facts & ~fact
  }

  /** What to-one relations were before their first change since the last flush; `undefined` where that is not known. */
  get relatedOriginals(): Map<number, object | null | undefined> | undefined {
    return this.#ties?.originals
  }
  set relatedOriginals(originals: Map<number, object | null | undefined> | undefined) {
    if (originals !== undefined || this.#ties !== undefined) this.#tied().originals = originals
  }

  /** The parents by relations that own it: null where it was taken away and given to no other since. */
  get parents(): Map<RelationLink, InstanceState | null> | undefined {
    return this.#ties?.parents
  }
  set parents(parents: Map<RelationLink, InstanceState | null> | undefined) {
    if (parents !== undefined || this.#ties !== undefined) this.#tied().parents = parents
  }

  #tied(): Ties {
    this.#ties ??= { originals: undefined, parents: undefined }
    return this.#ties
  }

  /** The value that a column reads when `values` holds none. Never does I/O and never gives a wrong value. */
  absent(index: number): unknown {
    if (this.status === 'transient' || this.status === 'pending') return this.unset(index)
    const column = this.model.columns[index] as ColumnModel
    if (this.status === 'detached') throw detachedRead(this, column)
    throw notLoaded(this, column)
  }

  /** What a column reads that was never set: null, or what a listener has put there, which stays. */
  private unset(index: number): unknown {
    if (!isHeardAnywhere('initScalar')) return null
    const column = this.model.columns[index] as ColumnModel
    const value = heard('initScalar', { target: this.instance, property: column.property, value: null })
    if (value === null) return null
    checkValue(this.model, column, value)
    this.values[index] = value
    return value
  }

  /** Assigns a column as the program does: checked, tracked, and nothing where the value is the same. */
  write(index: number, given: unknown): void {
    const column = this.model.columns[index] as ColumnModel
    const current = this.valueOf(column)
    if (current === given && given !== undefined) return
    const value = this.wanted(column, given)
    checkValue(this.model, column, value)
    if (current !== undefined && sameValue(column, current, value)) return
    this.track(column, current, value)
    this.raw[index] = value
  }

  /** The value of one column, without reading the times of the row for another one. */
  valueOf({ index, isMoment }: ColumnModel): unknown {
    return isMoment ? this.values[index] : this.raw[index]
  }

  /** The value that the listeners of a column want to be set; the given one where nobody listens. */
  wanted({ property, index }: ColumnModel, value: unknown): unknown {
    if (!isHeardAnywhere('set')) return value
    return heard('set', { target: this.instance, property, value, oldValue: this.values[index] })
  }

  /** Marks a column as changed although the same object is there: for values that were changed in place. */
  flagModified(column: ColumnModel): void {
    if (this.values[column.index] === undefined) throw notLoaded(this, column)
    const isFirst = this.originals === undefined && !this.relationsChanged
    const before = this.originals
    // What it was is not known any more, and must not be taken for what is there now.
    this.originals = new ValuesByColumn(before).set(column.index, undefined)
    try {
      if (isFirst) this.owner?.willChange(this)
    } catch (error) {
      this.originals = before
      throw error
    }
    this.owner?.forgetKept(this, column)
    if (isHeardAnywhere('modified')) {
      const value = this.values[column.index]
      heard('modified', { target: this.instance, property: column.property, value })
    }
  }

  /** Remembers what a column was before its first change; forgets it again when the change is undone. */
  private track(column: ColumnModel, current: unknown, value: unknown): void {
    if (this.originals === undefined) {
      if (!this.relationsChanged) this.owner?.willChange(this)
      this.originals = new ValuesByColumn()
    }
    const { originals } = this
    if (!originals.has(column.index)) originals.set(column.index, current)
    else if (value !== undefined && isSame(column, originals.get(column.index), value)) originals.delete(column.index)
  }

  /** The slots of the relations, made when the first is needed. */
  slots(): unknown[] {
    this.related ??= emptySlots(this.model.relations.length)
    return this.related
  }

  /** A relation is about to change: like the first change of a column, the session is told, and may refuse it. */
  noteRelationChange(): void {
    if (this.relationsChanged) return
    if (this.originals === undefined) this.owner?.willChange(this)
    this.relationsChanged = true
  }

  /** Whether there is a net change since the last flush. */
  get isModified(): boolean {
    return this.hasColumnChanges || this.relationsChanged
  }

  /** The same for columns alone. */
  get hasColumnChanges(): boolean {
    return this.originals !== undefined && this.originals.size > 0
  }

  /** Whether any value was dropped for reloading, or never loaded, on an instance that has a row. */
  get hasAbsentValues(): boolean {
    return this.raw.includes(undefined)
  }

  /** The columns whose values are not there. */
  absentColumns(): ColumnModel[] {
    return this.model.columns.filter(({ index }) => this.raw[index] === undefined)
  }

  /** The columns that a refresh reads: those of queries, and the deferred ones that were read already. */
  readColumns(): readonly ColumnModel[] {
    const { columns, loaded } = this.model
    if (columns === loaded) return loaded
    const also = columns.filter((column) => column.deferred && this.raw[column.index] !== undefined)
    return also.length === 0 ? loaded : [...loaded, ...also]
  }

  /** Drops values, and changes that were not flushed, so that they are read again. */
  expire(columns: readonly ColumnModel[] = this.model.columns): void {
    if (isHeardAnywhere('expire')) emitInstanceEvent(this, 'expire')
    for (const { index } of columns) {
      this.raw[index] = undefined
      this.originals?.delete(index)
    }
    if (this.originals?.size === 0) this.originals = undefined
    if (columns !== this.model.columns) return
    this.expired = true
    this.forgetRelations()
  }

  /** Drops all relations, changes that were not flushed included. */
  forgetRelations(): void {
    this.related = this.related?.map((slot) => restoreSlot(undefined, slot))
    this.relatedOriginals = undefined
    this.relationsChanged = false
  }

  /** Drops one relation, likewise. */
  forgetRelation({ index }: RelationLink): void {
    if (this.related === undefined) return
    this.related[index] = restoreSlot(undefined, this.related[index])
    this.relatedOriginals?.delete(index)
    if (this.relatedOriginals?.size === 0) this.relatedOriginals = undefined
    this.relationsChanged = this.relatedOriginals !== undefined || this.related.some(hasChanges)
  }

  /** There is no row any more: whatever the relations hold is still to be stored. */
  renewRelations(): void {
    this.related?.forEach((slot, index) => {
      if (isCollectionSlot(slot)) slot.becomeNew()
      else if (slot != null) this.relatedOriginals = (this.relatedOriginals ?? new Map()).set(index, null)
    })
    this.relationsChanged = this.relatedOriginals !== undefined || this.related?.some(hasChanges) === true
  }

  /** The values as the last flush or load left them: without the changes that are not flushed yet. */
  committedValues(): unknown[] {
    return this.#withOriginals(this.values)
  }

  #withOriginals(held: readonly unknown[]): unknown[] {
    const values = held.slice()
    this.originals?.each((index, value) => {
      values[index] = value
    })
    return values
  }

  /** What the record is now, without changes that are not flushed. */
  keep(): KeptRecord {
    const related = this.related?.map(keepSlot)
    if (related !== undefined) for (const [index, slot] of this.relatedOriginals ?? []) related[index] = slot
    const isUnread = (this.#facts & UNREAD_MOMENTS) !== 0
    const values = this.#withOriginals(this.raw)
    return { values, isUnread, related, parents: this.parents && new Map(this.parents) }
  }

  /** Makes the record what it was. */
  putBack({ values, isUnread, related, parents }: KeptRecord): void {
    this.values = values.slice()
    if (isUnread) this.noteUnreadMoments()
    this.originals = undefined
    this.expired = values.every((value) => value === undefined)
    this.related = this.related?.map((slot, index) => restoreSlot(related?.[index], slot))
    this.relatedOriginals = undefined
    this.relationsChanged = false
    this.parents = parents && new Map(parents)
  }

  /** The instance as errors and logs name it: `User#1`, or `User (new)`. */
  describe(): string {
    if (this.storedKey === undefined) return `${this.model.name} (new)`
    return `${this.model.name}#${this.storedKey.map(String).join(',')}`
  }
}

function hasChanges(slot: unknown): boolean {
  return isCollectionSlot(slot) && slot.isChanged
}

function notLoaded(state: InstanceState, column: ColumnModel): NotLoadedError {
  const name = `${state.describe()}.${column.property}`
  const remedy = `await session.refresh(instance, ['${column.property}']) first`
  return new NotLoadedError(`Reading ${name}: its value is not loaded (expired, or left out of the query); ${remedy}.`)
}

function detachedRead(state: InstanceState, column: ColumnModel): DetachedInstanceError {
  const name = `${state.describe()}.${column.property}`
  return new DetachedInstanceError(
    `Reading ${name}: its value is not loaded and the instance is in no session; add it to a session and refresh it.`,
  )
}
