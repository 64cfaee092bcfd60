import type { Connection } from '../engine/index.ts'
import type { ColumnModel } from '../mapping/index.ts'
import { type IdentityKey, identityOf, type ValuesByColumn } from '../state/index.ts'
import { isReadAtOnce } from './shapes.ts'
import type { UpdateStep } from './steps.ts'
import type { PendingUpdate } from './work.ts'

/**
 * Reads back what the database has changed in rows just updated, in one statement for a batch, and notes it among their changes.
 *
 * @param matches the values by which the rows were found, their keys first
 */
export async function readChanged(
  { model, updates }: UpdateStep,
  connection: Connection,
  matches: readonly (readonly unknown[])[],
): Promise<void> {
  const { changing, key } = model
  if (changing.length === 0) return
  const read = changing.filter((column) => isReadAtOnce(model, column))
  for (const { changes } of updates) {
    for (const column of changing) if (!read.includes(column)) changes.set(column.index, undefined)
  }
  if (read.length === 0) return
  const keys = updates.map(({ changes }, row) => key.map((column, i) => keyPart(changes, column, matches[row]?.[i])))
  const byIdentity = new Map<IdentityKey | undefined, PendingUpdate>()
  updates.forEach((update, row) => {
    byIdentity.set(identityOf(model, keys[row] as readonly unknown[]), update)
  })
  const columns = [...read, ...key]
  for (const statement of connection.statements.selectByKeys(model, columns)(keys)) {
    const { rows } = await connection.run(statement)
    for (const row of rows as readonly (readonly unknown[])[]) {
      const values = decoded(connection, columns, row)
      const update = byIdentity.get(identityOf(model, values.slice(read.length)))
      for (const [i, column] of read.entries()) update?.changes.set(column.index, values[i])
    }
  }
}

function keyPart(changes: ValuesByColumn, { index }: ColumnModel, stored: unknown): unknown {
  return changes.has(index) ? changes.get(index) : stored
}

function decoded({ dialect }: Connection, columns: readonly ColumnModel[], row: readonly unknown[]): unknown[] {
  return columns.map((column, i) => {
    const { decode } = dialect.codec(column.type)
    return decode === undefined || row[i] === null ? row[i] : decode(row[i] as never)
  })
}
