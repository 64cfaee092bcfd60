import { type RawBuilder, sql } from 'kysely'
import type { Outcome, Statement } from '../drivers/index.ts'
import { FlushError } from '../errors.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import { sharedLiteral } from '../support/index.ts'
import { compileShape, compileSource, Slot, type StatementShape, statementName } from './compile.ts'
import type { Dialect } from './dialect.ts'
import { type Match, matchOf, returnedRows } from './insert-matching.ts'
import { runInOrder } from './pipeline.ts'
import { readBack } from './read-back.ts'
import { ALONE, chunksOf, largestSize, runsOf } from './rows.ts'
import {
  arraysOf,
  columnList,
  columnsKey,
  holdsExpression,
  isWide,
  listName,
  parameterSets,
  type Row,
  type Runner,
  returningClause,
  rowDecoder,
  rowEncoder,
  type StatementContext,
  slots,
  statementOf,
  tableOf,
  transpose,
  typedSlot,
  unnestedAt,
} from './statement-parts.ts'

/** Rows in one statement: beyond this nothing is gained. */
const ROWS_BY_ARRAYS = 1_000
const ROWS_BY_VALUES = 1_000
/** Rows of one batch where each is a statement: more would only be kept in memory longer. */
const ROWS_BY_EACH = 1_000

/** How many rows of these columns an INSERT, or a batch of them, has at most. */
export function rowsAtOnce({ capabilities }: Dialect, columns: readonly ColumnModel[]): number {
  const { batchInsert, maxParameters } = capabilities
  // Several statements, which can be sent ahead of answers.
  if (batchInsert === 'arrays') return 10 * ROWS_BY_ARRAYS
  if (batchInsert === 'each') return ROWS_BY_EACH
  return Math.max(1, Math.min(ROWS_BY_VALUES, Math.floor(maxParameters / Math.max(1, columns.length))))
}

/** Rows of one shape on their way into a table. */
interface Insertion {
  readonly context: StatementContext
  readonly runner: Runner
  readonly model: EntityModel
  readonly columns: readonly ColumnModel[]
  readonly returning: readonly ColumnModel[]
  /** What a statement returns: `returning`, and the key by which returned rows find the rows they belong to. */
  readonly fetched: readonly ColumnModel[]
  readonly match: Match
  readonly encode: (row: Row) => Row
}

/**
 * Inserts rows in their order and gives the values of `returning` of each, in the same order. Rows travel together as
 * far as the database has a way to tell which returned row belongs to which: see `insert-matching.ts`.
 *
 * @throws FlushError when a key is made by the database in a way that it does not tell
 */
export async function insertRows(
  context: StatementContext,
  runner: Runner,
  model: EntityModel,
  columns: readonly ColumnModel[],
  returning: readonly ColumnModel[],
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const insertion = insertionOf(context, runner, model, columns, returning)
  if (rows.length > 0 && !rows.some(holdsExpression)) return insertRun(insertion, rows)
  const results: Row[] = []
  for (const run of runsOf(rows, (row) => (holdsExpression(row) ? ALONE : ''))) {
    const inserted =
      run.kind === ALONE ? await insertExpressions(insertion, run.rows) : await insertRun(insertion, run.rows)
    for (const row of inserted) results.push(row)
  }
  return results
}

function insertionOf(
  context: StatementContext,
  runner: Runner,
  model: EntityModel,
  columns: readonly ColumnModel[],
  returning: readonly ColumnModel[],
): Insertion {
  const fetched =
    returning.length === 0 ? [] : [...returning, ...model.key.filter((column) => !returning.includes(column))]
  const match = matchOf(model, columns, returning)
  return { context, runner, model, columns, returning, fetched, match, encode: rowEncoder(context.dialect, columns) }
}

async function insertRun(insertion: Insertion, rows: readonly Row[]): Promise<readonly Row[]> {
  const { batchInsert } = insertion.context.dialect.capabilities
  if (rows.length === 1 || batchInsert === 'each' || insertion.match === 'position') return insertEach(insertion, rows)
  if (batchInsert === 'values') return insertByValues(insertion, rows)
  // Without columns there are no arrays that could say how many rows there are.
  return insertion.columns.length === 0 ? insertEach(insertion, rows) : insertByArrays(insertion, rows)
}

// ------------------------------------------------------------------------------------------------ one row a statement

/** One prepared text, run once a row as one batch: answers come in the order of the rows. */
async function insertEach(insertion: Insertion, rows: readonly Row[]): Promise<readonly Row[]> {
  const { runner, encode } = insertion
  const { shape, answers } = singleRow(insertion)
  const [first] = rows
  if (first === undefined) return []
  const statement = statementOf(shape, encode(first), answers)
  const outcomes =
    rows.length === 1
      ? [await runner.run(statement)]
      : await runner.runEach(statement, parameterSets(shape, rows.map(encode)))
  return answersOf(insertion, rows, outcomes, answers)
}

/** What INSERT of one row returns by itself: nothing where the driver tells the generated key and no more is asked. */
function singleRow(insertion: Insertion): { shape: StatementShape; answers: readonly ColumnModel[] } {
  const { context, model, columns, returning } = insertion
  const { dialect } = context
  const answers = !dialect.capabilities.insertReturning || isTold(insertion) ? [] : returning
  return context.shape(model, `insert ${columnsKey(columns)} returning ${columnsKey(answers)}`, () => {
    const values = slots(columns.length)
    return { shape: compileShape(dialect, insertSource(dialect, model, columns, values, answers)), answers }
  })
}

/** SQLite's driver gives the generated key of a single row without RETURNING, which is the faster way. */
function isTold({ context, model, match, returning }: Insertion): boolean {
  const onlyKey = returning.length === 1 && returning[0] === model.key[0]
  return context.dialect.capabilities.batchInsert === 'each' && match === 'serial' && onlyKey
}

function insertSource(
  dialect: Dialect,
  model: EntityModel,
  columns: readonly ColumnModel[],
  values: readonly unknown[],
  answers: readonly ColumnModel[],
): RawBuilder<unknown> {
  const into = sql`insert into ${tableOf(dialect, model)}`
  const returning = returningClause(dialect, answers)
  if (columns.length > 0)
    return sql`${into} (${columnList(dialect, columns)}) values (${sql.join([...values])})${returning}`
  return dialect.capabilities.batchInsert === 'values'
    ? sql`${into} () values ()${returning}`
    : sql`${into} default values${returning}`
}

async function answersOf(
  insertion: Insertion,
  rows: readonly Row[],
  outcomes: readonly Outcome[],
  answers: readonly ColumnModel[],
): Promise<readonly Row[]> {
  if (insertion.returning.length === 0) return rows.map(() => [])
  if (answers.length === 0) return readBackEach(insertion, rows, outcomes)
  const decode = rowDecoder(insertion.context.dialect, insertion.returning)
  return outcomes.map((outcome) => {
    const [row] = arraysOf(outcome)
    if (row === undefined) throw notInserted(insertion)
    return decode(row)
  })
}

function notInserted({ model }: Insertion): FlushError {
  return new FlushError(
    `A row was inserted into ${model.name} and the database returned none: a trigger or a rule of the table discards it`,
  )
}

async function readBackEach(
  insertion: Insertion,
  rows: readonly Row[],
  outcomes: readonly Outcome[],
): Promise<readonly Row[]> {
  return readBack(insertion, rows, (index) => outcomes[index]?.insertId)
}

// ------------------------------------------------------------------------------------------------ expressions

/** A row that holds expressions has a text of its own, which is not kept. */
async function insertExpressions(insertion: Insertion, rows: readonly Row[]): Promise<readonly Row[]> {
  const { context, runner, model, columns, encode } = insertion
  const { answers } = singleRow(insertion)
  const outcomes: Outcome[] = []
  for (const row of rows) {
    const compiled = compileSource(context.dialect, insertSource(context.dialect, model, columns, encode(row), answers))
    outcomes.push(await runner.run(readingArrays(compiled, answers)))
  }
  return answersOf(insertion, rows, outcomes, answers)
}

function readingArrays(compiled: Pick<Statement, 'sql' | 'parameters'>, columns: readonly ColumnModel[]): Statement {
  return { ...compiled, rows: 'array', typed: true, ...(isWide(columns) ? { wide: true } : {}) }
}

// ------------------------------------------------------------------------------------------------ many rows: arrays

/** `insert … select … from unnest($1, …) order by ordinality`: one text for any number of rows. */
async function insertByArrays(insertion: Insertion, rows: readonly Row[]): Promise<readonly Row[]> {
  const chunks = chunksOf(rows.map(insertion.encode), ROWS_BY_ARRAYS, (row) => row)
  const results: Row[] = []
  const chunkAt = (index: number) => chunks[index] as (typeof chunks)[number]
  await runInOrder(
    insertion.runner,
    chunks.length,
    (index) => arrayStatement(insertion, chunkAt(index).rows),
    (outcome, index) => {
      const { start, rows: encoded } = chunkAt(index)
      const sent = rows.slice(start, start + encoded.length)
      for (const row of returnedRows(insertion, sent, arraysOf(outcome))) results.push(row)
    },
  )
  return results
}

function arrayStatement(insertion: Insertion, rows: readonly Row[]): Statement {
  const lists = transpose(rows, insertion.columns.length)
  const shared = sharedColumns(lists)
  const values = lists.map((list, place) => (shared.includes(place) ? list[0] : list))
  return statementOf(arrayShape(insertion, shared), values, insertion.fetched)
}

/** The columns that have the same value in all rows, which is sent once: flags, counters at their beginning. One is left to be a list. */
function sharedColumns(lists: readonly (readonly unknown[])[]): readonly number[] {
  const shared = lists.flatMap((list, place) => (isSame(list) ? [place] : []))
  return shared.length < lists.length ? shared : shared.slice(1)
}

function isSame(list: readonly unknown[]): boolean {
  for (let at = 1; at < list.length; at++) if (!Object.is(list[at], list[0])) return false
  return true
}

function arrayShape({ context, model, columns, fetched }: Insertion, shared: readonly number[]): StatementShape {
  const key = `insert many ${columnsKey(columns)} sharing ${shared.join(',')} returning ${columnsKey(fetched)}`
  return context.shape(model, key, () => {
    const { dialect } = context
    const values = columns.map((column, place) =>
      shared.includes(place) ? typedSlot(dialect, column, place) : sql`v.${listName(place)}`,
    )
    const places = columns.flatMap((_, place) => (shared.includes(place) ? [] : [place]))
    const ordered = sql`select ${sql.join(values)} from ${unnestedAt(dialect, columns, places)} order by v.n`
    const into = sql`insert into ${tableOf(dialect, model)} (${columnList(dialect, columns)})`
    return compileShape(dialect, sql`${into} ${ordered}${returningClause(dialect, fetched)}`)
  })
}

// ------------------------------------------------------------------------------------------------ many rows: VALUES

/** The text before and behind the lists of values. */
interface ValuesText {
  readonly before: string
  readonly behind: string
  /** Names of the few lengths that are kept prepared, by list and length. */
  readonly names: Map<string, string>
}

/**
 * `insert … values (…), (…)`. Full statements and small powers of two are kept prepared, other lengths are sent once.
 */
async function insertByValues(insertion: Insertion, rows: readonly Row[]): Promise<readonly Row[]> {
  const { context, runner, columns, encode, returning } = insertion
  const answers = context.dialect.capabilities.insertReturning ? insertion.fetched : []
  const limit = rowsAtOnce(context.dialect, columns)
  const results: Row[] = []
  for (const chunk of chunksOf(rows.map(encode), limit, (row) => row)) {
    const outcome = await runner.run(valuesStatement(insertion, answers, chunk.rows, limit))
    const sent = rows.slice(chunk.start, chunk.start + chunk.rows.length)
    const inserted = await valuesAnswers(insertion, answers, sent, outcome)
    for (const row of returning.length === 0 ? sent.map(() => []) : inserted) results.push(row)
  }
  return results
}

function valuesStatement(
  insertion: Insertion,
  answers: readonly ColumnModel[],
  rows: readonly Row[],
  limit: number,
): Statement {
  const text = valuesText(insertion, answers)
  const literals = insertion.columns.map((_, place) => sharedLiteral(rows, place))
  const list = `(${literals.map((literal) => literal ?? '?').join(', ')})`
  const statement = `${text.before}${new Array(rows.length).fill(list).join(', ')}${text.behind}`
  const kept = rows.length === limit || rows.length === largestSize(rows.length)
  const key = `${rows.length} ${list}`
  const name = kept ? (text.names.get(key) ?? statementName(statement)) : undefined
  if (name !== undefined) text.names.set(key, name)
  const reading = readingArrays({ sql: statement, parameters: valuesExcept(rows, literals) }, answers)
  return name === undefined ? reading : { ...reading, name }
}

function valuesExcept(rows: readonly Row[], literals: readonly (string | undefined)[]): unknown[] {
  const places = literals.flatMap((literal, place) => (literal === undefined ? [place] : []))
  const values: unknown[] = []
  for (const row of rows) for (const place of places) values.push(row[place])
  return values
}

function valuesText({ context, model, columns }: Insertion, answers: readonly ColumnModel[]): ValuesText {
  return context.shape(model, `insert values ${columnsKey(columns)} returning ${columnsKey(answers)}`, () => {
    const { dialect } = context
    const into = sql`insert into ${tableOf(dialect, model)} (${columnList(dialect, columns)})`
    const source = sql`${into} values ${new Slot(0)}${returningClause(dialect, answers)}`
    const compiled = compileSource(dialect, source).sql
    const at = compiled.indexOf(') values ?') + ') values '.length
    return { before: compiled.slice(0, at), behind: compiled.slice(at + 1), names: new Map() }
  })
}

async function valuesAnswers(
  insertion: Insertion,
  answers: readonly ColumnModel[],
  sent: readonly Row[],
  outcome: Outcome,
): Promise<readonly Row[]> {
  if (insertion.returning.length === 0) return []
  if (answers.length > 0) return returnedRows(insertion, sent, arraysOf(outcome))
  // The keys of one statement with a known number of rows are consecutive; the driver tells the first.
  const { server } = insertion.context.dialect
  const step = server?.autoIncrementIncrement ?? 1
  return readBack(insertion, sent, (index) => advance(outcome.insertId, index * step))
}

function advance(id: number | bigint | undefined, by: number): number | bigint | undefined {
  if (id === undefined) return undefined
  return typeof id === 'bigint' ? id + BigInt(by) : id + by
}
