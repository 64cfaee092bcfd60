import process from 'node:process'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { DriverMissingError } from '../errors.ts'
import type { OpenDriver } from './driver.ts'
import { sqliteDriver } from './sqlite-driver.ts'
import type {
  RowMode,
  SqliteColumn,
  SqliteDatabase,
  SqliteLibrary,
  SqliteStatement,
  SqliteValue,
  WriteCounts,
} from './sqlite-library.ts'
import { probesTransaction, RowsByName } from './sqlite-older-node.ts'

/**
 * Opens the driver over Node's own `node:sqlite`. Nothing has to be installed. Where the module can do less than on Node 24:
 * - before Node 22.16 it tells neither declared types nor rows as arrays: un-typed statements then give booleans, dates, JSON and
 *   decimals as SQLite stores them, and refuse columns that cannot be told apart
 * - on Node 22 it reads text only up to a NUL character, so such text is refused as a parameter
 *
 * @throws DriverMissingError where the runtime has no node:sqlite
 * @throws ArgumentError for a wrong option (see SqliteOptions)
 */
export const openNodeSqlite: OpenDriver = async (target) => {
  let sqlite: typeof import('node:sqlite')
  try {
    sqlite = await import('node:sqlite')
  } catch (cause) {
    const advice = 'Run on Node 22.13 or later, or install better-sqlite3 and use sqlite+better-sqlite3://'
    throw new DriverMissingError(`This runtime has no node:sqlite (${process.version}). ${advice}`, { cause })
  }
  return sqliteDriver(nodeLibrary(sqlite), target)
}

function nodeLibrary({ DatabaseSync, StatementSync }: typeof import('node:sqlite')): SqliteLibrary {
  const memory = new DatabaseSync(':memory:')
  const keepsNul = memory.prepare('select ? as text').get('a\0b')?.['text'] === 'a\0b'
  memory.close()
  const prototype: Partial<StatementSync> = StatementSync.prototype
  const tellsColumns = prototype.columns !== undefined && prototype.setReturnArrays !== undefined
  return {
    name: 'node-sqlite',
    constructorOptions: ['allowExtension', 'defensive', 'enableDoubleQuotedStringLiterals'],
    keepsNul,
    open: (file, options) => new NodeDatabase(new DatabaseSync(file, options), tellsColumns),
  }
}

class NodeDatabase implements SqliteDatabase {
  readonly #native: DatabaseSync
  readonly #tellsColumns: boolean
  readonly #tellsTransaction: boolean

  constructor(native: DatabaseSync, tellsColumns: boolean) {
    this.#native = native
    this.#tellsColumns = tellsColumns
    this.#tellsTransaction = typeof native.isTransaction === 'boolean'
  }

  get inTransaction(): boolean {
    return this.#tellsTransaction ? this.#native.isTransaction : probesTransaction(this.#native)
  }

  prepare(sql: string): SqliteStatement {
    const native = this.#native.prepare(sql)
    return this.#tellsColumns ? new NodeStatement(native) : new RowsByName(this.#native, native, sql)
  }

  exec(sql: string): void {
    this.#native.exec(sql)
  }

  close(): void {
    this.#native.close()
  }
}

class NodeStatement implements SqliteStatement {
  readonly returnsRows: boolean
  readonly #native: StatementSync

  constructor(native: StatementSync) {
    this.#native = native
    this.returnsRows = native.columns().length > 0
  }

  columns(): readonly SqliteColumn[] {
    return this.#native.columns()
  }

  setMode(mode: RowMode): void {
    this.#native.setReturnArrays(mode.arrays)
    this.#native.setReadBigInts(mode.bigints)
  }

  all(values: readonly SqliteValue[]): unknown[] {
    return this.#native.all(...values)
  }

  run(values: readonly SqliteValue[]): WriteCounts {
    return this.#native.run(...values)
  }

  iterate(values: readonly SqliteValue[]): Iterator<unknown> {
    return this.#native.iterate(...values)
  }
}
