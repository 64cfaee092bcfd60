import { type RawBuilder, sql } from 'kysely'
import { compileShape, type StatementShape } from './compile.ts'
import { chunksOf } from './rows.ts'
import {
  allOf,
  arraysOf,
  columnOf,
  statementOf,
  tableOf,
  transpose,
  unnested,
  unnestedNames,
} from './statement-parts.ts'
import { areNull, unmatched, valuesOf, type Write, writeKey } from './write-parts.ts'

const ROWS_AT_ONCE = 5_000

/**
 * Updates or deletes many rows by `… from unnest($1, …)`: one text for any number of rows. The statement returns
 * the position of each change that found its row, so those that found none are known exactly.
 */
export async function writeByArrays(write: Write): Promise<readonly number[]> {
  const { context, runner, model, set, compared } = write
  const shape = context.shape(model, `many ${writeKey(write)}`, () => arrayShape(write))
  const missing: number[] = []
  for (const chunk of chunksOf(write.rows, ROWS_AT_ONCE, valuesOf)) {
    const values = transpose(chunk.rows.map(valuesOf), set.length + compared.length)
    const outcome = await runner.run(statementOf(shape, values))
    if (outcome.rows.length === chunk.rows.length) continue
    const matched = new Set(arraysOf(outcome).map(([position]) => Number(position)))
    for (const index of unmatched(chunk.rows, (_, at) => matched.has(at + 1))) missing.push(chunk.start + index)
  }
  return missing
}

function arrayShape(write: Write): StatementShape {
  const { context, model, set, compared } = write
  const { dialect } = context
  const columns = [...set, ...compared]
  const names = unnestedNames(columns)
  const source = unnested(dialect, columns)
  const found = allOf([
    ...compared.map((column, index) => sql`${columnOf(dialect, column, 't')} = v.${names[set.length + index]}`),
    ...areNull(dialect, write, 't'),
  ])
  const table = sql`${tableOf(dialect, model)} as ${sql.id('t')}`
  return compileShape(dialect, sql`${action(write, table, source, names)} where ${found} returning v.n::int4`)
}

function action(
  { context, verb, set }: Write,
  table: RawBuilder<unknown>,
  source: RawBuilder<unknown>,
  names: readonly RawBuilder<unknown>[],
): RawBuilder<unknown> {
  if (verb === 'delete') return sql`delete from ${table} using ${source}`
  const values = set.map((column, index) => sql`${columnOf(context.dialect, column)} = v.${names[index]}`)
  return sql`update ${table} set ${sql.join(values)} from ${source}`
}
