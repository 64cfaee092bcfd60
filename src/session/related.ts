import { InvalidRequestError } from '../errors.ts'
import { isLoaded, loadRelation, type RelatedSource, readStored, relatedValue } from '../loading/index.ts'
import type { RelationLink } from '../mapping/index.ts'
import type { InstanceState } from '../state/index.ts'
import type { RelatedLoader, SessionCore } from './core.ts'

/** Loads relations of a session's instances, inside an operation. */
export class SessionRelated implements RelatedLoader {
  readonly #core: SessionCore

  constructor(core: SessionCore) {
    this.#core = core
  }

  /** For the instance, and for all that came from the same query and still lack the relation, in one statement. */
  async load(state: InstanceState, link: RelationLink, what: string): Promise<unknown> {
    if (link.options.lazy === 'raise') throw raised(state, link)
    if (state.status === 'pending') return link.toMany ? [] : null
    await this.#core.autoflushNow(what)
    if (isLoaded(state, link)) return relatedValue(state, link)
    await this.#loadFor([state, ...this.#siblingsOf(state)], link, what)
    return relatedValue(state, link)
  }

  async membersOf(state: InstanceState, link: RelationLink, what: string): Promise<readonly object[]> {
    await this.#loadFor([state], link, what)
    const value = relatedValue(state, link)
    if (value === null || value === undefined) return []
    return link.toMany ? [...(value as Iterable<object>)] : [value as object]
  }

  storedOf(state: InstanceState, link: RelationLink, what: string): Promise<readonly object[]> {
    return readStored(this.#source(what), state, link)
  }

  async reload(state: InstanceState, link: RelationLink, what: string): Promise<void> {
    this.#core.unit.expireRelation(state, link)
    await this.#loadFor([state], link, what)
  }

  #siblingsOf(state: InstanceState): InstanceState[] {
    const { unit } = this.#core
    const isLacking = (other: InstanceState | null): other is InstanceState =>
      other !== null && other !== state && other.owner === unit && other.status === 'persistent' && !other.expired
    return (state.siblings ?? []).filter(isLacking)
  }

  #loadFor(states: readonly InstanceState[], link: RelationLink, what: string): Promise<void> {
    return loadRelation(this.#source(what), states, link)
  }

  #source(what: string): RelatedSource {
    return { unit: this.#core.unit, connectionFor: (model) => this.#core.connectionFor(model, what) }
  }
}

function raised(state: InstanceState, link: RelationLink): InvalidRequestError {
  return new InvalidRequestError(
    `Loading ${state.describe()}.${link.property}: the relation is declared with lazy: 'raise'; load it with the query.`,
  )
}
