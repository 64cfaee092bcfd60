import { type RawBuilder, sql } from 'kysely'
import type { Statement } from '../drivers/index.ts'
import type { ColumnModel } from '../mapping/index.ts'
import { compileShape, type StatementShape } from './compile.ts'
import { chunksOf, largestSize, paddedSize, type RowRun } from './rows.ts'
import { padded } from './select.ts'
import {
  allOf,
  arraysOf,
  columnList,
  columnOf,
  keyText,
  type Row,
  rowDecoder,
  slots,
  statementOf,
  tableOf,
  tuple,
} from './statement-parts.ts'
import {
  areNull,
  identifying,
  type SentChange,
  sharedPlaces,
  unmatched,
  valuesOf,
  type Write,
  writeKey,
} from './write-parts.ts'

const UPDATES_AT_ONCE = 512
/** Rows of one branch: the server goes through the conditions of a CASE one by one. A power of two. */
const BRANCH = 32
const DELETES_AT_ONCE = 1_024

/**
 * Updates many rows by `update … set c = case key when … then … end where key in (…)`, filled up to a power of two with
 * the last row again, so that a few texts serve all numbers.
 *
 * The server tells only how many rows were matched. Where the values by which rows are found stay as they are, that is
 * enough: when some are missing, one select of what is there names them. Where they change (a version), nothing could
 * be found afterwards: so when some are missing, the update is undone up to a savepoint, and the rows are locked and
 * read. Outside of a transaction, where there are no savepoints, they are locked and read first.
 */
export async function updateByCase(write: Write): Promise<readonly number[]> {
  const perRow = write.set.length * (identifying(write).length + 1) + write.compared.length
  const changesMatch = write.match.some((column) => write.set.includes(column) || isMadeByDatabase(column))
  const missing: number[] = []
  for (const chunk of chunksFor(write, UPDATES_AT_ONCE, perRow)) {
    const absent = changesMatch ? await updateChanging(write, chunk.rows) : await updateAll(write, chunk.rows)
    for (const index of absent) missing.push(chunk.start + index)
  }
  return missing
}

/** A version that a trigger changes: no row is found by the old one once it is updated. */
function isMadeByDatabase({ version, readOnly }: ColumnModel): boolean {
  return version && readOnly
}

/**
 * Deletes many rows by `delete … where key in (…)`. Where the server can return what it deleted, that names the missing
 * ones; elsewhere the rows are locked and read first.
 */
export async function deleteByList(write: Write): Promise<readonly number[]> {
  const missing: number[] = []
  for (const chunk of chunksFor(write, DELETES_AT_ONCE, write.compared.length)) {
    const deleted = write.context.dialect.capabilities.deleteReturning
      ? await deleteReturning(write, chunk.rows)
      : await deleteFound(write, chunk.rows)
    for (const index of deleted) missing.push(chunk.start + index)
  }
  return missing
}

function chunksFor({ context, rows }: Write, limit: number, perRow: number): RowRun<SentChange>[] {
  const { maxParameters } = context.dialect.capabilities
  return chunksOf(rows, largestSize(Math.min(limit, Math.floor(maxParameters / Math.max(1, perRow)))), valuesOf)
}

// ------------------------------------------------------------------------------------------------ updating

async function updateAll(write: Write, rows: readonly SentChange[]): Promise<readonly number[]> {
  const matched = await runUpdate(write, rows)
  if (matched === rows.length) return []
  const missing = await absentRows(write, rows)
  // Somebody put a missing row there in between: which one it was cannot be told any more, so none is claimed to be
  // written.
  return missing.length >= rows.length - matched ? missing : rows.map((_, index) => index)
}

/** Rows whose values of `match` change with the update. */
async function updateChanging(write: Write, rows: readonly SentChange[]): Promise<readonly number[]> {
  const { runner, context } = write
  if (runner.inTransaction?.() !== true || !context.dialect.capabilities.savepoints) return updateFound(write, rows)
  await runner.run(SAVEPOINT)
  if ((await runUpdate(write, rows)) === rows.length) return []
  await runner.run(BACK_TO_SAVEPOINT)
  return updateFound(write, rows)
}

/** Its name may be taken again by the next update, which forgets this one; the end of the transaction forgets the last. */
const SAVEPOINT: Statement = { sql: 'savepoint heddle_rows', parameters: [] }
const BACK_TO_SAVEPOINT: Statement = { sql: 'rollback to savepoint heddle_rows', parameters: [] }

async function updateFound(write: Write, rows: readonly SentChange[]): Promise<readonly number[]> {
  const missing = await absentRows(write, rows)
  const gone = new Set(missing)
  const there = rows.filter((_, index) => !gone.has(index))
  if (there.length > 0) await runUpdate(write, there)
  return missing
}

async function runUpdate(write: Write, rows: readonly SentChange[]): Promise<number> {
  const { runner, context, model } = write
  const size = paddedSize(rows.length)
  const sorted = sortedByNumber(write, rows)
  const values = padded(sorted ?? rows, size).map(valuesOf)
  const shared = sharedPlaces(write, values)
  const kind = sorted === undefined ? 'case' : 'sorted case'
  const key = `${kind} ${size} sharing ${shared.join(',')} ${writeKey(write)}`
  const shape = context.shape(model, key, () => caseShape(write, size, shared, sorted !== undefined))
  const { rowCount } = await runner.run(statementOf(shape, values.flat()))
  return rowCount
}

/** In ascending order, where rows are told apart by a single number; undefined elsewhere, as the database may order by other rules. */
function sortedByNumber(write: Write, rows: readonly SentChange[]): readonly SentChange[] | undefined {
  const [only, ...others] = identifying(write)
  if (only === undefined || others.length > 0) return undefined
  const place = write.compared.indexOf(only)
  const numberOf = ({ match }: SentChange) => match[place] as number | bigint
  const areNumbers = rows.every((row) => typeof numberOf(row) === 'number' || typeof numberOf(row) === 'bigint')
  return areNumbers ? rows.toSorted((a, b) => (numberOf(a) < numberOf(b) ? -1 : 1)) : undefined
}

function caseShape(write: Write, size: number, shared: readonly number[], isSorted: boolean): StatementShape {
  const { context, model, set } = write
  const { dialect } = context
  const assignments = set.map((column, place) => {
    const value = shared.includes(place) ? slots(1, place)[0] : caseOf(write, size, place, isSorted)
    return sql`${columnOf(dialect, column)} = ${value}`
  })
  const source = sql`update ${tableOf(dialect, model)} set ${sql.join(assignments)} where ${inList(write, size, shared)}`
  return compileShape(dialect, source)
}

/** Sorted rows are divided among branches, so that the server does not go through all of them for each row. */
function caseOf(write: Write, size: number, at: number, isSorted: boolean): RawBuilder<unknown> {
  if (!isSorted || size <= 2 * BRANCH) return plainCase(write, 0, size, at)
  const { context, set, compared } = write
  const [only] = identifying(write) as [ColumnModel]
  const place = set.length + compared.indexOf(only)
  const starts = Array.from({ length: size / BRANCH }, (_, branch) => branch * BRANCH)
  const last = starts.pop() as number
  const branches = starts.map((start) => {
    const [highest] = slots(1, (start + BRANCH - 1) * (set.length + compared.length) + place)
    const found = plainCase(write, start, start + BRANCH, at)
    return sql`when ${columnOf(context.dialect, only)} <= ${highest} then ${found}`
  })
  return sql`case ${sql.join(branches, sql` `)} else ${plainCase(write, last, size, at)} end`
}

function plainCase(write: Write, from: number, to: number, at: number): RawBuilder<unknown> {
  const { context, set, compared } = write
  const width = set.length + compared.length
  const columns = identifying(write).map((column) => columnOf(context.dialect, column))
  const places = identifying(write).map((column) => set.length + compared.indexOf(column))
  const isSingle = columns.length === 1
  const whens = Array.from({ length: to - from }, (_, i) => {
    const values = slots(width, (from + i) * width)
    if (isSingle) return sql`when ${values[places[0] as number]} then ${values[at]}`
    const conditions = columns.map((column, part) => sql`${column} = ${values[places[part] as number]}`)
    return sql`when ${allOf(conditions)} then ${values[at]}`
  })
  return sql`case ${isSingle ? columns[0] : sql``} ${sql.join(whens, sql` `)} end`
}

// ------------------------------------------------------------------------------------------------ deleting

async function deleteReturning(write: Write, rows: readonly SentChange[]): Promise<readonly number[]> {
  const { runner, context, model, compared } = write
  const size = paddedSize(rows.length)
  const shape = context.shape(model, `returning ${size} ${writeKey(write)}`, () => {
    const { dialect } = context
    const returning = columnList(dialect, compared)
    return compileShape(
      dialect,
      sql`delete from ${tableOf(dialect, model)} where ${inList(write, size)} returning ${returning}`,
    )
  })
  const outcome = await runner.run(statementOf(shape, padded(rows, size).flatMap(valuesOf), compared))
  if (outcome.rows.length === rows.length) return []
  return missingAmong(write, rows, arraysOf(outcome))
}

async function deleteFound(write: Write, rows: readonly SentChange[]): Promise<readonly number[]> {
  const { runner, context, model } = write
  const missing = await absentRows(write, rows)
  if (missing.length === rows.length) return missing
  const size = paddedSize(rows.length)
  const shape = context.shape(model, `list ${size} ${writeKey(write)}`, () =>
    compileShape(context.dialect, sql`delete from ${tableOf(context.dialect, model)} where ${inList(write, size)}`),
  )
  await runner.run(statementOf(shape, padded(rows, size).flatMap(valuesOf)))
  return missing
}

// ------------------------------------------------------------------------------------------------ finding

/**
 * Locks the rows that are there and gives the indexes of those that are not. Reads what is committed now, as the writes
 * do.
 */
async function absentRows(write: Write, rows: readonly SentChange[]): Promise<readonly number[]> {
  const { runner, context, model, compared } = write
  const size = paddedSize(rows.length)
  const shape = context.shape(model, `find ${size} ${writeKey(write)}`, () => {
    const { dialect } = context
    const selected = columnList(dialect, compared)
    return compileShape(
      dialect,
      sql`select ${selected} from ${tableOf(dialect, model)} where ${inList(write, size)} for update`,
    )
  })
  const outcome = await runner.run(statementOf(shape, padded(rows, size).flatMap(valuesOf), compared))
  return missingAmong(write, rows, arraysOf(outcome))
}

/**
 * `(a, b) in ((?, ?), …)`, over the slots of rows whose values to set come first.
 *
 * @param shared the places of values that are the same for all rows, by which the columns are compared alone
 */
function inList(write: Write, size: number, shared: readonly number[] = []): RawBuilder<unknown> {
  const { context, set, compared } = write
  const width = set.length + compared.length
  const places = compared.map((_, i) => set.length + i)
  const named = (place: number) => columnOf(context.dialect, compared[place - set.length] as ColumnModel)
  const listed = places.filter((place) => !shared.includes(place))
  const alike = places.filter((place) => shared.includes(place))
  const lists = Array.from({ length: size }, (_, row) =>
    tuple(listed.flatMap((place) => slots(1, row * width + place))),
  )
  return allOf([
    sql`${tuple(listed.map(named))} in (${sql.join(lists)})`,
    ...alike.map((place) => sql`${named(place)} = ${slots(1, place)[0]}`),
    ...areNull(context.dialect, write),
  ])
}

function missingAmong(write: Write, rows: readonly SentChange[], found: readonly Row[]): readonly number[] {
  const { context, compared } = write
  const decode = rowDecoder(context.dialect, compared)
  const there = new Set(found.map((row) => keyText(compared, decode(row))))
  return unmatched(rows, ({ given, match }) => there.has(keyText(compared, given ?? match)))
}
