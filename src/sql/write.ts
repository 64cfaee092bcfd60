import { sql } from 'kysely'
import { ArgumentError } from '../errors.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import { writeByArrays } from './array-writes.ts'
import { deleteByList, updateByCase } from './case-writes.ts'
import { compileShape, compileSource } from './compile.ts'
import {
  columnOf,
  parameterSets,
  type Row,
  type Runner,
  type StatementContext,
  slots,
  statementOf,
  tableOf,
} from './statement-parts.ts'
import { type Change, matching, runForEach, runWrites, valuesOf, type Write, writeKey } from './write-parts.ts'

/**
 * Updates rows and gives the indexes of those whose match found no row, in ascending order.
 *
 * Rows travel together where their order cannot matter. Where a column of the key or of a unique constraint is set, it
 * can (2 becomes 3 before 1 becomes 2), so those go one by one in the given order, as one batch.
 *
 * @throws ArgumentError when there is no column to set or to match
 */
export function updateRows(
  context: StatementContext,
  runner: Runner,
  model: EntityModel,
  set: readonly ColumnModel[],
  match: readonly ColumnModel[],
  rows: readonly Change[],
): Promise<readonly number[]> {
  if (set.length === 0) throw new ArgumentError(`An update of ${model.name} was asked for without a column to set`)
  const isOrdered = set.some((column) => column.primaryKey || isUnique(model, column))
  return write({ context, runner, model, verb: 'update', set, match }, rows, isOrdered)
}

/**
 * Deletes rows and gives the indexes of those whose match found no row, in ascending order.
 *
 * @throws ArgumentError when there is no column to match
 */
export function deleteRows(
  context: StatementContext,
  runner: Runner,
  model: EntityModel,
  match: readonly ColumnModel[],
  rows: readonly Row[],
): Promise<readonly number[]> {
  const changes = rows.map((row) => ({ set: [], match: row }))
  return write({ context, runner, model, verb: 'delete', set: [], match }, changes, false)
}

type WriteBase = Omit<Write, 'nulls' | 'compared' | 'rows'>

async function write(base: WriteBase, changes: readonly Change[], isOrdered: boolean): Promise<readonly number[]> {
  // Without a condition the statement would change the whole table.
  if (base.match.length === 0)
    throw new ArgumentError(`An ${base.verb} of ${base.model.name} names no column to find its rows by`)
  return runWrites(base, changes, (part) => writeTogether(part, isOrdered), writeAlone)
}

function isUnique(model: EntityModel, column: ColumnModel): boolean {
  return column.unique || model.indexes.some((index) => index.unique && index.properties.includes(column.property))
}

function writeTogether(part: Write, isOrdered: boolean): Promise<readonly number[]> {
  const { batchUpdate } = part.context.dialect.capabilities
  if (part.rows.length === 1 || isOrdered || batchUpdate === 'each' || part.compared.length === 0)
    return writeEach(part)
  if (batchUpdate === 'arrays') return writeByArrays(part)
  return part.verb === 'update' ? updateByCase(part) : deleteByList(part)
}

/** One prepared text, run once a row as one batch. */
function writeEach(part: Write): Promise<readonly number[]> {
  const { context, runner, model, set, compared, rows } = part
  const shape = context.shape(model, `one ${writeKey(part)}`, () =>
    compileShape(context.dialect, source(part, slots(set.length), slots(compared.length, set.length))),
  )
  const sets = parameterSets(shape, rows.map(valuesOf))
  return runForEach(runner, { ...statementOf(shape, []), parameters: sets[0] ?? [] }, sets)
}

/** A change that holds expressions has a text of its own, which is not kept. */
async function writeAlone(part: Write): Promise<readonly number[]> {
  const { context, runner, rows } = part
  const [row] = rows
  if (row === undefined) return []
  const compiled = compileSource(context.dialect, source(part, row.set, row.match))
  return runForEach(runner, { ...compiled, rows: 'array', typed: true }, [compiled.parameters])
}

function source(part: Write, set: readonly unknown[], match: readonly unknown[]) {
  const { context, model, verb } = part
  const { dialect } = context
  const table = tableOf(dialect, model)
  const found = matching(dialect, part, match)
  if (verb === 'delete') return sql`delete from ${table} where ${found}`
  const assignments = part.set.map((column, index) => sql`${columnOf(dialect, column)} = ${set[index]}`)
  return sql`update ${table} set ${sql.join(assignments)} where ${found}`
}
