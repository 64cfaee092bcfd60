import type { BeginOptions, DriverConnection, Outcome, Statement } from '../drivers/index.ts'
import { InvalidRequestError, ResourceClosedError } from '../errors.ts'
import type { Lease } from '../pool/index.ts'
import { checkXid, type Runner } from '../sql/index.ts'
import { attachSuppressed, defineLifecycle, Lane, LazySet } from '../support/index.ts'
import { beginOptions } from './begin-options.ts'
import type { EngineCore } from './core.ts'
import type { ListenedConnection } from './listened-connection.ts'
import type { ExecutionOptions, TransactionOptions } from './options.ts'
import { blockIsOver, connectionIsClosed, insideTransaction, unawaited } from './refusals.ts'
import { type Transaction, type TransactionControl, transactionOf } from './transaction.ts'
import { WireLine } from './transaction-line.ts'
import { type Level, TransactionStack } from './transaction-stack.ts'
import {
  commitPrepared,
  recoverTwoPhase,
  requireTwoPhase,
  rollbackPrepared,
  warnOfPrepared,
  xidFor,
} from './two-phase.ts'
import { Wire, type WireOwner } from './wire.ts'
import { WireStream } from './wire-stream.ts'

/** The legal moves of a connection; what its driver connection and its transaction go through has lifecycles of its own. */
export const connectionLifecycle = defineLifecycle({
  name: 'connection',
  initial: 'open',
  moves: { close: { from: ['open'], to: 'closed' } },
})

const BATCH = 500

/**
 * How one connection is used: calls in order, transactions and savepoints, the driver connection in hand and its replacement after a
 * disconnect. The public face of it is the Connection.
 */
export class Circuit implements TransactionControl, WireOwner {
  options: ExecutionOptions
  readonly connection: ListenedConnection
  readonly #core: EngineCore
  readonly #lane = new Lane()
  readonly #life = connectionLifecycle.create()
  readonly #stack: TransactionStack
  readonly #streams = new LazySet<WireStream>()
  /** Replaced after a disconnect; one that is gone stays here until then. */
  #wire: Wire
  /** The transaction of a managed block: after its end no statement runs any more. */
  #scope: Level | undefined

  constructor(core: EngineCore, lease: Lease<DriverConnection>, face: ListenedConnection, options: ExecutionOptions) {
    this.options = options
    this.#core = core
    this.connection = face
    this.#stack = new TransactionStack(new WireLine(this))
    this.#wire = new Wire(lease, core.dialect, this)
  }

  get events(): EngineCore['events'] {
    return this.#core.events
  }

  get hideParameters(): boolean {
    return this.#core.hideParameters
  }

  executionOptions(): ExecutionOptions {
    return this.options
  }

  noteError(error: unknown, ended: boolean): void {
    this.#stack.noteError(error, ended)
  }

  get wire(): Wire {
    return this.#wire
  }

  get isClosed(): boolean {
    return this.#life.state === 'closed'
  }

  get inTransaction(): boolean {
    return this.#stack.root !== undefined
  }

  get isTwoPhase(): boolean {
    return this.#stack.root?.xid !== undefined
  }

  get isBusy(): boolean {
    return this.#lane.isBusy
  }

  /** The transaction, or the innermost level of it; null where there is none. */
  transaction(which: 'root' | 'top'): Transaction | null {
    const level = this.#stack[which]
    return level === undefined ? null : transactionOf(level, this)
  }

  // ------------------------------------------------------------------------------------------- statements

  /** Runs in the transaction that there is, or in none. */
  run(statement: Statement): Promise<Outcome> {
    return this.#lane.run('run', () => {
      if (this.#wire.isGone || !this.#stack.isUsable || this.#isOver) return this.#runCarefully(statement)
      return this.#wire.run(statement)
    })
  }

  /** Like {@link run}, within the call; undefined, with nothing done, where something has to be waited for. */
  runNow(statement: Statement): Outcome | undefined {
    const isFree = !this.#lane.isBusy && !this.#wire.isGone && this.#stack.isUsable && !this.#isOver
    return isFree ? this.#wire.runNow(statement) : undefined
  }

  /** Like {@link run}, after a check that is made when its turn has come. */
  runIf(check: () => void, statement: Statement): Promise<Outcome> {
    return this.#lane.run('run', () => {
      check()
      return this.#runCarefully(statement)
    })
  }

  runEach(statement: Statement, sets: readonly (readonly unknown[])[]): Promise<readonly Outcome[]> {
    return this.#lane.run('runEach', async () => (await this.#usableWire('run a batch')).runEach(statement, sets))
  }

  /** Whether {@link together} sends statements ahead of answers. */
  get canPipeline(): boolean {
    return !this.#wire.isGone && this.#wire.driver.canPipeline === true && this.#streams.size === 0
  }

  /** Runs work whose statements do not wait for each other's answers. Nothing else runs meanwhile; the work awaits all that it sends. */
  together<T>(work: (runner: Runner) => Promise<T>): Promise<T> {
    return this.#lane.run('run together', async () => work((await this.#usableWire('run statements')).runner))
  }

  /** Begins a transaction first, if there is none and one is wanted. */
  runBegun(statement: Statement): Promise<Outcome> {
    return this.#lane.run('execute', async () => {
      const wire = await this.#begunWire('execute a statement')
      return wire.run(statement)
    })
  }

  /** Rows in batches. Each batch takes its turn among the other calls, so that those may run between two of them. */
  async *batches(
    statement: Statement,
    options: { readonly begin: boolean; readonly size?: number | undefined },
  ): AsyncGenerator<readonly unknown[], void, undefined> {
    const size = options.size ?? this.options.batch ?? BATCH
    const stream = await this.#lane.run('stream', async () => {
      const wire = options.begin ? await this.#begunWire('stream rows') : await this.#usableWire('stream rows')
      const opened = new WireStream(wire, statement, size)
      this.#streams.add(opened)
      return opened
    })
    try {
      for (;;) {
        const rows = await this.#lane.run('stream', () => stream.next())
        if (rows === undefined) return
        yield rows
      }
    } finally {
      this.#streams.delete(stream)
      await this.#lane.run('end of stream', () => stream.end())
    }
  }

  async cancelRunning(): Promise<void> {
    if (this.#lane.isBusy && !this.#wire.isGone) await this.#wire.driver.cancel()
  }

  // ----------------------------------------------------------------------------------------- transactions

  /** `scope`: for a managed block, after whose end no further statement runs. */
  begin(options: TransactionOptions, scope = false): Promise<Transaction> {
    return this.#lane.run('begin', async () => {
      this.#checkOpen('begin a transaction')
      const level = await this.#stack.begin(this.#beginOptions(options), scope)
      if (scope) this.#scope = level
      return transactionOf(level, this)
    })
  }

  /** Begins within the call; false, with nothing done, where something has to be waited for. */
  beginNow(options: TransactionOptions): boolean {
    if (this.#lane.isBusy) return false
    this.#checkOpen('begin a transaction')
    return this.#stack.beginNow(this.#beginOptions(options))
  }

  beginTwoPhase(given: string | undefined, options: TransactionOptions): Promise<Transaction> {
    return this.#lane.run('beginTwoPhase', async () => {
      const attempt = 'begin a two-phase transaction'
      this.#checkOpen(attempt)
      if (this.#core.isEnclosed)
        throw new InvalidRequestError(`Cannot ${attempt}: the engine is enclosed, and nothing can commit`)
      const xid = xidFor(this.#wire.dialect, given, attempt)
      return transactionOf(await this.#stack.begin(this.#beginOptions(options), false, xid), this)
    })
  }

  prepare(): Promise<void> {
    return this.#lane.run('prepare', () => {
      this.#checkOpen('prepare')
      return this.#stack.prepare()
    })
  }

  /** Gives a prepared transaction out of hand, and its connection up, as some servers let nobody else finish it before. */
  leavePrepared(reason: unknown): Promise<string | undefined> {
    return this.#lane.run('leavePrepared', async () => {
      const xid = this.#stack.leavePrepared()
      if (xid !== undefined) this.#wire.discard(reason)
      return xid
    })
  }

  /** The names of the prepared transactions that the server knows. */
  recoverTwoPhase(): Promise<readonly string[]> {
    return this.#lane.run('recoverTwoPhase', async () =>
      recoverTwoPhase(await this.#usableWire('look for prepared transactions')),
    )
  }

  /** Finishes a prepared transaction that is nobody's. */
  finishPrepared(how: 'commitPrepared' | 'rollbackPrepared', xid: string): Promise<void> {
    return this.#lane.run(how, async () => {
      this.#checkOpen(`${how}()`)
      if (this.inTransaction) {
        throw insideTransaction(this.connection.label, how)
      }
      const wire = await this.connectedWire()
      checkXid(xid, requireTwoPhase(wire.dialect, `${how}()`))
      await (how === 'commitPrepared' ? commitPrepared(wire, xid) : rollbackPrepared(wire, xid))
    })
  }

  savepoint(scoped: boolean): Promise<Transaction> {
    return this.#lane.run('beginNested', async () => {
      this.#checkOpen('set a savepoint')
      if (!this.#stack.root) await this.#stack.begin(this.#beginOptions({}), false)
      return transactionOf(await this.#stack.savepoint(scoped), this)
    })
  }

  commit(): Promise<void> {
    return this.#lane.run('commit', () => this.#commitNow())
  }

  /** Like {@link commit}; undefined where it was done within the call. */
  commitSoon(): Promise<void> | undefined {
    return this.#lane.isBusy ? this.commit() : this.#commitNow()
  }

  #commitNow(): Promise<void> | undefined {
    this.#checkNotClosed('commit')
    return this.#stack.commit()
  }

  rollback(): Promise<void> {
    return this.#lane.run('rollback', () => {
      this.#checkNotClosed('roll back')
      return this.#stack.rollback()
    })
  }

  /** @throws ConcurrentUseError while a call is under way that nobody has awaited */
  checkQuiet(): void {
    if (!this.#lane.isBusy) return
    throw unawaited(this.connection.label, this.#lane.labels())
  }

  /** Ends a managed block on an error: refuses what waits, then rolls back. Never rejects: a further failure is kept with the error. */
  async abandon(error: unknown): Promise<void> {
    this.#lane.rejectQueued((label) => {
      const message = `${label}() was not run: the transaction that it belongs to was rolled back after an error`
      return new ResourceClosedError(message, { cause: error })
    })
    try {
      await this.rollback()
    } catch (failure) {
      attachSuppressed(error, failure)
    }
  }

  // --------------------------------------------------------------------------------------------- custody

  /** Rolls back what is open and gives the driver connection back. Never rejects. */
  close(): Promise<void> {
    const hasEnded = !this.#lane.isBusy && this.#stack.root === undefined && this.#streams.size === 0
    return hasEnded && !this.isClosed ? this.#closeNow() : this.#closeLater()
  }

  #closeNow(): Promise<void> {
    this.#life.enter('close')
    return this.#wire.release()
  }

  #closeLater(): Promise<void> {
    return this.#lane.run('close', async () => {
      if (this.isClosed) return
      this.#life.enter('close')
      for (const stream of this.#streams) await stream.end()
      const wasPrepared = this.#stack.isPrepared
      try {
        await this.#stack.rollback()
      } catch (error) {
        // Else the wire has discarded the driver connection, with this failure as the reason that the pool's listeners get.
        if (wasPrepared) warnOfPrepared(this.#wire, this.connection.label, error)
      } finally {
        await this.#wire.release()
      }
    })
  }

  invalidate(reason: unknown): void {
    this.#checkNotClosed('invalidate')
    this.#wire.discard(reason)
    this.#stack.noteError(reason, true)
  }

  detach(): void {
    this.#checkNotClosed('detach')
    this.#wire.lease.detach()
  }

  // -------------------------------------------------------------------------------------------- the inside

  commitLevel(level: Level): Promise<void> {
    return this.#lane.run('commit', () => this.#commitLevel(level))
  }

  rollbackLevel(level: Level): Promise<void> {
    return this.#lane.run('rollback', () => this.#rollbackLevel(level))
  }

  holdsLevel(level: Level): boolean {
    return this.#stack.holds(level)
  }

  async #runCarefully(statement: Statement): Promise<Outcome> {
    return (await this.#usableWire('run a statement')).run(statement)
  }

  async #commitLevel(level: Level): Promise<void> {
    if (level.name !== undefined) return this.#stack.release(level)
    if (this.#stack.root === level) return this.#stack.commit()
    throw new InvalidRequestError(`Cannot commit: this transaction has ended already (${level.life.state})`)
  }

  async #rollbackLevel(level: Level): Promise<void> {
    if (level.name !== undefined) return this.#stack.rollbackTo(level)
    if (this.#stack.root === level) return this.#stack.rollback()
  }

  async #begunWire(attempt: string): Promise<Wire> {
    this.#checkOpen(attempt)
    if (!this.#stack.root && this.options.isolation !== 'autocommit')
      await this.#stack.begin(this.#beginOptions({}), false)
    return this.#usableWire(attempt)
  }

  async #usableWire(attempt: string): Promise<Wire> {
    this.#checkOpen(attempt)
    this.#stack.checkUsable(attempt)
    return this.connectedWire()
  }

  /** The driver connection, another one where the last is gone. In a transaction that is never needed: it has failed then. */
  async connectedWire(): Promise<Wire> {
    if (!this.#wire.isGone) return this.#wire
    const lease = await this.#core.acquire({ label: this.connection.label })
    this.#wire = new Wire(lease, this.#core.dialect, this)
    return this.#wire
  }

  #beginOptions(given: TransactionOptions): BeginOptions {
    return beginOptions(this.#wire.dialect, this.connection.label, this.options, given)
  }

  /** Whether no statement may run any more. */
  get #isOver(): boolean {
    return this.isClosed || (this.#scope !== undefined && this.#stack.root !== this.#scope)
  }

  #checkOpen(attempt: string): void {
    this.#checkNotClosed(attempt)
    if (this.#isOver) throw blockIsOver(this.connection.label, attempt)
  }

  #checkNotClosed(attempt: string): void {
    if (this.isClosed) throw connectionIsClosed(this.connection.label, attempt)
  }
}
