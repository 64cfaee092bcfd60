import { DisconnectionError, InvalidRequestError } from '../errors.ts'
import { abortable, type Deadline } from '../support/index.ts'
import type { Slot } from './resource.ts'
import type { Upkeep } from './upkeep.ts'

/** How often a checkout is tried when listeners report that the resource is gone. */
const ROUNDS = 2

/** What a checkout works with. */
export interface CheckoutParts<R extends object> {
  readonly slot: Slot<R>
  readonly label: string
  readonly prePing: boolean
  /** Others use the resource at this moment: it is replaced only when it is broken, and not pinged. */
  readonly isShared?: boolean
  readonly upkeep: Upkeep<R>
  readonly deadline: Deadline
}

/**
 * Makes the resource in one place fit for one caller: opens, replaces, pings, and asks the listeners. When it fails, the place is
 * vacant, or {@link pending} still works on it.
 */
export class Checkout<R extends object> {
  /** What was still under way when the caller gave up. Until it settles, the place belongs to it. */
  pending: Promise<void> | undefined
  readonly #parts: CheckoutParts<R>

  constructor(parts: CheckoutParts<R>) {
    this.#parts = parts
  }

  async run(): Promise<void> {
    const { slot, upkeep, label } = this.#parts
    let gone: DisconnectionError | undefined
    for (let round = 0; round < ROUNDS; round++) {
      await this.#makeFit()
      gone = await this.#askListeners()
      if (gone === undefined) return
      if (gone.invalidatePool) upkeep.invalidateOlderThan(slot, gone)
      upkeep.discard(slot, gone)
    }
    const message = `'${label}' got no ${upkeep.resourceName}: checkout listeners found ${ROUNDS} in turn disconnected`
    throw new InvalidRequestError(message, { cause: gone })
  }

  async #makeFit(): Promise<void> {
    const { slot, upkeep, deadline, prePing, isShared } = this.#parts
    if (slot.resource !== undefined) {
      const reason = isShared === true ? upkeep.brokenBy(slot) : upkeep.unfitBecause(slot)
      if (reason !== undefined) await this.#within(upkeep.retire(slot, reason))
      else if (slot.isNew || !prePing || isShared === true || (await this.#answers())) return
    }
    await this.#within(upkeep.open(slot, deadline.signal))
  }

  /** Waits for something that must not be interrupted; when the caller gives up, it goes on by itself. */
  async #within(work: Promise<void>): Promise<void> {
    let settled = false
    const watched = work.finally(() => {
      settled = true
    })
    try {
      await abortable(watched, this.#parts.deadline.signal)
    } catch (error) {
      if (!settled) this.pending = watched
      throw this.#reasonFor(error)
    }
  }

  /** Whether the resource answered. One that did not is gone, and with it all that are older. */
  async #answers(): Promise<boolean> {
    const { slot, upkeep, deadline } = this.#parts
    try {
      await abortable(upkeep.ping(slot), deadline.signal)
      return true
    } catch (error) {
      const reason = this.#reasonFor(error)
      if (deadline.signal?.aborted !== true) upkeep.invalidateOlderThan(slot, error)
      upkeep.discard(slot, reason)
      if (deadline.signal?.aborted === true) throw reason
      return false
    }
  }

  async #askListeners(): Promise<DisconnectionError | undefined> {
    const { slot, upkeep, label, deadline } = this.#parts
    if (!upkeep.events.has('checkout')) return undefined
    try {
      await abortable(upkeep.events.emitAsync('checkout', { ...slot.event(), label }), deadline.signal)
      return undefined
    } catch (error) {
      if (error instanceof DisconnectionError) return error
      const reason = this.#reasonFor(error)
      upkeep.discard(slot, reason)
      throw reason
    }
  }

  /** Once the caller has given up, that is the reason, whatever came of it. */
  #reasonFor(error: unknown): unknown {
    const { signal } = this.#parts.deadline
    return signal?.aborted === true ? signal.reason : error
  }
}
