import type { Statement } from '../drivers/index.ts'
import {
  CheckViolationError,
  DatabaseError,
  type DatabaseErrorOptions,
  DataError,
  DeadlockError,
  DisconnectionError,
  ForeignKeyViolationError,
  HeddleError,
  IntegrityError,
  LockNotAvailableError,
  NotNullViolationError,
  OperationalError,
  ProgrammingError,
  SerializationError,
  StatementTimeoutError,
  UniqueViolationError,
} from '../errors.ts'
import type { Classification, FailureKind } from './classification.ts'
import type { Dialect } from './dialect.ts'

type ErrorClass = new (message: string, options: DatabaseErrorOptions) => DatabaseError

const CLASSES: Readonly<Record<FailureKind, ErrorClass>> = {
  unique: UniqueViolationError,
  'foreign key': ForeignKeyViolationError,
  'not null': NotNullViolationError,
  check: CheckViolationError,
  integrity: IntegrityError,
  deadlock: DeadlockError,
  serialization: SerializationError,
  'lock not available': LockNotAvailableError,
  timeout: StatementTimeoutError,
  disconnect: DisconnectionError,
  operational: OperationalError,
  programming: ProgrammingError,
  data: DataError,
  other: DatabaseError,
}

/** What the reader can do about it, where that is always the same. */
const ADVICE: Partial<Readonly<Record<FailureKind, string>>> = {
  deadlock: 'Run the whole transaction again',
  serialization: 'Run the whole transaction again',
  disconnect: 'The connection is discarded, and what was not committed is rolled back',
}

/**
 * A driver's error as one of heddle's, with the original as its cause. An error of heddle passes through as it is. The
 * message says what was attempted and what the database said, and never holds values of the statement: those are in
 * `parameters`.
 *
 * @param statement what was sent; undefined when it was no statement (connecting, COMMIT)
 * @param attempted what the caller was doing, as the beginning of a sentence: 'Inserting 3 rows into users'
 */
export function databaseError(
  dialect: Dialect,
  error: unknown,
  statement: Pick<Statement, 'sql' | 'parameters'> | undefined,
  attempted: string,
): HeddleError {
  if (error instanceof HeddleError) return error
  const found = dialect.classify(error)
  return new CLASSES[found.kind](messageOf(dialect, error, found, statement, attempted), {
    ...placeOf(found),
    ...(statement === undefined ? {} : { sql: statement.sql, parameters: statement.parameters }),
    ...(found.kind === 'disconnect' ? { connectionInvalidated: true } : {}),
    cause: error,
  })
}

/** Whether an error, a driver's or heddle's, says that the connection is gone. */
export function isDisconnect(dialect: Dialect, error: unknown): boolean {
  if (error instanceof HeddleError) return error instanceof DisconnectionError
  return dialect.classify(error).kind === 'disconnect'
}

function placeOf({ constraint, table, column, databaseCode }: Classification): DatabaseErrorOptions {
  return {
    ...(constraint === undefined ? {} : { constraint }),
    ...(table === undefined ? {} : { table }),
    ...(column === undefined ? {} : { column }),
    ...(databaseCode === undefined ? {} : { databaseCode }),
  }
}

function messageOf(
  dialect: Dialect,
  error: unknown,
  { kind, databaseCode }: Classification,
  statement: Pick<Statement, 'parameters'> | undefined,
  attempted: string,
): string {
  const code = databaseCode === undefined ? '' : ` (${databaseCode})`
  const said = withoutValues(dialect.product.redact(textOf(error)), statement?.parameters ?? [])
  const advice = ADVICE[kind]
  return `${attempted} failed: ${said}${code}${advice === undefined ? '' : `. ${advice}`}`
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return `the driver threw ${error === null ? 'null' : `a ${typeof error}`}`
  // An AggregateError of several failed addresses has no message of its own.
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message || error.name
  return error.errors.map(textOf).join('; ')
}

/** Databases quote the values that they complain about. */
function withoutValues(message: string, parameters: readonly unknown[]): string {
  let clean = message
  for (const value of parameters.flat()) {
    if (typeof value === 'object' || value === undefined) continue
    for (const quote of [`'`, `"`]) clean = clean.replaceAll(`${quote}${String(value)}${quote}`, '…')
  }
  return clean
}
