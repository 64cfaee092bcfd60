import { ConcurrentUseError, InvalidRequestError, ResourceClosedError } from '../errors.ts'

/** A managed block has ended while calls are under way that nobody has awaited. */
export function unawaited(label: string, calls: readonly string[]): ConcurrentUseError {
  return new ConcurrentUseError(
    `The block of '${label}' has ended while ${calls.join('(), ')}() is under way on its connection: an 'await' is ` +
      'missing. Nothing is committed, as that would tear its work in two',
    { calls: [...calls, 'commit'] },
  )
}

/** The transaction of a managed block has ended. */
export function blockIsOver(label: string, attempt: string): ResourceClosedError {
  return new ResourceClosedError(
    `Cannot ${attempt} on the connection of '${label}': the transaction of its block has ended, ` +
      'and nothing runs after it. Await all of the work inside the block',
  )
}

export function connectionIsClosed(label: string, attempt: string): ResourceClosedError {
  return new ResourceClosedError(`Cannot ${attempt}: the connection of '${label}' is closed`)
}

/** What needs a connection without a transaction was asked for inside of one. */
export function insideTransaction(label: string, call: string): InvalidRequestError {
  return new InvalidRequestError(
    `Cannot ${call}() on the connection of '${label}': it is in a transaction. End that first`,
  )
}
