import { identityOf, type InstanceState, isExpression, keyValuesOf, type UnitOfWork } from '../state/index.ts'
import { warn } from '../support/index.ts'
import type { FlushWork, PendingInsert, PendingUpdate } from './cascade.ts'
import type { FlushPlan, InsertStep } from './plan.ts'
import type { StepResult } from './run.ts'

/**
 * Takes the work out of the records while its statements are sent: what the program changes from now on is a change towards the
 * values being written, and belongs to the next flush.
 */
export function beginFlight(unit: UnitOfWork, work: FlushWork): void {
  for (const state of work.unchanged) {
    state.originals = undefined
    unit.dirty.delete(state)
  }
  for (const { state } of work.inserts) state.originals = undefined
  for (const { state, replaces } of work.updates) {
    if (replaces === undefined) unit.snapshot?.noteChange(state)
    state.originals = undefined
    unit.dirty.delete(state)
  }
  for (const { state } of work.deletes) unit.snapshot?.noteChange(state)
  unit.inFlight = {
    inserting: new Set([...work.inserts, ...work.updates.filter(isSwitch)].map(({ state }) => state)),
    updating: new Set(work.updates.map(({ state }) => state)),
    deleting: new Set([...work.deletes.map(({ state }) => state), ...work.updates.flatMap(replacedBy)]),
  }
}

function isSwitch(update: PendingUpdate): boolean {
  return update.replaces !== undefined
}

function replacedBy({ replaces }: PendingUpdate): InstanceState[] {
  return replaces === undefined ? [] : [replaces]
}

/** Advances every record after all statements succeeded. */
export function settleSuccess(unit: UnitOfWork, work: FlushWork, plan: FlushPlan, results: readonly StepResult[]): void {
  unit.inFlight = undefined
  unit.snapshot?.noteWrite()
  for (const { state, replaces } of work.updates) if (replaces !== undefined) settleReplaced(unit, state, replaces)
  for (const { state } of work.deletes) unit.becomeDeleted(state)
  settleUpdates(unit, work.updates)
  plan.forEach((step, i) => {
    if (step.kind === 'insert') settleInserts(unit, step, results[i] as StepResult)
  })
}

function settleReplaced(unit: UnitOfWork, state: InstanceState, replaced: InstanceState): void {
  unit.becomeDeleted(replaced)
  state.storedKey = replaced.storedKey
  state.identity = replaced.identity
}

function settleUpdates(unit: UnitOfWork, updates: readonly PendingUpdate[]): void {
  const rekeyed: InstanceState[] = []
  for (const update of updates) {
    const { state, changes, replaces } = update
    for (const [index, value] of changes) settleValue(state, index, value)
    if (replaces !== undefined) settleSwitched(unit, update)
    else if (state.model.key.some((column) => changes.has(column.index))) rekeyed.push(state)
    noteLateChanges(unit, state)
  }
  if (rekeyed.length > 0) unit.changeKeys(rekeyed)
}

/** Writes back what the statement stored, unless the program has changed the attribute meanwhile. */
function settleValue(state: InstanceState, index: number, value: unknown): void {
  const stored = isExpression(value) ? undefined : value
  if (state.originals?.has(index) === true) state.originals.set(index, stored)
  else state.values[index] = stored
}

/** The new instance has the row of the replaced one, with the columns that did not differ. */
function settleSwitched(unit: UnitOfWork, { state, replaces }: PendingUpdate): void {
  const stored = (replaces as InstanceState).committedValues()
  for (const { index } of state.model.columns) {
    if (state.values[index] === undefined) state.values[index] = stored[index]
  }
  unit.becomePersistent(state)
}

function settleInserts(unit: UnitOfWork, step: InsertStep, generated: StepResult): void {
  step.inserts.forEach((insert, row) => {
    settleInsert(unit, step, insert, generated[row] ?? [])
  })
}

function settleInsert(unit: UnitOfWork, step: InsertStep, { state, values }: PendingInsert, made: readonly unknown[]): void {
  const stored = values.slice()
  step.returning.forEach((column, i) => {
    stored[column.index] = made[i]
  })
  for (let index = 0; index < stored.length; index++) settleValue(state, index, stored[index])
  warnOfConflict(unit, state, stored)
  unit.becomePersistent(state)
  noteLateChanges(unit, state)
}

/** Somebody loaded the row while its INSERT was under way: the flushed instance takes its place. */
function warnOfConflict(unit: UnitOfWork, state: InstanceState, stored: readonly unknown[]): void {
  const identity = identityOf(state.model, keyValuesOf(state.model, stored))
  const present = identity === undefined ? undefined : unit.map.find(state.model, identity)
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
  if (state.isModified) unit.dirty.add(state)
  else state.originals = undefined
}

/** After a failure every record is as it was before the flush, changes made meanwhile included. */
export function settleFailure(unit: UnitOfWork, work: FlushWork): void {
  unit.inFlight = undefined
  for (const { state, originals, replaces } of work.updates) {
    if (replaces !== undefined) continue
    const late = state.originals
    state.originals = new Map([...(late ?? []), ...originals])
    if (state.owner === unit && state.status === 'persistent') unit.dirty.add(state)
  }
}
