import type { Outcome, Statement } from './driver.ts'
import type { RowMode, SqliteDatabase, SqliteStatement, SqliteValue } from './sqlite-library.ts'
import type { StatementText } from './sqlite-text.ts'
import { decoderOf, safeInteger, type ValueDecoder } from './sqlite-values.ts'

const NO_ROWS: readonly unknown[] = Object.freeze([])
const NO_NAMES: readonly string[] = Object.freeze([])
const NOTHING: Outcome = Object.freeze(withoutRows(0))
/** What most statements of a batch give. */
const ONE_ROW: Outcome = Object.freeze(withoutRows(1))

/** Tells which version of the schema the connection sees; asked only where it decides what a value is. */
export type SchemaVersion = () => unknown

/** A statement that is kept ready on one connection. */
export class Prepared {
  readonly sql: string
  readonly text: StatementText
  /** Set while an iterator walks over its rows: running it again would end that walk. */
  isBusy = false
  readonly #database: SqliteDatabase
  #native: SqliteStatement
  #mode: RowMode | undefined
  #names: readonly string[] = NO_NAMES
  #decoders: readonly ValueDecoder[] = []
  #decodersVersion: unknown

  constructor(database: SqliteDatabase, sql: string, text: StatementText) {
    this.#database = database
    this.#native = database.prepare(sql)
    this.sql = sql
    this.text = text
  }

  /** Whether it gives rows, be there any or not. */
  get returnsRows(): boolean {
    return this.#native.returnsRows
  }

  /** Runs it to its end. */
  execute(statement: Statement, values: readonly SqliteValue[], version: SchemaVersion): Outcome {
    if (!this.#native.returnsRows) return this.#write(values)
    this.#setModeFor(statement)
    let rows = this.#native.all(values)
    if (statement.typed !== true) {
      const now = version()
      if (this.#isOutdated(now) && this.text.kind === 'read') rows = this.#native.all(values)
      rows = this.#uniform(rows, statement, now)
    }
    return { rows, rowCount: rows.length, columns: this.#columnNames() }
  }

  /** Begins a walk over the raw rows, which are then given to {@link shape} while they come. */
  iterate(statement: Statement, values: readonly SqliteValue[], version: SchemaVersion): Iterator<unknown> {
    if (statement.typed !== true && this.#isOutdated(version())) {
      this.#native = this.#database.prepare(this.sql)
      this.#mode = undefined
    }
    this.#setModeFor(statement)
    return this.#native.iterate(values)
  }

  /** Makes of the rows that have just been read what the statement asks for. */
  shape(rows: unknown[], statement: Statement, version: SchemaVersion): unknown[] {
    return statement.typed === true || rows.length === 0 ? rows : this.#uniform(rows, statement, version())
  }

  /**
   * The schema has changed since the statement ran last. SQLite prepares it anew by itself, but node:sqlite of Node 22 then
   * reads the first rows in the width of the old ones.
   */
  #isOutdated(version: unknown): boolean {
    return this.#decoders.length > 0 && version !== this.#decodersVersion
  }

  #uniform(rows: unknown[], statement: Statement, version: unknown): unknown[] {
    this.#learnDecoders(version)
    const arrays = rows as unknown[][]
    for (const row of arrays) this.#decode(row)
    return statement.rows === 'array' ? arrays : this.#objects(arrays)
  }

  #setModeFor(statement: Statement): void {
    const isRaw = statement.typed !== true
    const arrays = isRaw || statement.rows === 'array'
    const bigints = isRaw || statement.wide === true
    const isOrdered = statement.rows === 'array'
    const now = this.#mode
    if (now?.arrays === arrays && now.bigints === bigints && now.isOrdered === isOrdered) return
    this.#mode = { arrays, bigints, isOrdered }
    this.#native.setMode(this.#mode)
  }

  #columnNames(): readonly string[] {
    if (this.#names.length === 0) this.#names = this.#native.columns().map((column) => column.name)
    return this.#names
  }

  /** Reads names and types again only after a change of the schema: asking for them costs as much as a query. */
  #learnDecoders(version: unknown): void {
    if (this.#decoders.length > 0 && version === this.#decodersVersion) return
    const columns = this.#native.columns()
    this.#names = columns.map((column) => column.name)
    this.#decoders = columns.map((column) => decoderOf(column.type))
    this.#decodersVersion = version
  }

  #decode(row: unknown[]): void {
    const decoders = this.#decoders
    for (let index = 0; index < row.length; index++) {
      const value = row[index]
      const decode = decoders[index]
      if (value !== null && decode !== undefined) row[index] = decode(value)
    }
  }

  #objects(rows: readonly (readonly unknown[])[]): unknown[] {
    const names = this.#names
    // Setting this name as a property would set the object's prototype and lose the value.
    if (names.includes('__proto__')) {
      return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])))
    }
    return rows.map((row) => {
      const object: Record<string, unknown> = {}
      for (let index = 0; index < names.length; index++) object[names[index] as string] = row[index]
      return object
    })
  }

  #write(values: readonly SqliteValue[]): Outcome {
    const { changes, lastInsertRowid } = this.#native.run(values)
    // For statements that change no rows, SQLite still tells the counts of an earlier one.
    if (this.text.kind !== 'write') return NOTHING
    const rowCount = Number(changes)
    if (!this.text.insertsRows || rowCount !== 1) return rowCount === 1 ? ONE_ROW : withoutRows(rowCount)
    return insertedRow(this.#exact(lastInsertRowid))
  }

  /** A rowid beyond 2^53 comes rounded: it is asked for again with all its digits. */
  #exact(rowid: number | bigint): number | bigint {
    if (Number.isSafeInteger(rowid)) return rowid
    const asked = this.#database.prepare('select last_insert_rowid()')
    asked.setMode({ arrays: true, bigints: true, isOrdered: true })
    const [row] = asked.all([]) as [[bigint]]
    return safeInteger(row[0])
  }
}

/** What the INSERT of one row gives, which got that number. */
export function insertedRow(insertId: number | bigint): Outcome {
  return { rows: NO_ROWS, rowCount: 1, columns: NO_NAMES, insertId }
}

function withoutRows(rowCount: number): Outcome {
  return { rows: NO_ROWS, rowCount, columns: NO_NAMES }
}
