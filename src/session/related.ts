import { InvalidRequestError, ObjectDeletedError } from '../errors.ts'
import {
  criteriaOf,
  isLoaded,
  type LoadPlan,
  loadBelow,
  loadRelation,
  loadTree,
  membersQuery,
  noPlan,
  planOf,
  type RelatedSource,
  readExpired,
  readStored,
  relatedValue,
  type TreeOptions,
} from '../loading/index.ts'
import { type EntityModel, isKindOf, type RelationLink } from '../mapping/index.ts'
import { type InstanceState, isForbidden, knownOne, knownRelated } from '../state/index.ts'
import type { RelatedLoader, SessionCore } from './core.ts'
import { SessionLoader } from './loader.ts'
import { readerFor } from './run-orm.ts'

/** Loads relations of a session's instances, inside an operation. */
export class SessionRelated implements RelatedLoader {
  readonly #core: SessionCore

  constructor(core: SessionCore) {
    this.#core = core
  }

  /** For the instance, and for all that came from the same query and still lack the relation, in one statement. */
  async load(state: InstanceState, link: RelationLink, what: string): Promise<unknown> {
    if (state.status === 'pending') return link.toMany ? [] : null
    await this.#core.autoflushNow(what)
    if (isLoaded(state, link) && !isForbidden(state, link)) return relatedValue(state, link)
    const plan = planOf(state)
    const strategy = plan.strategyOf(link)
    if (strategy === 'raise' || strategy === 'raiseOnSql') throw raised(state, link, strategy)
    if (state.expired) await this.#readAgain(state, what)
    const owners = [state, ...this.#siblingsOf(state, link)]
    const below = plan.below(link)
    const source = this.#ruledSource(what)
    await loadRelation(source, owners, link, below)
    await loadBelow(source, owners, link, below)
    return relatedValue(state, link)
  }

  async membersOf(states: readonly InstanceState[], link: RelationLink, what: string): Promise<readonly object[][]> {
    await this.#loadFor(states, link, what)
    return states.map((state) => {
      const one = link.toMany ? undefined : knownOne(state, link)
      return one == null ? [...knownRelated(state, link)] : [one]
    })
  }

  storedOf(state: InstanceState, link: RelationLink, what: string): Promise<readonly object[]> {
    return readStored(this.#source(what), state, link)
  }

  queryMembers(state: InstanceState, link: RelationLink): unknown {
    return membersQuery(new SessionLoader(this.#core), state, link)
  }

  async reload(state: InstanceState, link: RelationLink, what: string): Promise<void> {
    this.#core.unit.expireRelation(state, link)
    await loadRelation(this.#ruledSource(what), [state], link, noPlan.withRules(...planOf(state).rules))
  }

  /** Loads the relations that a plan says for instances of an entity, and for those that they lead to. */
  loadTree(
    model: EntityModel,
    states: readonly InstanceState[],
    plan: LoadPlan,
    what: string,
    options: TreeOptions,
  ): Promise<void> {
    return loadTree(this.#ruledSource(what), model, states, plan, options)
  }

  /** @throws ObjectDeletedError when the row of an expired instance is gone */
  async #readAgain(state: InstanceState, what: string): Promise<void> {
    await readExpired(this.#source(what), [state])
    if (!state.expired) return
    throw new ObjectDeletedError(`Loading ${what}: the row of ${state.describe()} is gone; somebody has deleted it.`)
  }

  /** Those of other classes may not have the relation. */
  #siblingsOf(state: InstanceState, { source }: RelationLink): InstanceState[] {
    const { unit } = this.#core
    const isLacking = (other: InstanceState | null): other is InstanceState =>
      other !== null && other !== state && other.owner === unit && other.status === 'persistent' && !other.expired
    return (state.siblings ?? []).filter(
      (other) => isLacking(other) && isKindOf(other.model, source),
    ) as InstanceState[]
  }

  async #loadFor(states: readonly InstanceState[], link: RelationLink, what: string): Promise<void> {
    await loadRelation(this.#source(what), states, link)
  }

  /** For what the program sees: criteria hold. */
  #ruledSource(what: string): RelatedSource {
    const target = new SessionLoader(this.#core)
    return { ...this.#source(what), criteria: (plan) => criteriaOf(target, plan, 'relations') }
  }

  #source(what: string): RelatedSource {
    return {
      unit: this.#core.unit,
      connectionFor: (model, link) =>
        readerFor(this.#core, { call: what, model, link, isColumnLoad: link === undefined }),
    }
  }
}

function raised(
  state: InstanceState,
  { property, options }: RelationLink,
  strategy: 'raise' | 'raiseOnSql',
): InvalidRequestError {
  const isMapped = options.lazy === strategy
  const why = isMapped ? `the relation is declared with lazy: '${strategy}'` : 'the query forbids it by raise()'
  return new InvalidRequestError(`Loading ${state.describe()}.${property}: ${why}; load it with the query.`)
}
