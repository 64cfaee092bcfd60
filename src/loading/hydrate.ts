import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import type { Dialect } from '../sql/index.ts'
import {
  emitInstanceEvent,
  type Identities,
  type IdentityKey,
  type InstanceState,
  type Instantiate,
  instantiatorOf,
  isHeard,
  keyValuesOf,
  type UnitOfWork,
} from '../state/index.ts'
import { momentOf } from '../support/index.ts'
import type { Hydration } from './hydration.ts'
import { changedClass, kindReader } from './kinds.ts'
import { type Decode, RowReader } from './row-reader.ts'

const hydrations = new WeakMap<Dialect, WeakMap<readonly ColumnModel[], Hydration>>()

/** The hydration of a selection. The list of columns is the cache key, so callers keep theirs. */
export function hydrationOf(dialect: Dialect, model: EntityModel, columns: readonly ColumnModel[]): Hydration {
  let known = hydrations.get(dialect)
  if (known === undefined) {
    known = new WeakMap()
    hydrations.set(dialect, known)
  }
  let hydration = known.get(columns)
  if (hydration?.model !== model) {
    hydration = createHydration(dialect, model, columns)
    known.set(columns, hydration)
  }
  return hydration
}

/** The same for rows whose values are the program's already, as the answers of a write are. */
export function decodedHydrationOf(dialect: Dialect, model: EntityModel, columns: readonly ColumnModel[]): Hydration {
  const keyPlaces = model.key.map((column) => columns.indexOf(column))
  return { ...hydrationOf(dialect, model, columns), reader: new RowReader({ model, decoders: [], keyPlaces }) }
}

function createHydration(dialect: Dialect, model: EntityModel, columns: readonly ColumnModel[]): Hydration {
  const decoders: [number, Decode][] = []
  const moments: number[] = []
  columns.forEach((column, place) => {
    const codec = dialect.codec(column.type)
    const decode = column.isMoment ? codec.keep : codec.decode
    if (decode !== undefined) decoders.push([place, decode])
    if (column.isMoment) moments.push(place)
  })
  const whole = columns.length === model.columns.length && columns.every((column, place) => column.index === place)
  const complete = model.loaded.every((column) => columns.includes(column))
  const keepsKey = model.key.length > 1 || model.key.some((column) => column.type.keyOf !== undefined)
  const keyPlaces = model.key.map((column) => columns.indexOf(column))
  const reader = new RowReader({ model, decoders, keyPlaces })
  const alone = { model, columns, whole, complete, reader, moments, keepsKey, kindOf: undefined }
  return model.inheritance === undefined ? alone : { ...alone, kindOf: kindReader(alone) }
}

/** How a load treats instances that the session holds already. */
export interface HydrateOptions {
  /** Overwrite their values, unflushed changes included; otherwise only what is not there is filled in. */
  readonly populateExisting: boolean
}

/** What a row did to its instance. */
export interface HydrateListener {
  loaded(state: InstanceState): void
  refreshed(state: InstanceState): void
}

/**
 * Turns rows into instances: one identity for each row, in the order of the rows. Rows without a key (of an outer join) give
 * null. The row arrays become the property of the instances; what they hold behind the columns is let go.
 */
export function hydrateRows(
  unit: UnitOfWork,
  hydration: Hydration,
  rows: readonly unknown[],
  options: HydrateOptions,
  listener?: HydrateListener,
): (InstanceState | null)[] {
  const states = new Array<InstanceState | null>(rows.length)
  const hasSiblings = hydration.model.relations.length > 0 || !hydration.whole
  const known = unit.map.of(hydration.model)
  const told = listener ?? entityListener(hydration.model)
  const into: Target = { unit, known, make: instantiatorOf(hydration.model) }
  const read = hydration.reader.for(rows.length)
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as unknown[]
    const identity = read(row)
    const state = identity === undefined ? null : hydrateRow(into, hydration, row, identity, options, told)
    if (hasSiblings && state !== null) state.siblings = states
    states[i] = state
  }
  return states
}

/** Where new instances go, looked up once for all rows. */
interface Target {
  readonly unit: UnitOfWork
  readonly known: Identities
  readonly make: Instantiate
}

/** Tells the listeners of an entity of what rows did; undefined where there are none. */
function entityListener(model: EntityModel): HydrateListener | undefined {
  if (!isHeard(model, 'load') && !isHeard(model, 'refresh')) return undefined
  return {
    loaded: (state) => emitInstanceEvent(state, 'load'),
    refreshed: (state) => emitInstanceEvent(state, 'refresh'),
  }
}

function hydrateRow(
  into: Target,
  hydration: Hydration,
  row: unknown[],
  identity: IdentityKey,
  options: HydrateOptions,
  listener: HydrateListener | undefined,
): InstanceState | null {
  const present = into.known.get(identity)
  if (hydration.kindOf === undefined) return hydrateAs(into, hydration, present, row, identity, options, listener)
  const kind = hydration.kindOf(row)
  if (kind === undefined) return null
  if (present !== undefined && present.model !== kind.model) throw changedClass(present, kind.model)
  const made = kind === hydration ? into : { ...into, make: instantiatorOf(kind.model) }
  return hydrateAs(made, kind, present, row, identity, options, listener)
}

/** A row as an instance of the class that it is of. */
function hydrateAs(
  into: Target,
  hydration: Hydration,
  present: InstanceState | undefined,
  row: unknown[],
  identity: IdentityKey,
  options: HydrateOptions,
  listener: HydrateListener | undefined,
): InstanceState | null {
  if (present?.expired === true && hydration.complete) present.expired = false
  if (present === undefined) {
    const state = newFromRow(into, hydration, row, identity)
    listener?.loaded(state)
    return state
  }
  if (fill(into.unit, hydration, present, row, options)) listener?.refreshed(present)
  return present
}

function newFromRow(into: Target, hydration: Hydration, row: unknown[], identity: IdentityKey): InstanceState {
  const values = hydration.whole ? own(hydration, row) : spread(hydration, row)
  const state = into.make(values)
  state.identity = identity
  if (hydration.moments.length > 0) state.noteUnreadMoments()
  if (hydration.keepsKey) state.storedKey = keyValuesOf(hydration.model, values)
  into.unit.adopt(state, into.known)
  return state
}

/** What stands behind the columns is not the instance's. */
function own({ columns }: Hydration, row: unknown[]): unknown[] {
  if (row.length > columns.length) row.length = columns.length
  return row
}

function spread({ model, columns }: Hydration, row: readonly unknown[]): unknown[] {
  const values = new Array<unknown>(model.columns.length).fill(undefined)
  for (let place = 0; place < columns.length; place++) values[(columns[place] as ColumnModel).index] = row[place]
  return values
}

/** Fills what is not there; with `populateExisting` everything. Unflushed changes are kept unless asked otherwise. */
function fill(
  unit: UnitOfWork,
  { columns, moments }: Hydration,
  state: InstanceState,
  row: unknown[],
  { populateExisting }: HydrateOptions,
): boolean {
  for (const place of moments) row[place] = momentOf(row[place])
  if (populateExisting) return overwrite(unit, columns, state, row)
  let filled = false
  for (let place = 0; place < columns.length; place++) {
    const { index } = columns[place] as ColumnModel
    if (state.originals?.has(index) === true) fillOriginal(state, index, row[place])
    else if (state.values[index] === undefined) {
      if (!filled) unit.snapshot?.noteLoad(state)
      state.values[index] = row[place]
      filled = true
    }
  }
  return filled
}

/** A value assigned to an expired attribute stays; what it replaces is known now. */
function fillOriginal(state: InstanceState, index: number, stored: unknown): void {
  if (state.originals?.get(index) === undefined) state.originals?.set(index, stored)
}

function overwrite(
  unit: UnitOfWork,
  columns: readonly ColumnModel[],
  state: InstanceState,
  row: readonly unknown[],
): boolean {
  unit.snapshot?.noteLoad(state)
  for (let place = 0; place < columns.length; place++) {
    const { index } = columns[place] as ColumnModel
    state.values[index] = row[place]
    state.originals?.delete(index)
  }
  if (state.originals?.size === 0) {
    state.originals = undefined
    unit.dirty.delete(state)
  }
  return true
}
