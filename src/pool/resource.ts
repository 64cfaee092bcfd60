import { defineLifecycle } from '../support/index.ts'
import type { PoolHolder, ResourceEvent } from './contract.ts'

/**
 * The life of a place in the pool. `vacant`: nothing is open in it. `ready`: open, and promised to somebody or on its way back, so
 * nobody else may have it. Only `idle` ones are free for everybody.
 */
export const slotLifecycle = defineLifecycle({
  name: 'pool resource',
  initial: 'vacant',
  moves: {
    open: { from: ['vacant'], to: 'opening' },
    fail: { from: ['opening'], to: 'vacant' },
    opened: { from: ['opening'], to: 'ready' },
    take: { from: ['idle'], to: 'ready' },
    lend: { from: ['ready'], to: 'held' },
    takeBack: { from: ['held'], to: 'ready' },
    keep: { from: ['ready'], to: 'idle' },
    retire: { from: ['ready', 'idle'], to: 'closing' },
    closed: { from: ['closing'], to: 'vacant' },
    discard: { from: ['opening', 'ready', 'idle', 'held'], to: 'vacant' },
    detach: { from: ['held', 'ready'], to: 'vacant' },
  },
})

/** What is known of a resource when it has been opened. */
export interface Opening {
  /** Counts how often everything had been declared stale when the opening began. */
  readonly generation: number
  /** When it is to be replaced; `Infinity` for never. */
  readonly expiresAt: number
}

/** One place in a pool: the resource that is in it now, if any, and who holds it. */
export class Slot<R extends object> {
  readonly machine = slotLifecycle.create()
  resource: R | undefined
  generation = 0
  expiresAt = Number.POSITIVE_INFINITY
  /** Opened for the one who is about to get it, and not handed out yet: needs no ping. */
  isNew = false
  /** Set when a holder asked for its replacement after its return. */
  softReason: unknown
  /** Counts the leases, so that a late word about one of them is not taken for the present one. */
  ticket = 0

  /** Who holds it, until it is free again; written here and not in the lease, which may be collected when it is lost. */
  label: string | undefined
  since = 0
  /** Since when nobody has it; only kept while somebody looks after the idle ones. */
  idleSince = 0
  stack: string | undefined
  lastNote: string | undefined
  isWarnedOf = false
  /** The last lease of it, until the end of the turn of the event loop in which it was given. */
  freshLease: object | undefined

  #info: Map<unknown, unknown> | undefined
  #slotInfo: Map<unknown, unknown> | undefined

  get info(): Map<unknown, unknown> {
    this.#info ??= new Map()
    return this.#info
  }

  get slotInfo(): Map<unknown, unknown> {
    this.#slotInfo ??= new Map()
    return this.#slotInfo
  }

  /** Whether the place itself has something to remember when it is vacant. */
  get hasSlotInfo(): boolean {
    return this.#slotInfo !== undefined && this.#slotInfo.size > 0
  }

  fill(resource: R, opening: Opening): void {
    this.resource = resource
    this.generation = opening.generation
    this.expiresAt = opening.expiresAt
    this.isNew = true
    this.softReason = undefined
    this.#info = undefined
  }

  /** Another place, held, that shows the same resource: for a pool whose holders share one. */
  share(): Slot<R> {
    const view = new Slot<R>()
    view.resource = this.resource
    view.#info = this.info
    view.#slotInfo = this.slotInfo
    view.machine.enter('open')
    view.machine.enter('opened')
    view.machine.enter('lend')
    return view
  }

  /** Forgets the resource and who held it; what belongs to the place stays. */
  empty(): void {
    this.resource = undefined
    this.#info = undefined
    this.forgetHolder()
  }

  forgetHolder(): void {
    this.label = undefined
    this.stack = undefined
    this.lastNote = undefined
    this.isWarnedOf = false
  }

  /** What events tell of the resource that is in the place. */
  event(): ResourceEvent<R> {
    return { resource: this.resource as R, info: this.info, slotInfo: this.slotInfo }
  }

  /** Who holds it, `undefined` when nobody does. */
  holder(): PoolHolder | undefined {
    if (this.label === undefined) return undefined
    return {
      label: this.label,
      since: this.since,
      ...(this.stack === undefined ? {} : { stack: this.stack }),
      ...(this.lastNote === undefined ? {} : { lastNote: this.lastNote }),
    }
  }
}
