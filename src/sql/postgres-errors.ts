import type { Classification, Classify, FailureKind } from './classification.ts'
import { networkFailure } from './network-errors.ts'

/** SQLSTATEs that mean something else than their class does. */
const states: Readonly<Record<string, FailureKind>> = {
  '23502': 'not null',
  '23503': 'foreign key',
  '23505': 'unique',
  '23514': 'check',
  '25P03': 'disconnect',
  '25P04': 'disconnect',
  '40001': 'serialization',
  '40002': 'integrity',
  '40P01': 'deadlock',
  '44000': 'check',
  '55P03': 'lock not available',
  '57014': 'timeout',
  '57P01': 'disconnect',
  '57P02': 'disconnect',
  '57P03': 'disconnect',
  '57P04': 'disconnect',
  '57P05': 'disconnect',
}

/** The first two characters of SQLSTATE. */
const classes: Readonly<Record<string, FailureKind>> = {
  '08': 'disconnect',
  '0A': 'programming',
  '21': 'programming',
  '22': 'data',
  '23': 'integrity',
  '25': 'operational',
  '26': 'programming',
  '28': 'operational',
  '34': 'programming',
  '3B': 'programming',
  '3D': 'operational',
  '3F': 'programming',
  '40': 'operational',
  '42': 'programming',
  '53': 'operational',
  '54': 'operational',
  '55': 'operational',
  '57': 'operational',
  '58': 'operational',
}

/** What the clients say of a connection that is gone; they give no code. */
const goneMessage =
  /^Connection terminated|not queryable$|^PGlite is clos|^timeout expired$|^There was an error establishing an SSL/

/** The fields of a server's error, as pg and PGlite both give them. */
interface ServerError {
  readonly code?: unknown
  readonly message?: unknown
  readonly constraint?: unknown
  readonly table?: unknown
  readonly column?: unknown
  readonly detail?: unknown
}

/** Reads an error of PostgreSQL, given by pg or by PGlite. */
export const classifyPostgres: Classify = (error) => {
  if (typeof error !== 'object' || error === null) return { kind: 'other' }
  const failure = error as ServerError
  const code = text(failure.code)
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code)) return readState(code, failure)
  return networkFailure(error) ?? readMessage(text(failure.message) ?? '')
}

function readState(code: string, failure: ServerError): Classification {
  const kind = states[code] ?? classes[code.slice(0, 2)] ?? 'other'
  const constraint = text(failure.constraint)
  const table = text(failure.table)
  const column = text(failure.column) ?? keyColumn(text(failure.detail))
  return {
    kind,
    databaseCode: code,
    ...(constraint !== undefined && { constraint }),
    ...(table !== undefined && { table }),
    ...(column !== undefined && { column }),
  }
}

function readMessage(message: string): Classification {
  if (goneMessage.test(message)) return { kind: 'disconnect' }
  return { kind: message === 'Query read timeout' ? 'timeout' : 'other' }
}

/** The column of a violated key of one column, from the detail `Key (email)=(a@b.c) already exists.` in any language. */
function keyColumn(detail: string | undefined): string | undefined {
  const name = detail && /^[^(]*\(([^(),]+)\)=\(/.exec(detail)?.[1]
  return name ? name.replace(/^"(.*)"$/, '$1') : undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
