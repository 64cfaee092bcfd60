import process from 'node:process'
import type Database from 'better-sqlite3'
import { ArgumentError, DriverMissingError } from '../errors.ts'
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

/** What the package's binaries are made for. On an older Node they load, and then end the process. */
const NODE_API = 10

/**
 * Opens the driver over the package better-sqlite3. It needs Node 22.14 or later.
 *
 * @throws DriverMissingError when the package is not installed, cannot load its binary, or would crash this version of Node
 * @throws ArgumentError for a wrong option (see SqliteOptions)
 */
export const openBetterSqlite3: OpenDriver = async (target) => {
  const advice = 'Install it (npm install better-sqlite3), or use sqlite:// for the SQLite that Node brings.'
  if (Number(process.versions['napi'] ?? NODE_API) < NODE_API) {
    throw new DriverMissingError(
      `The package better-sqlite3 does not run on Node ${process.version}, but from 22.14 on. ${advice}`,
    )
  }
  let Package: typeof Database
  try {
    Package = (await import('better-sqlite3')).default
    const nativeBinding = target.connectArgs['nativeBinding']
    new Package(':memory:', typeof nativeBinding === 'string' ? { nativeBinding } : {}).close()
  } catch (cause) {
    throw new DriverMissingError(`The package better-sqlite3 could not be loaded. ${advice}`, { cause })
  }
  return sqliteDriver(betterLibrary(Package), target)
}

function betterLibrary(Package: typeof Database): SqliteLibrary {
  return {
    name: 'better-sqlite3',
    constructorOptions: ['nativeBinding', 'verbose'],
    keepsNul: true,
    open: (file, { readOnly, ...options }) => {
      if (file.trim() === file) return new BetterDatabase(new Package(file, { ...options, readonly: readOnly }))
      throw new ArgumentError(`better-sqlite3 cannot open '${file}': it cuts off the space at the end of the name.`)
    },
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
