import process from 'node:process'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { ProgrammingError } from '../errors.ts'
import type { RowMode, SqliteColumn, SqliteStatement, SqliteValue, WriteCounts } from './sqlite-library.ts'

/**
 * Whether a transaction is open, for a Node whose DatabaseSync does not tell: a second BEGIN fails inside one, and begins one that
 * is ended at once outside.
 */
export function probesTransaction(native: DatabaseSync): boolean {
  try {
    native.exec('begin')
  } catch {
    return true
  }
  native.exec('rollback')
  return false
}

const QUERY = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:select|with|values|insert|update|delete|replace)\b/i
const PLAIN_ROWS = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:pragma|explain)\b/i

/**
 * A statement of a Node (before 22.16) that gives rows as objects only and does not tell its columns. Arrays are made of
 * the objects' values, where that is certain to keep their order and number; else the statement is refused.
 */
export class RowsByName implements SqliteStatement {
  readonly returnsRows: boolean
  readonly #native: StatementSync
  readonly #sql: string
  /** How many columns a row has; undefined where SQLite's EXPLAIN cannot tell. */
  readonly #width: number | undefined
  #columns: readonly SqliteColumn[] = []
  #arrays = false
  #isOrdered = false

  constructor(database: DatabaseSync, native: StatementSync, sql: string) {
    this.#native = native
    this.#sql = sql
    this.#width = QUERY.test(sql) ? widthOf(database, sql) : undefined
    this.returnsRows = this.#width === undefined ? PLAIN_ROWS.test(sql) : this.#width > 0
  }

  /** Known from the first row on; empty before. */
  columns(): readonly SqliteColumn[] {
    return this.#columns
  }

  setMode(mode: RowMode): void {
    this.#arrays = mode.arrays
    this.#isOrdered = mode.arrays && mode.isOrdered
    this.#native.setReadBigInts(mode.bigints)
  }

  all(values: readonly SqliteValue[]): unknown[] {
    const rows = this.#native.all(...values)
    this.#learn(rows[0])
    return this.#arrays ? rows.map((row) => Object.values(row)) : rows
  }

  run(values: readonly SqliteValue[]): WriteCounts {
    return this.#native.run(...values)
  }

  *iterate(values: readonly SqliteValue[]): Generator<unknown> {
    const rows = this.#native.iterate(...values)
    try {
      for (let next = rows.next(); next.done !== true; next = rows.next()) {
        this.#learn(next.value)
        yield this.#arrays ? Object.values(next.value) : next.value
      }
    } finally {
      rows.return?.()
    }
  }

  #learn(row: object | undefined): void {
    if (row === undefined) return
    const names = Object.keys(row)
    if (this.#isOrdered) this.#checkOrder(names)
    this.#columns = names.map((name) => ({ name, type: null }))
  }

  /** Of two columns with one name an object keeps one, and names like '1' come first in it wherever they stand. */
  #checkOrder(names: readonly string[]): void {
    const isWhole = this.#width === undefined || this.#width === names.length
    if (isWhole && (names.length === 1 || !names.some((name) => /^\d+$/.test(name)))) return
    throw new ProgrammingError(
      `Node ${process.version} cannot tell the columns of this statement apart: two have one name, or one is named by a number. ` +
        'Give each column a name of its own with AS, or run on Node 22.16 or later.',
      { sql: this.#sql },
    )
  }
}

/** The width of the rows that the compiled statement yields; 0 when it yields none. */
function widthOf(database: DatabaseSync, sql: string): number {
  const program = database.prepare(`explain ${sql}`).all()
  return Number(program.find((step) => step['opcode'] === 'ResultRow')?.['p2'] ?? 0)
}
