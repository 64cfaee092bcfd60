import type {
  BeginOptions,
  DriverConnection,
  Outcome,
  ServerInfo,
  Statement,
  TransactionStatus,
} from '../drivers/index.ts'
import { Lane } from '../support/index.ts'

/**
 * A driver connection that several holders use at the same time, as a pool of kind 'static' has it: their calls reach the driver one at
 * a time. They share its transaction too: who begins one while another has one open gets the driver's error.
 */
export class SharedDriverConnection implements DriverConnection {
  readonly server: ServerInfo
  readonly #own: DriverConnection
  readonly #lane = new Lane()

  constructor(own: DriverConnection) {
    this.server = own.server
    this.#own = own
  }

  get transactionStatus(): TransactionStatus {
    return this.#own.transactionStatus
  }

  get brokenBy(): unknown {
    return this.#own.brokenBy
  }

  run(statement: Statement): Promise<Outcome> {
    return this.#lane.run('run', () => this.#own.run(statement))
  }

  runEach(statement: Statement, sets: readonly (readonly unknown[])[]): Promise<readonly Outcome[]> {
    return this.#lane.run('runEach', () => this.#own.runEach(statement, sets))
  }

  stream(statement: Statement, batchSize: number): AsyncIterableIterator<readonly unknown[]> {
    const rows = this.#own.stream(statement, batchSize)
    const end = { done: true, value: undefined } as const
    const shared: AsyncIterableIterator<readonly unknown[]> = {
      next: () => this.#lane.run('stream', () => rows.next()),
      return: () => this.#lane.run('stream', async () => (await rows.return?.()) ?? end),
      [Symbol.asyncIterator]: () => shared,
    }
    return shared
  }

  begin(options: BeginOptions): Promise<void> {
    return this.#lane.run('begin', () => this.#own.begin(options))
  }

  commit(): Promise<'committed' | 'rolled back'> {
    return this.#lane.run('commit', () => this.#own.commit())
  }

  rollback(): Promise<void> {
    return this.#lane.run('rollback', () => this.#own.rollback())
  }

  cancel(): Promise<void> {
    return this.#own.cancel()
  }

  ping(): Promise<void> {
    return this.#lane.run('ping', () => this.#own.ping())
  }

  reset(): Promise<void> {
    return this.#lane.run('reset', () => this.#own.reset())
  }

  close(): Promise<void> {
    return this.#lane.run('close', () => this.#own.close())
  }

  destroy(): void {
    this.#own.destroy()
  }
}
