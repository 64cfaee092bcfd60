import { ArgumentError, InvalidRequestError, PendingRollbackError } from '../errors.ts'
import type {
  BeginOptions,
  DriverConnection,
  IsolationLevel,
  Outcome,
  ServerInfo,
  Statement,
  TransactionStatus,
} from './driver.ts'
import { canSendAhead, sendAhead } from './mysql-ahead.ts'
import { type Answer, answerOf, outcomeOf } from './mysql-answer.ts'
import { type MysqlClient, type MysqlHeader, serverStatus } from './mysql-client.ts'
import { MysqlStream } from './mysql-stream.ts'
import { askForPackedTimes, decodeRows } from './mysql-values.ts'
import { ROLLBACK_PATIENCE, Silence } from './server-silence.ts'
import { mayLeaveState } from './server-state.ts'

/** What a connection is made with beside its client. */
export interface MysqlOptions {
  readonly server: ServerInfo
  readonly encode: (values: readonly unknown[]) => unknown[]
  /** Sets the session up; once more after a reset, which clears it. */
  readonly setup: string
  /** Asks the server, over another connection, to stop what this one runs. */
  readonly killQuery: (threadId: number) => Promise<void>
  /** Milliseconds of silence after which the connection is given up while an answer is awaited; 0 never. */
  readonly socketTimeout: number
  /** Whether START TRANSACTION may leave together with a select that follows it. */
  readonly pipelining: boolean
}

const isolationLevels: Readonly<Record<IsolationLevel, string | undefined>> = {
  'read uncommitted': 'READ UNCOMMITTED',
  'read committed': 'READ COMMITTED',
  'repeatable read': 'REPEATABLE READ',
  serializable: 'SERIALIZABLE',
  snapshot: undefined,
}

/** How long a server may take to close a connection in order, in milliseconds. */
const patience = 5_000

/** Server errors after which the connection is closed from the other side. */
const lastWords = new Set([1053, 1152, 1927, 2006, 2013, 4031])

/**
 * One connection of MySQL or MariaDB. START TRANSACTION waits for the transaction's first statement, so one without
 * statements costs nothing; on MariaDB it leaves together with that where it is a select of heddle's. A statement run
 * while a stream is open first reads the rest of the stream into memory, because the protocol answers one statement at a
 * time.
 */
export class MysqlConnection implements DriverConnection {
  readonly server: ServerInfo
  readonly #client: MysqlClient
  readonly #options: MysqlOptions
  /** The commands that begin the transaction, while none has been sent. */
  #pendingBegin: readonly string[] | undefined
  #phase: 'idle' | 'open' | 'failed' = 'idle'
  /** Why the transaction failed: the server has rolled it back, or it could not begin. */
  #failure: unknown
  #touched = false
  #stream: MysqlStream | undefined
  #brokenBy: unknown
  #interrupt: ((error: unknown) => void) | undefined
  readonly #silence: Silence
  readonly #sendsAhead: boolean

  constructor(client: MysqlClient, options: MysqlOptions) {
    this.server = options.server
    this.#client = client
    this.#options = options
    this.#sendsAhead = options.pipelining && canSendAhead(client)
    client.on('error', (error) => this.#break(error))
    client.stream.on('close', () => this.#break(lostError()))
    const isAsked = () => this.#interrupt !== undefined || this.#stream?.isWaiting === true
    const giveUp = (error: Error) => {
      this.#break(error)
      client.stream.destroy()
    }
    this.#silence = new Silence({ socket: client.stream, limit: options.socketTimeout, isAsked, giveUp })
  }

  get brokenBy(): unknown {
    return this.#brokenBy
  }

  get transactionStatus(): TransactionStatus {
    if (this.#brokenBy !== undefined) return 'unknown'
    return this.#pendingBegin === undefined ? this.#phase : 'open'
  }

  async run(statement: Statement): Promise<Outcome> {
    return await this.#execute(statement, this.#options.encode(statement.parameters))
  }

  async runEach(statement: Statement, parameterSets: readonly (readonly unknown[])[]): Promise<readonly Outcome[]> {
    const sets = parameterSets.map(this.#options.encode)
    const outcomes: Outcome[] = []
    for (const values of sets) outcomes.push(await this.#execute(statement, values))
    return outcomes
  }

  stream(statement: Statement, batchSize: number): AsyncIterableIterator<readonly unknown[]> {
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new ArgumentError(`A stream's batch size is a whole number of rows from 1 up; ${batchSize} was given.`)
    }
    return this.#streamRows(statement, batchSize)
  }

  async begin(options: BeginOptions): Promise<void> {
    this.#begin(options)
  }

  /** Nothing is sent yet, so there is never anything to wait for. */
  beginNow(options: BeginOptions): boolean {
    this.#begin(options)
    return true
  }

  #begin(options: BeginOptions): void {
    options.signal?.throwIfAborted()
    if (this.transactionStatus !== 'idle') {
      throw new InvalidRequestError(
        `A transaction cannot begin on a connection whose transaction is ${this.transactionStatus}.`,
      )
    }
    this.#pendingBegin = beginCommands(options)
  }

  async commit(): Promise<'committed' | 'rolled back'> {
    if (this.#endWithoutServer()) return 'committed'
    if (this.#phase === 'failed' && this.#brokenBy === undefined) {
      this.#phase = 'idle'
      return 'rolled back'
    }
    await this.#control('COMMIT')
    return 'committed'
  }

  async rollback(): Promise<void> {
    if (this.#endWithoutServer()) return
    if (this.#phase !== 'open' && this.#brokenBy === undefined) {
      this.#phase = 'idle'
      return
    }
    await this.#silence.within(ROLLBACK_PATIENCE, () => this.#control('ROLLBACK'))
  }

  /** The statement under way ends with an error; one that ends before it is reached is not harmed, nor is the next. */
  cancel(): Promise<void> {
    return this.#options.killQuery(this.#client.threadId)
  }

  async ping(): Promise<void> {
    await this.#settleStream()
    await this.#call((done) => this.#client.ping(done))
  }

  /**
   * Resets the session on the server and sets it up again: two round trips, and every prepared statement is gone. So only
   * after statements that may have left something.
   */
  get needsReset(): boolean {
    return this.#touched || this.#stream !== undefined || this.transactionStatus !== 'idle'
  }

  async reset(): Promise<void> {
    await this.#settleStream()
    if (!this.#touched) return
    await this.#call((done) => this.#client.reset(done))
    await this.#control(this.#options.setup)
    this.#touched = false
  }

  async close(): Promise<void> {
    if (this.#brokenBy !== undefined) return this.destroy()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patience)
      this.#client.stream.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
      this.#client.end(() => undefined)
    })
    this.destroy()
  }

  destroy(): void {
    this.#break(lostError())
    this.#client.stream.destroy()
  }

  async #execute(statement: Statement, values: readonly unknown[]): Promise<Outcome> {
    const begin = this.#pendingBegin
    if (begin?.length === 1 && this.#stream === undefined && this.#canFollowBegin(statement)) {
      return outcomeOf(await this.#beginWith(begin[0] as string, statement, values), statement)
    }
    await this.#prepareToRun(statement)
    const answer = await this.#answer(statement, values)
    return outcomeOf(answer, statement)
  }

  /** Where START TRANSACTION fails the statement runs outside of any transaction, which does no harm if it only reads. */
  #canFollowBegin({ name, sql }: Statement): boolean {
    return this.#sendsAhead && name !== undefined && this.#brokenBy === undefined && sql.startsWith('select ')
  }

  /** Sends START TRANSACTION and the statement without waiting in between. */
  async #beginWith(begin: string, { sql }: Statement, values: readonly unknown[]): Promise<Answer> {
    const { sent, following } = sendAhead(this.#client, begin, () => this.#send(sql, values))
    this.#pendingBegin = undefined
    this.#phase = 'open'
    try {
      const answer = await following
      if (sent.error === undefined) return answer
    } catch (error) {
      if (sent.error === undefined) {
        await this.#learnFromFailure(error)
        throw error
      }
    }
    throw this.#beginFailed(sent.error)
  }

  async #prepareToRun(statement: Statement): Promise<void> {
    await this.#settleStream()
    if (this.#pendingBegin !== undefined) await this.#sendBegin(this.#pendingBegin)
    if (this.#phase === 'failed') {
      throw new PendingRollbackError('The server has rolled the transaction back; roll it back here too to go on.', {
        cause: this.#failure,
      })
    }
    if (statement.name === undefined) this.#touched ||= mayLeaveState(statement.sql)
  }

  /** A BEGIN that fails fails the transaction, and its first statement is not sent. */
  async #sendBegin(commands: readonly string[]): Promise<void> {
    try {
      for (const sql of commands) await this.#send(sql, undefined)
      this.#phase = 'open'
    } catch (error) {
      throw this.#beginFailed(error)
    } finally {
      this.#pendingBegin = undefined
    }
  }

  #beginFailed(error: unknown): unknown {
    this.#phase = 'failed'
    this.#failure = error
    this.#touched = true
    return error
  }

  async #answer(statement: Statement, values: readonly unknown[]): Promise<Answer> {
    const plain = statement.name === undefined && values.length === 0
    try {
      const answer = await this.#send(statement.sql, plain ? undefined : values)
      this.#learn(answer.header, statement.sql)
      return answer
    } catch (error) {
      await this.#learnFromFailure(error)
      throw error
    }
  }

  /** COMMIT, ROLLBACK and heddle's own settings. */
  async #control(sql: string): Promise<void> {
    await this.#settleStream()
    await this.#answer({ sql, parameters: [] }, [])
  }

  /** The server's status comes with every answer but those that have rows, and none of these ends a transaction. */
  #learn(header: MysqlHeader | undefined, sql: string): void {
    if (header === undefined) return
    const inTransaction = (header.serverStatus & serverStatus.inTransaction) !== 0
    // Without autocommit the next statement begins a transaction, and one with rows does not tell that it has.
    const begins = (header.serverStatus & serverStatus.autocommit) === 0 && sql !== 'COMMIT' && sql !== 'ROLLBACK'
    this.#phase = inTransaction || begins ? 'open' : 'idle'
  }

  /** An error tells no status, and some errors roll the whole transaction back: so the server is asked. */
  async #learnFromFailure(error: unknown): Promise<void> {
    const { errno, fatal } = (error ?? {}) as { readonly errno?: number; readonly fatal?: boolean }
    if (fatal || (errno !== undefined && lastWords.has(errno))) this.#break(error)
    if (this.#phase !== 'open' || this.#brokenBy !== undefined) return
    const probe = await this.#send('DO 0', undefined).catch(() => undefined)
    if (probe?.header === undefined || probe.header.serverStatus & serverStatus.inTransaction) return
    this.#phase = 'failed'
    this.#failure = error
  }

  #send(sql: string, values: readonly unknown[] | undefined): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const settle = (error: unknown, rows?: unknown, fields?: unknown) => {
        this.#interrupt = undefined
        if (error) reject(error)
        else resolve(answerOf(rows, fields))
      }
      if (this.#brokenBy !== undefined) return settle(this.#brokenBy)
      this.#interrupt = settle
      if (values === undefined) this.#client.query({ sql }, settle)
      else this.#client.execute({ sql, values }, settle).on('fields', askForPackedTimes)
    })
  }

  #call(send: (done: (error: unknown) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: unknown) => {
        this.#interrupt = undefined
        if (error) reject(error)
        else resolve()
      }
      if (this.#brokenBy !== undefined) return settle(this.#brokenBy)
      this.#interrupt = settle
      send(settle)
    })
  }

  async *#streamRows(statement: Statement, batchSize: number): AsyncGenerator<readonly unknown[], void, undefined> {
    const values = this.#options.encode(statement.parameters)
    await this.#prepareToRun(statement)
    if (this.#brokenBy !== undefined) throw this.#brokenBy
    const plain = statement.name === undefined && values.length === 0
    const { sql } = statement
    const command = plain ? this.#client.query({ sql }) : this.#client.execute({ sql, values })
    if (!plain) command.on('fields', askForPackedTimes)
    const stream = new MysqlStream(this.#client, command, batchSize, () => this.cancel())
    this.#stream = stream
    try {
      for (let rows = await stream.take(); rows !== undefined; rows = await stream.take()) {
        yield decodeRows(rows, stream.fields, statement)
      }
    } catch (error) {
      await this.#learnFromFailure(error)
      throw error
    } finally {
      await this.#leaveStream(stream)
    }
  }

  async #leaveStream(stream: MysqlStream): Promise<void> {
    await stream.abandon()
    if (this.#stream === stream) this.#stream = undefined
    // The request to stop may reach the server after the last row: this statement is the one it then stops.
    if (stream.stopped && this.#brokenBy === undefined) await this.#send('DO 0', undefined).catch(() => undefined)
  }

  async #settleStream(): Promise<void> {
    if (this.#stream !== undefined && !this.#stream.ended) await this.#stream.readRest()
  }

  #endWithoutServer(): boolean {
    const pending = this.#pendingBegin !== undefined
    this.#pendingBegin = undefined
    return pending
  }

  #break(error: unknown): void {
    this.#brokenBy ??= error
    this.#stream?.fail(this.#brokenBy)
    this.#interrupt?.(this.#brokenBy)
  }
}

function lostError(): Error {
  return Object.assign(new Error('Connection lost: The connection is closed.'), { code: 'PROTOCOL_CONNECTION_LOST' })
}

function beginCommands(options: BeginOptions): readonly string[] {
  const start = options.readOnly ? 'START TRANSACTION READ ONLY' : 'START TRANSACTION'
  if (options.isolation === undefined) return [start]
  const level = isolationLevels[options.isolation]
  if (level === undefined) {
    throw new ArgumentError(`MySQL has no isolation level '${options.isolation}'; 'repeatable read' is the nearest.`)
  }
  return [`SET TRANSACTION ISOLATION LEVEL ${level}`, start]
}
