import type { Level } from './transaction-stack.ts'

/** Who ends transactions: the connection they are on. */
export interface TransactionControl {
  commitLevel(level: Level): Promise<void>
  rollbackLevel(level: Level): Promise<void>
  holdsLevel(level: Level): boolean
}

/**
 * A transaction of a {@link Connection}, or a savepoint in it. Ends with its connection at the latest; as an `await using` variable it is
 * rolled back at the end of the block unless it was committed.
 */
export class Transaction implements AsyncDisposable {
  readonly #level: Level
  readonly #control: TransactionControl
  #askedToEnd = false

  /** @internal Made by `begin()` and `beginNested()` of a connection. */
  constructor(level: Level, control: TransactionControl) {
    this.#level = level
    this.#control = control
  }

  /** The savepoint's name; undefined for the transaction itself. */
  get name(): string | undefined {
    return this.#level.name
  }

  /** The name of a two-phase transaction; undefined for others. */
  get xid(): string | undefined {
    return this.#level.xid
  }

  get isNested(): boolean {
    return this.#level.name !== undefined
  }

  /** Whether it can be committed: it has neither ended nor failed. */
  get isActive(): boolean {
    const { state } = this.#level.life
    return (state === 'active' || state === 'prepared') && this.#control.holdsLevel(this.#level)
  }

  /** Whether it has ended; one that has failed has not, but waits for its rollback. */
  get isEnded(): boolean {
    return !this.#control.holdsLevel(this.#level)
  }

  /** @internal Whether it has ended because `commit()` or `rollback()` of this very object was called. */
  get wasEndedByHand(): boolean {
    return this.#askedToEnd && this.isEnded
  }

  /**
   * Stores what was done; of a savepoint, hands it to what encloses it.
   *
   * @throws InvalidRequestError when it has ended already, or when a savepoint set inside this one is still open
   * @throws PendingRollbackError when it has failed, or the database has aborted it: nothing is stored
   * @throws CommitUnknownError when the connection was lost before the answer came
   */
  commit(): Promise<void> {
    this.#askedToEnd = true
    return this.#control.commitLevel(this.#level)
  }

  /** Undoes what was done, savepoints inside included. Does nothing when it has ended already. */
  rollback(): Promise<void> {
    this.#askedToEnd = true
    return this.#control.rollbackLevel(this.#level)
  }

  /** Rolls back unless it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isEnded) await this.rollback()
  }
}

/** The one object that stands for a level, whoever asks for it. */
export function transactionOf(level: Level, control: TransactionControl): Transaction {
  level.face ??= new Transaction(level, control)
  return level.face as Transaction
}
