import type { Connection } from '../engine/index.ts'
import { type FamilyTable, familyTables } from '../mapping/index.ts'
import { type InstanceState, keyValuesOf, type ValuesByColumn } from '../state/index.ts'
import type { MadeRows } from './deferred-key.ts'
import { deletesOf, giveBack, insertsOf, updatesOf } from './family-tables.ts'
import type { DeleteStep, InsertStep, UpdateStep } from './steps.ts'
import type { PendingUpdate } from './work.ts'

/** How the rows of one table are written. */
export interface TableWriter {
  insert(step: InsertStep): Promise<void>
  update(step: UpdateStep): Promise<void>
  delete(step: DeleteStep): Promise<void>
}

/** Inserts rows of a family: into the root's table first, whose key the others have too. */
export async function insertFamily({ model, inserts }: InsertStep, writer: TableWriter): Promise<void> {
  for (const table of familyTables(model)) {
    const originals = new Map(inserts.map((row) => [row.state, row]))
    for (const step of insertsOf(table, inserts)) {
      await writer.insert(step)
      for (const { state, values } of step.inserts) {
        const row = originals.get(state)?.values as unknown[]
        giveBack(
          table,
          state.model,
          step.returning,
          ({ index }) => values[index],
          (place, value) => {
            row[place] = value
          },
        )
      }
    }
  }
}

/** Updates rows of a family: in each table those with changes there. The root's table has the version. */
export async function updateFamily(step: UpdateStep, made: MadeRows, writer: TableWriter): Promise<void> {
  const originals = new Map(step.updates.map((row) => [row.state, row]))
  for (const table of familyTables(step.model)) {
    for (const part of updatesOf(table, step, (row) => keyIn(table, row, made))) {
      await writer.update(part)
      for (const { state, changes } of part.updates) takeBack(table, state, changes, originals)
    }
  }
}

/** The key by which a table knows the row when its turn comes: a changed one was given to it by the root's. */
function keyIn(table: FamilyTable, row: PendingUpdate, made: MadeRows): readonly unknown[] {
  const { model } = row.state
  const stored = row.storedKey ?? keyValuesOf(model, made.get(row.state) as readonly unknown[])
  if (table.isFirst) return stored
  return model.key.map(({ index }, i) => (row.changes.has(index) ? row.changes.get(index) : stored[i]))
}

/** What the database has computed is noted with the changes of the row. */
function takeBack(
  table: FamilyTable,
  state: InstanceState,
  changes: ValuesByColumn,
  originals: ReadonlyMap<InstanceState, PendingUpdate>,
): void {
  const row = originals.get(state)
  const { changing } = table.model
  const read = changing.filter(({ index }) => changes.has(index))
  giveBack(
    table,
    state.model,
    read,
    ({ index }) => changes.get(index),
    (place, value) => row?.changes.set(place, value),
  )
}

/** Deletes rows of a family: from the tables of subclasses first. Only the root's row tells whether the row was there. */
export async function deleteFamily(step: DeleteStep, connection: Connection, writer: TableWriter): Promise<void> {
  for (const table of familyTables(step.model).toReversed()) {
    for (const part of deletesOf(table, step)) {
      if (table.isFirst) await writer.delete(part)
      else await deleteQuietly(part, connection)
    }
  }
}

async function deleteQuietly({ model, match, deletes }: DeleteStep, connection: Connection): Promise<void> {
  const keys = deletes.map(({ storedKey }) => storedKey)
  await connection.statements.deleteRows(connection, model, match, keys)
}
