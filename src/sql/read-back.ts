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
  const keyOf = returned.match === 'serial' ? generatedKeys(returned, insertIdOf) : sentKeys(returned)
  const keys = sent.map(keyOf)
  if (returning.length === 1 && model.key.length === 1 && returning[0] === model.key[0]) return keys
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

function sentKeys(returned: Returned): (row: Row) => Row {
  const places = returned.model.key.map((column) => returned.columns.indexOf(column))
  return (row) =>
    places.map((at, i) => {
      const value = at < 0 ? undefined : row[at]
      if (at < 0 || isExpression(value)) throw untoldKey(returned, returned.model.key[i])
      return value
    })
}

/** Of the one column that the database numbers. */
function generatedKeys(
  returned: Returned,
  insertIdOf: (index: number) => number | bigint | undefined,
): (row: Row, index: number) => Row {
  const column = returned.model.key[0] as ColumnModel
  const decode = returned.context.dialect.codec(column.type).decode as ((value: unknown) => unknown) | undefined
  return (_, index) => {
    const id = insertIdOf(index)
    if (id === undefined) throw untoldKey(returned, column)
    return [decode === undefined ? id : decode(id)]
  }
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
