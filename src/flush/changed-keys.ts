import { linksOf, type RelationLink } from '../mapping/index.ts'
import { type InstanceState, knownRelated, stateOf, type UnitOfWork, type ValuesByColumn } from '../state/index.ts'
import type { LoadMembers } from './load-members.ts'

/** Whether a relation's children hold a value of the instance that the program has changed. */
export function givesNewKey(state: InstanceState, link: RelationLink): boolean {
  if (link.holder !== 'target' || link.options.viewOnly === true) return false
  return link.pairs.some(({ source }) => state.originals?.has(source.index) === true)
}

/** Where the database does not pass a changed key on to the children, they have to be known. */
export async function loadFollowers(unit: UnitOfWork, loadMembers: LoadMembers): Promise<void> {
  const changed: InstanceState[] = []
  for (const state of unit.dirty) {
    if (isFollowedByOthers(state) && !unit.doomed.has(state)) changed.push(state)
  }
  for (const [model, states] of Map.groupBy(changed, (state) => state.model)) {
    for (const link of linksOf(model)) {
      if (!isFollowed(link)) continue
      const owners = states.filter((state) => givesNewKey(state, link))
      if (owners.length > 0) await loadMembers(owners, link)
    }
  }
}

/** Whether columns have changed of an instance whose children get a changed key from the program. */
export function isFollowedByOthers(state: InstanceState): boolean {
  return state.hasColumnChanges && linksOf(state.model).some(isFollowed)
}

function isFollowed({ options }: RelationLink): boolean {
  return options.passiveUpdates === false
}

/** The children that the database has given the new key of their parent: what is known of them says so too. */
export function settleFollowers(unit: UnitOfWork, state: InstanceState, changes: ValuesByColumn): void {
  for (const link of linksOf(state.model)) {
    if (link.holder !== 'target' || link.options.viewOnly === true) continue
    if (!isGivenOn(link, changes)) continue
    const given = link.pairs.filter(({ source }) => changes.has(source.index))
    for (const item of knownRelated(state, link)) {
      const child = stateOf(item)
      if (child.owner !== unit || child.status !== 'persistent') continue
      unit.snapshot?.noteChange(child)
      for (const { source, target } of given) {
        const isLoaded = child.values[target.index] !== undefined && child.originals?.has(target.index) !== true
        if (isLoaded) child.values[target.index] = state.values[source.index]
      }
    }
  }
}

function isGivenOn({ pairs }: RelationLink, changes: ValuesByColumn): boolean {
  for (const { source } of pairs) if (changes.has(source.index)) return true
  return false
}
