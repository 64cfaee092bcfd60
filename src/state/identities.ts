import type { IdentityKey } from './identity.ts'
import type { InstanceState } from './instance-state.ts'

const NONE: readonly never[] = []

/**
 * The states of one entity by identity, in the order in which they came. While the identities are numbers and each is larger than the
 * one before, as rows read in the order of their key are, two lists hold them: a Map takes several times as long to be filled, and four
 * times the memory. The first that comes out of order, or leaves from the midst, makes a Map of them.
 */
export class Identities {
  /** Ascending; undefined while there is none, and once there is a Map. */
  #numbers: number[] | undefined
  /** Whose they are, by place. */
  #run: InstanceState[] | undefined
  #byKey: Map<IdentityKey, InstanceState> | undefined

  get size(): number {
    return this.#byKey?.size ?? this.#run?.length ?? 0
  }

  get(identity: IdentityKey): InstanceState | undefined {
    if (this.#byKey !== undefined) return this.#byKey.get(identity)
    const numbers = this.#numbers
    if (numbers === undefined || typeof identity !== 'number') return undefined
    if (identity > (numbers[numbers.length - 1] as number)) return undefined
    const place = placeIn(numbers, identity)
    return place < 0 ? undefined : this.#run?.[place]
  }

  set(identity: IdentityKey, state: InstanceState): void {
    if (!this.#append(identity, state)) this.#asMap().set(identity, state)
  }

  /** Puts an identity at the end of the run; false where it does not come behind the last. */
  #append(identity: IdentityKey, state: InstanceState): boolean {
    if (this.#byKey !== undefined || typeof identity !== 'number') return false
    const numbers = this.#numbers
    if (numbers === undefined) {
      if (Number.isNaN(identity)) return false
      this.#numbers = [identity]
      this.#run = [state]
      return true
    }
    if (!(identity > (numbers[numbers.length - 1] as number))) return false
    numbers.push(identity)
    this.#run?.push(state)
    return true
  }

  delete(identity: IdentityKey): void {
    const { size } = this
    if (size === 0) return
    if (size === 1 && this.#byKey === undefined) {
      if (this.get(identity) === undefined) return
      this.#numbers = undefined
      this.#run = undefined
    } else this.#asMap().delete(identity)
  }

  /** In the order in which they came. Those that leave meanwhile are not given; those that come meanwhile may be left out. */
  values(): Iterable<InstanceState> {
    return this.#byKey?.values() ?? this.#valuesOfRun()
  }

  /** The same for one who has them alone, so that none can come or leave. */
  taken(): Iterable<InstanceState> {
    return this.#byKey?.values() ?? this.#run ?? NONE
  }

  *#valuesOfRun(): Generator<InstanceState> {
    const run = this.#run ?? NONE
    const numbers = this.#numbers ?? NONE
    for (let place = 0; place < run.length; place++) {
      const state = run[place] as InstanceState
      if (this.#run === run || this.get(numbers[place] as number) === state) yield state
    }
  }

  #asMap(): Map<IdentityKey, InstanceState> {
    if (this.#byKey !== undefined) return this.#byKey
    const byKey = new Map<IdentityKey, InstanceState>()
    const run = this.#run ?? NONE
    for (let place = 0; place < run.length; place++)
      byKey.set(this.#numbers?.[place] as number, run[place] as InstanceState)
    this.#byKey = byKey
    this.#numbers = undefined
    this.#run = undefined
    return byKey
  }
}

/** The place of a number in an ascending list, or -1. Where few are missing between the first and the last it is found at once. */
function placeIn(numbers: readonly number[], wanted: number): number {
  let low = 0
  let high = numbers.length - 1
  const guess = wanted - (numbers[0] as number)
  if (numbers[guess] === wanted) return guess
  while (low <= high) {
    const middle = (low + high) >>> 1
    const found = numbers[middle] as number
    if (found === wanted) return middle
    if (found < wanted) low = middle + 1
    else high = middle - 1
  }
  return -1
}
