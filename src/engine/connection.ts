import type { Kysely } from 'kysely'
import type { DriverConnection, Outcome, Statement } from '../drivers/index.ts'
import { InvalidRequestError } from '../errors.ts'
import type { Lease } from '../pool/index.ts'
import { compileQuery, type Dialect, type Runner, type Statements, statementsOf } from '../sql/index.ts'
import { keepInThread } from '../support/index.ts'
import { runInsideSavepoint, runInTransaction } from './blocks.ts'
import { Circuit } from './circuit.ts'
import type { EngineCore } from './core.ts'
import type { Executable } from './executable.ts'
import { kyselyOver, type StatementRunner } from './kysely-over.ts'
import type { ListenedConnection } from './listened-connection.ts'
import {
  checkStreamOptions,
  checkTransactionOptions,
  type ExecutionOptions,
  mergeExecutionOptions,
  type StreamOptions,
  type TransactionOptions,
} from './options.ts'
import { Result } from './result.ts'
import type { Transaction } from './transaction.ts'

/**
 * One connection of an engine's pool, in one holder's hands until it is closed.
 *
 * - The first statement begins a transaction, which lasts until `commit()` or `rollback()`; `close()` rolls back what was not committed.
 *   With the isolation `'autocommit'` only `begin()` begins one.
 * - Calls that reach the database run one at a time in the order in which they were made, so `Promise.all` is safe on it.
 * - When the database connection is lost, the pool discards it. Within a transaction every further call is a PendingRollbackError until
 *   `rollback()`; after that, and outside of one at once, the next call takes another connection from the pool.
 *
 * @example
 * await using connection = await engine.connect()
 * await connection.execute(sql`insert into t values (${1})`)
 * await connection.commit()
 */
export class Connection implements ListenedConnection, AsyncDisposable {
  /** What the holder calls itself. */
  readonly label: string
  readonly #circuit: Circuit
  #db: { readonly dialect: Dialect; readonly kysely: Kysely<unknown> } | undefined

  /** @internal Made by `engine.connect()`. */
  constructor(core: EngineCore, lease: Lease<DriverConnection>, label: string, options: ExecutionOptions) {
    this.label = label
    this.#circuit = new Circuit(core, lease, this, options)
    keepInThread(this)
  }

  // ------------------------------------------------------------------------------------------------ facts

  get closed(): boolean {
    return this.#circuit.isClosed
  }

  /** Whether the driver connection was given up, and no other one has been taken yet. */
  get invalidated(): boolean {
    return !this.closed && this.#circuit.wire.isGone
  }

  /** For listeners and programs to keep facts about the driver connection; forgotten when that is closed. */
  get info(): Map<unknown, unknown> {
    return this.#circuit.wire.lease.info
  }

  /** The dialect, refined for the server at the other end. */
  get dialect(): Dialect {
    return this.#circuit.wire.dialect
  }

  /** @internal The statements by key and in bulk that sessions use. */
  get statements(): Statements {
    return statementsOf(this.dialect)
  }

  /**
   * The driver's connection, for what heddle does not offer. What is sent on it by hand is neither put in order with the calls on this
   * connection, nor told to listeners, nor known to its transaction.
   *
   * @throws ResourceClosedError after `close()`, and after a disconnect
   */
  get driverConnection(): DriverConnection {
    return this.#circuit.wire.lease.resource
  }

  get executionOptions(): ExecutionOptions {
    return this.#circuit.options
  }

  /** Whether a transaction is open, one that has failed and waits for `rollback()` included. */
  inTransaction(): boolean {
    return this.#circuit.inTransaction
  }

  /** Whether a savepoint is open. */
  inNestedTransaction(): boolean {
    return this.#circuit.transaction('top')?.isNested === true
  }

  /** The transaction that is open, the same object as `begin()` gave; null when there is none. */
  getTransaction(): Transaction | null {
    return this.#circuit.transaction('root')
  }

  /** The innermost savepoint that is open, the same object as `beginNested()` gave; null when there is none. */
  getNestedTransaction(): Transaction | null {
    const innermost = this.#circuit.transaction('top')
    return innermost?.isNested === true ? innermost : null
  }

  /**
   * Changes the execution options of this connection from now on, and returns it.
   *
   * @throws ArgumentError for wrong values; InvalidRequestError for `isolation` or `readOnly` inside a transaction
   */
  withOptions(options: ExecutionOptions): this {
    const before = this.#circuit.options
    const merged = mergeExecutionOptions(before, options, 'connection.withOptions()')
    const changed = (['isolation', 'readOnly'] as const).find((name) => merged[name] !== before[name])
    if (changed !== undefined && this.inTransaction()) {
      throw new InvalidRequestError(
        `Cannot change '${changed}' inside a transaction: end it first, or give it to begin()`,
      )
    }
    this.#circuit.options = merged
    return this
  }

  /**
   * A Kysely that runs its queries on this connection, in its transaction, which it begins like `execute()`. With the naming
   * 'camelToSnake' its queries are written with the names of properties. What begins, ends or fetches connections by itself
   * (`transaction()`, `destroy()`, …) is refused with an InvalidRequestError.
   */
  // biome-ignore lint/suspicious/noExplicitAny: a connection does not know the tables of the program
  get db(): Kysely<any> {
    const { dialect } = this
    const known = this.#db
    if (known?.dialect === dialect) return known.kysely
    const kysely = kyselyOver<unknown>(dialect, this.#runner(), 'connection')
    this.#db = { dialect, kysely }
    return kysely
  }

  // ------------------------------------------------------------------------------------------- statements

  /**
   * Runs a query and gives all of its rows. Begins a transaction if there is none.
   *
   * @param query sql`…`, sql.raw(…), a query builder of Kysely, or a CompiledQuery
   * @throws ArgumentError for anything else, a plain string included
   * @throws DatabaseError what the database said; PendingRollbackError, ResourceClosedError
   * @example const { rows } = await connection.execute(sql`select ${1} as one`)
   */
  async execute<Row = Record<string, unknown>>(query: Executable<Row>): Promise<Result<Row>> {
    return new Result<Row>(await this.#circuit.runBegun(compileQuery(this.dialect, query)))
  }

  /**
   * The rows of a query as they come, through a cursor. Leaving the loop closes it; other statements may run meanwhile. The rows end
   * with an error when the transaction does.
   *
   * @example for await (const row of connection.stream(sql`select * from big`, { batch: 1000 })) …
   */
  async *stream<Row = Record<string, unknown>>(
    query: Executable<Row>,
    options: StreamOptions = {},
  ): AsyncGenerator<Row, void, undefined> {
    checkStreamOptions(options)
    const statement = compileQuery(this.dialect, query)
    const batches = this.#circuit.batches(statement, { begin: true, size: options.batch })
    for await (const rows of batches) yield* rows as readonly Row[]
  }

  /** @internal Runs a statement in the transaction that there is, without beginning one and without a Result. */
  run(statement: Statement): Promise<Outcome> {
    return this.#circuit.run(statement)
  }

  /** @internal Like {@link run}, within the call; undefined, with nothing done, where something has to be waited for. */
  runNow(statement: Statement): Outcome | undefined {
    return this.#circuit.runNow(statement)
  }

  /** @internal Like {@link run}, after a check that is made when its turn has come. */
  runIf(check: () => void, statement: Statement): Promise<Outcome> {
    return this.#circuit.runIf(check, statement)
  }

  /** @internal Runs a statement with several sets of values, as {@link run} does. */
  runEach(statement: Statement, sets: readonly (readonly unknown[])[]): Promise<readonly Outcome[]> {
    return this.#circuit.runEach(statement, sets)
  }

  /** @internal Whether {@link together} sends statements ahead of answers. */
  get canPipeline(): boolean {
    return this.#circuit.canPipeline
  }

  /** @internal Runs work whose statements do not wait for each other's answers; it awaits all that it sends. */
  together<T>(work: (runner: Runner) => Promise<T>): Promise<T> {
    return this.#circuit.together(work)
  }

  /** @internal The rows of a statement in batches, as {@link run} gives them. */
  streamBatches(statement: Statement, size?: number): AsyncGenerator<readonly unknown[], void, undefined> {
    return this.#circuit.batches(statement, { begin: false, size })
  }

  /** Asks the server to stop the statement that runs now; that statement then fails. Does nothing when none runs. */
  cancelRunning(): Promise<void> {
    return this.#circuit.cancelRunning()
  }

  // ----------------------------------------------------------------------------------------- transactions

  /**
   * Begins a transaction.
   *
   * @throws InvalidRequestError when there is one already: the first statement begins one by itself
   */
  async begin(options: TransactionOptions = {}): Promise<Transaction> {
    checkTransactionOptions(options, 'begin()')
    return this.#circuit.begin(options)
  }

  /** @internal Begins within the call; false, with nothing done, where something has to be waited for. */
  beginNow(options: TransactionOptions): boolean {
    return this.#circuit.beginNow(options)
  }

  /** @internal Commits; undefined where that was done within the call. */
  commitSoon(): Promise<void> | undefined {
    return this.#circuit.commitSoon()
  }

  /**
   * Sets a savepoint, in a transaction that is begun if there is none. With a callback, the savepoint is released when it resolves and
   * rolled back when it rejects, with the same error.
   *
   * Savepoints of one connection are nested, never side by side: one that is still open when an enclosing one is rolled back is lost
   * with it, and says so with an InvalidRequestError when it is to be released.
   *
   * @example await connection.beginNested(async () => { … })
   */
  beginNested(): Promise<Transaction>
  beginNested<T>(callback: (savepoint: Transaction) => Promise<T> | T): Promise<T>
  async beginNested<T>(callback?: (savepoint: Transaction) => Promise<T> | T): Promise<Transaction | T> {
    const savepoint = await this.#circuit.savepoint(callback !== undefined)
    return callback === undefined ? savepoint : runInsideSavepoint(savepoint, callback)
  }

  /**
   * Commits the transaction, savepoints included. Does nothing when there is none.
   *
   * @throws PendingRollbackError when it has failed, or the database has aborted it: nothing is stored, call `rollback()`
   * @throws CommitUnknownError when the connection was lost before the answer came
   */
  commit(): Promise<void> {
    return this.#circuit.commit()
  }

  /** Rolls the transaction back, savepoints included. Does nothing when there is none. */
  rollback(): Promise<void> {
    return this.#circuit.rollback()
  }

  /**
   * Begins a two-phase transaction: after `prepare()` the database has promised that it can be committed, and keeps it also when
   * the connection or the server is lost. For work in several databases that is to be stored in all or in none.
   *
   * @param xid its name, unique on the server; a new one by default
   * @throws InvalidRequestError when there is a transaction already, and where the database has no two-phase commit (SQLite)
   * @example
   * await orders.beginTwoPhase()
   * await stock.beginTwoPhase()
   * // … statements on both …
   * await orders.prepare()
   * await stock.prepare()
   * await orders.commit()
   * await stock.commit()
   */
  async beginTwoPhase(xid?: string, options: TransactionOptions = {}): Promise<Transaction> {
    checkTransactionOptions(options, 'beginTwoPhase()')
    return this.#circuit.beginTwoPhase(xid, options)
  }

  /**
   * The first half of a two-phase commit. Only `commit()` or `rollback()` may follow; `close()` rolls back.
   *
   * @throws InvalidRequestError in a transaction that `beginTwoPhase()` did not begin
   * @throws the database's error when it refuses; the transaction is then only to be rolled back
   */
  prepare(): Promise<void> {
    return this.#circuit.prepare()
  }

  /** The names of prepared transactions that wait to be finished: of this database (PostgreSQL), or of the server (MySQL, MariaDB). */
  recoverTwoPhase(): Promise<readonly string[]> {
    return this.#circuit.recoverTwoPhase()
  }

  /** Commits a prepared transaction that no connection holds any more. @throws InvalidRequestError inside a transaction */
  commitPrepared(xid: string): Promise<void> {
    return this.#circuit.finishPrepared('commitPrepared', xid)
  }

  /** Rolls back a prepared transaction that no connection holds any more. @throws InvalidRequestError inside a transaction */
  rollbackPrepared(xid: string): Promise<void> {
    return this.#circuit.finishPrepared('rollbackPrepared', xid)
  }

  /** @internal Whether `prepare()` may be called, or has been. */
  inTwoPhase(): boolean {
    return this.#circuit.isTwoPhase
  }

  /** @internal Gives a prepared transaction out of hand without an end. Resolves to its name, undefined where there is none. */
  leavePrepared(reason: unknown): Promise<string | undefined> {
    return this.#circuit.leavePrepared(reason)
  }

  // --------------------------------------------------------------------------------------------- custody

  /** Rolls back what was not committed and gives the connection back to the pool. Never rejects; a second call does nothing. */
  close(): Promise<void> {
    return this.#circuit.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * Gives the driver connection up at once as unusable; the pool closes it. The next call takes another one, inside a transaction
   * only after `rollback()`.
   *
   * @param reason for the event 'invalidate', and the cause of the errors that follow
   * @param options.soft true leaves it usable until it is given back; the pool then replaces it. Default: false
   */
  invalidate(
    reason: unknown = new InvalidRequestError('The connection was invalidated by its holder'),
    options: { readonly soft?: boolean } = {},
  ): void {
    const { lease } = this.#circuit.wire
    if (options.soft !== true || !lease.isValid) this.#circuit.invalidate(reason)
    else lease.invalidate(reason, { soft: true })
  }

  /** Takes the driver connection out of the pool, which may open another one. `close()` then closes it for real. */
  detach(): void {
    this.#circuit.detach()
  }

  /** @internal Runs a managed block on this connection: see `engine.begin()`. */
  runBlock<T>(options: TransactionOptions, block: (connection: Connection) => Promise<T> | T): Promise<T> {
    return runInTransaction(this.#circuit, options, () => block(this))
  }

  #runner(): StatementRunner {
    const circuit = this.#circuit
    return {
      run: (statement) => circuit.runBegun(statement),
      stream: (statement, size) => circuit.batches(statement, { begin: true, size }),
    }
  }
}
