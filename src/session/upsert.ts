import type { Connection } from '../engine/index.ts'
import { ArgumentError } from '../errors.ts'
import { entityTable, type GivenConflict, hydrateRows, hydrationOf, readConflict } from '../loading/index.ts'
import { type ColumnModel, type EntityModel, nameOf } from '../mapping/index.ts'
import { type InstanceState, identityOf } from '../state/index.ts'
import { readWrittenRow, settleStored } from './bulk.ts'
import type { SessionCore } from './core.ts'
import { type GivenRow, readyToWrite, shapesOf, withDefaults } from './row-writes.ts'

/**
 * Inserts rows, or changes those that are there, inside an operation. Gives their instances where those are wanted, in the order of
 * the rows.
 *
 * @throws ArgumentError for a row that can conflict with none
 */
export async function upsertGiven(
  core: SessionCore,
  model: EntityModel,
  rows: readonly GivenRow[],
  options: GivenConflict,
  returning: boolean,
  label: string,
): Promise<object[]> {
  const table = entityTable(core.binds.forModel(model).dialect, model)
  const given = model.columns.filter((column) => rows.some((row) => row.has(column)))
  const rule = readConflict(table, label, given, options)
  for (const row of rows) refuseUnfindable(model, row, rule.on, label)
  const connection = await readyToWrite(core, model, label)
  const complete = rows.map((row) => withDefaults(model, row))
  for (const { columns, places } of shapesOf(complete)) {
    const values = places.map((place) => valuesIn(complete[place], columns))
    await connection.statements.upsertRows(connection, model, columns, rule, values)
    core.transaction?.snapshot.noteWrite()
  }
  if (!returning && core.unit.map.of(model).size === 0) return []
  const found = await readBack(core, connection, model, rule.on, rows)
  return returning ? inOrder(model, rule.on, rows, found, label) : []
}

function valuesIn(row: GivenRow | undefined, columns: readonly ColumnModel[]): unknown[] {
  return columns.map((column) => row?.get(column))
}

function refuseUnfindable(model: EntityModel, row: GivenRow, on: readonly ColumnModel[], label: string): void {
  const missing = on.find((column) => row.get(column) === undefined || row.get(column) === null)
  if (missing === undefined) return
  throw new ArgumentError(
    `${label}: a row has no ${missing.property}, so it can be no row of ${nameOf(model)} that is there; insert it, or name another ` +
      'unique property with `on`.',
  )
}

/** Reads the rows again; instances of the session agree with them, but for changes that are not flushed. */
async function readBack(
  core: SessionCore,
  connection: Connection,
  model: EntityModel,
  on: readonly ColumnModel[],
  rows: readonly GivenRow[],
): Promise<InstanceState[]> {
  const found: InstanceState[] = []
  const hydration = hydrationOf(connection.dialect, model, model.loaded)
  for (const statement of connection.statements.selectMembers(
    model,
    model.loaded,
    on,
    [],
  )(rows.map((row) => valuesIn(row, on)))) {
    const outcome = await connection.run(statement)
    for (const row of outcome.rows as readonly unknown[][]) {
      const stored = readWrittenRow(connection, model.loaded, row)
      const identity = identityOf(
        model,
        model.key.map(({ index }) => stored.get(index)),
      )
      const present = identity === undefined ? undefined : core.unit.find(model, identity)
      if (present !== undefined) settleStored(core, present, stored)
      const state = present ?? hydrateRows(core.unit, hydration, [row], { populateExisting: false })[0]
      if (state != null) found.push(state)
    }
  }
  return found
}

function inOrder(
  model: EntityModel,
  on: readonly ColumnModel[],
  rows: readonly GivenRow[],
  found: readonly InstanceState[],
  label: string,
): object[] {
  const exact = new Map(
    found.map((state) => [
      textOf(
        on.map(({ index }) => state.values[index]),
        on,
      ),
      state,
    ]),
  )
  // A database may take texts for equal that are not the same.
  const loose = new Map(
    found.map((state) => [
      textOf(
        on.map(({ index }) => state.values[index]),
        on,
      ).toLowerCase(),
      state,
    ]),
  )
  return rows.map((row) => {
    const text = textOf(valuesIn(row, on), on)
    const state = exact.get(text) ?? loose.get(text.toLowerCase())
    if (state !== undefined) return state.instance
    throw new ArgumentError(
      `${label}: a row of ${nameOf(model)} was written and is not found again by ${on.map(({ property }) => property).join(', ')}; ` +
        'another unique constraint has decided that it was there.',
    )
  })
}

function textOf(values: readonly unknown[], columns: readonly ColumnModel[]): string {
  return JSON.stringify(
    values.map((value, i) => String((columns[i] as ColumnModel).type.keyOf?.(value as never) ?? value)),
  )
}
