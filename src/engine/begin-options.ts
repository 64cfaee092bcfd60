import type { BeginOptions } from '../drivers/index.ts'
import type { Dialect } from '../sql/index.ts'
import { checkIsolation, type ExecutionOptions, type TransactionOptions } from './options.ts'

/**
 * How a transaction begins: as its caller wants, else as the connection's options say.
 *
 * @throws ArgumentError for an isolation level that the database does not have
 */
export function beginOptions(
  dialect: Dialect,
  label: string,
  options: ExecutionOptions,
  given: TransactionOptions,
): BeginOptions {
  const isolation = given.isolation ?? options.isolation
  checkIsolation(dialect, isolation, `The connection of '${label}'`)
  const readOnly = given.readOnly ?? options.readOnly
  return {
    label: given.label ?? label,
    ...(isolation !== undefined && isolation !== 'autocommit' && { isolation }),
    ...(readOnly !== undefined && { readOnly }),
    ...(given.signal !== undefined && { signal: given.signal }),
  }
}
