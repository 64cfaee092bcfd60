import { type Clock, type ClockTimer, TurnEnd, warn } from '../support/index.ts'
import type { Lease } from './contract.ts'
import type { Slot } from './resource.ts'

/** What a {@link Housekeeper} looks after. */
export interface HousekeeperParts<R extends object> {
  /** Milliseconds; 0 for no warnings. */
  readonly warnHeldFor: number
  readonly clock: Clock
  readonly resourceName: string
  readonly slots: () => Iterable<Slot<R>>
  /** The lease of this place was collected without having been released. */
  readonly onLost: (slot: Slot<R>) => void
}

/** How long after the disposal of a pool it is wondered about who has not given back, in milliseconds. */
const patience = 3_000

/** Which checkout of a place a lease belongs to. Must not lead to the lease, or it would never be collected. */
interface Ticket<R extends object> {
  readonly slot: Slot<R>
  readonly ticket: number
}

/**
 * Looks for those who hold too long, and for leases that were forgotten.
 *
 * Every lease that outlives the turn of the event loop in which it was given is registered with the collector; until then its place
 * holds it. One sweep at a time looks for long holders, and none runs while nothing is out.
 */
export class Housekeeper<R extends object> {
  readonly #parts: HousekeeperParts<R>
  #sweep: ClockTimer | undefined
  readonly #collected = new FinalizationRegistry<Ticket<R>>((ticket) => this.#onCollected(ticket))
  /** Places whose lease is not registered yet, if it is out still. */
  #fresh: Slot<R>[] = []
  readonly #turnEnd = new TurnEnd(() => this.#registerFresh())

  constructor(parts: HousekeeperParts<R>) {
    this.#parts = parts
  }

  /** To be told of every lease. */
  lent(slot: Slot<R>, lease: Lease<R>): void {
    if (this.#parts.warnHeldFor > 0) this.#sweep ??= this.#sweepIn(this.#parts.warnHeldFor)
    if (slot.freshLease === undefined) this.#fresh.push(slot)
    slot.freshLease = lease
    this.#turnEnd.ask()
  }

  #registerFresh(): void {
    for (const slot of this.#fresh) {
      const lease = slot.freshLease as Lease<R>
      slot.freshLease = undefined
      if (lease.isValid) this.#collected.register(lease, { slot, ticket: slot.ticket })
    }
    this.#fresh = []
  }

  /** Stops the timer. */
  stop(): void {
    if (this.#sweep !== undefined) this.#parts.clock.clearTimeout(this.#sweep)
    this.#sweep = undefined
  }

  /**
   * To be told when the pool is disposed of. Who has not given back long after that has probably forgotten to, and a
   * connection that is open keeps the program alive.
   */
  disposed(): void {
    this.stop()
    if (this.#labels().length === 0) return
    this.#sweep = this.#parts.clock.setTimeout(() => this.#warnOfTheRest(), patience, { unref: true })
  }

  /** Of those who hold something. */
  #labels(): string[] {
    return [...this.#parts.slots()].flatMap(({ label }) => (label === undefined ? [] : [`'${label}'`]))
  }

  #warnOfTheRest(): void {
    const labels = this.#labels()
    if (labels.length === 0) return
    warn(
      'HEDDLE_POOL_OUT_AFTER_DISPOSE',
      `The pool was disposed of ${patience} ms ago, and a ${this.#parts.resourceName} is still held by ${labels.join(', ')}, ` +
        'which may keep the program from ending. Close what is open before dispose(), best by `await using` or begin().',
    )
  }

  #sweepIn(delay: number): ClockTimer {
    return this.#parts.clock.setTimeout(() => this.#sweepNow(), delay, { unref: true })
  }

  #sweepNow(): void {
    const { warnHeldFor, clock, slots } = this.#parts
    const now = clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const slot of slots()) {
      if (slot.label === undefined || slot.isWarnedOf) continue
      const left = warnHeldFor - (now - slot.since)
      if (left > 0) next = Math.min(next, left)
      else this.#warnOf(slot, now)
    }
    this.#sweep = next === Number.POSITIVE_INFINITY ? undefined : this.#sweepIn(Math.ceil(next))
  }

  #warnOf(slot: Slot<R>, now: number): void {
    slot.isWarnedOf = true
    const note = slot.lastNote === undefined ? '' : ` It last said: ${slot.lastNote}.`
    const stack = slot.stack === undefined ? '' : ` Taken\n${slot.stack}`
    warn(
      'HEDDLE_POOL_HELD_LONG',
      `'${slot.label}' holds a ${this.#parts.resourceName} for ${Math.round(now - slot.since)} ms.${note}${stack}`,
    )
  }

  #onCollected({ slot, ticket }: Ticket<R>): void {
    if (slot.ticket !== ticket || slot.machine.state !== 'held') return
    const stack = slot.stack === undefined ? '' : ` It was taken\n${slot.stack}`
    warn(
      'HEDDLE_POOL_LEASE_LOST',
      `'${slot.label}' lost its ${this.#parts.resourceName} without releasing it; the ${this.#parts.resourceName} was destroyed.${stack}`,
    )
    this.#parts.onLost(slot)
  }
}
