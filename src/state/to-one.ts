import type { RelationLink } from '../mapping/index.ts'
import { loadRelated } from './collection.ts'
import { INSPECT } from './collection-view.ts'
import { type IdentityKey, identityOf } from './identity.ts'
import type { InstanceState } from './instance-state.ts'

/** A to-one property that is not loaded: `await` gives its instance. */
export class UnloadedOne implements PromiseLike<object | null> {
  readonly #state: InstanceState
  readonly #link: RelationLink

  constructor(state: InstanceState, link: RelationLink) {
    this.#state = state
    this.#link = link
  }

  get isLoaded(): false {
    return false
  }

  [INSPECT](): string {
    return '<not loaded>'
  }

  /** `JSON.stringify` leaves it out. */
  toJSON(): undefined {
    return undefined
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting it is what it is for
  then<Kept, Failed>(
    onLoaded?: ((instance: object | null) => Kept | PromiseLike<Kept>) | null,
    onFailed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Kept | Failed> {
    return (loadRelated(this.#state, this.#link) as Promise<object | null>).then(onLoaded, onFailed)
  }
}

/** What a to-one property gives without any I/O: the instance, null, or undefined where only the database knows. */
export function knownOne(state: InstanceState, link: RelationLink): object | null | undefined {
  const set = state.related?.[link.index]
  if (set !== undefined) return set as object | null
  if (state.status === 'transient' || state.status === 'pending') return null
  return link.holder === 'source' ? oneByKey(state, link) : undefined
}

/** A foreign key that is null points at nothing; one whose row the session holds, at that instance. */
function oneByKey(state: InstanceState, link: RelationLink): object | null | undefined {
  const key = foreignKeyOf(state, link)
  if (key === undefined) return undefined
  if (key === null) return null
  if (!pointsAtKey(link)) return undefined
  return state.owner?.findByIdentity(link.target, key)
}

/** The identity that the foreign key holds: null where it points at nothing, undefined where it is not loaded. */
export function foreignKeyOf(state: InstanceState, link: RelationLink): IdentityKey | null | undefined {
  const values: unknown[] = []
  for (const { source } of link.pairs) {
    const value = state.valueOf(source)
    if (value === undefined) return undefined
    if (value === null) return null
    values.push(value)
  }
  return identityOf(link.target, values)
}

/** Whether the foreign key holds the target's primary key, in its order. */
export function pointsAtKey(link: RelationLink): boolean {
  const { key } = link.target
  return link.pairs.length === key.length && link.pairs.every(({ target }, i) => target === key[i])
}
