import { type CascadeName, linksOf, type RelationLink } from '../mapping/index.ts'
import type { Collection } from './collection.ts'
import { stateOf } from './inspect.ts'
import type { InstanceState } from './instance-state.ts'

/** The collection of a relation, if the instance has one in memory. */
export function knownCollection(state: InstanceState, link: RelationLink): Collection | undefined {
  return state.related?.[link.index] as Collection | undefined
}

/** The related instances that are known without loading anything. */
export function knownRelated(state: InstanceState, link: RelationLink): readonly object[] {
  const slot = state.related?.[link.index]
  if (slot === undefined || slot === null) return []
  return link.toMany ? (slot as Collection).knownItems : [slot as object]
}

/** Instances that a relation has let go since the last flush. */
export function lostRelated(state: InstanceState, link: RelationLink): readonly object[] {
  if (link.toMany) {
    const collection = knownCollection(state, link)
    return collection?.isChanged === true ? [...collection.removed] : []
  }
  const before = state.relatedOriginals?.get(link.index)
  return before == null || before === state.related?.[link.index] ? [] : [before]
}

/**
 * The instances that an act on `start` reaches through relations which cascade it, each once, `start` not included. What was removed
 * from a relation since the last flush counts for save-update, since its row has to be written too.
 *
 * @param stopsAt instances that are left out, and not followed
 */
export function reachable(
  start: InstanceState,
  cascade: CascadeName,
  stopsAt: (state: InstanceState, link: RelationLink) => boolean = () => false,
): InstanceState[] {
  const seen = new Set([start])
  for (const state of seen) {
    if (state.related === undefined) continue
    for (const link of linksOf(state.model)) {
      if (!link.cascade.has(cascade)) continue
      const lost = cascade === 'save-update' ? lostRelated(state, link) : []
      for (const item of [...knownRelated(state, link), ...lost]) {
        const next = stateOf(item)
        if (!stopsAt(next, link)) seen.add(next)
      }
    }
  }
  seen.delete(start)
  return [...seen]
}
