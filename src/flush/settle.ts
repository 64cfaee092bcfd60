import { type ColumnModel, isSqlExpression, linksOf } from '../mapping/index.ts'
import { holdsExpression } from '../sql/index.ts'
import {
  type InFlight,
  type InstanceState,
  identityIn,
  stateOf,
  type UnitOfWork,
  ValuesByColumn,
} from '../state/index.ts'
import { warn } from '../support/index.ts'
import { settleFollowers } from './changed-keys.ts'
import { landRelations, type RelationFlight, returnRelations, takeRelations } from './relation-flight.ts'
import type { FlushPlan } from './steps.ts'
import type { FlushWork, PendingInsert, PendingUpdate } from './work.ts'

/** The work while its statements are sent. */
export interface Flight {
  readonly work: FlushWork
  readonly relations: readonly RelationFlight[]
}

/**
 * Takes the work out of the records while its statements are sent: what the program changes from now on is a change towards the
 * values being written, and belongs to the next flush.
 */
export function beginFlight(unit: UnitOfWork, work: FlushWork): Flight {
  const relations = work.related.map(takeRelations)
  for (const states of [work.unchanged, work.related]) {
    for (const state of states) {
      state.originals = undefined
      unit.dirty.delete(state)
    }
  }
  for (const { state } of work.inserts) state.originals = undefined
  for (const { state, replaces } of work.updates) {
    if (replaces === undefined) unit.snapshot?.noteChange(state)
    state.originals = undefined
    unit.dirty.delete(state)
  }
  for (const state of work.late.keys()) if (state.status === 'persistent') unit.snapshot?.noteChange(state)
  for (const { state } of work.deletes) unit.snapshot?.noteChange(state)
  unit.inFlight = new StatesInFlight(work)
  return { work, relations }
}

/** Asked only where the program changes its session while statements are sent, so each set is made when it is. */
class StatesInFlight implements InFlight {
  readonly #work: FlushWork
  #inserting: ReadonlySet<InstanceState> | undefined
  #updating: ReadonlySet<InstanceState> | undefined
  #deleting: ReadonlySet<InstanceState> | undefined

  constructor(work: FlushWork) {
    this.#work = work
  }

  get inserting(): ReadonlySet<InstanceState> {
    const { inserts, updates } = this.#work
    this.#inserting ??= new Set([...inserts, ...updates.filter(isSwitch)].map(({ state }) => state))
    return this.#inserting
  }

  get updating(): ReadonlySet<InstanceState> {
    this.#updating ??= new Set(this.#work.updates.map(({ state }) => state))
    return this.#updating
  }

  get deleting(): ReadonlySet<InstanceState> {
    const { deletes, updates } = this.#work
    this.#deleting ??= new Set([...deletes.map(({ state }) => state), ...updates.flatMap(replacedBy)])
    return this.#deleting
  }
}

function isSwitch(update: PendingUpdate): boolean {
  return update.replaces !== undefined
}

function replacedBy({ replaces }: PendingUpdate): InstanceState[] {
  return replaces === undefined ? [] : [replaces]
}

/** Advances every record after all statements succeeded. */
export function settleSuccess(unit: UnitOfWork, { work, relations }: Flight, plan: FlushPlan): void {
  unit.inFlight = undefined
  unit.snapshot?.noteWrite()
  for (const { state, replaces } of work.updates) if (replaces !== undefined) settleReplaced(unit, state, replaces)
  for (const { state } of work.deletes) unit.becomeDeleted(state)
  takeFromPending(unit, work.inserts)
  for (const insert of work.inserts) settleInsert(unit, insert)
  const planned = plan.flatMap((step) =>
    step.kind === 'update' ? step.updates.filter(({ aside }) => aside !== 'parking') : [],
  )
  settleUpdates(unit, new Set([...work.updates, ...planned]))
  for (const { state } of work.inserts) forgetDeletedTargets(state)
  for (const flight of relations) landRelations(flight)
  for (const { state } of relations) noteLateChanges(unit, state)
}

function settleReplaced(unit: UnitOfWork, state: InstanceState, replaced: InstanceState): void {
  unit.becomeDeleted(replaced)
  state.storedKey = replaced.storedKey
  state.identity = replaced.identity
}

function settleUpdates(unit: UnitOfWork, updates: ReadonlySet<PendingUpdate>): void {
  const rekeyed = new Set<InstanceState>()
  for (const update of updates) {
    const { state, changes, replaces } = update
    changes.eachFor(state, settleValue)
    if (replaces !== undefined) settleSwitched(unit, update)
    else if (changesKey(state, changes)) rekeyed.add(state)
    forgetMovedTargets(state, changes)
    if (replaces === undefined) settleFollowers(unit, state, changes)
    noteLateChanges(unit, state)
  }
  if (rekeyed.size > 0) unit.changeKeys([...rekeyed])
}

function changesKey({ model }: InstanceState, changes: ValuesByColumn): boolean {
  for (const { index } of model.key) if (changes.has(index)) return true
  return false
}

/** Writes back what the statement stored, unless the program has changed the attribute meanwhile. */
function settleValue(state: InstanceState, index: number, value: unknown): void {
  const stored = isSqlExpression(value) ? undefined : value
  if (state.originals?.has(index) === true) state.originals.set(index, stored)
  else state.raw[index] = stored
}

/** A foreign key that was set by hand, or taken away, points elsewhere now: the relation follows it. */
function forgetMovedTargets(state: InstanceState, changes: ValuesByColumn): void {
  const { related } = state
  if (related === undefined) return
  for (const link of linksOf(state.model)) {
    const target = related[link.index]
    if (link.holder !== 'source' || target === undefined || state.relatedOriginals?.has(link.index)) continue
    const moved = link.pairs.some(
      (pair) => changes.has(pair.source.index) && state.values[pair.source.index] !== heldValue(target, pair.target),
    )
    if (moved) related[link.index] = undefined
  }
}

/** A new row does not point at what was deleted before it came in. */
function forgetDeletedTargets(state: InstanceState): void {
  const { related } = state
  if (related === undefined) return
  for (const link of linksOf(state.model)) {
    const target = related[link.index]
    const isGone = link.holder === 'source' && target != null && stateOf(target).wasDeleted
    if (isGone && state.relatedOriginals?.has(link.index) !== true) related[link.index] = undefined
  }
}

/** What a foreign key that points at the instance holds, whether that is expired or not. */
function heldValue(target: unknown, column: ColumnModel): unknown {
  if (target === null) return null
  const { values, storedKey, model } = stateOf(target)
  return values[column.index] ?? storedKey?.[model.key.indexOf(column)] ?? null
}

/** The new instance has the row of the replaced one, with the columns that did not differ. */
function settleSwitched(unit: UnitOfWork, { state, replaces }: PendingUpdate): void {
  const stored = (replaces as InstanceState).committedValues()
  for (const { index } of state.model.columns) {
    if (state.values[index] === undefined) state.values[index] = stored[index]
  }
  unit.becomePersistent(state)
}

/** All at once, where nothing has been added since: they are then all that is pending, in this order. */
function takeFromPending(unit: UnitOfWork, inserts: readonly PendingInsert[]): void {
  let at = 0
  for (const state of unit.pending) if (state !== inserts[at++]?.state) return
  if (at === inserts.length) unit.pending.clear()
}

function settleInsert(unit: UnitOfWork, { state, values }: PendingInsert): void {
  // The work's own copy is what the record holds from now on, where nothing was changed meanwhile.
  if (state.originals === undefined && !holdsExpression(values)) state.values = values
  else for (let index = 0; index < values.length; index++) settleValue(state, index, values[index])
  warnOfConflict(unit, state, values)
  unit.becomePersistent(state, values)
  noteLateChanges(unit, state)
}

/** Somebody loaded the row while its INSERT was under way: the flushed instance takes its place. */
function warnOfConflict(unit: UnitOfWork, state: InstanceState, stored: readonly unknown[]): void {
  const identity = identityIn(state.model, stored)
  const present = identity === undefined ? undefined : unit.map.holder(state.model, identity)
  if (present === undefined || present === state) return
  unit.detach(present)
  warn(
    'HEDDLE_IDENTITY_CONFLICT',
    `Flushing ${state.model.name}: another instance of the new row ${String(identity)} was already in the session; ` +
      'the flushed one has replaced it.',
  )
}

/** What the program changed while the statements were sent is to be written by the next flush. */
function noteLateChanges(unit: UnitOfWork, state: InstanceState): void {
  if (state.status !== 'persistent') return
  if (state.isModified) unit.dirty.add(state)
  else state.originals = undefined
}

/** After a failure every record is as it was before the flush, changes made meanwhile included. */
export function settleFailure(unit: UnitOfWork, { work, relations }: Flight): void {
  unit.inFlight = undefined
  for (const { state, originals, replaces } of work.updates) {
    if (replaces !== undefined || (originals.size === 0 && state.originals === undefined)) continue
    state.originals = new ValuesByColumn([...(state.originals ?? []), ...originals])
    if (state.owner === unit && state.status === 'persistent') unit.dirty.add(state)
  }
  for (const flight of relations) {
    returnRelations(flight)
    const { state } = flight
    if (state.owner === unit && state.status === 'persistent') unit.dirty.add(state)
  }
}
