import { FlushError } from '../errors.ts'
import { type ColumnModel, linksOf, type RelationLink } from '../mapping/index.ts'
import { type InstanceState, knownRelated, lostRelated, stateOf, type UnitOfWork } from '../state/index.ts'
import { warn } from '../support/index.ts'
import { givesNewKey } from './changed-keys.ts'
import { keyOf } from './deferred-key.ts'

/** The values that relations give to foreign key columns, by instance and column index. */
export type ForeignKeyValues = ReadonlyMap<InstanceState, ReadonlyMap<number, unknown>>

/** What the relations say, together. */
export interface RelationKeyValues {
  readonly values: ForeignKeyValues
  /** Of relations with `postUpdate`: written once all rows are there. */
  readonly late: ForeignKeyValues
}

/**
 * What the relations of the work say about foreign keys. What was taken away is noted first, so that what was given wins: a child that
 * moved to another parent gets that one's key, whichever side was told.
 */
export function relationKeys(unit: UnitOfWork): RelationKeyValues {
  const keys = new RelationKeys(unit)
  const changed: InstanceState[] = []
  for (const state of unit.pending) if (state.relationsChanged || state.related !== undefined) changed.push(state)
  for (const state of unit.dirty) {
    if (state.relationsChanged) changed.push(state)
    if (state.hasColumnChanges) keys.giveChanged(state)
  }
  for (const state of unit.doomed) for (const link of linksOf(state.model)) keys.takeFromChildren(state, link)
  for (const state of changed) for (const link of linksOf(state.model)) keys.takeFromLost(state, link)
  for (const state of changed) for (const link of linksOf(state.model)) keys.give(state, link)
  return keys
}

class RelationKeys implements RelationKeyValues {
  readonly values = new Map<InstanceState, Map<number, unknown>>()
  readonly late = new Map<InstanceState, Map<number, unknown>>()
  readonly #unit: UnitOfWork

  constructor(unit: UnitOfWork) {
    this.#unit = unit
  }

  /** A changed key goes to the children, where the database does not see to that. */
  giveChanged(parent: InstanceState): void {
    if (this.#unit.doomed.has(parent)) return
    for (const link of linksOf(parent.model)) {
      if (link.options.passiveUpdates !== false || !givesNewKey(parent, link)) continue
      for (const item of knownRelated(parent, link)) {
        const child = stateOf(item)
        if (child.owner !== this.#unit || child.status !== 'persistent' || this.#unit.doomed.has(child)) continue
        for (const pair of link.pairs) this.#set(child, link, pair.target, keyOf(parent, pair.source))
      }
    }
  }

  /** The children of a deleted instance that live on lose its key. */
  takeFromChildren(parent: InstanceState, link: RelationLink): void {
    if (!writesChildren(link) || link.options.passiveDeletes === 'all') return
    for (const item of [...knownRelated(parent, link), ...lostRelated(parent, link)]) this.#take(stateOf(item), link)
  }

  /** Members that a relation has let go lose the key. */
  takeFromLost(parent: InstanceState, link: RelationLink): void {
    if (!writesChildren(link)) return
    for (const item of lostRelated(parent, link)) this.#take(stateOf(item), link)
  }

  #take(child: InstanceState, link: RelationLink): void {
    if (child.owner !== this.#unit || child.status !== 'persistent' || this.#unit.doomed.has(child)) return
    for (const { target } of link.pairs) this.#set(child, link, target, null)
  }

  /** The key goes to where a relation was set: to this instance, or to the members of its collection. */
  give(state: InstanceState, link: RelationLink): void {
    if (link.options.viewOnly === true || link.holder === 'pairs') return
    if (link.holder === 'source') this.#giveToSource(state, link)
    else this.#giveToTargets(state, link)
  }

  #giveToSource(state: InstanceState, link: RelationLink): void {
    const slot = state.related?.[link.index] as object | null | undefined
    if (slot === undefined || !wasSet(state, link)) return
    if (slot !== null && !this.#isWritten(stateOf(slot), state, link)) return
    for (const pair of link.pairs) {
      this.#set(state, link, pair.source, slot === null ? null : this.#keyOf(stateOf(slot), pair.target))
    }
  }

  #giveToTargets(parent: InstanceState, link: RelationLink): void {
    for (const item of addedRelated(parent, link)) {
      const child = stateOf(item)
      if (!this.#isWritten(child, parent, link)) continue
      for (const pair of link.pairs) this.#set(child, link, pair.target, this.#keyOf(parent, pair.source))
    }
  }

  /** An instance that this flush deletes has no row to point at. */
  #keyOf(state: InstanceState, column: ColumnModel): unknown {
    return this.#unit.doomed.has(state) ? null : keyOf(state, column)
  }

  /** An instance that is in no session has no row to point at, or to point from: told, and left out. */
  #isWritten(other: InstanceState, state: InstanceState, link: RelationLink): boolean {
    if (other.owner === this.#unit) return true
    if (other.identity !== undefined && link.holder === 'source') return true
    if (this.#unit.doomed.has(state)) return false
    warn(
      'HEDDLE_RELATED_NOT_IN_SESSION',
      `Flushing ${state.describe()}.${link.property}: ${other.describe()} is not in the session, so the relation to it is not ` +
        'stored; add it, or let the relation cascade save-update.',
    )
    return false
  }

  #set(state: InstanceState, link: RelationLink, column: ColumnModel, value: unknown): void {
    if (value === null && column.primaryKey) throw keyTaken(state, column)
    const values = isPostUpdate(link) ? this.late : this.values
    let columns = values.get(state)
    if (columns === undefined) {
      columns = new Map()
      values.set(state, columns)
    }
    columns.set(column.index, value)
  }
}

function writesChildren(link: RelationLink): boolean {
  return link.holder === 'target' && link.options.viewOnly !== true
}

/** One side asking for it is enough. */
export function isPostUpdate(link: RelationLink): boolean {
  return link.options.postUpdate === true || link.inverse?.options.postUpdate === true
}

/** A slot that was only read says nothing: of a new instance it counts when it was set, of a stored one when it changed. */
function wasSet(state: InstanceState, link: RelationLink): boolean {
  return state.relatedOriginals?.has(link.index) === true
}

function addedRelated(parent: InstanceState, link: RelationLink): readonly object[] {
  const slot = parent.related?.[link.index]
  if (slot === undefined || slot === null) return []
  if (link.toMany) return [...(slot as { readonly added: ReadonlySet<object> }).added]
  return wasSet(parent, link) ? [slot as object] : []
}

function keyTaken(state: InstanceState, column: ColumnModel): FlushError {
  return new FlushError(
    `Flushing ${state.describe()}: its parent was taken away, but ${column.property} is part of its primary key and cannot be null; ` +
      "delete it, or let the relation cascade 'all, delete-orphan'.",
  )
}
