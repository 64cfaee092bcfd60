import { type Clock, type ClockTimer, EventHub, systemClock, warn } from '../support/index.ts'
import type { PoolEvents, PoolSetting, ResourceKeeper } from './contract.ts'
import type { PoolOptions } from './options.ts'
import type { Slot } from './resource.ts'
import { describeError, type OpenFailure } from './stats.ts'
import { within } from './within.ts'

/** How long a resource may take to close in order before it is ended at once, in milliseconds. */
export const CLOSE_GRACE = 5_000

/** The part of `recycle` by which a resource may be replaced earlier. */
const RECYCLE_JITTER = 0.1

/** Events that are only told, and delay nothing. */
type Announcement = 'invalidate' | 'softInvalidate' | 'close' | 'detach'

/**
 * What is done to resources, each step with its events and its reason: opened, cleaned, pinged, ended. Whose they are is not decided
 * here.
 */
export class Upkeep<R extends object> {
  readonly events: EventHub<PoolEvents<R>>
  readonly clock: Clock
  readonly resourceName: string
  lastOpenFailure: OpenFailure | undefined
  readonly #keeper: ResourceKeeper<R>
  readonly #options: Required<PoolOptions>
  /** Raised to make everything that was opened before stale. */
  #generation = 0
  #staleReason: unknown
  /** The run of the `firstConnect` listeners, from its start; forgotten when it fails. */
  #firstConnect: Promise<void> | undefined

  constructor(keeper: ResourceKeeper<R>, options: Required<PoolOptions>, setting: PoolSetting<R>) {
    this.#keeper = keeper
    this.#options = options
    this.clock = setting.clock ?? systemClock
    this.resourceName = setting.resourceName ?? 'resource'
    this.events = setting.events ?? new EventHub()
  }

  /** Everything opened until now, or being opened, is stale. */
  invalidateAll(reason: unknown): void {
    this.#generation++
    this.#staleReason = reason
  }

  /** Like {@link invalidateAll}, unless that has been done since the resource in this place was opened. */
  invalidateOlderThan(slot: Slot<R>, reason: unknown): void {
    if (slot.generation === this.#generation) this.invalidateAll(reason)
  }

  /** Whether the resource can be handed out without anything being awaited. */
  isFit(slot: Slot<R>): boolean {
    const { resource } = slot
    if (resource === undefined || slot.softReason !== undefined || slot.generation !== this.#generation) return false
    if (slot.expiresAt !== Number.POSITIVE_INFINITY && this.clock.now() >= slot.expiresAt) return false
    return this.#keeper.brokenBy(resource) === undefined
  }

  /** Opens a resource into a vacant place. Fails with the keeper's error, or with that of a listener; the place is then vacant. */
  async open(slot: Slot<R>, signal: AbortSignal | undefined): Promise<void> {
    slot.machine.enter('open')
    const opening = { generation: this.#generation, expiresAt: this.#expiry() }
    try {
      slot.fill(await this.#keeper.open(signal === undefined ? {} : { signal }), opening)
    } catch (error) {
      this.lastOpenFailure = { error, at: this.clock.now() }
      slot.machine.enter('fail')
      throw error
    }
    try {
      await this.#welcome(slot)
    } catch (error) {
      this.lastOpenFailure = { error, at: this.clock.now() }
      this.discard(slot, error)
      throw error
    }
    slot.machine.enter('opened')
  }

  /** Makes a resource that came back ready for the next holder, or discards it with the reason. Never rejects. */
  async clean(slot: Slot<R>): Promise<void> {
    const resource = slot.resource as R
    const broken = this.#keeper.brokenBy(resource)
    if (broken !== undefined) {
      this.discard(slot, broken)
      return
    }
    try {
      await this.#reset(slot, resource)
      if (this.events.has('checkin')) await this.events.emitAsync('checkin', slot.event())
    } catch (error) {
      this.discard(slot, error)
      return
    }
    const brokenSince = this.#keeper.brokenBy(resource)
    if (brokenSince !== undefined) this.discard(slot, brokenSince)
  }

  /** Whether a resource can go to the next holder as it is, with nobody to be told. */
  isClean(slot: Slot<R>): boolean {
    if (this.events.has('reset') || this.events.has('checkin')) return false
    const resource = slot.resource as R
    return this.#isReset(resource) && this.#keeper.brokenBy(resource) === undefined
  }

  /** Asks a resource whether it answers, and soon. */
  ping(slot: Slot<R>): Promise<void> {
    const { pingTimeout } = this.#options
    return within(this.#keeper.ping(slot.resource as R), pingTimeout, this.clock, () =>
      this.#silence('a ping', pingTimeout),
    )
  }

  /** Why a resource can no longer be used at all, `undefined` while it can. */
  brokenBy(slot: Slot<R>): unknown {
    return this.#keeper.brokenBy(slot.resource as R)
  }

  /** Why a resource must be replaced instead of handed out, `undefined` when it need not. */
  unfitBecause(slot: Slot<R>): unknown {
    const broken = this.brokenBy(slot)
    if (broken !== undefined) return broken
    if (slot.softReason !== undefined) return slot.softReason
    if (slot.generation !== this.#generation) return this.#staleReason ?? 'declared stale'
    return this.clock.now() >= slot.expiresAt ? `reached its age of ${this.#options.recycle} ms` : undefined
  }

  /** Ends a resource at once, with the reason. The place is vacant afterwards. */
  discard(slot: Slot<R>, reason: unknown): void {
    const resource = slot.resource as R
    if (this.events.has('invalidate')) this.announce('invalidate', { ...slot.event(), reason })
    this.#announceClose(slot, reason)
    slot.machine.enter('discard')
    slot.empty()
    this.destroy(resource)
  }

  /**
   * Ends a resource in order, with the reason; at once where it is broken, or stale: what made it so may keep it from closing, and
   * somebody may wait for its place. Never rejects.
   */
  async retire(slot: Slot<R>, reason: unknown): Promise<void> {
    const resource = slot.resource as R
    const broken = this.#keeper.brokenBy(resource)
    if (broken !== undefined) {
      this.discard(slot, broken)
      return
    }
    this.#announceClose(slot, reason)
    if (slot.generation !== this.#generation) {
      slot.machine.enter('discard')
      slot.empty()
      this.destroy(resource)
      return
    }
    slot.machine.enter('retire')
    slot.forgetHolder()
    await this.close(resource)
    slot.machine.enter('closed')
    slot.empty()
  }

  /** Closes a resource in order, within {@link CLOSE_GRACE}. Never rejects. */
  async close(resource: R): Promise<void> {
    let timer: ClockTimer | undefined
    const tooLate = new Promise<'late'>((resolve) => {
      timer = this.clock.setTimeout(() => resolve('late'), CLOSE_GRACE, { unref: true })
    })
    try {
      if ((await Promise.race([this.#keeper.close(resource), tooLate])) === 'late') this.destroy(resource)
    } catch (error) {
      this.#warn('HEDDLE_POOL_CLOSE', `A ${this.resourceName} failed to close and was destroyed`, error)
      this.destroy(resource)
    } finally {
      if (timer !== undefined) this.clock.clearTimeout(timer)
    }
  }

  /** Ends a resource at once. Never throws. */
  destroy(resource: R): void {
    try {
      this.#keeper.destroy(resource)
    } catch (error) {
      this.#warn('HEDDLE_POOL_CLOSE', `A ${this.resourceName} failed to be destroyed`, error)
    }
  }

  /** Tells an event that delays nothing. A listener that fails is warned of: there is nobody to whom it could throw. */
  announce<Name extends Announcement>(name: Name, event: PoolEvents<R>[Name]): void {
    this.events.emitAsync(name, event).catch((error: unknown) => {
      this.#warn('HEDDLE_POOL_LISTENER', `A listener of the pool's '${name}' event failed`, error)
    })
  }

  #announceClose(slot: Slot<R>, reason: unknown): void {
    if (this.events.has('close')) this.announce('close', { ...slot.event(), reason })
  }

  async #welcome(slot: Slot<R>): Promise<void> {
    if (this.events.has('firstConnect')) {
      this.#firstConnect ??= this.events.emitAsync('firstConnect', slot.event())
      const run = this.#firstConnect
      try {
        await run
      } catch (error) {
        if (this.#firstConnect === run) this.#firstConnect = undefined
        throw error
      }
    }
    if (this.events.has('connect')) await this.events.emitAsync('connect', slot.event())
  }

  async #reset(slot: Slot<R>, resource: R): Promise<void> {
    const mode = this.#options.resetOnReturn
    const alreadyReset = this.#isReset(resource)
    if (this.events.has('reset')) await this.events.emitAsync('reset', { ...slot.event(), mode, alreadyReset })
    if (mode === null || this.#isReset(resource)) return
    const { resetTimeout } = this.#options
    const cleaning = this.#keeper.reset(resource, mode)
    await within(cleaning, resetTimeout, this.clock, () => this.#silence('being made clean', resetTimeout))
  }

  #silence(what: string, limit: number): Error {
    return new Error(`the ${this.resourceName} gave no answer to ${what} within ${limit} ms`)
  }

  #isReset(resource: R): boolean {
    return this.#options.resetOnReturn === null || this.#keeper.needsReset?.(resource) === false
  }

  #expiry(): number {
    const { recycle } = this.#options
    if (recycle === -1) return Number.POSITIVE_INFINITY
    return this.clock.now() + recycle * (1 - RECYCLE_JITTER * Math.random())
  }

  #warn(code: string, message: string, error: unknown): void {
    warn(code, `${message}: ${describeError(error)}`)
  }
}
