import { ArgumentError, DeadlockError, InvalidRequestError, SerializationError, StaleDataError } from '../errors.ts'
import { aBoolean, checkOptions } from '../support/index.ts'
import type { SessionCore } from './core.ts'
import { commitAll } from './ending.ts'
import type { ExternalEnds } from './external-ends.ts'
import { Session } from './session.ts'
import type { SessionTransaction } from './session-transaction.ts'

/** Somebody who ends the transactions of several participants together; a session is one of them after {@link joinExternal}. */
export interface TransactionCoordinator {
  /** What errors say commits instead of the session. */
  readonly name: string
  /**
   * Called at once whenever a transaction of the session begins, so once for each of its transactions. When it throws, for example
   * because no common transaction is open, the session's does not begin, and the call that needed it fails with that error.
   */
  join(participant: TransactionParticipant): void
}

/**
 * One transaction of a session, for the coordinator to end. It has one phase: call `flush()` of every participant, then `commit()` in
 * the order of `sortKey`, and `rollback()` of all when anything fails before the first commit.
 */
export interface TransactionParticipant {
  /** Sorts after all that begins with a letter or a digit: what cannot promise its commit is committed last. */
  readonly sortKey: string
  /**
   * Whether something was written: by a flush, by a statement that is not plainly a SELECT, or by what {@link markChanged} said. What
   * was taken back by a savepoint counts too.
   */
  readonly changed: boolean
  /**
   * Writes what the session has pending, so that what the database refuses is known before anybody commits.
   * @throws the database's error, StaleDataError, FlushError; InvalidRequestError when it was changed and has ended already
   */
  flush(): Promise<void>
  /**
   * Flushes, and commits where something was written; otherwise ends the transaction without a COMMIT. The session is closed, or with
   * `keepSession` expired.
   * @throws ConcurrentUseError when an operation of the session has not ended; what `flush()` and a COMMIT throw
   */
  commit(): Promise<void>
  /** Rolls back, puts every instance back as it was, and closes the session, or with `keepSession` expires it. Never refuses. */
  rollback(): Promise<void>
}

/** How a session takes part. */
export interface ExternalOptions {
  /** Expire all instances at the end of a transaction instead of closing the session. Default: false. */
  readonly keepSession?: boolean
  /** Every transaction counts as changed from its beginning, so that it always ends with a COMMIT. Default: false. */
  readonly initiallyChanged?: boolean
}

const rules = { keepSession: aBoolean, initiallyChanged: aBoolean }

/**
 * Lets somebody else end the transactions of a session, together with other things: each transaction joins the coordinator when it
 * begins, the one that has begun already included. From then on `session.commit()` is refused. `rollback()` and `close()` are not,
 * and what was changed cannot be committed by the coordinator any more after them.
 *
 * ```ts
 * const participants: TransactionParticipant[] = []
 * joinExternal(session, { name: 'the request', join: (participant) => void participants.push(participant) })
 * session.add(new User({ name: 'ed' }))
 * for (const participant of participants) await participant.flush()
 * for (const participant of participants) await participant.commit()
 * ```
 *
 * @throws ArgumentError for what is no session, no coordinator, or a wrong option; InvalidRequestError inside a managed block, which
 * commits by itself, and for a session that has a coordinator already
 */
export function joinExternal(
  session: Session,
  coordinator: TransactionCoordinator,
  options: ExternalOptions = {},
): void {
  const core = coreOf(session, 'joinExternal()')
  if (typeof coordinator?.name !== 'string' || typeof coordinator.join !== 'function') {
    throw new ArgumentError('joinExternal(): the coordinator must have a name, which is a string, and a function join.')
  }
  checkOptions('joinExternal()', options, rules)
  if (core.block !== undefined) {
    throw new InvalidRequestError(
      'joinExternal(): the session is inside a managed block, which commits by itself; join before, without such a block.',
    )
  }
  if (core.external !== undefined) {
    throw new InvalidRequestError(
      `joinExternal(): the transactions of the session are ended by ${core.external.name} already.`,
    )
  }
  const external = new External(session, coordinator, options)
  const root = session.getTransaction()
  if (root !== null) external.announce(root)
  core.external = external
}

/**
 * Says that the current transaction has written what the session cannot see: by a SELECT that calls a function, for example. A
 * transaction begins when there is none.
 *
 * @throws InvalidRequestError when the session has not joined a coordinator; ArgumentError for what is no session
 */
export function markChanged(session: Session): void {
  const core = coreOf(session, 'markChanged()')
  if (core.external === undefined) {
    throw new InvalidRequestError('markChanged(): the session commits by itself; call joinExternal() before.')
  }
  core.ensureTransaction('markChanged()')
  core.external.markChanged()
}

/**
 * Whether the whole work may succeed when it is run again from its beginning: after a serialization failure, a deadlock, or rows that
 * somebody else changed meanwhile (StaleDataError).
 */
export function shouldRetry(error: unknown): boolean {
  return error instanceof SerializationError || error instanceof DeadlockError || error instanceof StaleDataError
}

function coreOf(session: unknown, call: string): SessionCore {
  if (session instanceof Session) return session.core
  throw new ArgumentError(`${call} takes a session; of a scoped session, the one that calling it gives.`)
}

/** The coordinator of a session, as the session sees it. */
class External implements ExternalEnds {
  readonly name: string
  readonly keepSession: boolean
  readonly #session: Session
  readonly #coordinator: TransactionCoordinator
  readonly #initiallyChanged: boolean
  #current: Participant | undefined

  constructor(session: Session, coordinator: TransactionCoordinator, options: ExternalOptions) {
    this.name = coordinator.name
    this.keepSession = options.keepSession ?? false
    this.#session = session
    this.#coordinator = coordinator
    this.#initiallyChanged = options.initiallyChanged ?? false
    // A savepoint takes its record with it; what it wrote, or failed to write, is kept here.
    session.core.events.on('afterTransactionEnd', ({ transaction }) => {
      if (transaction.snapshot.wrote || transaction.failure !== undefined) this.#current?.markChanged()
    })
  }

  announce(root: SessionTransaction): void {
    const participant = new Participant(this.#session, root, this)
    if (this.#initiallyChanged || wroteBefore(this.#session)) participant.markChanged()
    this.#coordinator.join(participant)
    this.#current = participant
  }

  get changed(): boolean {
    return this.#current?.changed ?? false
  }

  markChanged(): void {
    this.#current?.markChanged()
  }

  refuseCommit(call: string): void {
    if (this.#current?.isCommitting === true) return
    throw new InvalidRequestError(
      `${call}: the transactions of this session are committed by ${this.name}, together with what else takes part in them. ` +
        'Let it commit; the session can flush.',
    )
  }
}

/** Whether the session's transaction, where it has begun, may have written in savepoints that are gone. */
function wroteBefore({ core }: Session): boolean {
  return (core.transaction?.enlistments.size ?? 0) > 0
}

class Participant implements TransactionParticipant {
  readonly sortKey: string
  isCommitting = false
  readonly #session: Session
  readonly #root: SessionTransaction
  readonly #external: External
  #marked = false

  constructor(session: Session, root: SessionTransaction, external: External) {
    this.sortKey = `~heddle:${session.label}`
    this.#session = session
    this.#root = root
    this.#external = external
  }

  get changed(): boolean {
    if (this.#marked || this.#root.snapshot.wrote) return true
    if (!this.#isOpen()) return false
    for (let level = this.#session.core.transaction; level !== undefined; level = level.parent) {
      if (level.snapshot.wrote) return true
    }
    return false
  }

  markChanged(): void {
    this.#marked = true
  }

  async flush(): Promise<void> {
    if (this.#requireNothingLost('flush()')) await this.#session.flush()
  }

  async commit(): Promise<void> {
    if (!this.#requireNothingLost('commit()')) return
    const { core } = this.#session
    await core.gate.runAlone('commit()', async () => {
      this.isCommitting = true
      try {
        await commitAll(core)
      } finally {
        this.isCommitting = false
      }
    })
    await this.#leave()
  }

  async rollback(): Promise<void> {
    if (!this.#isOpen() && this.#session.inTransaction()) return
    try {
      await this.#session.rollback()
    } finally {
      await this.#leave()
    }
  }

  async #leave(): Promise<void> {
    if (this.#external.keepSession) this.#session.expireAll()
    else await this.#session.close()
  }

  #isOpen(): boolean {
    return this.#root.state !== 'closed'
  }

  /** Whether there is anything to end. @throws InvalidRequestError when it has ended, and what it had written is not committed */
  #requireNothingLost(call: string): boolean {
    if (this.#isOpen()) return true
    if (!this.changed) return false
    throw new InvalidRequestError(
      `${call} for ${this.#external.name}: the transaction of ${this.#session.label} had written something and has ended already, by ` +
        'a rollback, a close or an earlier commit. Roll back what else takes part, and begin anew.',
    )
  }
}
