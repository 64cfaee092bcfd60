import { linksOf, type RelationLink } from '../mapping/index.ts'
import type { InstanceState } from './instance-state.ts'
import { loadStyleOf } from './load-style.ts'
import { assignMany, assignOne, collectionOf } from './relation-sync.ts'
import { knownOne, UnloadedOne } from './to-one.ts'

/** What reading a relation's property gives: never any I/O; what is not loaded can be awaited. */
export function readRelation(state: InstanceState, index: number): unknown {
  const link = linkAt(state, index)
  if (link.toMany) return collectionOf(state, link).view
  const known = knownOne(state, link)
  return known === undefined || isForbidden(state, link) ? new UnloadedOne(state, link) : known
}

/** Whether a to-one relation must not be read although its instance is known, because it was neither loaded nor set. */
export function isForbidden(state: InstanceState, link: RelationLink): boolean {
  if (state.related?.[link.index] !== undefined || state.identity === undefined) return false
  return loadStyleOf(state)?.forbids(link) ?? link.options.lazy === 'raise'
}

/** Assigns a relation's property. @throws ArgumentError for anything but instances of the target */
export function writeRelation(state: InstanceState, index: number, value: unknown): void {
  const link = linkAt(state, index)
  if (link.toMany) assignMany(state, link, value)
  else assignOne(state, link, value)
}

function linkAt(state: InstanceState, index: number): RelationLink {
  return linksOf(state.model)[index] as RelationLink
}
