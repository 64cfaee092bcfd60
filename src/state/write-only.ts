import { DetachedInstanceError } from '../errors.ts'
import type { RelationLink } from '../mapping/index.ts'
import { Collection, type CollectionChanges } from './collection.ts'
import { type CollectionView, INSPECT } from './collection-view.ts'
import type { InstanceState } from './instance-state.ts'

/** A collection that is never loaded: it knows what was added and removed since the last flush. */
export class WriteOnlyCollection extends Collection {
  override get isLoaded(): false {
    return false
  }

  override get isWhole(): false {
    return false
  }

  override get view(): CollectionView {
    return new WriteOnlyView(this, this.changes)
  }
}

/** What the property of a write-only collection gives: changes, and a query for the members; never the members themselves. */
export class WriteOnlyView implements CollectionView {
  readonly #collection: Collection
  readonly #changes: CollectionChanges

  constructor(collection: Collection, changes: CollectionChanges) {
    this.#collection = collection
    this.#changes = changes
  }

  get isLoaded(): false {
    return false
  }

  [INSPECT](): string {
    return '<write-only>'
  }

  /** `JSON.stringify` leaves it out. */
  toJSON(): undefined {
    return undefined
  }

  add(...items: object[]): void {
    for (const item of items) this.#changes.add(this.#collection, item)
  }

  remove(...items: object[]): void {
    for (const item of items) this.#changes.remove(this.#collection, item)
  }

  query(): unknown {
    const { state, link } = this.#collection
    return queryMembers(state, link)
  }

  [Symbol.iterator](): never {
    const { state, link } = this.#collection
    throw new TypeError(
      `${state.describe()}.${link.property} is a write-only collection and is never loaded; read it by ${link.property}.query(), ` +
        'which can be ordered, limited and streamed.',
    )
  }
}

function queryMembers(state: InstanceState, link: RelationLink): unknown {
  const { owner } = state
  if (owner !== undefined && state.identity !== undefined) return owner.queryMembers(state, link)
  throw detachedQuery(state, link)
}

function detachedQuery(state: InstanceState, link: RelationLink): Error {
  const reason = state.identity === undefined ? 'has no row yet; flush first' : 'is in no session; add it to one'
  return new DetachedInstanceError(`Querying ${state.describe()}.${link.property}: the instance ${reason}.`)
}
