import { linksOf, type RelationLink } from '../mapping/index.ts'
import {
  type InstanceState,
  isOrphanOf,
  knownCollection,
  knownRelated,
  lostRelated,
  mayHideOne,
  stateOf,
  type UnitOfWork,
} from '../state/index.ts'
import { isFollowedByOthers, loadFollowers } from './changed-keys.ts'
import type { LoadMembers, LoadStored } from './load-members.ts'

/**
 * Follows what the work reaches before it is written: deletes reach the children that their relations own, orphans are deleted, and
 * children whose foreign key has to be taken away are loaded where they are not known. Repeats until nothing new is reached: a tree is
 * followed level by level, each level of it together.
 *
 * @param followed the deletes that were followed already; those of this call are added
 */
export async function cascadeWork(
  unit: UnitOfWork,
  followed: Set<InstanceState>,
  loadMembers: LoadMembers,
  loadStored: LoadStored,
): Promise<void> {
  await findReplaced(unit, loadStored)
  for (;;) {
    doomOrphans(unit)
    const next = [...unit.doomed].filter((state) => !followed.has(state))
    if (next.length === 0) break
    for (const state of next) followed.add(state)
    for (const [model, states] of Map.groupBy(next, (state) => state.model)) {
      for (const link of linksOf(model)) await followDeletes(unit, states, link, loadMembers)
    }
  }
  await loadFollowers(unit, loadMembers)
}

/** Whether the work is nothing but rows to insert, and columns to update that no relation hangs on: then there is nothing to follow. */
export function reachesNothing(unit: UnitOfWork): boolean {
  if (unit.doomed.size > 0) return false
  for (const state of unit.dirty) {
    if (state.relationsChanged || state.relatedOriginals !== undefined || isFollowedByOthers(state)) return false
  }
  return true
}

/**
 * To-one relations that were set without being loaded: who was there before has to be known where it loses its foreign key, or is an
 * orphan now.
 */
async function findReplaced(unit: UnitOfWork, loadStored: LoadStored): Promise<void> {
  const replaced: InstanceState[] = []
  for (const state of unit.dirty) if (state.relatedOriginals !== undefined) replaced.push(state)
  for (const state of replaced) {
    for (const link of replacedUnseen(state)) {
      const [stored = null] = await loadStored(state, link)
      if (state.relatedOriginals?.get(link.index) === undefined) noteReplaced(state, link, stored)
    }
  }
}

function replacedUnseen(state: InstanceState): readonly RelationLink[] {
  if (state.relatedOriginals === undefined) return none
  const unseen = [...state.relatedOriginals].filter(([, before]) => before === undefined)
  return unseen.flatMap(([index]) => {
    const link = linksOf(state.model)[index]
    return link === undefined || (link.holder === 'source' && !link.ownsTarget) ? [] : [link]
  })
}

const none: readonly RelationLink[] = []

function noteReplaced(state: InstanceState, link: RelationLink, stored: object | null): void {
  state.relatedOriginals?.set(link.index, stored)
  if (stored === null || stored === state.related?.[link.index]) return
  const lost = stateOf(stored)
  lost.parents ??= new Map()
  if (lost.parents.get(link) == null || lost.parents.get(link) === state) lost.parents.set(link, null)
}

/** Whether something has been changed since that cascades have to follow: an instance to be deleted, an orphan, one replaced unseen. */
export function reachesMore(unit: UnitOfWork, followed: ReadonlySet<InstanceState>): boolean {
  doomOrphans(unit)
  for (const state of unit.doomed) if (!followed.has(state)) return true
  for (const state of unit.dirty) if (replacedUnseen(state).length > 0) return true
  return false
}

/** Persistent instances that a relation owned and let go, and that nobody has taken since. */
function doomOrphans(unit: UnitOfWork): void {
  for (const parent of unit.dirty) {
    if (!parent.relationsChanged) continue
    for (const link of linksOf(parent.model)) {
      if (!link.ownsTarget) continue
      for (const item of lostRelated(parent, link)) doomOrphan(unit, stateOf(item), link)
    }
  }
}

function doomOrphan(unit: UnitOfWork, orphan: InstanceState, link: RelationLink): void {
  if (orphan.owner === unit && orphan.status === 'persistent' && isOrphanOf(orphan, link)) unit.doomed.add(orphan)
}

async function followDeletes(
  unit: UnitOfWork,
  states: readonly InstanceState[],
  link: RelationLink,
  loadMembers: LoadMembers,
): Promise<void> {
  if (link.options.viewOnly === true || link.options.passiveDeletes === 'all') return
  const deletes = link.cascade.has('delete')
  if (!deletes && link.holder === 'source') return
  const isToLoad = (state: InstanceState) => link.options.passiveDeletes !== true && !isKnown(state, link)
  const [toLoad, known] = [states.filter(isToLoad), states.filter((state) => !isToLoad(state))]
  const loaded = toLoad.length === 0 ? [] : await loadMembers(toLoad, link)
  if (!deletes) return
  for (const state of known) doomMembers(unit, state, link, knownRelated(state, link))
  toLoad.forEach((state, i) => {
    doomMembers(unit, state, link, loaded[i] ?? [])
  })
}

function doomMembers(unit: UnitOfWork, state: InstanceState, link: RelationLink, members: readonly object[]): void {
  for (const item of members) {
    const member = stateOf(item)
    if (member.owner !== unit) continue
    if (member.status === 'pending') unit.detach(member)
    else if (member.status === 'persistent' && !isTakenByOther(member, state, link)) unit.doomed.add(member)
  }
}

/** A child that was given to another parent in the meantime lives on. */
function isTakenByOther(member: InstanceState, parent: InstanceState, link: RelationLink): boolean {
  const owner = member.parents?.get(link)
  if (owner != null && owner !== parent) return true
  const current = link.inverse === undefined || link.inverse.toMany ? undefined : member.related?.[link.inverse.index]
  return current != null && current !== parent.instance
}

/** Whether all members are in memory. */
function isKnown(state: InstanceState, link: RelationLink): boolean {
  if (link.toMany) return knownCollection(state, link)?.isWhole === true
  return state.related?.[link.index] !== undefined && !mayHideOne(state, link)
}
