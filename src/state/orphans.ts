import { ownersOf, type RelationLink } from '../mapping/index.ts'
import type { InstanceState } from './instance-state.ts'

/**
 * Whether an instance that was let go by a relation which owns it is an orphan by that. One owner is enough to lose, unless the entity
 * is `legacyIsOrphan`: then all must have lost it. A stored instance counts as owned by those that nobody has touched.
 */
export function isOrphanOf(state: InstanceState, link: RelationLink): boolean {
  if (state.parents?.get(link) !== null) return false
  if (!state.model.legacyIsOrphan) return true
  const isLost = (parent: InstanceState | null | undefined) =>
    state.identity === undefined ? parent == null : parent === null
  return ownersOf(state.model).every((owner) => isLost(state.parents?.get(owner)))
}
