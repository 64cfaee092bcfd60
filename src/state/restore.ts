import type { InstanceState, KeptRecord } from './instance-state.ts'
import { leaveCollections } from './relation-sync.ts'
import type { FormerKey, Snapshot } from './snapshot.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/**
 * Puts every record back as it was when the transaction or savepoint of the snapshot began:
 *
 * - new instances leave the session, with their values, and can be added again
 * - deleted ones are persistent again, and marks for DELETE are gone
 * - changed values and keys are as they were
 * - what was loaded after the first write may be of rows that no longer exist as read, so it is expired
 */
export function restore(unit: UnitOfWork, snapshot: Snapshot): void {
  unit.doomed.clear()
  for (const state of snapshot.inserted) makeTransientAgain(unit, state)
  for (const state of [...unit.pending]) {
    unit.detach(state)
    state.isUnjoined = true
  }
  restoreKeys(unit, snapshot)
  for (const [state, kept] of snapshot.values) restoreRecord(unit, state, kept)
  for (const state of snapshot.volatile) restoreVolatile(unit, snapshot, state)
  for (const [state, links] of snapshot.volatileRelations) {
    if (state.owner === unit) for (const link of links) unit.expireRelation(state, link)
  }
  for (const state of [...unit.dirty]) if (!state.isModified) unit.dirty.delete(state)
}

/** Its row was never there. Its values stay, the generated key too, so that it can be added again. */
function makeTransientAgain(unit: UnitOfWork, state: InstanceState): void {
  if (state.owner !== unit) return
  unit.map.remove(state)
  unit.dirty.delete(state)
  forgetRow(state)
  state.isUnjoined = true
  state.owner = undefined
  unit.move(state, 'persistentToTransient')
}

/** Drops everything that ties an instance to a row. */
export function forgetRow(state: InstanceState): void {
  state.identity = undefined
  state.storedKey = undefined
  state.originals = undefined
  state.wasDeleted = false
  state.expired = false
  state.renewRelations()
}

/** In two rounds, because one instance may hold the key that another gets back. */
function restoreKeys(unit: UnitOfWork, snapshot: Snapshot): void {
  const renamed = [...snapshot.formerKeys].filter(([state]) => state.owner === unit && !snapshot.inserted.has(state))
  for (const [state] of renamed) unit.map.remove(state)
  for (const [state, former] of renamed) takeFormerKey(unit, state, former)
  for (const state of snapshot.deleted) {
    if (state.owner === unit && !snapshot.inserted.has(state)) reviveDeleted(unit, state)
  }
}

function takeFormerKey(unit: UnitOfWork, state: InstanceState, former: FormerKey): void {
  state.identity = former.identity
  state.storedKey = former.storedKey
  if (state.status === 'persistent') unit.map.put(state)
}

function reviveDeleted(unit: UnitOfWork, state: InstanceState): void {
  state.wasDeleted = false
  unit.map.put(state)
  if (state.status === 'deleted') unit.move(state, 'deletedToPersistent')
}

function restoreRecord(unit: UnitOfWork, state: InstanceState, kept: KeptRecord): void {
  if (state.owner !== unit || state.status !== 'persistent') return
  state.putBack(kept)
  unit.dirty.delete(state)
}

/** A row that this transaction inserted is gone, so its instance, loaded anew, must not stay under its key. */
function restoreVolatile(unit: UnitOfWork, snapshot: Snapshot, state: InstanceState): void {
  if (state.owner !== unit || state.status !== 'persistent') return
  const wasInserted = snapshot.newKeys.get(state.model)?.has(state.identity as never) === true
  if (wasInserted) unit.detach(state)
  else state.expire()
}

/** Expires every persistent instance, as a commit with `expireOnCommit` does. */
export function expireAll(unit: UnitOfWork): void {
  for (const state of unit.map.states()) state.expire()
  unit.dirty.clear()
}

/** After a commit: deleted instances leave for good, or stay attached as `deleted` where nothing is expired. */
export function settleCommit(unit: UnitOfWork, snapshot: Snapshot, expireOnCommit: boolean): void {
  for (const state of snapshot.deleted) {
    if (state.owner !== unit || state.status !== 'deleted') continue
    leaveCollections(state)
    if (expireOnCommit) unit.detach(state)
    else unit.kept.add(state)
  }
  if (expireOnCommit) expireCommitted(unit)
}

/** What was changed while COMMIT was on its way keeps these changes, which belong to the next transaction. */
function expireCommitted(unit: UnitOfWork): void {
  for (const state of unit.map.states()) {
    const { originals } = state
    state.expire(originals && state.model.columns.filter(({ index }) => !originals.has(index)))
  }
}
