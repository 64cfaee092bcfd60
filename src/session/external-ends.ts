import type { SessionTransaction } from './session-transaction.ts'

/** Somebody else who ends the transactions of a session; see `joinExternal`. */
export interface ExternalEnds {
  readonly name: string
  /** Whether the current transaction has written anything. */
  readonly changed: boolean
  markChanged(): void
  /** A transaction begins. @throws what the coordinator throws; the transaction then does not begin */
  announce(root: SessionTransaction): void
  /** @throws InvalidRequestError unless it is the coordinator who commits */
  refuseCommit(call: string): void
}
