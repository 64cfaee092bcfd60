import { InvalidRequestError } from '../errors.ts'
import type { ColumnModel, EntityModel, RelationLink } from '../mapping/index.ts'
import { AppendSet, LazySet } from '../support/index.ts'
import type { Identities } from './identities.ts'
import type { IdentityKey } from './identity.ts'
import { identityIn, keyValuesOf } from './identity.ts'
import { IdentityMap } from './identity-map.ts'
import { stateOf } from './inspect.ts'
import { moveStatus, type Transition } from './instance-lifecycle.ts'
import type { InstanceState, RelationChange, StateOwner } from './instance-state.ts'
import { checkFields } from './instantiate.ts'
import { reachable } from './reach.ts'
import { rejoin } from './relation-sync.ts'
import type { Snapshot } from './snapshot.ts'

/** What the session wants to hear, and may refuse by throwing. */
export interface UnitListener {
  /** Before the first change since the last flush, `add` and `delete`: begins a transaction, or refuses. */
  beforeChange(what: string, state: InstanceState): void
  /** Before each change of a relation: refuses it between the statements of a flush. */
  beforeRelationChange(link: RelationLink, what: RelationChange): void
  beforeAttach(state: InstanceState): void
  afterAttach(state: InstanceState): void
  transitioned(state: InstanceState, transition: Transition): void
  /** The query for the members of a collection that is never loaded. */
  queryMembers(state: InstanceState, link: RelationLink): unknown
  /** Loads a relation in the session's turn. */
  loadRelated(state: InstanceState, link: RelationLink): Promise<unknown>
}

/** The instances whose statements a flush is sending. */
export interface InFlight {
  readonly inserting: ReadonlySet<InstanceState>
  readonly updating: ReadonlySet<InstanceState>
  readonly deleting: ReadonlySet<InstanceState>
}

/**
 * The instances of one session and what is to be done with them: the identity map and the three sets of new, changed and doomed
 * instances. Synchronous; every change of an instance's status towards a session happens here.
 */
export class UnitOfWork implements StateOwner {
  readonly session: unknown
  readonly map = new IdentityMap()
  /** To be inserted, in the order of `add`. */
  readonly pending = new AppendSet<InstanceState>()
  /** Persistent instances with changes. */
  readonly dirty = new LazySet<InstanceState>()
  /** Persistent instances marked for DELETE. */
  readonly doomed = new LazySet<InstanceState>()
  /** Deleted instances that stay attached after their transaction was committed. */
  readonly kept = new LazySet<InstanceState>()
  /** What a flush is sending at this moment. */
  inFlight: InFlight | undefined = undefined
  /** Of the innermost transaction or savepoint; undefined while there is none. */
  snapshot: Snapshot | undefined = undefined
  readonly #listener: UnitListener

  constructor(session: unknown, listener: UnitListener) {
    this.session = session
    this.#listener = listener
  }

  /** Whether a flush would find something to do. */
  get hasWork(): boolean {
    return this.pending.size > 0 || this.dirty.size > 0 || this.doomed.size > 0
  }

  willChange(state: InstanceState): void {
    this.#listener.beforeChange('change', state)
    if (state.status === 'persistent') this.noteDirty(state)
  }

  willRelate(link: RelationLink, what: RelationChange): void {
    this.#listener.beforeRelationChange(link, what)
  }

  forgetKept(state: InstanceState, column: ColumnModel): void {
    this.snapshot?.forgetValue(state, column)
  }

  /** Whether the instance is pending or persistent here. */
  has(state: InstanceState): boolean {
    return state.owner === this && (state.status === 'pending' || state.status === 'persistent')
  }

  /** `session.add`: transient becomes pending, detached persistent; a mark for DELETE is taken back. */
  add(state: InstanceState): void {
    this.refuseForeign(state, 'add')
    if (this.inFlight?.deleting.has(state) === true) throw beingFlushed(state, 'add')
    if (state.wasDeleted) throw deletedAlready(state)
    if (state.owner === this) {
      this.doomed.delete(state)
      return
    }
    this.addGraph(state)
  }

  /** Follows the save-update cascade: what is reached and in no session joins this one. All is checked before any of it joins. */
  private addGraph(start: InstanceState): void {
    if (start.related === undefined) {
      this.refuseUnfit(start)
      this.#listener.beforeChange('add', start)
      this.attach(start)
      return
    }
    const reached = reachable(start, 'save-update', (state) => state.owner === this || state.wasDeleted)
    const graph = [start, ...reached]
    for (const state of graph) this.refuseUnfit(state)
    this.#listener.beforeChange('add', start)
    for (const state of graph) if (state.owner !== this) this.attach(state)
  }

  addByCascade(state: InstanceState, link: RelationLink): void {
    if (state.owner !== this) this.addGraph(state)
    else if (link.holder === 'target') this.doomed.delete(state)
  }

  refuseToAdd(state: InstanceState): void {
    if (state.wasDeleted) throw deletedAlready(state)
    if (this.inFlight?.deleting.has(state) === true) throw beingFlushed(state, 'add')
    if (state.owner !== this) this.refuseUnfit(state)
  }

  private refuseUnfit(state: InstanceState): void {
    this.refuseForeign(state, 'add')
    checkFields(state)
    this.refuseSecondInstance(state)
  }

  expungeOrphan(state: InstanceState): void {
    if (state.owner !== this || state.status !== 'pending' || this.isInFlight(state)) return
    for (const lost of [state, ...reachable(state, 'expunge')]) {
      if (lost.owner === this && lost.status === 'pending' && !this.isInFlight(lost)) this.detach(lost)
    }
  }

  /** Drops the values of an instance. Where all of them go, the refresh-expire cascade is followed, and pending orphans leave. */
  expire(state: InstanceState, columns?: readonly ColumnModel[]): void {
    if (columns === undefined) this.expireRelations(state)
    state.expire(columns)
    if (!state.isModified) this.dirty.delete(state)
  }

  /** Drops the relations of an instance, following the refresh-expire cascade. */
  expireRelations(state: InstanceState): void {
    const reached = this.expiredWith(state)
    state.forgetRelations()
    if (!state.isModified) this.dirty.delete(state)
    for (const other of reached) {
      if (other.status === 'pending') this.detach(other)
      else other.expire()
      if (!other.isModified) this.dirty.delete(other)
    }
  }

  private expiredWith(start: InstanceState): InstanceState[] {
    return reachable(start, 'refresh-expire', (state, link) => {
      if (state.owner !== this || this.isInFlight(state)) return true
      return state.status === 'pending' ? !link.ownsTarget : state.status !== 'persistent'
    })
  }

  /** Drops one relation of an instance, with its changes that are not flushed. */
  expireRelation(state: InstanceState, link: RelationLink): void {
    state.forgetRelation(link)
    if (!state.isModified) this.dirty.delete(state)
  }

  loadRelated(state: InstanceState, link: RelationLink): Promise<unknown> {
    return this.#listener.loadRelated(state, link)
  }

  queryMembers(state: InstanceState, link: RelationLink): unknown {
    return this.#listener.queryMembers(state, link)
  }

  findByIdentity(model: EntityModel, identity: IdentityKey): object | undefined {
    return this.map.find(model, identity)?.instance
  }

  private attach(state: InstanceState): void {
    this.#listener.beforeAttach(state)
    state.owner = this
    if (state.identity === undefined) {
      this.move(state, 'transientToPending')
      this.pending.add(state)
      if (state.isUnjoined) rejoin(state)
    } else {
      this.map.put(state)
      // Its row may be one that this transaction has written, which a rollback takes back.
      this.snapshot?.noteLoad(state)
      if (state.isModified) this.noteDirty(state)
      this.move(state, 'detachedToPersistent')
    }
    this.#listener.afterAttach(state)
  }

  private noteDirty(state: InstanceState): void {
    this.dirty.add(state)
    this.snapshot?.noteChange(state)
  }

  /** `session.delete`: marks for DELETE at the next flush. */
  doom(state: InstanceState): void {
    this.refuseForeign(state, 'delete')
    if (this.doomed.has(state) || (state.status === 'deleted' && state.owner === this)) return
    const inserting = this.inFlight?.inserting.has(state) === true
    if (state.identity === undefined && !inserting) {
      throw new InvalidRequestError(
        `Deleting ${state.describe()}: it has no row yet; use session.expunge() to take it out of the session.`,
      )
    }
    this.refuseSecondInstance(state)
    this.#listener.beforeChange('delete', state)
    if (state.owner === undefined) this.attach(state)
    this.doomed.add(state)
  }

  /** `session.expunge`: the instance leaves the session, and no rollback brings it back. */
  expunge(state: InstanceState): void {
    if (state.owner !== this) {
      throw new InvalidRequestError(`Expunging ${state.describe()}: it is not in this session.`)
    }
    if (this.isInFlight(state)) throw beingFlushed(state, 'expunge')
    const reached = state.related === undefined ? [] : reachable(state, 'expunge')
    for (const gone of [state, ...reached.filter((other) => other.owner === this && !this.isInFlight(other))]) {
      this.snapshot?.forget(gone)
      this.detach(gone)
    }
  }

  private isInFlight(state: InstanceState): boolean {
    const { inFlight } = this
    if (inFlight === undefined) return false
    return inFlight.inserting.has(state) || inFlight.updating.has(state) || inFlight.deleting.has(state)
  }

  /** Takes an instance out of everything: pending ones become transient, others detached. */
  detach(state: InstanceState): void {
    this.pending.delete(state)
    this.dirty.delete(state)
    this.doomed.delete(state)
    this.map.remove(state)
    this.leave(state)
  }

  /** Everything leaves at once, as at `close`. */
  detachAll(): void {
    const others: InstanceState[] = []
    for (const held of [this.pending, this.kept]) if (held.size > 0) others.push(...held)
    for (let level = this.snapshot; level !== undefined; level = level.parent) others.push(...level.deleted)
    const loaded = this.map.takeAll()
    for (const held of [this.pending, this.dirty, this.doomed, this.kept]) held.clear()
    for (const states of loaded) for (const state of states) this.leave(state)
    for (const state of others) this.leave(state)
  }

  /** The instance is in no set any more: only its own record still says where it is. */
  private leave(state: InstanceState): void {
    if (state.owner !== this) return
    state.owner = undefined
    if (state.status === 'pending') this.move(state, 'pendingToTransient')
    else if (state.status === 'deleted') this.move(state, 'deletedToDetached')
    else this.move(state, 'persistentToDetached')
  }

  /** An INSERT was flushed: the instance has a row with the stored values, under the key among them. */
  becomePersistent(state: InstanceState, stored: readonly unknown[] = state.committedValues()): void {
    this.takeKey(state, stored)
    this.pending.delete(state)
    this.map.put(state)
    this.move(state, 'pendingToPersistent')
    this.snapshot?.noteInsert(state)
  }

  private takeKey(state: InstanceState, stored: readonly unknown[]): void {
    const { model } = state
    state.identity = identityIn(model, stored) as IdentityKey
    const only = model.key.length === 1 ? model.key[0] : undefined
    const isIdentity = only !== undefined && stored[only.index] === state.identity
    state.storedKey = isIdentity ? undefined : keyValuesOf(model, stored)
  }

  /** A DELETE was flushed: the instance is in no set any more, and attached until the transaction ends. */
  becomeDeleted(state: InstanceState): void {
    this.doomed.delete(state)
    this.dirty.delete(state)
    this.map.remove(state)
    state.wasDeleted = true
    this.snapshot?.noteDelete(state)
    this.move(state, 'persistentToDeleted')
  }

  /** An UPDATE changed the key: the instance is known under the new one from now on. */
  changeKeys(states: readonly InstanceState[]): void {
    for (const state of states) {
      this.snapshot?.noteKeyChange(state, {
        identity: state.identity as IdentityKey,
        storedKey: state.storedKey as readonly unknown[],
      })
      this.map.remove(state)
    }
    for (const state of states) {
      this.takeKey(state, state.committedValues())
      this.map.put(state)
      this.snapshot?.noteNewKey(state.model, state.identity as IdentityKey)
    }
  }

  /** A row was loaded for which the session had no instance. */
  adopt(state: InstanceState, known: Identities = this.map.of(state.model)): void {
    state.owner = this
    known.set(state.identity as IdentityKey, state)
    this.snapshot?.noteLoad(state)
    this.#listener.transitioned(state, 'loadedAsPersistent')
  }

  /** The instance of a row that was found to be gone leaves the session; a rollback brings it back. */
  loseRow(state: InstanceState): void {
    this.dirty.delete(state)
    this.doomed.delete(state)
    this.map.remove(state)
    this.snapshot?.noteDelete(state)
    this.move(state, 'persistentToDeleted')
  }

  move(state: InstanceState, transition: Transition): void {
    moveStatus(state, transition)
    this.#listener.transitioned(state, transition)
  }

  private refuseForeign(state: InstanceState, what: string): void {
    if (state.owner === undefined || state.owner === this) return
    throw new InvalidRequestError(
      `session.${what}(${state.describe()}): it is already attached to another session; ` +
        'expunge it there first, or merge it here to get a copy.',
    )
  }

  private refuseSecondInstance(state: InstanceState): void {
    const present = state.identity === undefined ? undefined : this.map.holder(state.model, state.identity)
    if (present === undefined || present === state) return
    throw new InvalidRequestError(
      `Adding ${state.describe()}: another instance of that row is already in this session; use session.merge().`,
    )
  }

  /** The instance of a row, if the session holds it. */
  find(model: EntityModel, identity: IdentityKey): InstanceState | undefined {
    return this.map.find(model, identity)
  }

  /** The state of an instance that must be persistent in this session. @throws InvalidRequestError */
  persistentStateOf(instance: unknown, what: string): InstanceState {
    const state = stateOf(instance)
    if (state.owner === this && state.status === 'persistent') return state
    throw new InvalidRequestError(
      `session.${what}(${state.describe()}): it is ${state.status}${state.owner === this ? '' : ' and not in this session'}; ` +
        'only a persistent instance of this session has a row to read.',
    )
  }
}

function beingFlushed(state: InstanceState, what: string): InvalidRequestError {
  return new InvalidRequestError(
    `session.${what}(${state.describe()}): its statements are being sent by a flush at this moment; await the flush first.`,
  )
}

function deletedAlready(state: InstanceState): InvalidRequestError {
  return new InvalidRequestError(
    `Adding ${state.describe()}: it has been deleted; use makeTransient(instance) to insert it as a new row.`,
  )
}
