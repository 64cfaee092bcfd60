import type { BeginOptions } from '../drivers/index.ts'
import type { Connection } from '../engine/index.ts'
import { HeddleError, InvalidRequestError, SessionAlreadyFlushingError, SessionClosedError } from '../errors.ts'
import { flushUnit } from '../flush/index.ts'
import type { LoadPlan, SessionCriteria, TreeOptions } from '../loading/index.ts'
import type { EntityModel, RelationLink } from '../mapping/index.ts'
import {
  type InstanceState,
  type RelationChange,
  type Transition,
  type UnitListener,
  UnitOfWork,
} from '../state/index.ts'
import { attachSuppressed, channels, EventHub, type Listed } from '../support/index.ts'
import { Binds } from './binds.ts'
import { Enlistment } from './enlistment.ts'
import type { SessionEvents } from './events.ts'
import type { ExternalEnds } from './external-ends.ts'
import { deactivateAfter } from './failure.ts'
import { tellFlush } from './flush-message.ts'
import { Gate } from './gate.ts'
import { type Closable, list, unlist } from './live.ts'
import type { Bind, ResolvedSessionOptions } from './options.ts'
import { SessionRowListeners } from './row-listeners.ts'
import { SessionTransaction, type TransactionEnds, type TransactionOrigin } from './session-transaction.ts'

/** A managed block around a transaction: once that has ended, nothing more runs until the block does. */
export interface Block {
  ended: boolean
}

/** Loads relations inside an operation. */
export interface RelatedLoader {
  /** The instance, null, or the members; for every instance of the same result that still lacks them. Autoflushes. */
  load(state: InstanceState, link: RelationLink, what: string): Promise<unknown>
  /** The members of one relation of each of several instances, loaded without a flush, for cascades. */
  membersOf(states: readonly InstanceState[], link: RelationLink, what: string): Promise<readonly object[][]>
  /** What is stored, whatever the program has set meanwhile: for a to-one relation that was replaced without being loaded. */
  storedOf(state: InstanceState, link: RelationLink, what: string): Promise<readonly object[]>
  /** Loads the relations that a plan says, and those of their targets, for instances of an entity. */
  loadTree(
    model: EntityModel,
    states: readonly InstanceState[],
    plan: LoadPlan,
    what: string,
    options: TreeOptions,
  ): Promise<void>
  /** The query for the members of a collection that is never loaded. */
  queryMembers(state: InstanceState, link: RelationLink): unknown
  /** Drops a relation of one instance and loads it again. */
  reload(state: InstanceState, link: RelationLink, what: string): Promise<void>
}

/**
 * What a session is made of, behind its public methods: its instances, its transaction, the gate that puts operations in
 * order, and the few things that every operation needs.
 */
export class SessionCore implements UnitListener {
  /** The session as programs and listeners see it. */
  readonly session: Closable
  readonly options: ResolvedSessionOptions
  readonly label: string
  readonly events: EventHub<SessionEvents<object>>
  readonly gate: Gate
  readonly rows: SessionRowListeners
  readonly binds: Binds
  readonly unit: UnitOfWork
  readonly ends: TransactionEnds
  readonly related: RelatedLoader
  /** Free for the program. */
  readonly info: Record<string, unknown>
  /** What holds for all that the session reads; undefined where nothing does. */
  readonly criteria: SessionCriteria | undefined
  /** The innermost transaction; undefined between transactions. */
  transaction: SessionTransaction | undefined = undefined
  block: Block | undefined = undefined
  external: ExternalEnds | undefined = undefined
  autoflush: boolean
  flushing = false
  #listed: Listed<Closable> | undefined
  /** Gives up waiting for a connection, when an end comes meanwhile. */
  #connecting: AbortController | undefined
  /** A connection on which beginning has to wait: for the call that follows at once. */
  #spare: { readonly bind: Bind; readonly connection: Connection } | undefined

  constructor(
    session: Closable,
    label: string,
    options: ResolvedSessionOptions,
    events: EventHub<SessionEvents<object>> | undefined,
    makeParts: (core: SessionCore) => { readonly ends: TransactionEnds; readonly related: RelatedLoader },
  ) {
    this.session = session
    this.label = label
    this.options = options
    this.autoflush = options.autoflush
    this.info = { ...options.info }
    this.criteria = options.criteria && { rules: options.criteria.map(({ rule }) => rule), info: this.info }
    this.events = new EventHub(events)
    this.gate = new Gate(options.concurrency)
    this.rows = new SessionRowListeners(session, this.gate)
    this.binds = new Binds(options)
    this.unit = new UnitOfWork(session, this)
    const { ends, related } = makeParts(this)
    this.ends = ends
    this.related = related
  }

  // ------------------------------------------------------------------------------------------ transaction

  /** The session's transaction, begun now if there is none. @throws InvalidRequestError where none may begin by itself */
  ensureTransaction(what: string): SessionTransaction {
    if (this.transaction !== undefined) return this.transaction
    this.refuseEndedBlock(what)
    if (!this.options.autobegin) {
      throw new InvalidRequestError(`${what}: autobegin is disabled on this session; call begin() first.`)
    }
    return this.beginTransaction('autobegin')
  }

  /** @throws InvalidRequestError where the transaction of the surrounding block has ended */
  refuseEndedBlock(what: string): void {
    if (this.block?.ended !== true) return
    throw new InvalidRequestError(
      `${what}: can't operate on a closed transaction inside a managed block; its commit, rollback or close has already ` +
        'been called. Leave the block, or do not end the transaction inside it.',
    )
  }

  beginTransaction(origin: TransactionOrigin, parent?: SessionTransaction): SessionTransaction {
    const transaction = new SessionTransaction(origin, parent, this.ends)
    if (parent === undefined) this.#beginOutermost(transaction)
    this.transaction = transaction
    this.unit.snapshot = transaction.snapshot
    // Changed while the end of the last one, or the savepoint, was on its way: it belongs to this one.
    for (const state of this.unit.dirty) transaction.snapshot.noteChange(state)
    this.#listed ??= list(this.session)
    if (this.events.has('afterTransactionCreate')) {
      this.events.emit('afterTransactionCreate', { session: this.session, transaction })
    }
    return transaction
  }

  /** The transaction, or one level of it, is over: the enclosing one takes its place. */
  endTransaction(transaction: SessionTransaction): void {
    if (transaction.state !== 'closed') transaction.move('close')
    this.transaction = transaction.parent
    this.unit.snapshot = transaction.parent?.snapshot
    if (transaction.parent === undefined) this.#endOutermost()
    if (this.events.has('afterTransactionEnd')) {
      this.events.emit('afterTransactionEnd', { session: this.session, transaction })
    }
  }

  #beginOutermost(transaction: SessionTransaction): void {
    this.external?.announce(transaction)
    this.gate.transactionBegins()
  }

  #endOutermost(): void {
    this.gate.transactionEnds()
    if (this.block !== undefined) this.block.ended = true
    if (this.unit.map.size === 0) this.forgetListing()
  }

  forgetListing(): void {
    if (this.#listed !== undefined) unlist(this.#listed)
    this.#listed = undefined
  }

  // ------------------------------------------------------------------------------------------ connections

  /** The connection for an entity's statements, in the transaction. */
  connectionFor(model: EntityModel, what: string): Promise<Connection> {
    return this.connectionOf(this.binds.forModel(model), what)
  }

  /** The connection of a bind, in the transaction; obtained now if it does not take part yet. */
  async connectionOf(bind: Bind, what: string): Promise<Connection> {
    const present = this.connectionNow(bind, what)
    if (present !== undefined) return present
    const connection = await this.#enlist(bind)
    this.gate.checkInterrupted(what)
    return connection
  }

  /** The same where no waiting is needed, else undefined. */
  connectionNow(bind: Bind, what: string): Connection | undefined {
    const transaction = this.ensureTransaction(what)
    transaction.requireActive(what)
    this.gate.checkInterrupted(what)
    return (transaction.enlistments.get(bind) ?? this.#enlistNow(bind, transaction))?.connection
  }

  /** Takes a free connection and begins on it, where neither has to be waited for and nobody is to be told. */
  #enlistNow(bind: Bind, transaction: SessionTransaction): Enlistment | undefined {
    const { twophase, readOnly, executionOptions } = this.options
    const isSpecial = twophase || executionOptions !== undefined || transaction.parent !== undefined
    if (isSpecial || this.#spare !== undefined || !('connect' in bind) || this.events.has('afterBegin'))
      return undefined
    return transaction.provision(() => {
      const connection = bind.tryConnect(this.label, readOnly)
      if (connection === undefined) return undefined
      const enlistment = this.#beginNow(connection)
      if (enlistment === undefined) this.#spare = { bind, connection }
      else transaction.enlistments.set(bind, enlistment)
      return enlistment
    })
  }

  /** A failure gives the connection back. */
  #beginNow(connection: Connection): Enlistment | undefined {
    try {
      return Enlistment.tryBegin(connection, this.#beginOptions())
    } catch (error) {
      void connection.close()
      throw error
    }
  }

  async #enlist(bind: Bind): Promise<Connection> {
    const transaction = this.transaction as SessionTransaction
    const enlistment = await transaction.provision(() => this.#join(bind, transaction))
    const { connection } = enlistment
    await this.tell('afterBegin', { session: this.session, transaction, connection })
    return connection
  }

  async #join(bind: Bind, transaction: SessionTransaction): Promise<Enlistment> {
    const enlistment = await this.#beginOn(bind)
    try {
      for (let level = transaction; level.parent !== undefined; level = level.parent) await enlistment.savepoint()
    } catch (error) {
      await enlistment.close().catch((failure: unknown) => attachSuppressed(error, failure))
      await enlistment.release()
      throw error
    }
    transaction.enlistments.set(bind, enlistment)
    return enlistment
  }

  async #beginOn(bind: Bind): Promise<Enlistment> {
    const { readOnly, joinTransactionMode, executionOptions, twophase } = this.options
    const how = this.#beginOptions()
    if (!('connect' in bind)) return Enlistment.join(bind, joinTransactionMode, how, twophase)
    this.#connecting = new AbortController()
    const { signal } = this.#connecting
    try {
      const connection = this.#takeSpare(bind) ?? (await bind.connect({ label: this.label, signal, readOnly }))
      if (executionOptions !== undefined) connection.withOptions(executionOptions)
      return await Enlistment.begin(connection, { ...how, signal }, twophase)
    } finally {
      this.#connecting = undefined
    }
  }

  /** What {@link #enlistNow} has taken and could not begin on without waiting. */
  #takeSpare(bind: Bind): Connection | undefined {
    const spare = this.#spare
    this.#spare = undefined
    return spare?.bind === bind ? spare.connection : undefined
  }

  #beginOptions(): BeginOptions {
    const { isolation, readOnly } = this.options
    return { ...(isolation !== undefined && { isolation }), ...(readOnly !== undefined && { readOnly }) }
  }

  /** An end has come: whoever waits for a connection stops waiting. */
  abortConnecting(by: string): void {
    this.#connecting?.abort(
      new SessionClosedError(`${by} ended the session's transaction while it waited for a connection.`),
    )
  }

  // ------------------------------------------------------------------------------------------------ flush

  /** Flushes inside an operation that runs already, if there is anything to flush. */
  async flushNow(what: string): Promise<void> {
    if (this.flushing) throw this.alreadyFlushing(what)
    if (!this.unit.hasWork) return this.transaction?.requireNoFailure(what)
    this.ensureTransaction(what).requireActive(what)
    this.flushing = true
    try {
      await this.#flushStages(what)
    } finally {
      this.flushing = false
    }
    await this.tell('afterFlushPostexec', { session: this.session })
  }

  async #flushStages(what: string): Promise<void> {
    const { session } = this
    await this.tell('beforeFlush', { session })
    if (!this.unit.hasWork) return
    if (channels.flush.hasSubscribers) await tellFlush(this, what, () => this.#write(what))
    else await this.#write(what)
  }

  async #write(what: string): Promise<void> {
    const { session } = this
    const transaction = this.transaction
    try {
      await flushUnit(this.unit, {
        connectionFor: (model) => this.connectionFor(model, what),
        rows: this.rows,
        loadMembers: (states, link) => this.related.membersOf(states, link, what),
        loadStored: (state, link) => this.related.storedOf(state, link, what),
        beforeSettle: () => {
          // An end that came with the last statements on their way undoes them: the flush must not tell that it has succeeded.
          this.gate.checkInterrupted(what)
          return this.tell('afterFlush', { session })
        },
      })
    } catch (error) {
      if (transaction !== undefined && transaction === this.transaction) await deactivateAfter(this, error)
      throw error
    }
  }

  /** Flushes before a query, where autoflush is on; the error says where it came from. */
  async autoflushNow(what: string, override?: boolean): Promise<void> {
    if (!(override ?? this.autoflush) || this.flushing || !this.unit.hasWork) return
    try {
      await this.flushNow(what)
    } catch (error) {
      if (error instanceof HeddleError) {
        error.message += ` (raised by the autoflush of ${what}; session.noAutoflush() holds a flush back until later)`
      }
      throw error
    }
  }

  alreadyFlushing(what: string): SessionAlreadyFlushingError {
    return new SessionAlreadyFlushingError(
      `${what}: Session is already flushing; wait for that flush to end before the next one.`,
      { calls: ['flush()', what] },
    )
  }

  // ----------------------------------------------------------------------------------------------- events

  /** Tells listeners that may be async; their own calls on the session run inside the operation. */
  tell<Name extends keyof SessionEvents<object>>(name: Name, payload: SessionEvents<object>[Name]): Promise<void> {
    if (!this.events.has(name)) return settled
    return this.callOut(() => this.events.emitAsync(name, payload))
  }

  /** Runs code of the program inside the running operation; what it calls on the session runs there. */
  callOut<T>(code: () => Promise<T>): Promise<T> {
    return this.gate.within(code, this.flushing ? 'beside' : 'none')
  }

  loadRelated(state: InstanceState, link: RelationLink): Promise<unknown> {
    const what = `${state.model.name}.${link.property}`
    return this.gate.run(what, () => this.related.load(state, link, what))
  }

  queryMembers(state: InstanceState, link: RelationLink): unknown {
    return this.related.queryMembers(state, link)
  }

  beforeChange(what: string): void {
    const refusal = this.gate.refusalOf(what)
    if (refusal !== undefined) throw refusal
    const transaction = this.ensureTransaction(what)
    if (transaction.state === 'deactive') transaction.changedAfterFailure = true
    if (transaction.isCommitting && this.block !== undefined) throw tooLate(what, 'of this block', 'inside the block')
    if (transaction.isCommitting && this.external !== undefined) throw tooLate(what, 'of this session', 'before')
    if (this.gate.isOutsideSavepoint()) transaction.changedFromOutside ??= `${what}()`
  }

  beforeRelationChange(link: RelationLink, what: RelationChange): void {
    this.rows.refuseBetween(what, link)
  }

  beforeAttach(state: InstanceState): void {
    this.#tellOf('beforeAttach', state)
  }

  afterAttach(state: InstanceState): void {
    this.#tellOf('afterAttach', state)
  }

  transitioned(state: InstanceState, transition: Transition): void {
    this.#tellOf(transition, state)
  }

  #tellOf(name: Transition | 'beforeAttach' | 'afterAttach', { instance }: InstanceState): void {
    if (this.events.has(name)) this.events.emit(name, { session: this.session, instance })
  }
}

const settled: Promise<void> = Promise.resolve()

function tooLate(what: string, whose: string, when: string): InvalidRequestError {
  return new InvalidRequestError(
    `${what}: the transaction ${whose} is being committed, and this change would not be part of it. Await everything ${when}.`,
  )
}
