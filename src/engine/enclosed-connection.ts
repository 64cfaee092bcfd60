import type {
  BeginOptions,
  DriverConnection,
  Outcome,
  ServerInfo,
  Statement,
  TransactionStatus,
} from '../drivers/index.ts'

const SAVEPOINT = 'heddle_enclosed'

/** What several enclosed connections know of the transaction around them. */
export interface Surroundings {
  readonly own: DriverConnection
  /** Why nothing can be done any more: it has ended, or was lost. */
  readonly overBecause: unknown
}

/**
 * A driver connection inside of a transaction that never commits: its own transactions are savepoints of that. Whoever uses it sees a
 * connection like any other.
 */
export class EnclosedConnection implements DriverConnection {
  readonly server: ServerInfo
  readonly #around: Surroundings
  #isOpen = false

  constructor(around: Surroundings) {
    this.server = around.own.server
    this.#around = around
  }

  get transactionStatus(): TransactionStatus {
    return this.#isOpen ? this.#around.own.transactionStatus : 'idle'
  }

  get brokenBy(): unknown {
    return this.#around.own.brokenBy ?? this.#around.overBecause
  }

  run(statement: Statement): Promise<Outcome> {
    return this.#inside(() => this.#around.own.run(statement))
  }

  runEach(statement: Statement, sets: readonly (readonly unknown[])[]): Promise<readonly Outcome[]> {
    return this.#inside(() => this.#around.own.runEach(statement, sets))
  }

  stream(statement: Statement, batchSize: number): AsyncIterableIterator<readonly unknown[]> {
    return this.#around.own.stream(statement, batchSize)
  }

  /** An isolation of its own is impossible inside, and that it only reads is not checked. */
  async begin(_options: BeginOptions): Promise<void> {
    await this.#send(`savepoint ${SAVEPOINT}`)
    this.#isOpen = true
  }

  async commit(): Promise<'committed' | 'rolled back'> {
    if (this.transactionStatus === 'failed') {
      await this.rollback()
      return 'rolled back'
    }
    await this.#send(`release savepoint ${SAVEPOINT}`)
    this.#isOpen = false
    return 'committed'
  }

  async rollback(): Promise<void> {
    this.#isOpen = false
    await this.#send(`rollback to savepoint ${SAVEPOINT}`)
    await this.#send(`release savepoint ${SAVEPOINT}`)
  }

  cancel(): Promise<void> {
    return this.#around.own.cancel()
  }

  ping(): Promise<void> {
    return this.#around.own.ping()
  }

  /** What would be forgotten belongs to the transaction around as well. */
  async reset(): Promise<void> {}

  async close(): Promise<void> {}

  destroy(): void {}

  /** A statement outside of a transaction stands alone: when it fails, only that is undone. */
  async #inside<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isOpen) return work()
    await this.begin({})
    try {
      const result = await work()
      await this.commit()
      return result
    } catch (error) {
      if (this.brokenBy === undefined) await this.rollback()
      throw error
    }
  }

  async #send(sql: string): Promise<void> {
    await this.#around.own.run({ sql, parameters: [] })
  }
}
