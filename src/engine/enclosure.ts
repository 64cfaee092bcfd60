import type { DriverConnection } from '../drivers/index.ts'
import { InvalidRequestError } from '../errors.ts'
import type { Lease } from '../pool/index.ts'
import { aString, checkOptions, milliseconds, type RulesOf } from '../support/index.ts'
import type { EngineCore } from './core.ts'
import { EnclosedConnection } from './enclosed-connection.ts'
import { SharedDriverConnection } from './shared-driver-connection.ts'

/** How an engine is enclosed. */
export interface EnclosureOptions {
  /** What errors call it, and `engine.pool.holders()` calls who holds the real connection. Default: `enclosure` */
  readonly label?: string
  /** Milliseconds that a holder waits for the one connection there is, before an error names who has it. Default: 5,000 */
  readonly timeout?: number
}

const rules: RulesOf<EnclosureOptions> = { label: aString, timeout: milliseconds }

/**
 * A transaction around everything that an engine does: every connection of the engine is this one, and what is committed on it becomes
 * a released savepoint. Ends with `rollback()`, which undoes all of it. Made by `engine.enclose()`; for tests.
 */
export class Enclosure implements AsyncDisposable {
  readonly label: string
  /** @internal */
  readonly own: DriverConnection
  readonly #core: EngineCore
  readonly #lease: Lease<DriverConnection>
  #endedBy: Error | undefined
  #ending: Promise<void> | undefined

  private constructor(core: EngineCore, lease: Lease<DriverConnection>, label: string) {
    this.label = label
    this.own = new SharedDriverConnection(lease.resource)
    this.#core = core
    this.#lease = lease
  }

  /** @internal */
  static async open(core: EngineCore, options: EnclosureOptions): Promise<Enclosure> {
    checkOptions('engine.enclose()', options, rules)
    const { label = 'enclosure', timeout = 5_000 } = options
    if (core.isEnclosed) {
      throw new InvalidRequestError(
        `engine.enclose() for '${label}': the engine is enclosed already. Tests that run at the same time need an engine each.`,
      )
    }
    const lease = await core.acquire({ label })
    const enclosure = new Enclosure(core, lease, label)
    try {
      await enclosure.own.begin({ label })
      core.lend(() => new EnclosedConnection(enclosure), timeout)
    } catch (error) {
      lease.invalidate(error)
      throw error
    }
    return enclosure
  }

  /** @internal Why nothing can be done inside any more. */
  get overBecause(): unknown {
    if (this.#endedBy !== undefined) return this.#endedBy
    if (this.own.transactionStatus !== 'idle') return undefined
    return new InvalidRequestError(
      `The transaction of '${this.label}' has ended in the middle: a statement has committed it or a deadlock rolled it back. Changes ` +
        'of tables commit by themselves on MySQL and MariaDB: make them before, or use a database of its own.',
    )
  }

  /**
   * Undoes everything and gives the engine its own connections back. Once is enough.
   *
   * @throws InvalidRequestError naming those who have not given their connection back; everything is undone all the same
   */
  rollback(): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.rollback()
  }

  async #end(): Promise<void> {
    const lost = this.overBecause
    const labels = this.#core.pool.holders().map(({ label }) => `'${label}'`)
    this.#endedBy = new InvalidRequestError(`'${this.label}' has ended, and everything in it is undone.`)
    if (labels.length > 0) await this.own.cancel()
    await this.#core.takeBack()
    if (lost === undefined) await this.own.rollback().catch((error: unknown) => this.#lease.invalidate(error))
    await this.#lease.release()
    if (labels.length === 0) return
    throw new InvalidRequestError(
      `'${this.label}' has ended while ${labels.join(', ')} had not given the connection back: await everything, and close sessions ` +
        'that were made by hand.',
    )
  }
}
