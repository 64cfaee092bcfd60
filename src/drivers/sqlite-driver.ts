import { statSync } from 'node:fs'
import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OperationalError } from '../errors.ts'
import type { Driver, DriverConnection, DriverTarget } from './driver.ts'
import { BUSY_SLICE } from './sqlite-busy.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import type { SqliteDatabase, SqliteLibrary } from './sqlite-library.ts'
import { leaseOpenFile, type OpenFileLease, refuseSecondLibrary } from './sqlite-open-files.ts'
import { readSqliteTarget, type SqliteOptions, type SqliteTarget } from './sqlite-options.ts'
import { type AccessTarget, WriterAccess } from './sqlite-writer-access.ts'
import { WriterQueue } from './sqlite-writer-queue.ts'

/** Makes the driver of a SQLite package for one database. Nothing is opened yet. */
export function sqliteDriver(library: SqliteLibrary, given: DriverTarget): Driver {
  const target = readSqliteTarget(given, library)
  return {
    name: library.name,
    singleConnection: target.path === undefined,
    connect: (options) => connect(library, target, options.signal),
    dispose: async () => {},
  }
}

/** Numbers the connections of this thread, so that messages can tell them apart. */
let connectionCount = 0

async function connect(
  library: SqliteLibrary,
  target: SqliteTarget,
  signal: AbortSignal | undefined,
): Promise<DriverConnection> {
  signal?.throwIfAborted()
  const { path, options } = target
  if (path !== undefined) await checkFile(path, options.mode)
  signal?.throwIfAborted()
  const { database, lease } = open(library, target)
  const access: AccessTarget = {
    path,
    writers: lease?.writers ?? new WriterQueue(),
    owner: { label: `connection ${++connectionCount}` },
    busyTimeout: options.busyTimeout,
  }
  const discard = () => {
    database.close()
    lease?.release()
  }
  try {
    await setUp(database, target, new WriterAccess(access), signal)
    return connectionOver(database, { access, options, lease, keepsNul: library.keepsNul })
  } catch (error) {
    discard()
    throw openError(path, error)
  }
}

interface ConnectionOptions {
  readonly access: AccessTarget
  readonly options: SqliteOptions
  readonly lease: OpenFileLease | undefined
  readonly keepsNul: boolean
}

function connectionOver(
  database: SqliteDatabase,
  { access, options, lease, keepsNul }: ConnectionOptions,
): DriverConnection {
  return new SqliteConnection({
    database,
    server: { product: 'sqlite', version: String(ask(database, 'select sqlite_version()')) },
    access,
    onlyReads: options.mode === 'ro',
    statementCacheSize: options.statementCacheSize,
    keepsNul,
    onClose: () => lease?.release(),
  })
}

/** Opens the file and registers it without a pause in between, so that no other driver can open it meanwhile. */
function open(
  library: SqliteLibrary,
  target: SqliteTarget,
): { database: SqliteDatabase; lease: OpenFileLease | undefined } {
  const { path, options, constructorOptions } = target
  if (path !== undefined) refuseSecondLibrary(path, library.name)
  try {
    const database = library.open(path ?? ':memory:', { ...constructorOptions, readOnly: options.mode === 'ro' })
    return { database, lease: path === undefined ? undefined : leaseOpenFile(path, library.name) }
  } catch (error) {
    throw openError(path, error)
  }
}

/** SQLite says 'unable to open database file' to all of this. The file itself is not opened: closing it would drop SQLite's locks. */
async function checkFile(path: string, mode: SqliteOptions['mode']): Promise<void> {
  const folder = await stat(dirname(path)).catch(() => undefined)
  if (folder?.isDirectory() !== true) throw cannotOpen(path, `there is no folder ${dirname(path)}. Create it first`)
  const file = statSync(path, { throwIfNoEntry: false })
  if (file?.isDirectory() === true) throw cannotOpen(path, 'it is a folder. Give the path of a file')
  if (file === undefined) {
    if (mode !== 'rwc') throw cannotOpen(path, `there is no such file, and mode '${mode}' does not create one`)
    return
  }
  if (mode === 'ro') return
  const isWritable = await access(path, constants.W_OK).then(
    () => true,
    () => false,
  )
  if (!isWritable) throw cannotOpen(path, "it is not writable. Change its rights, or read it only with mode 'ro'")
}

/** Brings a new connection into the state that the options ask for. */
async function setUp(
  database: SqliteDatabase,
  { path, options }: SqliteTarget,
  access: WriterAccess,
  signal: AbortSignal | undefined,
): Promise<void> {
  database.exec(`pragma busy_timeout = ${BUSY_SLICE}`)
  database.exec(`pragma foreign_keys = ${options.foreignKeys ? 1 : 0}`)
  if (options.cacheSize !== undefined) database.exec(`pragma cache_size = ${options.cacheSize}`)
  const waiting = access.waiting('open a connection', { signal })
  const journalMode = await access.retry(waiting, () =>
    setJournalMode(database, path === undefined ? 'memory' : options),
  )
  const synchronous = options.synchronous ?? (journalMode === 'wal' ? 'normal' : undefined)
  if (synchronous !== undefined) database.exec(`pragma synchronous = ${synchronous}`)
}

/** Reads the file for the first time, and gives it its journal mode, which is kept in the file. */
function setJournalMode(database: SqliteDatabase, options: SqliteOptions | 'memory'): unknown {
  const current = ask(database, 'pragma journal_mode')
  // The journal mode is answered without a look into the file; this is not.
  ask(database, 'pragma schema_version')
  if (options === 'memory' || options.mode === 'ro' || options.journalMode === 'keep') return current
  if (current === options.journalMode) return current
  const changed = ask(database, `pragma journal_mode = ${options.journalMode}`)
  if (changed === options.journalMode) return changed
  throw new OperationalError(
    `The journal mode could not be set to '${options.journalMode}': SQLite left it at '${String(changed)}'. ` +
      "The file system may not support it; pass journalMode 'keep' to take it as it is.",
  )
}

function ask(database: SqliteDatabase, sql: string): unknown {
  const statement = database.prepare(sql)
  statement.setMode({ arrays: true, bigints: false, isOrdered: true })
  return (statement.all([]) as unknown[][])[0]?.[0]
}

function openError(path: string | undefined, error: unknown): unknown {
  const code = error as { code?: unknown; errcode?: unknown }
  if (code?.errcode !== 26 && code?.code !== 'SQLITE_NOTADB') return error
  return cannotOpen(
    path ?? ':memory:',
    'it is no SQLite database, or an encrypted one. Look at the path',
    error,
    'SQLITE_NOTADB',
  )
}

function cannotOpen(path: string, found: string, cause?: unknown, databaseCode = 'SQLITE_CANTOPEN'): OperationalError {
  const message = `Could not open the SQLite database ${path}: ${found}.`
  return new OperationalError(message, cause === undefined ? { databaseCode } : { databaseCode, cause })
}
