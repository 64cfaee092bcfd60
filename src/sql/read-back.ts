import { FlushError } from '../errors.ts'
import type { ColumnModel } from '../mapping/index.ts'
import { isExpression } from './compile.ts'
import { keyTextOf, type Returned } from './insert-matching.ts'
import { selectByKeys } from './select.ts'
import { arraysOf, type Row, type Runner, rowDecoder } from './statement-parts.ts'

/**
 * The values of `returning` for rows just inserted on a database without RETURNING: keys from what was sent or from
 * what the driver told, and everything else by a select of those keys.
 *
 * @param insertIdOf the generated key of the row at an index, where there is one
 * @throws FlushError when the database made a key that it does not tell
 */
export async function readBack(
  returned: Returned & { readonly runner: Runner },
  sent: readonly Row[],
  insertIdOf: (index: number) => number | bigint | undefined,
): Promise<readonly Row[]> {
  const { model, returning } = returned
  const keys = sent.map((row, index) => knownKey(returned, row, insertIdOf(index)))
  if (returning.every((column) => model.key.includes(column))) {
    return keys.map((key) => returning.map((column) => key[model.key.indexOf(column)]))
  }
  const found = await selectRows(returned, keys)
  return keys.map((key) => {
    const row = found.get(keyTextOf(model, model.key, key))
    if (row === undefined)
      throw new FlushError(`A row was inserted into ${model.name} and is not found again by its key`)
    return row
  })
}

function knownKey(returned: Returned, row: Row, insertId: number | bigint | undefined): Row {
  const { model, columns, match } = returned
  if (match === 'serial') return [generatedKey(returned, insertId)]
  return model.key.map((column) => {
    const at = columns.indexOf(column)
    const value = at < 0 ? undefined : row[at]
    if (at < 0 || isExpression(value)) throw untoldKey(returned, column)
    return value
  })
}

function generatedKey(returned: Returned, insertId: number | bigint | undefined): unknown {
  const [column] = returned.model.key
  if (column === undefined || insertId === undefined) throw untoldKey(returned, column)
  const decode = returned.context.dialect.codec(column.type).decode as ((value: unknown) => unknown) | undefined
  return decode === undefined ? insertId : decode(insertId)
}

function untoldKey({ model }: Returned, column: ColumnModel | undefined): FlushError {
  return new FlushError(
    `The key ${model.name}.${column?.property ?? ''} is made by an expression of the database, which does not tell ` +
      'it back: give the column a default() in the program instead, or use a server with INSERT … RETURNING',
  )
}

async function selectRows(
  returned: Returned & { readonly runner: Runner },
  keys: readonly Row[],
): Promise<Map<string, Row>> {
  const { context, runner, model, returning } = returned
  const selected = [...returning, ...model.key.filter((column) => !returning.includes(column))]
  const decode = rowDecoder(context.dialect, selected)
  const found = new Map<string, Row>()
  for (const statement of selectByKeys(context, model, returning)(keys)) {
    for (const raw of arraysOf(await runner.run(statement))) {
      const row = decode(raw)
      found.set(keyTextOf(model, selected, row), row.slice(0, returning.length))
    }
  }
  return found
}
