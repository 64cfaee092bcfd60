import { resolve } from 'node:path'
import { ArgumentError } from '../errors.ts'
import { aBoolean, anInteger, anything, checkOptions, milliseconds, oneOf, type RulesOf } from '../support/index.ts'
import type { DriverTarget } from './driver.ts'
import type { SqliteLibrary } from './sqlite-library.ts'

/**
 * What can be set for a SQLite database, in the query of its URL (`sqlite:///app.db?busyTimeout=10000`) or in `connectArgs`,
 * which wins. `connectArgs` may also carry options of the package's own constructor.
 */
export interface SqliteOptions {
  /**
   * 'rwc' (the default) reads and writes and makes the file if it is missing, 'rw' demands the file, 'ro' only reads: every
   * transaction is then a reading one.
   */
  readonly mode: 'rwc' | 'rw' | 'ro'
  /** Default 'wal', in which readers and the writer do not wait for each other. Kept in the file. 'keep' leaves it as the file has it. */
  readonly journalMode: 'wal' | 'delete' | 'truncate' | 'persist' | 'keep'
  /** Default 'normal' in WAL (a committed transaction survives a crash of the program, not always of the machine), else 'full'. */
  readonly synchronous: 'off' | 'normal' | 'full' | 'extra' | undefined
  /** Default true. */
  readonly foreignKeys: boolean
  /** Milliseconds that a writer waits for the others, those of this process and of other processes. Default 5000. */
  readonly busyTimeout: number
  /** Unnamed statements kept prepared on each connection. Default 200. */
  readonly statementCacheSize: number
  /** Pages kept in memory, or kibibytes when negative, as `PRAGMA cache_size` has it. Default: SQLite's own. */
  readonly cacheSize: number | undefined
}

/** Where a SQLite database is and how it is opened. */
export interface SqliteTarget {
  /** An absolute path; undefined for a database in memory. */
  readonly path: string | undefined
  readonly options: SqliteOptions
  /** For the constructor of the package. */
  readonly constructorOptions: Readonly<Record<string, unknown>>
}

const DEFAULTS: SqliteOptions = {
  mode: 'rwc',
  journalMode: 'wal',
  synchronous: undefined,
  foreignKeys: true,
  busyTimeout: 5_000,
  statementCacheSize: 200,
  cacheSize: undefined,
}

const RULES: RulesOf<SqliteOptions> = {
  mode: oneOf('rwc', 'rw', 'ro'),
  journalMode: oneOf('wal', 'delete', 'truncate', 'persist', 'keep'),
  synchronous: oneOf('off', 'normal', 'full', 'extra'),
  foreignKeys: aBoolean,
  busyTimeout: milliseconds,
  statementCacheSize: anInteger(0),
  cacheSize: anInteger(),
}

/**
 * Reads a target for one of the SQLite drivers.
 * @throws ArgumentError for an unknown option, a value of the wrong kind, or a file name that is none
 */
export function readSqliteTarget(target: DriverTarget, library: SqliteLibrary): SqliteTarget {
  const given = { ...fromQuery(target.query), ...target.connectArgs }
  const own = Object.fromEntries(library.constructorOptions.map((name) => [name, anything]))
  checkOptions(`${library.name} (SQLite)`, given, { ...RULES, ...own })
  const options: Record<string, unknown> = { ...DEFAULTS }
  const constructorOptions: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    if (Object.hasOwn(RULES, name)) options[name] = value
    else constructorOptions[name] = value
  }
  return { path: pathOf(target.database), options: options as unknown as SqliteOptions, constructorOptions }
}

/** Fixed when the driver is opened, so that a later change of the working directory does not lead to another database. */
function pathOf(database: string | undefined): string | undefined {
  if (database === undefined || database === ':memory:') return undefined
  if (database === '' || database.includes('\0')) throw new ArgumentError(`'${database}' is no name of a SQLite file.`)
  if (!/^file:/i.test(database)) return resolve(database)
  throw new ArgumentError(
    `'${database}' is a URI of SQLite's own. Give the path alone, and options in the query: sqlite:///app.db?mode=ro`,
  )
}

const NUMBERS = new Set(['busyTimeout', 'statementCacheSize', 'cacheSize'])
const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  on: true,
  yes: true,
  '1': true,
  false: false,
  off: false,
  no: false,
  '0': false,
}

/** A URL carries text only. What is no number or boolean stays text, and is refused by its option's rule. */
function fromQuery(query: Readonly<Record<string, string>>): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const [name, text] of Object.entries(query)) {
    const lower = text.toLowerCase()
    if (NUMBERS.has(name)) options[name] = /^-?\d+$/.test(text) ? Number(text) : text
    else if (name === 'foreignKeys') options[name] = Object.hasOwn(BOOLEANS, lower) ? BOOLEANS[lower] : text
    else options[name] = name in RULES ? lower : text
  }
  return options
}
