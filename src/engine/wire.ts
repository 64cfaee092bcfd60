import type { BeginOptions, DriverConnection, Outcome, Statement, TransactionStatus } from '../drivers/index.ts'
import { CommitUnknownError, DeadlockError, HeddleError } from '../errors.ts'
import type { Lease } from '../pool/index.ts'
import { type Dialect, isDisconnect, type Runner } from '../sql/index.ts'
import { channels, type EventHub } from '../support/index.ts'
import { replacedByListeners } from './before-execute.ts'
import {
  type EngineEvents,
  ErrorContext,
  emitError,
  type QueryEvent,
  type TransactionEvent,
  type TransactionMessage,
  tell,
} from './events.ts'
import type { ListenedConnection } from './listened-connection.ts'
import type { ExecutionOptions } from './options.ts'
import { translateError } from './translate.ts'

/** What a {@link Wire} needs to know of its engine and its connection. */
export interface WireOwner {
  readonly connection: ListenedConnection
  readonly events: EventHub<EngineEvents>
  readonly hideParameters: boolean
  executionOptions(): ExecutionOptions
  /** A statement failed. `ended`: the server's transaction is over because of it, or the connection is gone. */
  noteError(error: unknown, ended: boolean): void
}

/**
 * One leased driver connection: carries statements to it, translates its errors, tells listeners, and discards it when it turns out
 * to be unusable. Knows nothing of the order of calls: its owner makes one at a time.
 */
export class Wire {
  readonly lease: Lease<DriverConnection>
  readonly driver: DriverConnection
  readonly dialect: Dialect
  readonly #owner: WireOwner
  readonly #events: EventHub<EngineEvents>
  #gone = false
  /** When the transaction began, where somebody wants to know. */
  #beganAt: number | undefined

  constructor(lease: Lease<DriverConnection>, dialect: Dialect, owner: WireOwner) {
    this.lease = lease
    this.driver = lease.resource
    const { server } = this.driver
    this.dialect = dialect.server === server ? dialect : dialect.forServer(server)
    this.#owner = owner
    this.#events = owner.events
  }

  /** Whether the driver connection was discarded. */
  get isGone(): boolean {
    return this.#gone
  }

  /** Whether anybody wants to know of statements. */
  get #isHeard(): boolean {
    return this.#events.has('query') || channels.query.hasSubscribers
  }

  get status(): TransactionStatus {
    return this.#gone ? 'idle' : this.driver.transactionStatus
  }

  /** At once on a synchronous driver, else by a promise: the hottest path there is. */
  run(given: Statement): Outcome | Promise<Outcome> {
    const statement = this.replaced(given)
    this.lease.note(statement.sql)
    if (this.#isHeard) return this.#observe(statement, () => this.driver.run(statement))
    return this.#runNow(statement) ?? this.#runSoon(statement)
  }

  /** Runs within the call where nobody listens and the driver has not to wait; else undefined, with nothing done. */
  runNow(statement: Statement): Outcome | undefined {
    if (this.driver.runNow === undefined || this.#isHeard || this.#events.has('beforeExecute')) return undefined
    this.lease.note(statement.sql)
    return this.#runNow(statement)
  }

  /** Runs statements as they are given, whether the ones before them are answered or not. */
  get runner(): Runner {
    return {
      run: async (statement) => this.run(statement),
      runEach: (statement, sets) => this.runEach(statement, sets),
    }
  }

  async runEach(given: Statement, sets: readonly (readonly unknown[])[]): Promise<readonly Outcome[]> {
    const statement = this.replaced(given, sets)
    this.lease.note(statement.sql)
    if (this.#isHeard) {
      return this.#observe(
        { ...statement, parameters: sets[0] ?? [] },
        () => this.driver.runEach(statement, sets),
        sets.length,
      )
    }
    try {
      return await this.driver.runEach(statement, sets)
    } catch (error) {
      throw this.translate(error, statement)
    }
  }

  /** Begins within the call. False, with nothing done, where the driver would have to wait. */
  beginNow(options: BeginOptions): boolean {
    const { driver } = this
    if (driver.beginNow === undefined) return false
    this.lease.note('BEGIN')
    try {
      if (!driver.beginNow(options)) return false
    } catch (error) {
      throw this.translate(error, { sql: 'BEGIN', parameters: [] })
    }
    this.#tellBegin(options)
    return true
  }

  /** What listeners of `beforeExecute` want sent instead. */
  replaced(statement: Statement, sets?: readonly (readonly unknown[])[]): Statement {
    if (!this.#events.has('beforeExecute')) return statement
    const about = { connection: this.#owner.connection, executionOptions: this.#owner.executionOptions() }
    if (sets === undefined) return replacedByListeners(this.#events, statement, about)
    return replacedByListeners(this.#events, { ...statement, parameters: sets[0] ?? [] }, about, sets.length)
  }

  /** @param commands what begins the transaction where it is no ordinary one; a connection on which they fail is discarded */
  async begin(options: BeginOptions, commands?: readonly string[]): Promise<void> {
    if (commands === undefined) await this.#send('BEGIN', () => this.driver.begin(options))
    else await this.#beginBy(commands)
    this.#tellBegin(options)
  }

  #tellBegin({ isolation, readOnly }: BeginOptions): void {
    if (!this.#isFollowed('begin')) return
    const how = { ...(isolation !== undefined && { isolation }), ...(readOnly !== undefined && { readOnly }) }
    this.#tellTransaction('begin', { connection: this.#owner.connection, ...how })
  }

  /** Commits within the call. Undefined, with nothing done, where the driver would have to wait. */
  commitNow(): 'committed' | 'rolled back' | undefined {
    const { driver } = this
    if (driver.commitNow === undefined || driver.brokenBy !== undefined) return undefined
    this.lease.note('COMMIT')
    let answer: 'committed' | 'rolled back' | undefined
    try {
      answer = driver.commitNow()
    } catch (error) {
      throw this.#commitFailed(error)
    }
    if (answer !== undefined) this.tellEnd(answer === 'committed' ? 'commit' : 'rollback')
    return answer
  }

  async commit(): Promise<'committed' | 'rolled back'> {
    const answer = await this.#sendCommit()
    this.tellEnd(answer === 'committed' ? 'commit' : 'rollback')
    return answer
  }

  /** Sends nothing where the server has no transaction. A connection that cannot roll back is discarded. */
  async rollback(): Promise<void> {
    if (this.status !== 'idle') {
      try {
        await this.#send('ROLLBACK', () => this.driver.rollback())
      } catch (error) {
        this.discard(error)
        throw error
      }
    }
    this.tellEnd('rollback')
  }

  /** Tells that the transaction has ended. */
  tellEnd(event: 'commit' | 'rollback'): void {
    if (this.#isFollowed(event)) this.#tellTransaction(event, { connection: this.#owner.connection })
  }

  /** Whether anybody wants to know of transactions. */
  #isFollowed(event: TransactionMessage['event']): boolean {
    return this.#events.has(event) || channels.transaction.hasSubscribers
  }

  #tellTransaction(event: TransactionMessage['event'], payload: TransactionEvent): void {
    tell(this.#events, event, payload)
    if (!channels.transaction.hasSubscribers) return
    const now = performance.now()
    const ended = event === 'begin' ? {} : { durationMs: now - (this.#beganAt ?? now) }
    this.#beganAt = event === 'begin' ? now : undefined
    channels.transaction.publish({ event, ...payload, ...ended } satisfies TransactionMessage)
  }

  /** Tells that a two-phase transaction has taken a step. */
  tellTwophase(event: 'beginTwophase' | 'prepareTwophase' | 'commitTwophase' | 'rollbackTwophase', xid: string): void {
    tell(this.#events, event, { connection: this.#owner.connection, xid })
  }

  /** One of heddle's own commands, which listeners of `query` do not hear of. */
  command(sql: string): Promise<Outcome> {
    return this.#send(sql, () => this.driver.run({ sql, parameters: [] }))
  }

  async savepoint(event: 'savepoint' | 'releaseSavepoint' | 'rollbackSavepoint', name: string): Promise<void> {
    await this.command(`${SAVEPOINT_SQL[event]} ${name}`)
    tell(this.#events, event, { connection: this.#owner.connection, name })
  }

  /** Gives the connection up as unusable; the pool closes it. Does nothing the second time. */
  discard(reason: unknown, others = false): void {
    if (this.#gone) return
    this.#gone = true
    this.lease.invalidate(reason, { others })
  }

  /** Gives the connection back. Never rejects: the pool discards a connection that cannot be made clean. */
  release(): Promise<void> {
    if (this.#gone) return settled
    this.#gone = true
    return this.lease.release()
  }

  /** Tells the listeners of `query`. */
  tellQuery(
    { sql, parameters, executionOptions }: Statement,
    start: number,
    batch: number | undefined,
    end: Pick<QueryEvent, 'rowCount' | 'error'>,
  ): void {
    if (!this.#isHeard) return
    const { connection, hideParameters } = this.#owner
    const options = this.#owner.executionOptions()
    const event: QueryEvent = {
      sql,
      parameters: hideParameters ? undefined : parameters,
      durationMs: performance.now() - start,
      connection,
      executionOptions: executionOptions === undefined ? options : { ...options, ...executionOptions },
      ...(batch !== undefined && { batch }),
      ...end,
    }
    tell(this.#events, 'query', event)
    if (channels.query.hasSubscribers) channels.query.publish(event)
  }

  /**
   * The error that the caller gets for what the driver threw. Discards the connection when that was a disconnect, and tells the owner.
   */
  translate(error: unknown, statement?: Pick<Statement, 'sql' | 'parameters'>): unknown {
    if (error instanceof HeddleError && this.driver.brokenBy === undefined) {
      this.#owner.noteError(error, this.#transactionEndedBy(error))
      return error
    }
    const { isLost, invalidatePool, outcome } = this.#judge(error, statement)
    if (isLost) this.discard(outcome, invalidatePool)
    this.#owner.noteError(outcome, isLost || this.#transactionEndedBy(outcome))
    return outcome
  }

  /** What they have set is for the next transaction, so that after a failure there must be none. */
  async #beginBy(commands: readonly string[]): Promise<void> {
    try {
      for (const sql of commands) await this.command(sql)
    } catch (error) {
      this.discard(error)
      throw error
    }
  }

  #runNow(statement: Statement): Outcome | undefined {
    try {
      return this.driver.runNow?.(statement)
    } catch (error) {
      throw this.translate(error, statement)
    }
  }

  async #runSoon(statement: Statement): Promise<Outcome> {
    try {
      return await this.driver.run(statement)
    } catch (error) {
      throw this.translate(error, statement)
    }
  }

  /** What the error is, after the listeners have had their say. */
  #judge(error: unknown, statement?: Pick<Statement, 'sql' | 'parameters'>): Verdict {
    const isLost = this.driver.brokenBy !== undefined || isDisconnect(this.dialect, error)
    const seen = translateError(this.dialect, error, statement, isLost)
    if (!this.#events.has('handleError')) return { isLost, invalidatePool: isLost, outcome: seen }
    const { connection } = this.#owner
    const context = new ErrorContext({
      original: error,
      error: seen,
      sql: statement?.sql,
      connection,
      isPing: false,
      isDisconnect: isLost,
    })
    emitError(this.#events, context)
    const unreplaced =
      context.isDisconnect === isLost ? seen : translateError(this.dialect, error, statement, context.isDisconnect)
    const outcome = context.outcome === seen ? unreplaced : context.outcome
    return { isLost: context.isDisconnect, invalidatePool: context.invalidatePool, outcome }
  }

  /** Some errors end the whole transaction on the server; going on would run outside of any. */
  #transactionEndedBy(error: unknown): boolean {
    const { status } = this
    return status === 'idle' || (status === 'unknown' && error instanceof DeadlockError)
  }

  async #send<T>(sql: string, work: () => Promise<T>): Promise<T> {
    this.lease.note(sql)
    try {
      return await work()
    } catch (error) {
      throw this.translate(error, { sql, parameters: [] })
    }
  }

  /** An error once COMMIT is under way and the connection is gone leaves open what became of the transaction. */
  async #sendCommit(): Promise<'committed' | 'rolled back'> {
    this.lease.note('COMMIT')
    if (this.driver.brokenBy !== undefined)
      throw this.translate(this.driver.brokenBy, { sql: 'COMMIT', parameters: [] })
    try {
      return await this.driver.commit()
    } catch (error) {
      throw this.#commitFailed(error)
    }
  }

  #commitFailed(error: unknown): unknown {
    const outcome = this.translate(error, { sql: 'COMMIT', parameters: [] })
    return this.#gone ? commitUnknown(error, outcome) : outcome
  }

  async #observe<T extends Outcome | readonly Outcome[]>(
    statement: Statement,
    work: () => Promise<T>,
    batch?: number,
  ): Promise<T> {
    const start = performance.now()
    let outcome: T
    try {
      outcome = await work()
    } catch (error) {
      const translated = this.translate(error, statement)
      this.tellQuery(statement, start, batch, { rowCount: undefined, error: translated })
      throw translated
    }
    this.tellQuery(statement, start, batch, { rowCount: rowsIn(outcome) })
    return outcome
  }
}

const settled: Promise<void> = Promise.resolve()

interface Verdict {
  readonly isLost: boolean
  readonly invalidatePool: boolean
  readonly outcome: unknown
}

const SAVEPOINT_SQL = {
  savepoint: 'savepoint',
  releaseSavepoint: 'release savepoint',
  rollbackSavepoint: 'rollback to savepoint',
} as const

function rowsIn(outcome: Outcome | readonly Outcome[]): number {
  if ('rowCount' in outcome) return outcome.rowCount
  return outcome.reduce((sum, each) => sum + each.rowCount, 0)
}

function commitUnknown(cause: unknown, outcome: unknown): CommitUnknownError {
  const said = outcome instanceof Error ? outcome.message : String(outcome)
  return new CommitUnknownError(
    `COMMIT was sent and the connection was lost before its answer came, so the transaction may or may not be stored: ${said}. ` +
      'Look in the database before doing the work again',
    { cause, sql: 'COMMIT', connectionInvalidated: true },
  )
}
