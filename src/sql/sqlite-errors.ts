import { DatabaseError } from '../errors.ts'
import type { Classification, Classify, FailureKind } from './classification.ts'

/** SQLite's primary result codes by their number; an extended code has its primary code in its lowest byte. */
const PRIMARY: readonly string[] =
  `OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND
  FULL CANTOPEN PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB`
    .split(/\s+/)
    .map((name) => `SQLITE_${name}`)

/** The extended codes that say more than their primary code, by the primary code and their number in the second byte. */
const EXTENDED: Readonly<Record<string, readonly string[]>> = {
  SQLITE_ERROR: ['', 'MISSING_COLLSEQ', 'RETRY', 'SNAPSHOT'],
  SQLITE_ABORT: ['', '', 'ROLLBACK'],
  SQLITE_BUSY: ['', 'RECOVERY', 'SNAPSHOT', 'TIMEOUT'],
  SQLITE_LOCKED: ['', 'SHAREDCACHE', 'VTAB'],
  SQLITE_READONLY: ['', 'RECOVERY', 'CANTLOCK', 'ROLLBACK', 'DBMOVED', 'CANTINIT', 'DIRECTORY'],
  SQLITE_CORRUPT: ['', 'VTAB', 'SEQUENCE', 'INDEX'],
  SQLITE_CANTOPEN: ['', 'NOTEMPDIR', 'ISDIR', 'FULLPATH', 'CONVPATH', 'DIRTYWAL', 'SYMLINK'],
  SQLITE_CONSTRAINT:
    `. CHECK COMMITHOOK FOREIGNKEY FUNCTION NOTNULL PRIMARYKEY TRIGGER UNIQUE VTAB ROWID PINNED DATATYPE`.split(' '),
  SQLITE_IOERR:
    `. READ SHORT_READ WRITE FSYNC DIR_FSYNC TRUNCATE FSTAT UNLOCK RDLOCK DELETE BLOCKED NOMEM ACCESS CHECKRESERVEDLOCK LOCK
    CLOSE DIR_CLOSE SHMOPEN SHMSIZE SHMLOCK SHMMAP SEEK DELETE_NOENT MMAP GETTEMPPATH CONVPATH VNODE AUTH BEGIN_ATOMIC COMMIT_ATOMIC
    ROLLBACK_ATOMIC DATA CORRUPTFS IN_PAGE`.split(/\s+/),
}

/** The kind of each code; an extended one that is not here has the kind of its primary code. */
const KINDS: Readonly<Record<string, FailureKind>> = {
  SQLITE_CONSTRAINT: 'integrity',
  SQLITE_CONSTRAINT_UNIQUE: 'unique',
  SQLITE_CONSTRAINT_PRIMARYKEY: 'unique',
  SQLITE_CONSTRAINT_ROWID: 'unique',
  SQLITE_CONSTRAINT_FOREIGNKEY: 'foreign key',
  SQLITE_CONSTRAINT_NOTNULL: 'not null',
  SQLITE_CONSTRAINT_CHECK: 'check',
  SQLITE_CONSTRAINT_DATATYPE: 'data',
  SQLITE_BUSY: 'lock not available',
  SQLITE_BUSY_SNAPSHOT: 'serialization',
  SQLITE_LOCKED: 'lock not available',
  SQLITE_ERROR: 'programming',
  SQLITE_ERROR_SNAPSHOT: 'serialization',
  SQLITE_AUTH: 'programming',
  SQLITE_MISUSE: 'programming',
  SQLITE_RANGE: 'programming',
  SQLITE_MISMATCH: 'data',
  SQLITE_TOOBIG: 'data',
  SQLITE_INTERRUPT: 'timeout',
  SQLITE_ABORT: 'operational',
  SQLITE_PERM: 'operational',
  SQLITE_NOMEM: 'operational',
  SQLITE_READONLY: 'operational',
  SQLITE_IOERR: 'operational',
  SQLITE_CORRUPT: 'operational',
  SQLITE_FULL: 'operational',
  SQLITE_CANTOPEN: 'operational',
  SQLITE_PROTOCOL: 'operational',
  SQLITE_SCHEMA: 'operational',
  SQLITE_NOLFS: 'operational',
  SQLITE_NOTADB: 'operational',
}

/** What SQLite reports as a plain SQLITE_ERROR although a value is to blame, not the statement. */
const BAD_VALUE =
  /^(?:integer overflow|malformed JSON|bad JSON path|string or blob too big|JSON cannot hold BLOB|domain error)/

/** Errors that the packages throw by themselves, before SQLite sees anything. */
const PACKAGE_ERRORS: readonly (readonly [RegExp, FailureKind])[] = [
  [/too large to be represented as a JavaScript number/, 'data'],
  [/(?:can only bind|cannot be bound|too large to bind|is too big)/, 'data'],
  [/^Too (?:few|many) parameter values/, 'programming'],
  [/(?:contains no statements|contains more than one statement)/, 'programming'],
]

interface NativeError {
  readonly message: string
  readonly code?: unknown
  readonly errcode?: unknown
}

/**
 * Reads errors of node:sqlite (number of the extended result code in `errcode`), of better-sqlite3 (its name in `code`) and of the
 * SQLite drivers themselves. Names of tables and columns are taken from SQLite's messages, which are the same in every language.
 */
export const classifySqlite: Classify = (error) => {
  if (!(error instanceof Error)) return { kind: 'other' }
  const databaseCode = codeOf(error)
  if (databaseCode === undefined) return { kind: packageKind(error) }
  const { message } = error
  return { kind: kindOf(databaseCode, message), ...placeOf(databaseCode, message), databaseCode }
}

function codeOf(error: NativeError): string | undefined {
  if (error instanceof DatabaseError) return error.databaseCode
  if (typeof error.errcode === 'number') return nameOfCode(error.errcode)
  return typeof error.code === 'string' && error.code.startsWith('SQLITE_') ? error.code : undefined
}

function nameOfCode(code: number): string {
  const primary = PRIMARY[code & 0xff]
  if (primary === undefined) return `SQLITE_${code}`
  const extension = EXTENDED[primary]?.[code >> 8]
  return code < 256 || extension === undefined || extension === '' ? primary : `${primary}_${extension}`
}

function kindOf(code: string, message: string): FailureKind {
  // ON DELETE RESTRICT is carried out by a trigger of SQLite's own.
  if (code === 'SQLITE_CONSTRAINT_TRIGGER' && message === 'FOREIGN KEY constraint failed') return 'foreign key'
  if (code === 'SQLITE_ERROR' && BAD_VALUE.test(message)) return 'data'
  const primary = code.split('_', 2).join('_')
  return KINDS[code] ?? KINDS[primary] ?? 'other'
}

function packageKind({ message }: NativeError): FailureKind {
  return PACKAGE_ERRORS.find(([pattern]) => pattern.test(message))?.[1] ?? 'other'
}

type Place = Pick<Classification, 'constraint' | 'table' | 'column'>

/** What SQLite's messages tell of the place, each as the pattern has it in its groups. */
const PLACES: readonly RegExp[] = [
  /^UNIQUE constraint failed: index '(?<constraint>.+)'$/,
  /^(?:UNIQUE|NOT NULL) constraint failed: (?<columns>.+)$/,
  /^CHECK constraint failed: (?<constraint>[\s\S]+)$/,
  /^cannot store \w+ value in \w+ column (?<columns>.+)$/,
  /^no such table: (?:\w+\.)?(?<table>.+)$/,
  /^no such column: (?:(?<table>[^.]+)\.)?(?<column>[^.]+)$/,
  /^table (?<table>.+) has no column named (?<column>.+)$/,
]

function placeOf(code: string, message: string): Place {
  if (code !== 'SQLITE_ERROR' && !code.startsWith('SQLITE_CONSTRAINT')) return {}
  const groups = PLACES.map((pattern) => pattern.exec(message)?.groups).find((found) => found !== undefined)
  if (groups === undefined) return {}
  const { columns, ...rest } = groups
  if (columns !== undefined) return tableAndColumn(columns)
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
}

/** 'users.email', or 'members.team, members.user', whose columns are told as 'team, user'. */
function tableAndColumn(text: string): Place {
  const parts = text.split(', ').map((name) => ({ name, dot: name.lastIndexOf('.') }))
  const first = parts[0]
  if (first === undefined || first.dot < 0) return {}
  const column = parts.map(({ name, dot }) => name.slice(dot + 1)).join(', ')
  return { table: first.name.slice(0, first.dot), column }
}
