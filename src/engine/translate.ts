import type { Statement } from '../drivers/index.ts'
import { DatabaseError, type DatabaseErrorOptions, DisconnectionError, OperationalError } from '../errors.ts'
import { type Dialect, databaseError } from '../sql/index.ts'

/** What was sent when an error came; undefined when it was no statement. */
export type Sent = Pick<Statement, 'sql' | 'parameters'> | undefined

/**
 * What the caller gets for a driver's error, where it is settled whether the connection is gone: the dialect's reading of the error may
 * be overruled by what the driver knows, or by a listener.
 */
export function translateError(dialect: Dialect, error: unknown, sent: Sent, lost: boolean): Error {
  const attempted = sent === undefined ? 'Asking the connection for an answer' : `Running ${quoted(sent.sql)}`
  const read = databaseError(dialect, error, sent, attempted)
  const readsLost = read instanceof DatabaseError && read.connectionInvalidated
  if (readsLost === lost) return read
  const Kind = lost ? DisconnectionError : OperationalError
  return new Kind(read.message, { ...detailsOf(read, sent), connectionInvalidated: lost, cause: read.cause ?? error })
}

function detailsOf(read: Error, sent: Sent): DatabaseErrorOptions {
  const code = read instanceof DatabaseError ? read.databaseCode : undefined
  return {
    ...(sent !== undefined && { sql: sent.sql, parameters: sent.parameters }),
    ...(code !== undefined && { databaseCode: code }),
  }
}

const LONGEST = 200

function quoted(sql: string): string {
  const line = sql.replaceAll(/\s+/g, ' ').trim()
  return `"${line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line}"`
}
