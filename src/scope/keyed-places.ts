import { ScopeMismatchError } from '../errors.ts'
import type { Session } from '../session/index.ts'
import { describeValue } from '../support/index.ts'
import { Place } from './place.ts'

/** The scopes that a program tells apart by itself: a session for each result of its function, until it is removed. */
export class KeyedPlaces<S extends Session> {
  readonly #keyHere: () => unknown
  /** Objects do not stay in memory for being a key. */
  readonly #byObject = new WeakMap<object, KeyedPlace<S>>()
  readonly #byValue = new Map<unknown, KeyedPlace<S>>()

  constructor(keyHere: () => unknown) {
    this.#keyHere = keyHere
  }

  /** Whether the function says that the caller is in a scope. */
  isInScope(): boolean {
    const key = this.#keyHere()
    return key !== undefined && key !== null
  }

  /** The place of the caller's scope, where it has one. */
  find(): KeyedPlace<S> | undefined {
    const key = this.#keyHere()
    return isObject(key) ? this.#byObject.get(key) : this.#byValue.get(key)
  }

  /** The same, made where it has none; undefined where the function gives neither key nor scope. */
  findOrMake(): KeyedPlace<S> | undefined {
    const key = this.#keyHere()
    if (key === undefined || key === null) return undefined
    const found = isObject(key) ? this.#byObject.get(key) : this.#byValue.get(key)
    if (found !== undefined) return found
    const place = new KeyedPlace<S>(key, this.#keyHere)
    if (isObject(key)) this.#byObject.set(key, place)
    else this.#byValue.set(key, place)
    return place
  }

  forget({ key }: KeyedPlace<S>): void {
    if (isObject(key)) this.#byObject.delete(key)
    else this.#byValue.delete(key)
  }
}

/** The place of one key. */
export class KeyedPlace<S extends Session> extends Place<S> {
  readonly key: unknown
  readonly #keyHere: () => unknown

  constructor(key: unknown, keyHere: () => unknown) {
    super()
    this.key = key
    this.#keyHere = keyHere
  }

  protected override refusal(session: S, call: string): Error | undefined {
    const here = this.#keyOfCaller()
    if (here === this.key || here === undefined || here === null) return undefined
    return new ScopeMismatchError(
      `${call} was called in the scope of ${describeValue(here)} on ${session.label}, which belongs to the scope of ` +
        `${describeValue(this.key)}. Ask the registry for the session of this scope, and merge() or get() what it needs.`,
    )
  }

  /** A function that throws says, as one that gives undefined, that the caller is in no scope. */
  #keyOfCaller(): unknown {
    try {
      return this.#keyHere()
    } catch {
      return undefined
    }
  }
}

function isObject(key: unknown): key is object {
  return (typeof key === 'object' && key !== null) || typeof key === 'function'
}
