import type { Connection } from '../engine/index.ts'
import { ArgumentError, StaleDataError } from '../errors.ts'
import { decodedHydrationOf, hydrateRows } from '../loading/index.ts'
import { type ColumnModel, type EntityModel, isSqlExpression, nameOf } from '../mapping/index.ts'
import { countedUp, type Dialect } from '../sql/index.ts'
import { checkValue, type InstanceState, identityOf, type UnitOfWork } from '../state/index.ts'
import { describeValue, nearest } from '../support/index.ts'
import { forgetMoved } from './bulk.ts'
import type { SessionCore } from './core.ts'

/** A row as the program gave it: the program's values by column. */
export type GivenRow = ReadonlyMap<ColumnModel, unknown>

/**
 * Checks rows and reads them by column.
 *
 * @throws ArgumentError for anything but objects of known properties and fitting values
 */
export function readRowValues(model: EntityModel, call: string, rows: unknown): GivenRow[] {
  if (!Array.isArray(rows)) throw new ArgumentError(`${call} takes an array of rows, not ${describeValue(rows)}.`)
  return rows.map((row: unknown) => readRow(model, call, row))
}

function readRow(model: EntityModel, call: string, row: unknown): GivenRow {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw new ArgumentError(`${call}: a row is an object of properties and values, not ${describeValue(row)}.`)
  }
  const values = new Map<ColumnModel, unknown>()
  for (const [property, value] of Object.entries(row)) {
    const column = columnOf(model, call, property)
    checkValue(model, column, value)
    values.set(column, value)
  }
  return values
}

/** The column of a property. @throws ArgumentError, which names the choices */
export function columnOf(model: EntityModel, call: string, property: string): ColumnModel {
  const column = model.columnOf.get(property)
  if (column !== undefined) return column
  const names = [...model.columnOf.keys()]
  const close = nearest(property, names)
  const hint = close === undefined ? '' : `Did you mean '${close}'? `
  throw new ArgumentError(
    `${call}: ${nameOf(model)} has no property '${property}'. ${hint}Properties: ${names.join(', ')}`,
  )
}

/** The row with what its instance would get at its first flush: defaults, and the first version. */
export function withDefaults(model: EntityModel, row: GivenRow): GivenRow {
  const values = new Map<ColumnModel, unknown>()
  for (const column of model.columns) {
    const value = row.has(column) ? row.get(column) : initialValue(model, column)
    if (value !== undefined) values.set(column, value)
  }
  return values
}

/** Undefined leaves the value to the database. */
function initialValue(model: EntityModel, column: ColumnModel): unknown {
  const { makeDefault, nextVersion, version } = column
  if (column.readOnly) return undefined
  const value =
    makeDefault !== undefined
      ? makeDefault()
      : version && nextVersion !== false
        ? nextVersion === undefined
          ? 1
          : nextVersion(undefined)
        : undefined
  if (value !== undefined) checkValue(model, column, value)
  return value
}

/** Rows with values for the same columns travel together, in their order. */
export function shapesOf(rows: readonly GivenRow[]): { readonly columns: ColumnModel[]; readonly places: number[] }[] {
  const shapes = new Map<string, { columns: ColumnModel[]; places: number[] }>()
  rows.forEach((row, place) => {
    const columns = [...row.keys()].toSorted((a, b) => a.index - b.index)
    const key = columns.map(({ index }) => index).join()
    const shape = shapes.get(key) ?? { columns, places: [] }
    shapes.set(key, shape)
    shape.places.push(place)
  })
  return [...shapes.values()]
}

const valuesOf = (row: GivenRow | undefined, columns: readonly ColumnModel[]) =>
  columns.map((column) => row?.get(column))

/** Inserts rows inside an operation; gives their instances where those are wanted, in the order of the rows. */
export async function insertGiven(
  core: SessionCore,
  model: EntityModel,
  rows: readonly GivenRow[],
  returning: boolean,
  label: string,
): Promise<object[]> {
  const connection = await readyToWrite(core, model, label)
  const complete = rows.map((row) => withDefaults(model, row))
  const inserted = new Array<object>(returning ? rows.length : 0)
  for (const { columns, places } of shapesOf(complete)) {
    const values = places.map((place) => valuesOf(complete[place], columns))
    const answers = await connection.statements.insertRows(
      connection,
      model,
      columns,
      returning ? model.loaded : [],
      values,
    )
    core.transaction?.snapshot.noteWrite()
    if (returning) {
      adopt(core.unit, connection, model, answers).forEach((instance, i) => {
        inserted[places[i] as number] = instance
      })
    }
  }
  return inserted
}

/** Flushes, and gives the connection on which rows of an entity are written. */
export async function readyToWrite(core: SessionCore, model: EntityModel, label: string): Promise<Connection> {
  core.rows.refuseBetween(label)
  await core.autoflushNow(label)
  return core.connectionFor(model, label)
}

/** Instances of rows that are decoded already. */
function adopt(
  unit: UnitOfWork,
  connection: Connection,
  model: EntityModel,
  rows: readonly (readonly unknown[])[],
): object[] {
  const hydration = decodedHydrationOf(connection.dialect, model, model.loaded)
  const states = hydrateRows(
    unit,
    hydration,
    rows.map((row) => row.slice()),
    { populateExisting: false },
  )
  return states.map((state) => (state as InstanceState).instance)
}

/**
 * Updates rows by their keys inside an operation, and has the session's instances agree.
 *
 * @throws ArgumentError for a row without its whole key; StaleDataError for one that is not there, or of another version
 */
export async function updateGiven(
  core: SessionCore,
  model: EntityModel,
  rows: readonly GivenRow[],
  label: string,
): Promise<number> {
  for (const row of rows) refuseWithoutKey(model, row, label)
  const connection = await readyToWrite(core, model, label)
  const complete = rows.map((row) => withAutomatic(connection.dialect, model, row))
  let missing = 0
  for (const { columns, places } of shapesOf(complete)) {
    const set = columns.filter((column) => !column.primaryKey)
    if (set.length === 0) continue
    const match = rows[places[0] as number]?.has(model.version as ColumnModel)
      ? [...model.key, model.version as ColumnModel]
      : model.key
    const changes = places.map((place) => ({
      set: valuesOf(complete[place], set),
      match: valuesOf(rows[place], match),
    }))
    const absent = await connection.statements.updateRows(connection, model, set, match, changes)
    core.transaction?.snapshot.noteWrite()
    missing += absent.length
  }
  if (missing > 0) {
    throw new StaleDataError(
      `${label}: ${rows.length} rows were to be updated, and ${missing} of them are not there, or of another version; roll back.`,
    )
  }
  rows.forEach((row, place) => {
    settle(core.unit, model, row, complete[place] as GivenRow)
  })
  return rows.length
}

function refuseWithoutKey(model: EntityModel, row: GivenRow, label: string): void {
  const missing = model.key.find((column) => row.get(column) === undefined || row.get(column) === null)
  if (missing === undefined) return
  throw new ArgumentError(
    `${label}: a row has no ${missing.property}; rows are found by their key, and need all of it.`,
  )
}

/** The row with what changes at every UPDATE. */
function withAutomatic(dialect: Dialect, model: EntityModel, row: GivenRow): GivenRow {
  const values = new Map(row)
  for (const column of model.columns) {
    if (column.version) setVersion(dialect, model, column, values)
    else if (column.makeOnUpdate !== undefined && !values.has(column)) {
      const value = column.makeOnUpdate()
      checkValue(model, column, value)
      values.set(column, value)
    }
  }
  return values
}

/** The version that was given is the one that the row must have; without one the stored version counts on. */
function setVersion(
  dialect: Dialect,
  model: EntityModel,
  column: ColumnModel,
  values: Map<ColumnModel, unknown>,
): void {
  const { nextVersion } = column
  if (nextVersion === false) return
  const given = values.get(column)
  if (given === undefined && nextVersion !== undefined) {
    throw new ArgumentError(
      `The versions of ${nameOf(model)} are made by a function; give each row its ${column.property}.`,
    )
  }
  const next = nextVersion === undefined ? Number(given) + 1 : nextVersion(given)
  values.set(column, given === undefined ? countedUp(dialect, column) : next)
}

/** An unflushed change of the program stays; what it replaces is known anew. */
function settle(unit: UnitOfWork, model: EntityModel, row: GivenRow, stored: GivenRow): void {
  const identity = identityOf(model, valuesOf(row, model.key))
  const state = identity === undefined ? undefined : unit.find(model, identity)
  if (state === undefined) return
  unit.snapshot?.noteChange(state)
  for (const [{ index, primaryKey }, value] of stored) {
    if (primaryKey) continue
    const now = isSqlExpression(value) ? undefined : value
    if (state.originals?.has(index) === true) state.originals.set(index, now)
    else state.values[index] = now
  }
  forgetMoved(state, new Set(stored.keys()))
}
