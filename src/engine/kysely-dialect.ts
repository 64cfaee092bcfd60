import { setImmediate } from 'node:timers/promises'
import {
  type CompiledQuery,
  createQueryId,
  type DatabaseConnection,
  type Driver,
  type Dialect as KyselyDialect,
  type QueryCompiler,
  type QueryResult,
  sql,
  type TransactionSettings,
} from 'kysely'
import type { IsolationLevel } from '../drivers/index.ts'
import { InvalidRequestError, ResourceClosedError } from '../errors.ts'
import { compileQuery } from '../sql/index.ts'
import type { Connection } from './connection.ts'
import type { Engine } from './engine.ts'
import { kyselyDialectParts } from './kysely-parts.ts'
import { kyselyResult } from './kysely-result.ts'

/**
 * A Kysely dialect over an engine: queries of a `new Kysely({ dialect })` run on connections of the engine's pool, transactions and
 * savepoints are the engine's, its listeners hear them, and errors are heddle's.
 *
 * Unlike with Kysely's own drivers, a query that belongs to a transaction and comes late is refused with a ResourceClosedError when that
 * has ended; it never runs outside of it. `db.destroy()` leaves the engine alone: dispose of that by itself.
 *
 * @example
 * const db = new Kysely<Tables>({ dialect: engineDialect(engine) })
 * await db.transaction().execute(async (trx) => trx.insertInto('t').values({ id: 1 }).execute())
 */
export function engineDialect(engine: Engine): KyselyDialect {
  return { ...kyselyDialectParts(engine.dialect), createDriver: () => new EngineDriver(engine) }
}

class EngineDriver implements Driver {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async init(): Promise<void> {}

  async acquireConnection(options?: { readonly signal?: AbortSignal }): Promise<KyselyConnection> {
    return new KyselyConnection(await this.#engine.connect({ label: 'kysely', signal: options?.signal }))
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    await own(connection).begin(settings)
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await own(connection).end('commit')
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await own(connection).end('rollback')
  }

  async savepoint(connection: DatabaseConnection, name: string, compile: QueryCompiler['compileQuery']): Promise<void> {
    await connection.executeQuery(compile(sql`savepoint ${sql.id(name)}`.toOperationNode(), createQueryId()))
  }

  async rollbackToSavepoint(
    connection: DatabaseConnection,
    name: string,
    compile: QueryCompiler['compileQuery'],
  ): Promise<void> {
    await connection.executeQuery(
      compile(sql`rollback to savepoint ${sql.id(name)}`.toOperationNode(), createQueryId()),
    )
  }

  async releaseSavepoint(
    connection: DatabaseConnection,
    name: string,
    compile: QueryCompiler['compileQuery'],
  ): Promise<void> {
    await connection.executeQuery(compile(sql`release savepoint ${sql.id(name)}`.toOperationNode(), createQueryId()))
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await own(connection).release()
  }

  async destroy(): Promise<void> {}
}

function own(connection: DatabaseConnection): KyselyConnection {
  if (connection instanceof KyselyConnection) return connection
  throw new InvalidRequestError('This connection was not made by engineDialect()')
}

/** A connection of the engine in Kysely's hands: outside of a transaction every query is its own. */
class KyselyConnection implements DatabaseConnection {
  readonly #connection: Connection
  /** Raised when a transaction is asked to end: what was asked for before, and has not run, belongs to it and is refused. */
  #epoch = 0
  /** From the call that ends a transaction until whoever was late for it has been refused. */
  #isEnding = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    this.#checkNotEnding()
    const epoch = this.#epoch
    const statement = compileQuery(this.#connection.dialect, query)
    const outcome = await this.#connection.runIf(() => this.#checkEpoch(epoch), statement)
    return kyselyResult(outcome, query)
  }

  async *streamQuery<Row>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<Row>> {
    this.#checkNotEnding()
    const statement = compileQuery(this.#connection.dialect, query)
    for await (const rows of this.#connection.streamBatches(statement, chunkSize)) yield { rows: rows as Row[] }
  }

  async cancelQuery(): Promise<void> {
    await this.#connection.cancelRunning()
  }

  async begin({ isolationLevel, accessMode }: TransactionSettings): Promise<void> {
    await this.#connection.begin({
      isolation: isolationLevel as IsolationLevel | undefined,
      readOnly: accessMode === undefined ? undefined : accessMode === 'read only',
    })
  }

  /**
   * Queries that are late queue in Kysely, which hands them on one by one as each is refused, and does not know that the transaction
   * has ended before this settles: hence the wait until nothing is left that could follow at once.
   */
  async end(how: 'commit' | 'rollback'): Promise<void> {
    this.#isEnding = true
    this.#epoch++
    try {
      await (how === 'commit' ? this.#connection.commit() : this.#connection.rollback())
    } finally {
      await setImmediate()
      this.#isEnding = false
    }
  }

  release(): Promise<void> {
    this.#isEnding = true
    this.#epoch++
    return this.#connection.close()
  }

  #checkNotEnding(): void {
    if (this.#isEnding) throw late()
  }

  #checkEpoch(epoch: number): void {
    if (epoch !== this.#epoch) throw late()
  }
}

function late(): ResourceClosedError {
  return new ResourceClosedError(
    'The query was not run: the transaction that it belongs to has ended, or its connection was given back. ' +
      'Await every query before the transaction ends',
  )
}
