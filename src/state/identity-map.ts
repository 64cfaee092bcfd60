import { type EntityModel, modelOf } from '../mapping/index.ts'
import { LazyMap } from '../support/index.ts'
import { type IdentityKey, identityOf, readKey } from './identity.ts'
import type { InstanceState } from './instance-state.ts'

/**
 * The instances of one session by identity: within a session a row is one instance. Held strongly, because sessions
 * are short; `expunge` and `stream` bound it for long ones.
 */
export class IdentityMap {
  /** The only mutable state: a Map by bare key for each entity. */
  readonly #byModel = new LazyMap<EntityModel, Map<IdentityKey, InstanceState>>()

  /** The states of one entity by key, for loops that look up many. */
  of(model: EntityModel): Map<IdentityKey, InstanceState> {
    let states = this.#byModel.get(model)
    if (states === undefined) {
      states = new Map()
      this.#byModel.set(model, states)
    }
    return states
  }

  find(model: EntityModel, identity: IdentityKey): InstanceState | undefined {
    return this.#byModel.get(model)?.get(identity)
  }

  put(state: InstanceState): void {
    this.of(state.model).set(state.identity as IdentityKey, state)
  }

  /** Removes the state under its identity, unless another one has taken that place. */
  remove(state: InstanceState): void {
    const states = this.#byModel.get(state.model)
    if (state.identity !== undefined && states?.get(state.identity) === state) states.delete(state.identity)
  }

  /** Gives all states, by entity, and forgets them. */
  takeAll(): readonly ReadonlyMap<IdentityKey, InstanceState>[] {
    const all = [...this.#byModel.values()]
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
  get<E extends object>(entityClass: new (...args: never[]) => E, key: unknown): E | undefined {
    const model = modelOf(entityClass)
    const identity = identityOf(model, readKey(model, key))
    return identity === undefined ? undefined : (this.#map.find(model, identity)?.instance as E | undefined)
  }

  /** Whether the session holds an instance of that key. */
  has(entityClass: new (...args: never[]) => object, key: unknown): boolean {
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
