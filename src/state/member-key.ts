import { DetachedInstanceError, NotLoadedError } from '../errors.ts'
import type { MemberKey, RelationLink } from '../mapping/index.ts'
import { stateOf } from './inspect.ts'

/** How the members of a collection find their keys; undefined where it has none. */
export function memberKeyOf({ shape }: RelationLink): MemberKey | undefined {
  return typeof shape === 'string' ? undefined : shape
}

/** The key that a member has now; undefined where it was not given yet, or is not loaded. */
export function keyNow({ column, make }: MemberKey, member: object): unknown {
  if (column !== undefined) return stateOf(member).values[column.index]
  try {
    return make?.(member)
  } catch (error) {
    if (error instanceof NotLoadedError || error instanceof DetachedInstanceError) return undefined
    throw error
  }
}
