import { ResourceClosedError } from '../errors.ts'
import type { InvalidateOptions, Lease } from './contract.ts'
import type { Slot } from './resource.ts'
import { describeError } from './stats.ts'

/** Whoever takes resources back: a pool. */
export interface Custodian<R extends object> {
  readonly resourceName: string
  /** Takes back what was lent. Never rejects. */
  takeBack(slot: Slot<R>): Promise<void>
  /** Takes back the place of a resource that its holder gave up. */
  giveUp(slot: Slot<R>, reason: unknown, others: boolean): void
  /** The resource is to be replaced after its return. */
  doubt(slot: Slot<R>, reason: unknown, others: boolean): void
  /** The resource leaves the pool, its place comes back. */
  letGo(slot: Slot<R>): void
  /** Ends a resource that had left the pool. Never rejects. */
  endDetached(resource: R, info: Map<unknown, unknown>, slotInfo: Map<unknown, unknown>): Promise<void>
}

const settled: Promise<void> = Promise.resolve()

/** A {@link Lease} of a pool. One object for each checkout, so that an old one can never give back what is now another's. */
export class PoolLease<R extends object> implements Lease<R> {
  readonly label: string
  readonly #custodian: Custodian<R>
  /** The place, while the resource is still the pool's. */
  #slot: Slot<R> | undefined
  /** The resource, while it can be used. */
  #resource: R | undefined
  /** Facts of a detached resource, which the place no longer keeps. */
  #ownInfo: Map<unknown, unknown> | undefined
  readonly #slotInfoOf: Slot<R>
  #ending: Promise<void> = settled
  #lostBecause: unknown

  constructor(custodian: Custodian<R>, slot: Slot<R>) {
    this.label = slot.label as string
    this.#custodian = custodian
    this.#slot = slot
    this.#slotInfoOf = slot
    this.#resource = slot.resource
  }

  get resource(): R {
    if (this.#resource === undefined) throw this.#ended()
    return this.#resource
  }

  get info(): Map<unknown, unknown> {
    if (this.#ownInfo !== undefined) return this.#ownInfo
    if (this.#slot === undefined) throw this.#ended()
    return this.#slot.info
  }

  get slotInfo(): Map<unknown, unknown> {
    if (this.#resource === undefined) throw this.#ended()
    return this.#slotInfoOf.slotInfo
  }

  get isValid(): boolean {
    return this.#resource !== undefined
  }

  get isDetached(): boolean {
    return this.#resource !== undefined && this.#slot === undefined
  }

  note(text: string): void {
    if (this.#slot !== undefined) this.#slot.lastNote = text
  }

  release(): Promise<void> {
    const resource = this.#resource
    const slot = this.#slot
    if (resource === undefined) return this.#ending
    this.#resource = undefined
    this.#slot = undefined
    this.#ending = slot === undefined ? this.#endDetached(resource) : this.#custodian.takeBack(slot)
    return this.#ending
  }

  invalidate(reason: unknown, options: InvalidateOptions = {}): void {
    const slot = this.#slot
    if (this.#resource === undefined) return
    if (slot === undefined) {
      if (options.soft !== true) this.release()
      return
    }
    if (options.soft === true) {
      this.#custodian.doubt(slot, reason, options.others === true)
      return
    }
    this.#resource = undefined
    this.#slot = undefined
    this.#lostBecause = reason
    this.#custodian.giveUp(slot, reason, options.others === true)
  }

  detach(): R {
    const resource = this.resource
    const slot = this.#slot
    if (slot === undefined) return resource
    this.#ownInfo = slot.info
    this.#slot = undefined
    this.#custodian.letGo(slot)
    return resource
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  #endDetached(resource: R): Promise<void> {
    return this.#custodian.endDetached(resource, this.#ownInfo ?? new Map(), this.#slotInfoOf.slotInfo)
  }

  #ended(): ResourceClosedError {
    const what = `The ${this.#custodian.resourceName} of '${this.label}'`
    if (this.#lostBecause === undefined) {
      return new ResourceClosedError(`${what} was used after its release. Acquire another one for further work`)
    }
    const why = `${what} was invalidated: ${describeError(this.#lostBecause)}. Release it and acquire another one`
    return new ResourceClosedError(why, { cause: this.#lostBecause })
  }
}
