import type Database from 'better-sqlite3'
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

/**
 * Opens the driver over the package better-sqlite3.
 *
 * @throws DriverMissingError when the package is not installed
 * @throws ArgumentError for a wrong option (see SqliteOptions)
 */
export const openBetterSqlite3: OpenDriver = async (target) => {
  let Package: typeof Database
  try {
    Package = (await import('better-sqlite3')).default
  } catch (cause) {
    const advice = 'Install it (npm install better-sqlite3), or use sqlite:// for the SQLite that Node brings'
    throw new DriverMissingError(`The package better-sqlite3 could not be loaded. ${advice}.`, { cause })
  }
  return sqliteDriver(betterLibrary(Package), target)
}

function betterLibrary(Package: typeof Database): SqliteLibrary {
  return {
    name: 'better-sqlite3',
    constructorOptions: ['nativeBinding', 'verbose'],
    open: (file, { readOnly, ...options }) => new BetterDatabase(new Package(file, { ...options, readonly: readOnly })),
  }
}

class BetterDatabase implements SqliteDatabase {
  readonly #native: Database.Database

  constructor(native: Database.Database) {
    this.#native = native
  }

  get inTransaction(): boolean {
    return this.#native.inTransaction
  }

  prepare(sql: string): SqliteStatement {
    return new BetterStatement(this.#native.prepare(sql))
  }

  exec(sql: string): void {
    this.#native.exec(sql)
  }

  close(): void {
    this.#native.close()
  }
}

class BetterStatement implements SqliteStatement {
  readonly returnsRows: boolean
  readonly #native: Database.Statement<unknown[]>

  constructor(native: Database.Statement<unknown[]>) {
    this.#native = native
    this.returnsRows = native.reader
  }

  columns(): readonly SqliteColumn[] {
    return this.returnsRows ? this.#native.columns() : []
  }

  setMode(mode: RowMode): void {
    if (this.returnsRows) this.#native.raw(mode.arrays)
    this.#native.safeIntegers(mode.bigints)
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
