import type { IsolationLevel } from '../drivers/index.ts'
import { ArgumentError } from '../errors.ts'
import type { SessionOptions } from '../session/index.ts'
import {
  aBoolean,
  anAbortSignal,
  anInteger,
  anObject,
  aString,
  milliseconds,
  oneOf,
  type RulesOf,
  readOptions,
} from '../support/index.ts'

/**
 * What `Session.transaction()` does about the transaction that runs in its scope already.
 *
 * - `required`: takes part in it; where there is none, opens one in a scope and session of its own
 * - `new`: opens one in a scope and session of its own, whatever runs around it
 * - `nested`: works in a savepoint of it; where there is none, opens one
 * - `mandatory`: takes part in it; where there is none, InvalidRequestError
 * - `never`: runs without one; where there is one, InvalidRequestError
 * - `supports`: takes part in it; where there is none, runs without one
 *
 * To run without one is to commit nothing: in the scope that is open, else in one like that of `Session.run()`.
 */
export type Propagation = 'required' | 'new' | 'nested' | 'mandatory' | 'never' | 'supports'

/** How a transaction of a scope runs. */
export interface ScopedTransactionOptions {
  /** Default: `required`. */
  readonly propagation?: Propagation
  /** Of the transaction that is opened. To take part in one with another isolation is refused. */
  readonly isolation?: IsolationLevel
  /** The transaction that is opened does not write. To take part in a read-only one with `false` is refused. */
  readonly readOnly?: boolean
  /**
   * How often the function is run again, in a new session, after SerializationError, DeadlockError and a busy database file, with
   * pauses of random length that grow. Only where the transaction was opened by this call. Default: 0
   */
  readonly retries?: number
  /**
   * Milliseconds for all of it, retries included, until COMMIT: then what runs is cancelled on the server, the transaction is
   * rolled back, and StatementTimeoutError is thrown. Default: no limit
   */
  readonly timeout?: number
  /** The same, when it aborts; its reason is thrown. */
  readonly signal?: AbortSignal | undefined
  /** What the session that is opened calls itself in errors and in `engine.pool.holders()`. */
  readonly label?: string
  /** More options of the session that is opened. */
  readonly options?: SessionOptions
}

/** The options, checked and complete. */
export type TransactionTerms = ScopedTransactionOptions & {
  readonly propagation: Propagation
  readonly retries: number
}

const rules: RulesOf<ScopedTransactionOptions> = {
  propagation: oneOf('required', 'new', 'nested', 'mandatory', 'never', 'supports'),
  isolation: oneOf('read uncommitted', 'read committed', 'repeatable read', 'serializable', 'snapshot'),
  readOnly: aBoolean,
  retries: anInteger(0),
  timeout: milliseconds,
  signal: anAbortSignal,
  label: aString,
  options: anObject,
}

/** @throws ArgumentError for unknown options, wrong values, and limits that a savepoint cannot keep */
export function readTransactionOptions(call: string, given: ScopedTransactionOptions): TransactionTerms {
  const terms = readOptions(call, given, rules, { propagation: 'required', retries: 0 } as const) as TransactionTerms
  const limit = terms.timeout === undefined ? 'signal' : 'timeout'
  if (terms.propagation !== 'nested' || terms[limit] === undefined) return terms
  throw new ArgumentError(
    `${call}: option '${limit}' cannot be given with the propagation 'nested': what the function had left running could still ` +
      `write into the transaction around it. Give '${limit}' to that one, or use the propagation 'new'.`,
  )
}

/** The options of the session that a transaction opens. */
export function sessionOptionsOf({ isolation, readOnly, label, options }: TransactionTerms): SessionOptions {
  return {
    ...options,
    ...(isolation !== undefined && { isolation }),
    ...(readOnly !== undefined && { readOnly }),
    ...(label !== undefined && { label }),
  }
}
