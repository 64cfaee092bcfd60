import { ArgumentError, InvalidRequestError, PendingRollbackError } from '../errors.ts'
import { allInOrder } from '../support/index.ts'
import type {
  BeginOptions,
  DriverConnection,
  IsolationLevel,
  Outcome,
  ServerInfo,
  Statement,
  TransactionStatus,
} from './driver.ts'
import { encodeParameters, type WireValue } from './postgres-parameters.ts'
import { type Prepared, PreparedStatements } from './postgres-prepared.ts'
import { movePosition, type Shipment, ship, type Transport } from './postgres-protocol.ts'
import { Collector } from './postgres-rows.ts'
import { streamRows } from './postgres-stream.ts'
import type { OtherParsers, ValueMode } from './postgres-types.ts'
import { ROLLBACK_PATIENCE } from './server-silence.ts'
import { mayLeaveState } from './server-state.ts'

/** What a connection is made with beside its transport. */
export interface PostgresOptions {
  readonly server: ServerInfo
  /** Statements kept prepared at most; 0 sends every statement without a name, as PgBouncer's pools may need. */
  readonly maxPrepared: number
  readonly otherParsers: OtherParsers | undefined
  /** Refuses values that this driver would not give back whole. */
  readonly checkValues?: (values: readonly WireValue[]) => void
}

/** Statements sent ahead of their answers at most. */
const pipelineDepth = 256

const isolationLevels: Readonly<Record<IsolationLevel, string | undefined>> = {
  'read uncommitted': 'READ UNCOMMITTED',
  'read committed': 'READ COMMITTED',
  'repeatable read': 'REPEATABLE READ',
  serializable: 'SERIALIZABLE',
  snapshot: undefined,
}

/**
 * What DISCARD ALL does, apart from the prepared statements and their plans, which stay. One round trip. Prepared
 * statements and cursors that a holder made by SQL under names of its own are its own care, the former.
 */
const resetText =
  'CLOSE ALL;SET SESSION AUTHORIZATION DEFAULT;RESET ROLE;RESET ALL;UNLISTEN *;' +
  'SELECT pg_advisory_unlock_all();DISCARD TEMP;DISCARD SEQUENCES'

/** Errors that mean that the server's prepared statement is not what it was, or not there. */
const preparedErrors = new Set(['0A000', '26000', '42P05'])

/**
 * One session of PostgreSQL over any transport. BEGIN is not sent by itself: it rides with the transaction's first
 * statement, and a transaction without statements costs nothing.
 */
export class PostgresConnection implements DriverConnection {
  readonly server: ServerInfo
  readonly #transport: Transport
  readonly #options: PostgresOptions
  readonly #prepared: PreparedStatements
  /** The BEGIN that has not been sent. */
  #pendingBegin: string | undefined
  /** A BEGIN is on its way and not answered. */
  #beginning = false
  /** Why BEGIN failed. The transaction that its holder believes in can only be rolled back. */
  #failedBegin: { readonly error: unknown } | undefined
  /** A statement was sent that may have changed the session. */
  #touched = false
  /** A stream that had to open a transaction of its own. */
  #streamingAlone = false
  /** Counts the transactions that ended, so that a stream knows when its own has. */
  #ended = 0
  #portals = 0

  constructor(transport: Transport, options: PostgresOptions) {
    this.server = options.server
    this.#transport = transport
    this.#options = options
    this.#prepared = new PreparedStatements(Math.max(1, options.maxPrepared))
  }

  get brokenBy(): unknown {
    return this.#transport.brokenBy
  }

  get transactionStatus(): TransactionStatus {
    if (this.#transport.brokenBy !== undefined) return 'unknown'
    if (this.#failedBegin !== undefined) return 'failed'
    if (this.#pendingBegin !== undefined || this.#beginning) return 'open'
    const { status } = this.#transport
    if (status === 'I') return 'idle'
    return status === 'E' ? 'failed' : 'open'
  }

  async run(statement: Statement): Promise<Outcome> {
    this.#refuseWhileStreaming('run a statement')
    return (await this.#send(statement, this.#encode(statement.parameters))).outcome()
  }

  async runEach(statement: Statement, parameterSets: readonly (readonly unknown[])[]): Promise<readonly Outcome[]> {
    this.#refuseWhileStreaming('run statements')
    const sets = parameterSets.map((values) => this.#encode(values))
    const outcomes: Outcome[] = []
    while (outcomes.length < sets.length) {
      const window = sets.slice(outcomes.length, outcomes.length + this.#depth())
      const answers = await allInOrder(window.map((values) => this.#send(statement, values)))
      for (const answer of answers) outcomes.push(answer.outcome())
    }
    return outcomes
  }

  stream(statement: Statement, batchSize: number): AsyncIterableIterator<readonly unknown[]> {
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new ArgumentError(`A stream's batch size is a whole number of rows from 1 up; ${batchSize} was given.`)
    }
    return streamRows({
      open: () => this.#openStream(statement, batchSize),
      fetch: (portal) => this.#fetch(portal, statement, batchSize),
      close: (portal) => this.#closePortal(portal),
      settle: (alone, failed) => this.#settleStream(alone, failed),
      ended: () => this.#ended,
    })
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
    this.#refuseWhileStreaming('begin a transaction')
    options.signal?.throwIfAborted()
    if (this.transactionStatus !== 'idle') {
      throw new InvalidRequestError(
        `A transaction cannot begin on a connection whose transaction is ${this.transactionStatus}.`,
      )
    }
    this.#pendingBegin = beginText(options)
  }

  async commit(): Promise<'committed' | 'rolled back'> {
    this.#refuseWhileStreaming('commit')
    if (this.#endWithoutServer()) return 'committed'
    if (this.#forgetFailedBegin()) return 'rolled back'
    const { tags } = await this.#plain('COMMIT')
    this.#ended++
    return tags[0] === 'ROLLBACK' ? 'rolled back' : 'committed'
  }

  async rollback(): Promise<void> {
    this.#streamingAlone = false
    if (this.#endWithoutServer() || this.#forgetFailedBegin()) return
    if (this.#transport.status === 'I' && this.brokenBy === undefined) return
    await this.#plain('ROLLBACK', ROLLBACK_PATIENCE)
    this.#ended++
  }

  cancel(): Promise<void> {
    return this.#transport.cancel()
  }

  async ping(): Promise<void> {
    await this.#plain('SELECT 1')
  }

  get needsReset(): boolean {
    return this.#touched || this.transactionStatus !== 'idle'
  }

  async reset(): Promise<void> {
    if (!this.#touched) return
    if (this.transactionStatus !== 'idle') {
      throw new InvalidRequestError(
        `A connection is reset after its transaction has ended; it is ${this.transactionStatus}.`,
      )
    }
    await this.#plain(resetText)
    this.#touched = false
  }

  close(): Promise<void> {
    return this.#transport.close()
  }

  destroy(): void {
    this.#transport.destroy()
  }

  /** Outside of a transaction, and with BEGIN still to send, a failure would not stop what was sent behind it. */
  get canPipeline(): boolean {
    const { pipelines, status } = this.#transport
    return pipelines && status === 'T' && this.#pendingBegin === undefined && !this.#streamingAlone
  }

  #depth(): number {
    return this.canPipeline ? pipelineDepth : 1
  }

  async #send(
    statement: Statement,
    values: readonly WireValue[],
    portal?: { readonly name: string; readonly rows: number },
  ): Promise<Collector> {
    if (this.#failedBegin !== undefined) this.#refuseAfterFailedBegin(this.#failedBegin.error)
    const prepared = this.#preparedOf(statement)
    const shipment = this.#shipmentOf(statement, values, prepared, portal)
    const collector = this.#collector(statement, prepared?.described ? prepared.shape : undefined, shipment)
    if (statement.name === undefined) this.#touched ||= mayLeaveState(statement.sql)
    try {
      await this.#transport.exchange((messages) => ship(messages, shipment), collector)
    } catch (error) {
      this.#learnFromFailure(error, prepared, shipment, collector)
      throw error
    } finally {
      if (shipment.begin !== undefined) this.#beginning = false
    }
    this.#learnFromSuccess(prepared, collector)
    return collector
  }

  #shipmentOf(
    statement: Statement,
    values: readonly WireValue[],
    prepared: Prepared | undefined,
    portal: Shipment['portal'],
  ): Shipment {
    if (!prepared?.parsed && statement.sql.includes('\0')) {
      throw new ArgumentError('The text of a statement contains a zero character, which ends a text for PostgreSQL.')
    }
    const begin = this.#pendingBegin
    this.#pendingBegin = undefined
    if (begin !== undefined) this.#beginning = true
    const evicted = prepared === undefined ? [] : this.#prepared.takeEvicted()
    return { sql: statement.sql, values, prepared, begin, portal, evicted }
  }

  #preparedOf(statement: Statement): Prepared | undefined {
    if (statement.name === undefined || this.#options.maxPrepared === 0) return undefined
    return this.#prepared.get(statement.name, statement.sql)
  }

  #collector(statement: Statement, shape: Prepared['shape'], shipment?: Shipment): Collector {
    const wish = { rows: statement.rows ?? 'object', mode: modeOf(statement) } as const
    return new Collector(wish, shape, shipment?.begin === undefined ? 0 : 1, this.#options.otherParsers)
  }

  #learnFromSuccess(prepared: Prepared | undefined, collector: Collector): void {
    if (prepared !== undefined) {
      prepared.shape = collector.shape
      prepared.described = prepared.parsed
      return
    }
    if (collector.tags.some((tag) => /^(?:DEALLOCATE|DISCARD ALL)/.test(tag))) this.#prepared.doubtAll()
  }

  #learnFromFailure(error: unknown, prepared: Prepared | undefined, shipment: Shipment, collector: Collector): void {
    movePosition(error, shipment)
    if (shipment.begin !== undefined && !collector.begun) this.#failedBegin = { error }
    const code = String((error as { code?: unknown } | null)?.code)
    if (prepared !== undefined && (!prepared.described || preparedErrors.has(code))) this.#prepared.doubt(prepared)
  }

  #encode(parameters: readonly unknown[]): WireValue[] {
    const values = encodeParameters(parameters)
    this.#options.checkValues?.(values)
    return values
  }

  /** One of heddle's own commands, by the simple protocol. */
  async #plain(text: string, patience?: number): Promise<Collector> {
    const collector = this.#collector({ sql: text, parameters: [] }, undefined)
    await this.#transport.exchange((messages) => messages.query(text), collector, patience)
    return collector
  }

  async #openStream(statement: Statement, rows: number) {
    this.#refuseWhileStreaming('stream')
    const values = this.#encode(statement.parameters)
    const alone = this.transactionStatus === 'idle'
    if (alone) this.#pendingBegin = 'BEGIN'
    const portal = `heddle_${++this.#portals}`
    const sent = this.#send(statement, values, { name: portal, rows })
    this.#streamingAlone = alone
    try {
      return { portal, alone, collector: await sent }
    } catch (error) {
      await this.#settleStream(alone, true)
      throw error
    }
  }

  async #fetch(
    portal: { readonly name: string; readonly shape: Collector['shape'] },
    statement: Statement,
    rows: number,
  ) {
    const collector = this.#collector(statement, portal.shape)
    await this.#transport.exchange((messages) => {
      messages.execute({ portal: portal.name, rows })
      messages.sync()
    }, collector)
    return collector
  }

  async #closePortal(name: string): Promise<void> {
    const collector = this.#collector({ sql: '', parameters: [] }, undefined)
    await this.#transport.exchange((messages) => {
      messages.close({ type: 'P', name })
      messages.sync()
    }, collector)
  }

  /** Ends the transaction that a stream opened for itself. */
  async #settleStream(alone: boolean, failed: boolean): Promise<void> {
    if (!alone || this.brokenBy !== undefined) return
    this.#streamingAlone = false
    if (failed) await this.rollback()
    else await this.commit()
  }

  #refuseWhileStreaming(what: string): void {
    if (!this.#streamingAlone) return
    throw new InvalidRequestError(
      `Cannot ${what}: a stream that was begun outside of a transaction is open on this connection, and what runs ` +
        'beside it would belong to the stream. End the stream first, or begin a transaction before it.',
    )
  }

  #refuseAfterFailedBegin(error: unknown): never {
    throw new PendingRollbackError(
      'The first statement of the transaction failed (see cause), so it never began; it can only be rolled back.',
      { cause: error },
    )
  }

  /** Ends a transaction whose BEGIN was never sent. */
  #endWithoutServer(): boolean {
    const pending = this.#pendingBegin !== undefined
    this.#pendingBegin = undefined
    if (pending) this.#ended++
    return pending
  }

  #forgetFailedBegin(): boolean {
    const failed = this.#failedBegin !== undefined && this.brokenBy === undefined
    this.#failedBegin = undefined
    return failed
  }
}

function modeOf(statement: Statement): ValueMode {
  if (!statement.typed) return 'raw'
  if (statement.epochTimes) return statement.wide ? 'wide epoch' : 'typed epoch'
  return statement.wide ? 'wide' : 'typed'
}

function beginText(options: BeginOptions): string {
  let text = 'BEGIN'
  if (options.isolation !== undefined) {
    const level = isolationLevels[options.isolation]
    if (level === undefined) {
      throw new ArgumentError(
        `PostgreSQL has no isolation level '${options.isolation}'; its 'repeatable read' is a snapshot.`,
      )
    }
    text += ` ISOLATION LEVEL ${level}`
  }
  return options.readOnly ? `${text} READ ONLY` : text
}
