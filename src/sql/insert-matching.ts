import { FlushError } from '../errors.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import { keyText, type Row, rowDecoder, type StatementContext } from './statement-parts.ts'

/**
 * How the rows that an INSERT of many rows returns find the rows that were sent. RETURNING promises no order, so each
 * way rests on something that the database does promise:
 *
 * - `serial`: the database numbers the rows itself, in their order. PostgreSQL evaluates an `INSERT … SELECT … ORDER
 *   BY` row by row in that order, drawing from the sequence as it goes; MySQL and MariaDB number the lists of VALUES
 *   from first to last. So the smallest key belongs to the first row: the returned keys are sorted, and given out in
 *   turn. Keys that others draw meanwhile leave gaps and change nothing. (A sequence that counts down, or starts over,
 *   would break this; heddle makes none.)
 * - `key`: the rows were sent with their keys, and are found again by them.
 * - `position`: the database makes keys in another way (a random UUID). Then nothing ties a returned row to one sent,
 *   so rows are sent one by one, and the answers come in the order of the statements.
 */
export type Match = 'serial' | 'key' | 'position'

/** The way that works for rows with values for these columns. */
export function matchOf(model: EntityModel, columns: readonly ColumnModel[], returning: readonly ColumnModel[]): Match {
  const missing = model.key.filter((column) => !columns.includes(column))
  if (missing.length === 0 || returning.length === 0) return 'key'
  return missing.length === 1 && model.key.length === 1 && missing[0]?.autoincrement === true ? 'serial' : 'position'
}

/** What is needed to give out returned rows. */
export interface Returned {
  readonly context: StatementContext
  readonly model: EntityModel
  readonly columns: readonly ColumnModel[]
  readonly returning: readonly ColumnModel[]
  readonly fetched: readonly ColumnModel[]
  readonly match: Match
}

/**
 * The values of `returning` for each row sent, from returned rows in any order.
 *
 * @throws FlushError when not every row sent has a returned one: a trigger discarded it, or changed its key
 */
export function returnedRows(returned: Returned, sent: readonly Row[], rows: readonly Row[]): readonly Row[] {
  const { context, returning } = returned
  if (returning.length === 0) return sent.map(() => [])
  if (rows.length !== sent.length) throw lostRows(returned, sent.length, rows.length)
  const found = returned.match === 'serial' ? bySerial(returned, rows) : byKey(returned, sent, rows)
  const decode = rowDecoder(context.dialect, returning)
  if (returned.fetched.length === returning.length) return found.map(decode)
  return found.map((row) => decode(row.slice(0, returning.length)))
}

/** Ascending keys, as the rows were numbered. */
function bySerial({ model, fetched }: Returned, rows: readonly Row[]): readonly Row[] {
  const place = fetched.indexOf(model.key[0] as ColumnModel)
  const keyOf = (row: Row) => row[place] as number | bigint
  const isAscending = rows.every((row, at) => at === 0 || keyOf(rows[at - 1] as Row) <= keyOf(row))
  return isAscending ? rows : [...rows].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

function byKey(returned: Returned, sent: readonly Row[], rows: readonly Row[]): readonly Row[] {
  const { model, columns, context, fetched } = returned
  const decode = rowDecoder(context.dialect, fetched)
  const byText = new Map<string, Row>()
  for (const row of rows) byText.set(keyTextOf(model, fetched, decode(row)), row)
  return sent.map((row) => {
    const found = byText.get(keyTextOf(model, columns, row))
    if (found === undefined) throw lostRows(returned, sent.length, byText.size)
    return found
  })
}

/** The text of a row's key, where the row holds values of these columns. */
export function keyTextOf(model: EntityModel, columns: readonly ColumnModel[], row: Row): string {
  return keyText(
    model.key,
    model.key.map((column) => row[columns.indexOf(column)]),
  )
}

function lostRows({ model }: Returned, sent: number, found: number): FlushError {
  return new FlushError(
    `${sent} rows were inserted into ${model.name} and ${found} of them were found again: ` +
      'a trigger discards rows or changes their keys',
  )
}
