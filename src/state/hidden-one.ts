import type { RelationLink } from '../mapping/index.ts'
import type { InstanceState } from './instance-state.ts'

/** The to-one relations that were loaded as null under conditions that may hide what they lead to. */
const hiding = new WeakMap<InstanceState, Set<number>>()

/** Notes that a relation reads as null, and that this says nothing of what is stored. */
export function noteHidden(state: InstanceState, link: RelationLink): void {
  const relations = hiding.get(state) ?? new Set()
  hiding.set(state, relations.add(link.index))
}

/** Whether a relation that reads as null may lead to a row: whatever has to know it reads it. */
export function mayHideOne(state: InstanceState, link: RelationLink): boolean {
  if (state.related?.[link.index] !== null || state.relatedOriginals?.has(link.index) === true) return false
  return hiding.get(state)?.has(link.index) === true
}
