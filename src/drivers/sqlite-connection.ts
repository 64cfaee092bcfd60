import { ArgumentError, InvalidRequestError, ResourceClosedError } from '../errors.ts'
import { describeValue } from '../support/index.ts'
import type { BeginOptions, DriverConnection, Outcome, ServerInfo, Statement, TransactionStatus } from './driver.ts'
import { RowBlocks } from './sqlite-blocks.ts'
import { isBusy, isReadOnlyFailure, writeRefused } from './sqlite-busy.ts'
import type { SqliteDatabase, SqliteStatement, SqliteValue } from './sqlite-library.ts'
import { bind, bindParameters, runSets } from './sqlite-parameters.ts'
import type { Prepared } from './sqlite-prepared.ts'
import { SessionState } from './sqlite-session-state.ts'
import { PreparedStatements } from './sqlite-statements.ts'
import { inBatches, OpenStreams, RowSource, transactionOver } from './sqlite-streams.ts'
import { readStatementText, type StatementText } from './sqlite-text.ts'
import { SqliteTransaction } from './sqlite-transaction.ts'
import { type AccessTarget, WriterAccess } from './sqlite-writer-access.ts'
import type { WriterTurn } from './sqlite-writer-queue.ts'

/** What a connection is made of, once its file is open and set up. */
export interface SqliteConnectionParts {
  readonly database: SqliteDatabase
  readonly server: ServerInfo
  readonly access: AccessTarget
  /** The file is open for reading only. */
  readonly onlyReads: boolean
  readonly statementCacheSize: number
  /** Whether text that holds a NUL character comes back whole. */
  readonly keepsNul: boolean
  /** Called once, when the connection is closed. */
  readonly onClose: () => void
}

/** A statement on its way: its text is read, and it may be prepared already. */
interface Ready {
  readonly text: StatementText
  prepared: Prepared | undefined
}

/**
 * One connection to a SQLite database. The package underneath is synchronous: a statement blocks the thread while it runs and cannot
 * be cancelled. Only waiting for locks is asynchronous.
 */
export class SqliteConnection implements DriverConnection {
  readonly server: ServerInfo
  readonly #parts: SqliteConnectionParts
  readonly #database: SqliteDatabase
  readonly #statements: PreparedStatements
  readonly #streams = new OpenStreams()
  readonly #access: WriterAccess
  readonly #transaction: SqliteTransaction
  readonly #sessionState: SessionState
  readonly #versionStatement: SqliteStatement
  readonly #blocks: RowBlocks
  /** Of the schema, as the open transaction sees it. */
  #knownVersion: unknown
  /** The open transaction has changed the schema: its rollback changes it back. */
  #hasChangedSchema = false
  #isClosed = false
  #brokenBy: unknown

  constructor(parts: SqliteConnectionParts) {
    this.#parts = parts
    this.server = parts.server
    this.#database = parts.database
    this.#statements = new PreparedStatements(parts.database, parts.statementCacheSize)
    this.#access = new WriterAccess(parts.access)
    this.#transaction = new SqliteTransaction(parts.database, this.#access, parts.onlyReads)
    this.#sessionState = new SessionState(parts.database)
    this.#blocks = new RowBlocks(parts.database)
    this.#versionStatement = parts.database.prepare('pragma schema_version')
    this.#versionStatement.setMode({ arrays: true, bigints: false, isOrdered: true })
  }

  get transactionStatus(): TransactionStatus {
    return this.#transaction.status
  }

  get brokenBy(): unknown {
    return this.#brokenBy
  }

  // -------------------------------------------------------------------------------------------- statements

  run(statement: Statement): Promise<Outcome> {
    try {
      const ready = this.#ready(statement)
      const work = () => this.#execute(statement, ready)
      const outcome = this.#tryNow(ready, work)
      return outcome === undefined ? this.#wait(statement, ready, work) : Promise.resolve(outcome)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  runNow(statement: Statement): Outcome | undefined {
    const ready = this.#ready(statement)
    return this.#tryNow(ready, () => this.#execute(statement, ready))
  }

  async runEach(statement: Statement, parameterSets: readonly (readonly unknown[])[]): Promise<readonly Outcome[]> {
    const ready = this.#ready(statement)
    const outcomes: Outcome[] = []
    // After a busy set it goes on with that same set.
    const runRest = () => {
      if (ready.text.kind === 'write' && !this.#transaction.isReading)
        return this.#writeRest(statement, ready, parameterSets, outcomes)
      for (let next = parameterSets[outcomes.length]; next !== undefined; next = parameterSets[outcomes.length]) {
        outcomes.push(this.#execute(statement, ready, next))
      }
      return outcomes
    }
    return this.#tryNow(ready, runRest) ?? this.#wait(statement, ready, runRest)
  }

  #writeRest(
    statement: Statement,
    ready: Ready,
    sets: readonly (readonly unknown[])[],
    outcomes: Outcome[],
  ): Outcome[] {
    this.#streams.detachAll()
    const perform = (values: readonly SqliteValue[]) => this.#perform(statement, ready, values)
    const { keepsNul } = this.#parts
    return this.#attempt(() => {
      this.#blocks.insert(statement.sql, sets, outcomes, (value, place) => bind(value, place, keepsNul))
      return runSets(statement.sql, ready.text, sets, outcomes, keepsNul, perform)
    })
  }

  stream(statement: Statement, batchSize: number): AsyncIterableIterator<readonly unknown[]> {
    if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
      throw new ArgumentError(`stream() takes a batch size of at least 1, not ${describeValue(batchSize)}.`)
    }
    return this.#batches(statement, batchSize)
  }

  async *#batches(statement: Statement, batchSize: number): AsyncGenerator<readonly unknown[]> {
    const ready = this.#ready(statement)
    if (ready.text.kind !== 'read') return yield* inBatches((await this.run(statement)).rows, batchSize)
    const open = () => this.#openSource(statement, ready, batchSize)
    const source = this.#tryNow(ready, open) ?? (await this.#wait(statement, ready, open))
    const take = () => source.take(batchSize)
    try {
      for (;;) {
        const batch = this.#attempt(take)
        if (batch.length === 0) return
        yield batch
      }
    } finally {
      source.close()
    }
  }

  /** The first rows are read at once: it is then that SQLite may be busy, and that waiting is safe. */
  #openSource(statement: Statement, ready: Ready, batchSize: number): RowSource {
    const { placeholders } = ready.text
    const values = bindParameters(statement.sql, statement.parameters, placeholders, this.#parts.keepsNul)
    return this.#attempt(() => {
      const prepared = this.#prepare(statement, ready)
      const source = new RowSource(this.#streams, { prepared, statement, values, version: this.#schemaVersion })
      source.fill(batchSize)
      return source
    })
  }

  /** Everything that can be said against the statement before it runs. */
  #ready(statement: Statement): Ready {
    this.#checkOpen()
    this.#transaction.checkAlive()
    const prepared = this.#statements.find(statement)
    const text = prepared?.text ?? readStatementText(statement.sql)
    if (text.kind !== 'transaction' || !this.#transaction.isBegun) return { prepared, text }
    throw new InvalidRequestError(
      `${text.verb.toUpperCase()} was given as a statement while a transaction is open. Call commit() or rollback() instead.`,
    )
  }

  /** Does the work if nothing has to be waited for. Outside a transaction, whoever may write needs the turn to write. */
  #tryNow<T>(ready: Ready, work: () => T): T | undefined {
    const isWaitable = !this.#transaction.isOpen || ready.text.kind === 'read'
    const needsTurn = !this.#transaction.isOpen && ready.text.kind !== 'read'
    const turn = needsTurn ? this.#access.tryEnter() : undefined
    if (needsTurn && turn === undefined) return undefined
    try {
      return work()
    } catch (error) {
      if (isWaitable && isBusy(error)) return undefined
      throw error
    } finally {
      if (turn !== undefined) this.#settle(turn, ready)
    }
  }

  async #wait<T>(statement: Statement, ready: Ready, work: () => T): Promise<T> {
    const waiting = this.#access.waiting('run a statement', { sql: statement.sql })
    if (this.#transaction.isOpen || ready.text.kind === 'read') return this.#access.retry(waiting, work)
    const turn = await this.#access.enter(waiting)
    try {
      return await this.#access.retry(waiting, work)
    } finally {
      this.#settle(turn, ready)
    }
  }

  /** A BEGIN or SAVEPOINT by its text opens a transaction, which then keeps the turn. */
  #settle(turn: WriterTurn, { text }: Ready): void {
    const mayBegin = text.kind === 'transaction' || text.kind === 'savepoint'
    if (mayBegin && !this.#isClosed && this.#database.inTransaction) this.#transaction.adopt(turn)
    else turn.release()
  }

  #execute(statement: Statement, ready: Ready, parameters = statement.parameters): Outcome {
    const { kind, placeholders } = ready.text
    const values = bindParameters(statement.sql, parameters, placeholders, this.#parts.keepsNul)
    if (kind !== 'read') this.#streams.detachAll()
    try {
      const isPlain = kind === 'read' || (kind === 'write' && !this.#transaction.isReading)
      return isPlain ? this.#perform(statement, ready, values) : this.#performGuarded(statement, ready, values)
    } catch (error) {
      throw this.#failed(error)
    }
  }

  #perform(statement: Statement, ready: Ready, values: readonly SqliteValue[]): Outcome {
    return this.#prepare(statement, ready).execute(statement, values, this.#schemaVersion)
  }

  #performGuarded(statement: Statement, ready: Ready, values: readonly SqliteValue[]): Outcome {
    const { kind } = ready.text
    const perform = () => this.#perform(statement, ready, values)
    if (kind !== 'savepoint' && kind !== 'write') this.#sessionState.mayHaveChanged = true
    if (kind === 'setting') this.#sessionState.remember(statement.sql, ready.text)
    const isGuarded = this.#transaction.isReading && kind !== 'savepoint'
    const outcome = isGuarded ? this.#withoutWriting(perform) : perform()
    if (kind === 'schema' || kind === 'setting') this.#forgetSchema()
    else if (kind !== 'write') this.#forgetTransaction()
    this.#transaction.settleTyped()
    return outcome
  }

  #prepare(statement: Statement, ready: Ready): Prepared {
    if (ready.prepared !== undefined && !ready.prepared.isBusy) return ready.prepared
    const prepared = this.#statements.prepare(statement, ready.text)
    if (ready.text.verb !== 'pragma') ready.prepared = prepared
    return prepared
  }

  /** In a transaction that was begun as a reading one SQLite itself refuses every write. */
  #withoutWriting<T>(work: () => T): T {
    this.#database.exec('pragma query_only = 1')
    try {
      return work()
    } finally {
      this.#database.exec('pragma query_only = 0')
    }
  }

  #attempt<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw this.#failed(error)
    }
  }

  #failed(error: unknown): unknown {
    this.#transaction.noticeFailure(error)
    if (this.#transaction.status === 'failed') this.#streams.endAll(transactionOver)
    return this.#transaction.isReading && isReadOnlyFailure(error) ? writeRefused(error) : error
  }

  // ---------------------------------------------------------------------------------------------- schema

  readonly #schemaVersion = (): unknown => {
    if (!this.#transaction.isOpen) return this.#readVersion()
    this.#knownVersion ??= this.#readVersion()
    return this.#knownVersion
  }

  #readVersion(): unknown {
    return (this.#versionStatement.all([]) as unknown[][])[0]?.[0]
  }

  /** Names and types of columns may be others now; for temporary tables no version tells it. */
  #forgetSchema(): void {
    this.#statements.clear()
    this.#knownVersion = undefined
    this.#hasChangedSchema = true
  }

  /** A transaction, or a part of it, has ended: changes of the schema may be undone. */
  #forgetTransaction(): void {
    if (this.#hasChangedSchema) this.#statements.clear()
    this.#knownVersion = undefined
  }

  // ----------------------------------------------------------------------------------------- transactions

  async begin(options: BeginOptions): Promise<void> {
    this.#checkOpen()
    this.#streams.detachAll()
    await this.#transaction.begin(options, options.label ?? this.#parts.access.owner.label)
    this.#hasChangedSchema = false
    this.#knownVersion = undefined
  }

  beginNow(options: BeginOptions): boolean {
    this.#checkOpen()
    this.#streams.detachAll()
    if (!this.#transaction.beginNow(options, options.label ?? this.#parts.access.owner.label)) return false
    this.#hasChangedSchema = false
    this.#knownVersion = undefined
    return true
  }

  commitNow(): 'committed' | 'rolled back' | undefined {
    this.#checkOpen()
    this.#streams.endAll(transactionOver)
    try {
      return this.#transaction.commitNow()
    } finally {
      this.#forgetTransaction()
    }
  }

  async commit(): Promise<'committed' | 'rolled back'> {
    this.#checkOpen()
    this.#streams.endAll(transactionOver)
    try {
      return await this.#transaction.commit()
    } finally {
      this.#forgetTransaction()
    }
  }

  async rollback(): Promise<void> {
    this.#checkOpen()
    this.#streams.endAll(transactionOver)
    try {
      this.#transaction.rollback()
    } catch (error) {
      this.#brokenBy = error
      throw error
    } finally {
      this.#forgetTransaction()
    }
  }

  // ------------------------------------------------------------------------------------------- connection

  /**
   * A statement that waits for a lock is given up; one that runs cannot be interrupted, because it has the thread until it
   * is done.
   */
  async cancel(): Promise<void> {
    this.#access.cancel()
  }

  async ping(): Promise<void> {
    await this.run({ sql: 'select 1', parameters: [], typed: true })
  }

  get needsReset(): boolean {
    return this.#transaction.isOpen || this.#streams.isAnyOpen || this.#sessionState.mayHaveChanged
  }

  /** Sets back what PRAGMA statements changed, drops temporary tables, views and triggers, detaches attached files. */
  async reset(): Promise<void> {
    this.#checkOpen()
    if (this.#transaction.isOpen)
      throw new InvalidRequestError('reset() was called while a transaction is open. End it first.')
    this.#streams.endAll(() => new ResourceClosedError('The stream ended when its connection was given back.'))
    if (this.#sessionState.restore()) this.#statements.clear()
  }

  async close(): Promise<void> {
    this.destroy()
  }

  /** A transaction that is open is rolled back by SQLite. */
  destroy(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#access.close()
    try {
      this.#streams.endAll(() => new ResourceClosedError('The stream ended when its connection was closed.'))
      this.#database.close()
    } catch (error) {
      this.#brokenBy = error
    } finally {
      this.#transaction.abandon()
      this.#parts.onClose()
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ResourceClosedError('The connection to SQLite is closed.')
  }
}
