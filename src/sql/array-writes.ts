import { type RawBuilder, sql } from 'kysely'
import { compileShape, type StatementShape } from './compile.ts'
import { chunksOf } from './rows.ts'
import {
  allOf,
  arraysOf,
  columnOf,
  listName,
  statementOf,
  tableOf,
  transpose,
  typedSlot,
  unnestedAt,
} from './statement-parts.ts'
import { areNull, sharedPlaces, unmatched, valuesOf, type Write, writeKey } from './write-parts.ts'

const ROWS_AT_ONCE = 5_000

/**
 * Updates or deletes many rows by `… from unnest($1, …)`: one text for any number of rows. The statement returns
 * the position of each change that found its row, so those that found none are known exactly.
 */
export async function writeByArrays(write: Write): Promise<readonly number[]> {
  const { context, runner, model, set, compared } = write
  const missing: number[] = []
  for (const chunk of chunksOf(write.rows, ROWS_AT_ONCE, valuesOf)) {
    const rows = chunk.rows.map(valuesOf)
    const shared = sharedPlaces(write, rows)
    const key = `many sharing ${shared.join(',')} ${writeKey(write)}`
    const shape = context.shape(model, key, () => arrayShape(write, shared))
    const lists = transpose(rows, set.length + compared.length)
    const values = lists.map((list, place) => (shared.includes(place) ? list[0] : list))
    const outcome = await runner.run(statementOf(shape, values))
    if (outcome.rows.length === chunk.rows.length) continue
    const matched = new Set(arraysOf(outcome).map(([position]) => Number(position)))
    for (const index of unmatched(chunk.rows, (_, at) => matched.has(at + 1))) missing.push(chunk.start + index)
  }
  return missing
}

/** @param shared the places of values that are the same for all rows, which are sent once */
function arrayShape(write: Write, shared: readonly number[]): StatementShape {
  const { context, model, set, compared } = write
  const { dialect } = context
  const columns = [...set, ...compared]
  const values = columns.map((column, place) =>
    shared.includes(place) ? typedSlot(dialect, column, place) : sql`v.${listName(place)}`,
  )
  const places = columns.flatMap((_, place) => (shared.includes(place) ? [] : [place]))
  const source = unnestedAt(dialect, columns, places)
  const found = allOf([
    ...compared.map((column, index) => sql`${columnOf(dialect, column, 't')} = ${values[set.length + index]}`),
    ...areNull(dialect, write, 't'),
  ])
  const table = sql`${tableOf(dialect, model)} as ${sql.id('t')}`
  return compileShape(dialect, sql`${action(write, table, source, values)} where ${found} returning v.n::int4`)
}

function action(
  { context, verb, set }: Write,
  table: RawBuilder<unknown>,
  source: RawBuilder<unknown>,
  values: readonly RawBuilder<unknown>[],
): RawBuilder<unknown> {
  if (verb === 'delete') return sql`delete from ${table} using ${source}`
  const assignments = set.map((column, place) => sql`${columnOf(context.dialect, column)} = ${values[place]}`)
  return sql`update ${table} set ${sql.join(assignments)} from ${source}`
}
