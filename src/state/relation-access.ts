import { linksOf, type RelationLink } from '../mapping/index.ts'
import type { InstanceState } from './instance-state.ts'
import { assignMany, assignOne, collectionOf } from './relation-sync.ts'
import { knownOne, UnloadedOne } from './to-one.ts'

/** What reading a relation's property gives: never any I/O; what is not loaded can be awaited. */
export function readRelation(state: InstanceState, index: number): unknown {
  const link = linkAt(state, index)
  if (link.toMany) return collectionOf(state, link).view
  const known = knownOne(state, link)
  return known === undefined ? new UnloadedOne(state, link) : known
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
