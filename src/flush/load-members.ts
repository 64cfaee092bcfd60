import type { RelationLink } from '../mapping/index.ts'
import type { InstanceState } from '../state/index.ts'

/** Loads the members of a relation that a cascade has to know, of several instances together, without a flush. */
export type LoadMembers = (
  states: readonly InstanceState[],
  link: RelationLink,
) => Promise<readonly (readonly object[])[]>

/** Reads what is stored for a relation of one instance, without a flush. */
export type LoadStored = (state: InstanceState, link: RelationLink) => Promise<readonly object[]>
