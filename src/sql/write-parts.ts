import { type RawBuilder, sql } from 'kysely'
import type { Outcome, Statement } from '../drivers/index.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import type { Dialect } from './dialect.ts'
import { ALONE, runsOf } from './rows.ts'
import {
  allOf,
  asGiven,
  columnOf,
  columnsKey,
  holdsExpression,
  type Row,
  type Runner,
  rowEncoder,
  type StatementContext,
} from './statement-parts.ts'

/** One row to change: new values, and the values by which its row is found. A deleted row sets nothing. */
export interface Change {
  readonly set: Row
  readonly match: Row
}

/** A change as the driver takes it. */
export interface SentChange extends Change {
  /** The program's values of the compared columns; absent where they are the same. */
  readonly given?: Row
}

/** Rows to update or delete that find their rows by the same columns and have nulls at the same places. */
export interface Write {
  readonly context: StatementContext
  readonly runner: Runner
  readonly model: EntityModel
  readonly verb: 'update' | 'delete'
  /** Empty for a deletion. */
  readonly set: readonly ColumnModel[]
  readonly match: readonly ColumnModel[]
  /** Columns of `match` whose value is null in every row: they are compared by IS NULL and carry no value. */
  readonly nulls: readonly ColumnModel[]
  /** Columns of `match` that carry a value. */
  readonly compared: readonly ColumnModel[]
  /** The rows as the driver takes them: values to set, then values of `compared`. */
  readonly rows: readonly SentChange[]
}

/**
 * Splits changes into writes, in order, runs each, and gives the indexes of the changes whose row was not there.
 *
 * @param alone runs a change that holds expressions; its outcome tells how many rows were matched
 * @param together runs a write; gives indexes among its rows
 */
export async function runWrites(
  base: Omit<Write, 'nulls' | 'compared' | 'rows'>,
  changes: readonly Change[],
  together: (write: Write) => Promise<readonly number[]>,
  alone: (write: Write) => Promise<readonly number[]>,
): Promise<readonly number[]> {
  if (changes.length > 0 && areAlike(changes)) return together(writeOf(base, changes))
  const missing: number[] = []
  for (const run of runsOf(changes, kindOf)) {
    const write = writeOf(base, run.rows)
    const absent = run.kind === ALONE ? await alone(write) : await together(write)
    for (const index of absent) missing.push(run.start + index)
  }
  return missing
}

/** Whether all of them can travel together, as most do. */
function areAlike(changes: readonly Change[]): boolean {
  const { match: first } = changes[0] as Change
  for (const { set, match } of changes) {
    if (holdsExpression(set) || holdsExpression(match)) return false
    for (let i = 0; i < match.length; i++) if ((match[i] === null) !== (first[i] === null)) return false
  }
  return true
}

/** Expressions travel alone; other rows with those that have nulls at the same places. */
function kindOf({ set, match }: Change): string {
  if (holdsExpression(set) || holdsExpression(match)) return ALONE
  return match.map((value) => (value === null ? 'n' : 'v')).join('')
}

function writeOf(base: Omit<Write, 'nulls' | 'compared' | 'rows'>, changes: readonly Change[]): Write {
  const { context, set, match } = base
  const first = changes[0]?.match ?? []
  const compared = match.filter((_, index) => first[index] !== null)
  const nulls = match.filter((_, index) => first[index] === null)
  const encodeSet = rowEncoder(context.dialect, set)
  const encodeMatch = rowEncoder(context.dialect, compared)
  if (nulls.length === 0 && encodeSet === asGiven && encodeMatch === asGiven) {
    return { ...base, nulls, compared, rows: changes }
  }
  const rows = changes.map((change) => {
    const given = nulls.length === 0 ? change.match : change.match.filter((_, index) => first[index] !== null)
    return { set: encodeSet(change.set), match: encodeMatch(given), given }
  })
  return { ...base, nulls, compared, rows }
}

/** What tells the shapes of writes apart, beside what is done with them. */
export function writeKey({ verb, set, compared, nulls }: Write): string {
  return `${verb} ${columnsKey(set)} by ${columnsKey(compared)} null ${columnsKey(nulls)}`
}

/** The values of a change in the order in which its statement numbers them. */
export function valuesOf({ set, match }: Change): Row {
  return set.length === 0 ? match : set.concat(match)
}

/** Columns that tell the rows of one write apart: the key alone where it is among those compared. */
export function identifying({ model, compared }: Write): readonly ColumnModel[] {
  return model.key.every((column) => compared.includes(column)) ? model.key : compared
}

/** The places of values that are the same for all rows: they are written once. What tells the rows apart is never among them. */
export function sharedPlaces(write: Write, rows: readonly Row[]): readonly number[] {
  const { set, compared } = write
  const telling = identifying(write)
  const places = [...set, ...compared].flatMap((column, place) =>
    place >= set.length && telling.includes(column) ? [] : [place],
  )
  const [first = []] = rows
  return places.filter((place) => rows.every((row) => Object.is(row[place], first[place])))
}

/** `a = … and b is null`: where the row of a change is found. */
export function matching(
  dialect: Dialect,
  write: Pick<Write, 'compared' | 'nulls'>,
  values: readonly unknown[],
  alias?: string,
): RawBuilder<unknown> {
  return allOf([
    ...write.compared.map((column, index) => sql`${columnOf(dialect, column, alias)} = ${values[index]}`),
    ...areNull(dialect, write, alias),
  ])
}

/** The conditions on the columns that are null in every row. */
export function areNull(dialect: Dialect, { nulls }: Pick<Write, 'nulls'>, alias?: string): RawBuilder<unknown>[] {
  return nulls.map((column) => sql`${columnOf(dialect, column, alias)} is null`)
}

/** Runs one text for each set of values as one batch, and gives the places of those that matched no row. */
export async function runForEach(
  runner: Runner,
  statement: Statement,
  sets: readonly Row[],
): Promise<readonly number[]> {
  if (sets.length === 0) return []
  const outcomes = sets.length === 1 ? [await runner.run(statement)] : await runner.runEach(statement, sets)
  return unmatched(sets, (_, index) => matchedRows(outcomes[index]) > 0)
}

function matchedRows(outcome: Outcome | undefined): number {
  return outcome?.rowCount ?? 0
}

/** The indexes of the rows that were not matched. */
export function unmatched<T>(rows: readonly T[], wasMatched: (row: T, index: number) => boolean): number[] {
  const indexes: number[] = []
  for (let index = 0; index < rows.length; index++) if (!wasMatched(rows[index] as T, index)) indexes.push(index)
  return indexes
}
