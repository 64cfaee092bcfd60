import { InvalidRequestError, StatementTimeoutError } from '../errors.ts'
import type { Session, SessionOptions } from '../session/index.ts'
import { Deadline } from '../support/index.ts'
import { runBlockWithin, runWithin } from './interruption.ts'
import { type Attempt, withRetries } from './retries.ts'
import type { Scopes } from './scopes.ts'
import { type Propagation, sessionOptionsOf, type TransactionTerms } from './transaction-options.ts'

type Body<S, T> = (session: S) => Promise<T> | T

/** What `begin` runs: a new scope, a session in it, a transaction in that, and the end of all three. */
export function openTransaction<S extends Session, T>(
  scopes: Scopes<S>,
  body: Body<S, T>,
  options: SessionOptions,
  { signal, attempt }: { readonly signal?: AbortSignal | undefined; readonly attempt?: Attempt } = {},
): Promise<T> {
  return scopes.open(options.label, async (scope) => {
    const session = scopes.make(scope, options)
    attempt?.follow(session)
    try {
      return await runBlockWithin(session, () => body(session), signal)
    } finally {
      if (scope.session === session) scope.take()
    }
  })
}

/** What `transaction` runs: takes part in the transaction of the caller's scope, or opens one, as the propagation says. */
export async function runTransaction<S extends Session, T>(
  scopes: Scopes<S>,
  body: Body<S, T>,
  terms: TransactionTerms,
): Promise<T> {
  const { timeout } = terms
  const deadline = new Deadline({ timeout, signal: terms.signal, timeoutReason: () => timeUp(timeout) })
  try {
    deadline.signal?.throwIfAborted()
    return await propagate(scopes, body, terms, deadline.signal)
  } finally {
    deadline.dispose()
  }
}

function propagate<S extends Session, T>(
  scopes: Scopes<S>,
  body: Body<S, T>,
  terms: TransactionTerms,
  signal: AbortSignal | undefined,
): Promise<T> {
  const isOwned = scopes.commitsHere() && terms.propagation !== 'new'
  const session = isOwned ? scopes.session() : scopes.present()
  switch (roleIn(session, terms.propagation, isOwned)) {
    case 'open':
      return withRetries(terms.retries, signal, (attempt) =>
        openTransaction(scopes, body, sessionOptionsOf(terms), { signal, attempt }),
      )
    case 'join':
      return join(session as S, body, terms, signal)
    case 'savepoint':
      refuseOtherTerms(session as S, terms)
      return (session as S).beginNested(() => body(session as S))
    default:
      return runWithout(scopes, body, terms, signal)
  }
}

/** Who has begun the transaction of a session: a block or a call of `begin`, nobody (`autobegin`), or there is none. */
function standingOf(session: Session | undefined): 'begun' | 'autobegun' | 'none' {
  const root = session?.getTransaction() ?? undefined
  if (root === undefined) return 'none'
  return root.origin === 'autobegin' ? 'autobegun' : 'begun'
}

/**
 * @param isOwned whoever opened the scope commits what its session does, however that began
 * @throws InvalidRequestError where the propagation does not allow what there is
 */
function roleIn(
  session: Session | undefined,
  propagation: Propagation,
  isOwned: boolean,
): 'open' | 'join' | 'savepoint' | 'without' {
  const standing = isOwned && propagation !== 'never' ? 'begun' : standingOf(session)
  if (propagation === 'new') return 'open'
  if (propagation === 'never') {
    if (standing === 'none') return 'without'
    throw new InvalidRequestError("transaction(): a transaction runs in this scope, and the propagation is 'never'.")
  }
  if (propagation === 'supports') return standing === 'begun' ? 'join' : 'without'
  if (standing === 'begun') return propagation === 'nested' ? 'savepoint' : 'join'
  if (standing === 'autobegun') throw nobodys(session as Session)
  if (propagation !== 'mandatory') return 'open'
  throw new InvalidRequestError(
    "transaction(): no transaction runs in this scope, and the propagation is 'mandatory'. Call it inside Session.begin() or " +
      'another transaction().',
  )
}

function nobodys({ label }: Session): InvalidRequestError {
  return new InvalidRequestError(
    `transaction(): ${label} has a transaction that began by itself at its first use. Nobody will commit that, so it cannot be ` +
      "taken part in: call commit() or rollback() before, or use begin() instead of run(), or the propagation 'new' for a " +
      'transaction that is independent of it.',
  )
}

/**
 * Takes part in a transaction. Where that fails, the transaction cannot be committed any more, as after a flush that failed:
 * who catches the error and goes on must not commit one half of the work.
 */
async function join<S extends Session, T>(
  session: S,
  body: Body<S, T>,
  terms: TransactionTerms,
  signal: AbortSignal | undefined,
): Promise<T> {
  refuseOtherTerms(session, terms)
  try {
    return await runWithin(session, () => body(session), signal)
  } catch (error) {
    await doom(session, error)
    throw error
  }
}

async function doom({ core }: Session, error: unknown): Promise<void> {
  const { transaction } = core
  if (core.gate.closedBy !== undefined || transaction?.isActive !== true) return
  await core.gate.seizeHere('transaction()', async () => {
    if (!transaction.isActive) return
    transaction.failure = error
    transaction.move('deactivate')
  })
}

/** @throws InvalidRequestError where the running transaction is not what was asked for */
function refuseOtherTerms({ core }: Session, { isolation, readOnly }: TransactionTerms): void {
  const { options, label } = core
  const differs = (asked: unknown, found: string) =>
    new InvalidRequestError(
      `transaction(): ${asked} was asked for, and the transaction of ${label}, which runs in this scope, is ${found}. Ask for it ` +
        "where that one is begun, or use the propagation 'new'.",
    )
  if (isolation !== undefined && isolation !== options.isolation) {
    throw differs(`isolation '${isolation}'`, options.isolation ?? 'of the default isolation')
  }
  if (readOnly === false && options.readOnly === true) throw differs('readOnly: false', 'read-only')
}

function runWithout<S extends Session, T>(
  scopes: Scopes<S>,
  body: Body<S, T>,
  terms: TransactionTerms,
  signal: AbortSignal | undefined,
): Promise<T> {
  const run = (session: S) => runWithin(session, () => body(session), signal)
  if (scopes.isInScope()) return run(scopes.session())
  return scopes.open(terms.label, (scope) => run(scopes.make(scope, sessionOptionsOf(terms))))
}

function timeUp(timeout: number | undefined): StatementTimeoutError {
  return new StatementTimeoutError(
    `transaction() did not end within ${timeout} ms: what ran was cancelled, and what it had not committed is rolled back.`,
  )
}
