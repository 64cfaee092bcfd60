import { type EntityModel, isKindOf, modelOf, rootOf } from '../mapping/index.ts'
import { LazyMap } from '../support/index.ts'
import { Identities } from './identities.ts'
import { type IdentityKey, identityOf, readKey } from './identity.ts'
import type { InstanceState } from './instance-state.ts'

/**
 * The instances of one session by identity: within a session a row is one instance. Held strongly, because sessions
 * are short; `expunge` and `stream` bound it for long ones.
 */
export class IdentityMap {
  /** The only mutable state: the identities of each entity. The classes of a family have theirs together, with their root. */
  readonly #byModel = new LazyMap<EntityModel, Identities>()

  /** The states of one entity by key, for loops that look up many. */
  of(model: EntityModel): Identities {
    const root = model.inheritance === undefined ? model : rootOf(model)
    let states = this.#byModel.get(root)
    if (states === undefined) {
      states = new Identities()
      this.#byModel.set(root, states)
    }
    return states
  }

  /** The state of a row, if it is an instance of the entity: one of a sibling class is not. */
  find(model: EntityModel, identity: IdentityKey): InstanceState | undefined {
    if (model.inheritance === undefined) return this.#byModel.get(model)?.get(identity)
    const state = this.holder(model, identity)
    return state !== undefined && isKindOf(state.model, model) ? state : undefined
  }

  /** The state that holds a row, of whatever class of the entity's family it is. */
  holder(model: EntityModel, identity: IdentityKey): InstanceState | undefined {
    return this.#byModel.get(rootOf(model))?.get(identity)
  }

  put(state: InstanceState): void {
    this.of(state.model).set(state.identity as IdentityKey, state)
  }

  /** Removes the state under its identity, unless another one has taken that place. */
  remove(state: InstanceState): void {
    const states = this.#byModel.get(rootOf(state.model))
    if (state.identity !== undefined && states?.get(state.identity) === state) states.delete(state.identity)
  }

  /** Gives all states, by entity, and forgets them. */
  takeAll(): readonly Iterable<InstanceState>[] {
    const all = Array.from(this.#byModel.values(), (states) => states.taken())
    this.#byModel.clear()
    return all
  }

  get size(): number {
    let size = 0
    for (const states of this.#byModel.values()) size += states.size
    return size
  }

  *states(): IterableIterator<InstanceState> {
    for (const states of this.#byModel.values()) yield* states.values()
  }
}

/**
 * The identity map as a program sees it: read-only.
 *
 * ```ts
 * session.identityMap.get(User, 1) // the instance, or undefined; never any SQL
 * ```
 */
export class IdentityMapView {
  readonly #map: IdentityMap

  constructor(map: IdentityMap) {
    this.#map = map
  }

  /** The instance of that key that the session holds, or undefined. */
  get<E extends object>(entityClass: abstract new (...args: never[]) => E, key: unknown): E | undefined {
    const model = modelOf(entityClass)
    const identity = identityOf(model, readKey(model, key))
    return identity === undefined ? undefined : (this.#map.find(model, identity)?.instance as E | undefined)
  }

  /** Whether the session holds an instance of that key. */
  has(entityClass: abstract new (...args: never[]) => object, key: unknown): boolean {
    return this.get(entityClass, key) !== undefined
  }

  get size(): number {
    return this.#map.size
  }

  *values(): IterableIterator<object> {
    for (const state of this.#map.states()) yield state.instance
  }

  [Symbol.iterator](): IterableIterator<object> {
    return this.values()
  }
}
