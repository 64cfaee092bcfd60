import {
  type CompiledQuery,
  type ConnectionProvider,
  type DatabaseConnection,
  DefaultQueryExecutor,
  type Driver,
  Kysely,
  type KyselyPlugin,
  type KyselyProps,
  type QueryExecutor,
  type QueryResult,
} from 'kysely'
import type { Outcome, Statement } from '../drivers/index.ts'
import { InvalidRequestError } from '../errors.ts'
import { compileQuery, type Dialect } from '../sql/index.ts'
import { kyselyDialectParts, pluginsFor } from './kysely-parts.ts'
import { kyselyResult } from './kysely-result.ts'

/** What the queries of a {@link kyselyOver} run on. */
export interface StatementRunner {
  run(statement: Statement): Promise<Outcome>
  /** Rows in batches. */
  stream(statement: Statement, batchSize: number): AsyncIterable<readonly unknown[]>
}

/**
 * A `Kysely` whose queries run on what `runner` gives: a connection's or a session's transaction. Everything of Kysely works
 * but what begins, ends or fetches connections by itself: `transaction()`, `startTransaction()`, `connection()` and `destroy()` are
 * refused with an InvalidRequestError.
 *
 * @param owner what the error tells to use instead: 'connection' or 'session'
 */
export function kyselyOver<DB>(dialect: Dialect, runner: StatementRunner, owner: string): Kysely<DB> {
  const provider = new RunnerProvider(dialect, runner)
  const executor = new DefaultQueryExecutor(dialect.compiler, dialect.adapter, provider, pluginsFor(dialect))
  const driver = refusingDriver(owner)
  const kyselyDialect = { ...kyselyDialectParts(dialect), createDriver: () => driver }
  return new BoundKysely<DB>({ config: { dialect: kyselyDialect }, dialect: kyselyDialect, driver, executor }, owner)
}

/** Kysely on a connection that is not its own. */
class BoundKysely<DB> extends Kysely<DB> {
  readonly #props: KyselyProps
  readonly #owner: string

  constructor(props: KyselyProps, owner: string) {
    super(props)
    this.#props = props
    this.#owner = owner
  }

  override transaction(): never {
    throw refusal('transaction', this.#owner)
  }

  override startTransaction(): never {
    throw refusal('startTransaction', this.#owner)
  }

  override connection(): never {
    throw refusal('connection', this.#owner)
  }

  override async destroy(): Promise<never> {
    throw refusal('destroy', this.#owner)
  }

  override withPlugin(plugin: KyselyPlugin): Kysely<DB> {
    return this.#with(this.#props.executor.withPlugin(plugin))
  }

  override withoutPlugins(): Kysely<DB> {
    return this.#with(this.#props.executor.withoutPlugins())
  }

  override withSchema(schema: string): Kysely<DB> {
    return this.#with(super.withSchema(schema).getExecutor())
  }

  // The types of these three only name other tables; what runs is the same.
  override $extendTables(): never {
    return this.#with(this.#props.executor) as never
  }

  override $omitTables(): never {
    return this.#with(this.#props.executor) as never
  }

  override $pickTables(): never {
    return this.#with(this.#props.executor) as never
  }

  #with(executor: QueryExecutor): Kysely<DB> {
    return new BoundKysely<DB>({ ...this.#props, executor }, this.#owner)
  }
}

class RunnerProvider implements ConnectionProvider {
  readonly #connection: DatabaseConnection

  constructor(dialect: Dialect, runner: StatementRunner) {
    this.#connection = {
      async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
        return kyselyResult(await runner.run(compileQuery(dialect, query)), query)
      },
      async *streamQuery<Row>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<Row>> {
        for await (const rows of runner.stream(compileQuery(dialect, query), chunkSize)) yield { rows: rows as Row[] }
      },
    }
  }

  provideConnection<T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    return consumer(this.#connection)
  }
}

const INSTEAD: Readonly<Record<string, string>> = {
  transaction: 'Use begin() or beginNested() of the',
  startTransaction: 'Use begin() or beginNested() of the',
  connection: 'All queries run on one connection already, that of the',
  destroy: 'Use close() of the',
}

function refusal(method: string, owner: string): InvalidRequestError {
  return new InvalidRequestError(
    `${method}() cannot be called on the Kysely of a ${owner}: it belongs to the ${owner}'s transaction. ` +
      `${INSTEAD[method]} ${owner}`,
  )
}

/** Reached only by way of a Kysely that was derived past {@link BoundKysely}. */
function refusingDriver(owner: string): Driver {
  const refuse = (method: string) => () => Promise.reject(refusal(method, owner))
  return {
    init: async () => {},
    acquireConnection: refuse('connection'),
    releaseConnection: async () => {},
    beginTransaction: refuse('transaction'),
    commitTransaction: refuse('transaction'),
    rollbackTransaction: refuse('transaction'),
    destroy: refuse('destroy'),
  }
}
