import { FlushError } from '../errors.ts'
import type { ColumnModel } from '../mapping/index.ts'
import {
  checkValue,
  type InstanceState,
  identityOf,
  keyValuesOf,
  type Originals,
  type UnitOfWork,
  ValuesByColumn,
} from '../state/index.ts'
import { DeferredKey } from './deferred-key.ts'
import { type ForeignKeyValues, relationKeys } from './foreign-keys.ts'
import { collectPairs, type PairWork } from './pairs.ts'

/** A row to be inserted, with the values it had when the flush began. Filled in as the rows it depends on are made. */
export interface PendingInsert {
  readonly state: InstanceState
  /** By column index; `undefined` where the database is to make the value. */
  readonly values: unknown[]
  /** Whether relations have given it values, which may be keys that are not made yet. */
  readonly isLinked: boolean
}

/** A row to be updated, with the changes made before the flush began. */
export interface PendingUpdate {
  readonly state: InstanceState
  /** The new values of the changed columns, by column index. */
  readonly changes: ValuesByColumn
  /** What the columns were that the program has changed. */
  readonly originals: Originals
  /** The key of the row as stored when its turn comes; undefined for a row that this flush inserts. */
  storedKey: readonly unknown[] | undefined
  /** The version of the row as read; undefined where the entity has none. */
  readonly storedVersion: unknown
  /** The doomed instance whose row this instance takes over: its key was deleted and inserted in one flush. */
  readonly replaces: InstanceState | undefined
  /**
   * Not the update of a row but a part of something else. `'parking'`: only gives a unique value up for a while, for another row to take
   * it, and the record knows nothing of it. `'rest'`: what could not be written with the row, or opens a circle before it is deleted.
   */
  readonly aside?: 'parking' | 'rest'
}

/** An update that is a part of something else. */
export function updateAside(
  aside: 'parking' | 'rest',
  state: InstanceState,
  changes: ValuesByColumn,
  storedKey: readonly unknown[] | undefined,
): PendingUpdate {
  const originals = new ValuesByColumn()
  return { state, changes, originals, storedKey, storedVersion: undefined, replaces: undefined, aside }
}

export interface PendingDelete {
  readonly state: InstanceState
  storedKey: readonly unknown[]
  readonly storedVersion: unknown
}

/** Everything that one flush is to write. A copy: what the program changes meanwhile belongs to the next flush. */
export interface FlushWork {
  readonly inserts: readonly PendingInsert[]
  readonly updates: readonly PendingUpdate[]
  readonly deletes: readonly PendingDelete[]
  /** Foreign keys that are written by an UPDATE of their own once all rows are there. */
  readonly late: ForeignKeyValues
  readonly pairs: readonly PairWork[]
  /** Instances that are dirty without any net change of their columns. */
  readonly unchanged: readonly InstanceState[]
  /** Instances whose relations have changed. */
  readonly related: readonly InstanceState[]
}

/**
 * Collects what a flush writes. Changes nothing.
 *
 * @throws FlushError for an instance whose key is incomplete and that the database will not complete.
 */
export function collectWork(unit: UnitOfWork): FlushWork {
  const keys = relationKeys(unit)
  const deletes = [...unit.doomed].map(collectDelete)
  const { inserts, switches } = collectInserts(unit, deletes, keys.values)
  const replaced = new Set(switches.map((update) => update.replaces))
  const { updates, unchanged } = collectUpdates(unit, keys.values)
  return {
    inserts,
    updates: [...updates, ...switches],
    deletes: deletes.filter((removal) => !replaced.has(removal.state)),
    late: keys.late,
    pairs: collectPairs(unit),
    unchanged,
    related: relatedOf(unit),
  }
}

function relatedOf(unit: UnitOfWork): InstanceState[] {
  const related: InstanceState[] = []
  for (const state of unit.pending) if (state.relationsChanged) related.push(state)
  for (const state of unit.dirty) if (state.relationsChanged) related.push(state)
  return related
}

function collectUpdates(unit: UnitOfWork, keys: ForeignKeyValues) {
  const updates: PendingUpdate[] = []
  const unchanged: InstanceState[] = []
  const collect = (state: InstanceState) => {
    if (unit.doomed.has(state)) return
    const update = collectUpdate(state, keys.get(state))
    if (update.changes.size > 0) updates.push(update)
    else unchanged.push(state)
  }
  for (const state of unit.dirty) collect(state)
  for (const state of keys.keys()) if (state.status === 'persistent' && !unit.dirty.has(state)) collect(state)
  return { updates, unchanged }
}

function collectDelete(state: InstanceState): PendingDelete {
  return { state, storedKey: state.storedKey as readonly unknown[], storedVersion: storedVersionOf(state) }
}

function collectInserts(unit: UnitOfWork, deletes: readonly PendingDelete[], keys: ForeignKeyValues) {
  const inserts: PendingInsert[] = []
  const switches: PendingUpdate[] = []
  const doomed = deletes.length === 0 ? undefined : new Map(deletes.map(({ state }) => [rowName(state), state]))
  for (const state of unit.pending) {
    const insert = collectInsert(state, keys.size === 0 ? undefined : keys.get(state))
    const replaced = doomed?.get(rowName(state, insert.values))
    if (replaced === undefined) inserts.push(insert)
    else switches.push(rowSwitch(insert, replaced))
  }
  return { inserts, switches }
}

/** A key for one row of one entity, for looking up only. */
function rowName(state: InstanceState, values?: readonly unknown[]): string | undefined {
  const { model } = state
  const key = values === undefined ? undefined : keyValuesOf(model, values)
  if (key?.some((part) => part instanceof DeferredKey)) return undefined
  const identity = key === undefined ? state.identity : identityOf(model, key)
  // A row stays of its class: one of another class does not take it over.
  const kind = model.inheritance === undefined ? '' : ` ${String(model.inheritance.identity)}`
  return identity === undefined ? undefined : `${model.table}${kind} ${typeof identity} ${String(identity)}`
}

function collectInsert(state: InstanceState, keys: ReadonlyMap<number, unknown> | undefined): PendingInsert {
  const values = state.values.slice()
  if (keys !== undefined) for (const [index, value] of keys) values[index] = value
  const { columns } = state.model
  for (let index = 0; index < columns.length; index++) {
    const column = columns[index] as ColumnModel
    const value = values[index]
    if (column.readOnly) values[index] = undefined
    else if (value === undefined) values[index] = initialValue(state, column)
    else if (value === null && column.autoincrement) values[index] = undefined
  }
  refuseIncompleteKey(state, values)
  refuseNullVersion(state, values)
  return { state, values, isLinked: keys !== undefined }
}

/** `undefined` leaves the value to the database. */
function initialValue(state: InstanceState, column: ColumnModel): unknown {
  if (column.makeDefault !== undefined) return made(state, column, column.makeDefault)
  if (column.version) return column.nextVersion === false ? null : nextVersion(state, column, undefined)
  if (column.autoincrement || column.serverDefault !== undefined) return undefined
  return null
}

function refuseIncompleteKey(state: InstanceState, values: readonly unknown[]): void {
  const { key } = state.model
  // By place: this is asked for every new row, and lists that are frozen are gone through slowly.
  for (let at = 0; at < key.length; at++) {
    const column = key[at] as ColumnModel
    if (values[column.index] !== null) continue
    throw new FlushError(
      `Flushing ${state.describe()}: its key ${column.property} is null, and nothing makes one; ` +
        'give it a value, a default, or let it be an autoincrement key.',
    )
  }
}

function refuseNullVersion(state: InstanceState, values: readonly unknown[]): void {
  const { version } = state.model
  if (version === undefined || values[version.index] !== null) return
  throw new FlushError(
    `Flushing ${state.describe()}: its version ${version.property} is null; leave it out, or set it.`,
  )
}

function collectUpdate(state: InstanceState, keys: ReadonlyMap<number, unknown> | undefined): PendingUpdate {
  const originals: Originals = state.originals ?? new ValuesByColumn()
  const changes = new ValuesByColumn()
  originals.each((index) => changes.set(index, state.valueOf(state.model.columns[index] as ColumnModel)))
  if (keys !== undefined) for (const [index, value] of keys) setKey(state, changes, index, value)
  for (const column of state.model.key) {
    if (changes.has(column.index) && changes.get(column.index) === null) throw nullKey(state, column)
  }
  if (changes.size > 0) addAutomaticChanges(state, changes)
  return {
    state,
    changes,
    originals,
    storedKey: state.storedKey as readonly unknown[],
    storedVersion: storedVersionOf(state),
    replaces: undefined,
  }
}

/** A relation's word wins over a key that was set by hand; where the stored key is the same there is nothing to write. */
function setKey(state: InstanceState, changes: ValuesByColumn, index: number, value: unknown): void {
  const stored = state.originals?.has(index) === true ? state.originals.get(index) : state.values[index]
  const { type } = state.model.columns[index] as ColumnModel
  const isKnown = stored !== undefined && !(value instanceof DeferredKey)
  const isSame = isKnown && (stored === value || (stored !== null && value !== null && type.equals(stored, value)))
  if (isSame) changes.delete(index)
  else changes.set(index, value)
}

function nullKey(state: InstanceState, column: ColumnModel): FlushError {
  return new FlushError(
    `Flushing ${state.describe()}: its key ${column.property} was set to null; a row needs its key.`,
  )
}

/** What changes with every UPDATE: the version counter, and columns with `onUpdate`. */
export function addAutomaticChanges(state: InstanceState, changes: ValuesByColumn): void {
  for (const column of state.model.columns) {
    if (changes.has(column.index)) continue
    if (column.version) {
      if (column.nextVersion !== false) changes.set(column.index, nextVersion(state, column, storedVersionOf(state)))
    } else if (column.makeOnUpdate !== undefined) changes.set(column.index, made(state, column, column.makeOnUpdate))
  }
}

/** A value that the program's own function makes is checked like one that it assigns. */
function made(state: InstanceState, column: ColumnModel, make: () => unknown): unknown {
  const value = make()
  checkValue(state.model, column, value)
  return value
}

function nextVersion(state: InstanceState, column: ColumnModel, version: unknown): unknown {
  const make = column.nextVersion
  if (typeof make === 'function') return made(state, column, () => make(version))
  return typeof version === 'number' ? version + 1 : 1
}

/** The version that the row had when it was read, whatever the program has set since. */
export function storedVersionOf(state: InstanceState): unknown {
  const { version } = state.model
  if (version === undefined) return undefined
  const original = state.originals?.get(version.index)
  return original === undefined ? state.valueOf(version) : original
}

/** The new instance takes over the row of the deleted one: one UPDATE of what differs. */
function rowSwitch(insert: PendingInsert, replaced: InstanceState): PendingUpdate {
  const { state, values } = insert
  const changes = new ValuesByColumn()
  const stored = replaced.committedValues()
  for (const column of state.model.columns) {
    const value = values[column.index]
    if (value === undefined || column.primaryKey || (column.version && column.nextVersion !== false)) continue
    const before = stored[column.index]
    const same = before === value || (before != null && value !== null && column.type.equals(before, value))
    if (!same) changes.set(column.index, value)
  }
  if (changes.size > 0) addAutomaticChanges(replaced, changes)
  return {
    state,
    changes,
    originals: new ValuesByColumn(),
    storedKey: replaced.storedKey as readonly unknown[],
    storedVersion: storedVersionOf(replaced),
    replaces: replaced,
  }
}
