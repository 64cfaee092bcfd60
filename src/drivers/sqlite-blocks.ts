import { sharedLiteral } from '../support/index.ts'
import type { Outcome } from './driver.ts'
import type { SqliteDatabase, SqliteStatement, SqliteValue } from './sqlite-library.ts'
import { insertedRow } from './sqlite-prepared.ts'

type Row = readonly unknown[]

/** Rows in one statement: more gains nothing. */
const BLOCK = 50
/** Fewer rows do not pay for the questions about their table. */
const WORTH_IT = 4 * BLOCK
/** What one statement takes of values, with room to spare. */
const MOST_VALUES = 32_000
/** Keys below it are numbers without a loss, and so are those that follow. */
const LARGEST_KEY = 2 ** 52
const KEPT = 16
const ROW_NAMES = ['rowid', 'oid', '_rowid_']

/** An INSERT of one row of placeholders, as heddle writes it. */
const ONE_ROW = /^insert into ("(?:[^"]|"")+") \(((?:"(?:[^"]|"")+"(?:, )?)+)\) values \(\?(?:, \?)*\)$/

/**
 * An ordinary table of the main file, without triggers, and without a rule for conflicts, that no temporary one hides: in such a table
 * the rows of one statement get ascending numbers without a gap. Its type and name where one column is the number itself.
 */
const ABOUT_TABLE = `with about (name) as (select ?) select
  (select count(*) from main.sqlite_master m, about a where m.type = 'table' and m.name = a.name collate nocase
    and m.sql not like 'create virtual%' and m.sql not like '%conflict%')
  - (select count(*) from main.sqlite_master m, about a where m.type = 'trigger' and m.tbl_name = a.name collate nocase)
  - (select count(*) from temp.sqlite_master m, about a where m.tbl_name = a.name collate nocase),
  (select count(*) from about a, pragma_table_info(a.name) i where i.pk > 0),
  (select group_concat(upper(i.type) || ' ' || lower(i.name)) from about a, pragma_table_info(a.name) i where i.pk > 0)`

/**
 * Inserts many rows of one shape by statements of several rows each, which takes two thirds of the time. Only where SQLite is bound to
 * number them one after another, so that the key of each is known without asking.
 */
export class RowBlocks {
  readonly #database: SqliteDatabase
  readonly #prepared = new Map<string, SqliteStatement>()

  constructor(database: SqliteDatabase) {
    this.#database = database
  }

  /**
   * Inserts as many of the rows as it can, from the first that has no outcome, and adds their outcomes. The rest, or all, is left to
   * be inserted one by one, so that what fails fails there.
   *
   * @param bind turns a value of a row into SQLite's
   */
  insert(
    sql: string,
    rows: readonly Row[],
    outcomes: Outcome[],
    bind: (value: unknown, place: number) => SqliteValue,
  ): void {
    if (rows.length - outcomes.length < WORTH_IT) return
    const found = ONE_ROW.exec(sql)
    if (found === null || !this.#numbersInOrder(found[1] as string, found[2] as string)) return
    const literals = (rows[0] as Row).map((_, place) => sharedLiteral(rows, place))
    const places = literals.flatMap((literal, place) => (literal === undefined ? [place] : []))
    if (places.length === 0 || places.length * BLOCK > MOST_VALUES) return
    const list = `(${literals.map((literal) => literal ?? '?').join(', ')})`
    const text = `${sql.slice(0, sql.lastIndexOf('(?'))}${new Array(BLOCK).fill(list).join(', ')}`
    const statement = this.#prepare(text)
    const values = new Array<SqliteValue>(places.length * BLOCK)
    while (rows.length - outcomes.length >= BLOCK) {
      if (!fill(values, rows, outcomes.length, { width: literals.length, places }, bind)) return
      if (!this.#insertBlock(statement, values, outcomes)) return
    }
  }

  /** False where a row was refused: then none of the block is there. */
  #insertBlock(statement: SqliteStatement, values: readonly SqliteValue[], outcomes: Outcome[]): boolean {
    const wasOpen = this.#database.inTransaction
    try {
      const { lastInsertRowid } = statement.run(values)
      const first = Number(lastInsertRowid) - BLOCK + 1
      for (let row = 0; row < BLOCK; row++) outcomes.push(insertedRow(first + row))
      return true
    } catch (error) {
      // Only what was undone alone may be tried again.
      if (isConstraint(error) && this.#database.inTransaction === wasOpen) return false
      throw error
    }
  }

  #numbersInOrder(quoted: string, columns: string): boolean {
    const table = quoted.slice(1, -1).replaceAll('""', '"')
    const [[isPlain, keys, alias]] = this.#prepare(ABOUT_TABLE).all([table]) as [[bigint, bigint, string | null]]
    if (isPlain !== 1n) return false
    const given = columns.toLowerCase().slice(1, -1).split('", "')
    const numbered = keys === 1n && alias?.startsWith('INTEGER ') ? [alias.slice(8)] : []
    if ([...numbered, ...ROW_NAMES].some((name) => given.includes(name))) return false
    const last = this.#lastRow(quoted)
    return last !== undefined && last < LARGEST_KEY
  }

  /** Undefined for a table whose rows have no numbers. */
  #lastRow(quoted: string): number | undefined {
    try {
      const statement = this.#prepare(`select coalesce(max(rowid), 0) from ${quoted}`)
      return Number((statement.all([]) as [[unknown]])[0][0])
    } catch {
      return undefined
    }
  }

  #prepare(text: string): SqliteStatement {
    let statement = this.#prepared.get(text)
    if (statement === undefined) {
      if (this.#prepared.size >= KEPT) this.#prepared.clear()
      statement = this.#database.prepare(text)
      if (statement.returnsRows) statement.setMode({ arrays: true, bigints: true, isOrdered: true })
      this.#prepared.set(text, statement)
    }
    return statement
  }
}

/** The values of a block of rows, without those that are written into the text. False where one of them cannot be bound. */
function fill(
  values: SqliteValue[],
  rows: readonly Row[],
  from: number,
  { width, places }: { readonly width: number; readonly places: readonly number[] },
  bind: (value: unknown, place: number) => SqliteValue,
): boolean {
  let at = 0
  try {
    for (let row = from; row < from + BLOCK; row++) {
      const given = rows[row] as Row
      if (given.length !== width) return false
      for (const place of places) values[at++] = bind(given[place], place)
    }
    return true
  } catch {
    return false
  }
}

function isConstraint(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as { readonly code?: unknown; readonly errcode?: unknown }
  if (typeof errcode === 'number') return (errcode & 0xff) === 19
  return typeof code === 'string' && code.startsWith('SQLITE_CONSTRAINT')
}
