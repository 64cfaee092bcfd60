import { FlushError } from '../errors.ts'
import type { ColumnModel } from '../mapping/index.ts'
import { identityOf, type InstanceState, keyValuesOf, type Originals, type UnitOfWork } from '../state/index.ts'

/** A row to be inserted, with the values it had when the flush began. */
export interface PendingInsert {
  readonly state: InstanceState
  /** By column index; `undefined` where the database is to make the value. */
  readonly values: readonly unknown[]
}

/** A row to be updated, with the changes made before the flush began. */
export interface PendingUpdate {
  readonly state: InstanceState
  /** The new values of the changed columns, by column index. */
  readonly changes: ReadonlyMap<number, unknown>
  /** What the changed columns were. */
  readonly originals: Originals
  /** The key of the row as stored. */
  readonly storedKey: readonly unknown[]
  /** The version of the row as read; undefined where the entity has none. */
  readonly storedVersion: unknown
  /** The doomed instance whose row this instance takes over: its key was deleted and inserted in one flush. */
  readonly replaces: InstanceState | undefined
}

export interface PendingDelete {
  readonly state: InstanceState
  readonly storedKey: readonly unknown[]
  readonly storedVersion: unknown
}

/** Everything that one flush is to write. A copy: what the program changes meanwhile belongs to the next flush. */
export interface FlushWork {
  readonly inserts: readonly PendingInsert[]
  readonly updates: readonly PendingUpdate[]
  readonly deletes: readonly PendingDelete[]
  /** Instances that are dirty without any net change. */
  readonly unchanged: readonly InstanceState[]
}

/**
 * Collects what a flush reaches. Changes nothing.
 *
 * @throws FlushError for an instance whose key is incomplete and that the database will not complete.
 */
export function collectWork(unit: UnitOfWork): FlushWork {
  const deletes = [...unit.doomed].map(collectDelete)
  const { inserts, switches } = collectInserts(unit, deletes)
  const replaced = new Set(switches.map((update) => update.replaces))
  const updates: PendingUpdate[] = []
  const unchanged: InstanceState[] = []
  for (const state of unit.dirty) {
    if (unit.doomed.has(state)) continue
    if (state.isModified) updates.push(collectUpdate(state))
    else unchanged.push(state)
  }
  return {
    inserts,
    updates: [...updates, ...switches],
    deletes: deletes.filter((removal) => !replaced.has(removal.state)),
    unchanged,
  }
}

function collectDelete(state: InstanceState): PendingDelete {
  return { state, storedKey: state.storedKey as readonly unknown[], storedVersion: storedVersionOf(state) }
}

function collectInserts(unit: UnitOfWork, deletes: readonly PendingDelete[]) {
  const inserts: PendingInsert[] = []
  const switches: PendingUpdate[] = []
  const doomed = deletes.length === 0 ? undefined : new Map(deletes.map(({ state }) => [rowName(state), state]))
  for (const state of unit.pending) {
    const insert = collectInsert(state)
    const replaced = doomed?.get(rowName(state, insert.values))
    if (replaced === undefined) inserts.push(insert)
    else switches.push(rowSwitch(insert, replaced))
  }
  return { inserts, switches }
}

/** A key for one row of one entity, for looking up only. */
function rowName(state: InstanceState, values?: readonly unknown[]): string | undefined {
  const { model } = state
  const identity = values === undefined ? state.identity : identityOf(model, keyValuesOf(model, values))
  return identity === undefined ? undefined : `${model.table} ${typeof identity} ${String(identity)}`
}

function collectInsert(state: InstanceState): PendingInsert {
  const values = state.values.slice()
  for (const column of state.model.columns) {
    if (values[column.index] === undefined) values[column.index] = initialValue(column)
    else if (values[column.index] === null && column.autoincrement) values[column.index] = undefined
  }
  refuseIncompleteKey(state, values)
  refuseNullVersion(state, values)
  return { state, values }
}

/** `undefined` leaves the value to the database. */
function initialValue(column: ColumnModel): unknown {
  if (column.makeDefault !== undefined) return column.makeDefault()
  if (column.version) return 1
  if (column.autoincrement || column.serverDefault !== undefined) return undefined
  return null
}

function refuseIncompleteKey(state: InstanceState, values: readonly unknown[]): void {
  for (const column of state.model.key) {
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
  throw new FlushError(`Flushing ${state.describe()}: its version ${version.property} is null; leave it out, or set it.`)
}

function collectUpdate(state: InstanceState): PendingUpdate {
  const originals = state.originals as Originals
  const changes = new Map<number, unknown>()
  for (const index of originals.keys()) changes.set(index, state.values[index])
  for (const column of state.model.key) {
    if (changes.has(column.index) && changes.get(column.index) === null) throw nullKey(state, column)
  }
  addAutomaticChanges(state, changes)
  return {
    state,
    changes,
    originals,
    storedKey: state.storedKey as readonly unknown[],
    storedVersion: storedVersionOf(state),
    replaces: undefined,
  }
}

function nullKey(state: InstanceState, column: ColumnModel): FlushError {
  return new FlushError(`Flushing ${state.describe()}: its key ${column.property} was set to null; a row needs its key.`)
}

/** What changes with every UPDATE: the version counter, and columns with `onUpdate`. */
function addAutomaticChanges(state: InstanceState, changes: Map<number, unknown>): void {
  for (const column of state.model.columns) {
    if (changes.has(column.index)) continue
    if (column.version) changes.set(column.index, nextVersion(storedVersionOf(state)))
    else if (column.makeOnUpdate !== undefined) changes.set(column.index, column.makeOnUpdate())
  }
}

function nextVersion(version: unknown): number {
  return typeof version === 'number' ? version + 1 : 1
}

/** The version that the row had when it was read, whatever the program has set since. */
function storedVersionOf(state: InstanceState): unknown {
  const { version } = state.model
  if (version === undefined) return undefined
  const original = state.originals?.get(version.index)
  return original === undefined ? state.values[version.index] : original
}

/** The new instance takes over the row of the deleted one: one UPDATE of what differs. */
function rowSwitch(insert: PendingInsert, replaced: InstanceState): PendingUpdate {
  const { state, values } = insert
  const changes = new Map<number, unknown>()
  const stored = replaced.committedValues()
  for (const column of state.model.columns) {
    const value = values[column.index]
    if (value === undefined || column.primaryKey || column.version) continue
    const before = stored[column.index]
    const same = before === value || (before != null && value !== null && column.type.equals(before, value))
    if (!same) changes.set(column.index, value)
  }
  if (changes.size > 0) addAutomaticChanges(replaced, changes)
  return {
    state,
    changes,
    originals: new Map(),
    storedKey: replaced.storedKey as readonly unknown[],
    storedVersion: storedVersionOf(replaced),
    replaces: replaced,
  }
}
