/** The codes of all errors that a client can get. They are stable; the messages are for people. */
export type ErrorCode =
  | 'malformed'
  | 'line_too_long'
  | 'unknown_operation'
  | 'invalid_argument'
  | 'unknown_account'
  | 'same_account'
  | 'insufficient_funds'
  | 'balance_limit'
  | 'conflict'
  | 'busy'
  | 'unavailable'
  | 'outcome_unknown'
  | 'internal'

/** A request that cannot be fulfilled. Thrown anywhere in a transaction, it rolls all of it back. */
export class BankError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.name = 'BankError'
    this.code = code
  }
}
