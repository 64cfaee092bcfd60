import {
  type ColumnModel,
  type EntityModel,
  type FamilyTable,
  familyTables,
  type Inheritance,
  isInTable,
} from '../mapping/index.ts'
import { ValuesByColumn } from '../state/index.ts'
import { deleteSteps, insertSteps, matchOf, updateSteps } from './shapes.ts'
import type { DeleteStep, InsertStep, PlanStep, UpdateStep } from './steps.ts'
import type { PendingInsert, PendingUpdate } from './work.ts'

/*
 * Rows of a family are planned together, whatever their classes, and are written table by table: parents' tables first, and last when
 * rows are deleted. Rows of several classes share the statements of a table. Each of them is told here in the words of one table, where
 * columns have other places than in the rows of a class.
 */

/** A step whose rows are of a family. */
export type FamilyStep = (InsertStep | UpdateStep | DeleteStep) & {
  readonly model: { readonly inheritance: Inheritance }
}

/** Whether the rows of a step are of a family, and so to be written table by table. */
export function isOfFamily(step: PlanStep): step is FamilyStep {
  return 'model' in step && step.model.inheritance !== undefined
}

/** The same plan, table by table, to be printed. */
export function tableSteps(step: PlanStep): readonly PlanStep[] {
  if (!isOfFamily(step)) return [step]
  const tables = familyTables(step.model)
  if (step.kind === 'delete') return tables.toReversed().flatMap((table) => deletesOf(table, step))
  return tables.flatMap((table): PlanStep[] => {
    return step.kind === 'insert' ? insertsOf(table, step.inserts) : updatesOf(table, step, (row) => row.storedKey)
  })
}

function isIn(model: EntityModel, table: FamilyTable): boolean {
  return isInTable(model, table.model.table)
}

/** The rows that a step inserts into one table. Columns of other classes are null. */
export function insertsOf(table: FamilyTable, inserts: readonly PendingInsert[]): InsertStep[] {
  const rows = inserts.filter(({ state }) => isIn(state.model, table))
  if (rows.length === 0) return []
  const classes = new Set(rows.map(({ state }) => state.model))
  const columns = table.model.columns.filter((_, i) => [...classes].some((one) => table.placesIn(one)[i] !== undefined))
  const told = rows.map((row) => ({ ...row, values: valuesIn(table, row) }))
  return insertSteps(table.model, told, columns)
}

/** The values of a row by the columns of a table. The key that another table has made is known when its turn comes. */
function valuesIn(table: FamilyTable, { state, values }: PendingInsert): unknown[] {
  const places = table.placesIn(state.model)
  return table.model.columns.map((column, i) => {
    const place = places[i]
    if (place === undefined) return null
    const value = values[place]
    return value === undefined && column.primaryKey && !table.isFirst ? null : value
  })
}

/** The rows that a step updates in one table: those with changes of its columns. */
export function updatesOf(
  table: FamilyTable,
  { updates, match }: UpdateStep,
  keyOf: (row: PendingUpdate) => readonly unknown[] | undefined,
): UpdateStep[] {
  const isVersioned = match.length > table.model.key.length
  const rows = updates.filter(({ state }) => isIn(state.model, table))
  const changed = rows.map((row) => ({ ...row, changes: changesIn(table, row), storedKey: keyOf(row) }))
  const matched = isVersioned ? matchOf(table.model) : table.model.key
  return updateSteps(
    table.model,
    changed.filter(({ changes }) => changes.size > 0),
    matched,
  )
}

/** A changed key is given to the other tables by the database. */
function changesIn(table: FamilyTable, { state, changes }: PendingUpdate): ValuesByColumn {
  const own = new ValuesByColumn()
  const places = table.placesIn(state.model)
  table.model.columns.forEach(({ index, primaryKey }) => {
    const place = places[index]
    if (place === undefined || (primaryKey && !table.isFirst)) return
    if (changes.has(place)) own.set(index, changes.get(place))
  })
  return own
}

/** The rows that a step deletes from one table. */
export function deletesOf(table: FamilyTable, { deletes }: DeleteStep): DeleteStep[] {
  const rows = deletes.filter(({ state }) => isIn(state.model, table))
  return rows.length === 0 ? [] : deleteSteps(table.model, rows)
}

/** Gives values of a table's row to the row of a class. */
export function giveBack(
  table: FamilyTable,
  model: EntityModel,
  columns: readonly ColumnModel[],
  valueAt: (column: ColumnModel) => unknown,
  set: (index: number, value: unknown) => void,
): void {
  const places = table.placesIn(model)
  for (const column of columns) {
    const place = places[column.index]
    if (place !== undefined) set(place, valueAt(column))
  }
}
