import { PoolClosedError } from '../errors.ts'
import { abortable, callSite, captureCallSite, Deadline, type EventHub, Lane } from '../support/index.ts'
import { Checkout } from './checkout.ts'
import type {
  AcquireOptions,
  HolderLabel,
  Lease,
  Pool,
  PoolEvents,
  PoolHolder,
  PoolSetting,
  PoolStatus,
  ResourceKeeper,
} from './contract.ts'
import { Housekeeper } from './housekeeper.ts'
import { type Custodian, PoolLease } from './lease.ts'
import type { PoolOptions } from './options.ts'
import { Slot } from './resource.ts'
import { holdersOf, waitedInVain } from './stats.ts'
import { Upkeep } from './upkeep.ts'

const settled: Promise<void> = Promise.resolve()

/**
 * The pool of kind `static`: one resource, which all holders share at the same time. Nobody waits for another holder. It is made clean when
 * the last of them gives it back, because doing so earlier would disturb the others; for the same reason it is replaced while
 * somebody has it only when it is broken or given up.
 */
export class StaticPool<R extends object> implements Pool<R>, Custodian<R> {
  readonly events: EventHub<PoolEvents<R>>
  readonly resourceName: string
  readonly #keeper: ResourceKeeper<R>
  readonly #options: Required<PoolOptions>
  readonly #setting: PoolSetting<R>
  readonly #upkeep: Upkeep<R>
  readonly #housekeeper: Housekeeper<R>
  /** The one resource; `ready` whenever it is open. */
  readonly #shared = new Slot<R>()
  /** One for each holder, showing the shared resource. */
  readonly #views = new Set<Slot<R>>()
  /** Opening, asking and cleaning, one after the other. */
  readonly #lane = new Lane()
  #isClosed = false

  constructor(keeper: ResourceKeeper<R>, options: Required<PoolOptions>, setting: PoolSetting<R> = {}) {
    this.#keeper = keeper
    this.#options = options
    this.#upkeep = new Upkeep(keeper, options, setting)
    this.events = this.#upkeep.events
    this.resourceName = this.#upkeep.resourceName
    this.#setting = { ...setting, events: this.events }
    this.#housekeeper = new Housekeeper({
      warnHeldFor: options.warnHeldFor,
      clock: this.#upkeep.clock,
      resourceName: this.resourceName,
      slots: () => this.#views,
      onLost: (view) => this.giveUp(view, `the lease of '${view.label}' was collected without release`, false),
    })
  }

  tryAcquire(holder: HolderLabel): Lease<R> | undefined {
    if (this.#isClosed || this.#lane.isBusy || this.#options.prePing || this.events.has('checkout')) return undefined
    return this.#upkeep.isFit(this.#shared) ? this.#lend(holder) : undefined
  }

  async acquire(options: AcquireOptions): Promise<Lease<R>> {
    options.signal?.throwIfAborted()
    const lease = this.tryAcquire(options)
    if (lease !== undefined) return lease
    const stack = options.stack ?? this.#whereTaken()
    const deadline = this.#deadlineFor(options)
    try {
      const acquired = this.#lane.run(options.label, () => this.#prepareAndLend(options.label, stack, deadline))
      return await this.#orGiveUp(acquired, deadline.signal)
    } finally {
      deadline.dispose()
    }
  }

  /** A caller who gives up while the lane works for it does not keep what the lane then hands out. */
  async #orGiveUp(acquired: Promise<Lease<R>>, signal: AbortSignal | undefined): Promise<Lease<R>> {
    try {
      return await abortable(acquired, signal)
    } catch (error) {
      if (signal?.aborted === true) acquired.then((late) => late.release(), ignoreKnown)
      throw error
    }
  }

  async #prepareAndLend(label: string, stack: string | undefined, deadline: Deadline): Promise<Lease<R>> {
    do {
      deadline.signal?.throwIfAborted()
      if (this.#isClosed) throw this.#closedError(label)
      await this.#prepare(label, deadline)
    } while (this.#shared.resource === undefined)
    if (!this.#isClosed) return this.#lend({ label, stack })
    await this.#retireWhenUnused()
    throw this.#closedError(label)
  }

  async #prepare(label: string, deadline: Deadline): Promise<void> {
    const isShared = this.#views.size > 0
    const { prePing } = this.#options
    const parts = { slot: this.#shared, label, prePing, isShared, upkeep: this.#upkeep, deadline }
    const checkout = new Checkout(parts)
    try {
      await checkout.run()
    } catch (error) {
      await checkout.pending?.catch(ignoreKnown)
      throw error
    }
  }

  #lend(holder: HolderLabel): Lease<R> {
    this.#shared.isNew = false
    const view = this.#shared.share()
    view.label = holder.label
    view.stack = holder.stack ?? this.#whereTaken()
    view.since = this.#upkeep.clock.now()
    this.#views.add(view)
    const lease = new PoolLease<R>(this, view)
    this.#housekeeper.lent(view, lease)
    return lease
  }

  takeBack(view: Slot<R>): Promise<void> {
    const isCurrent = this.#drop(view)
    if (!isCurrent || this.#views.size > 0) return settled
    if (this.#isClosed) return this.#retireWhenUnused()
    if (this.#upkeep.isClean(this.#shared)) return settled
    return this.#lane.run('reset', async () => {
      if (this.#views.size === 0 && this.#shared.resource !== undefined) await this.#upkeep.clean(this.#shared)
    })
  }

  giveUp(view: Slot<R>, reason: unknown, _others: boolean): void {
    if (this.#drop(view)) this.#upkeep.discard(this.#shared, reason)
  }

  doubt(view: Slot<R>, reason: unknown, _others: boolean): void {
    if (view.resource !== this.#shared.resource) return
    this.#shared.softReason = reason ?? 'invalidated by its holder'
    this.#upkeep.announce('softInvalidate', { ...this.#shared.event(), reason })
  }

  letGo(view: Slot<R>): void {
    if (!this.#drop(view)) return
    this.#upkeep.announce('detach', this.#shared.event())
    this.#shared.machine.enter('detach')
    this.#shared.empty()
  }

  async endDetached(resource: R, info: Map<unknown, unknown>, slotInfo: Map<unknown, unknown>): Promise<void> {
    this.#upkeep.announce('close', { resource, info, slotInfo, reason: 'released after it was detached' })
    await this.#upkeep.close(resource)
  }

  status(): PoolStatus {
    const isOpen = this.#shared.resource !== undefined
    const checkedOut = this.#views.size
    const idle = isOpen && checkedOut === 0 ? 1 : 0
    return { size: 1, checkedOut, idle, overflow: isOpen ? 0 : -1, waiting: this.#lane.waiting }
  }

  holders(): readonly PoolHolder[] {
    return holdersOf(this.#views)
  }

  invalidateAll(reason: unknown): void {
    this.#upkeep.invalidateAll(reason)
  }

  async dispose(options: { readonly close?: boolean } = {}): Promise<void> {
    this.#isClosed = true
    this.#housekeeper.stop()
    if (options.close !== false) return this.#lane.run('dispose', () => this.#retireWhenUnused())
    if (this.#views.size > 0 || this.#shared.resource === undefined) return
    this.#shared.machine.enter('detach')
    this.#shared.empty()
  }

  recreate(): Pool<R> {
    return new StaticPool(this.#keeper, this.#options, this.#setting)
  }

  /** A warning of a long holder is worth little without where it took what it holds. */
  #whereTaken(): string | undefined {
    return this.#options.warnHeldFor > 0 ? captureCallSite() : callSite()
  }

  /** Forgets a holder; whether it had the resource that is the shared one now. */
  #drop(view: Slot<R>): boolean {
    this.#views.delete(view)
    view.machine.enter('takeBack')
    return view.resource === this.#shared.resource && this.#shared.machine.state === 'ready'
  }

  async #retireWhenUnused(): Promise<void> {
    if (this.#views.size > 0 || this.#shared.machine.state !== 'ready') return
    await this.#upkeep.retire(this.#shared, 'the pool was disposed of')
  }

  #deadlineFor(options: AcquireOptions): Deadline {
    const { clock } = this.#upkeep
    const startedAt = clock.now()
    const timeout = options.timeout ?? this.#options.timeout
    const timeoutReason = () => this.#timeoutError(options.label, startedAt)
    return new Deadline({ timeout: timeout === 0 ? undefined : timeout, signal: options.signal, timeoutReason, clock })
  }

  #timeoutError(label: string, startedAt: number): Error {
    const now = this.#upkeep.clock.now()
    return waitedInVain({
      resourceName: this.resourceName,
      label,
      waited: now - startedAt,
      now,
      status: this.status(),
      opening: this.#shared.machine.state === 'opening' ? 1 : 0,
      holders: this.holders(),
      lastOpenFailure: this.#upkeep.lastOpenFailure,
    })
  }

  #closedError(label: string): PoolClosedError {
    return new PoolClosedError(`'${label}' got no ${this.resourceName}: the pool was disposed of`)
  }
}

/** For a failure that another promise has reported already. */
function ignoreKnown(): void {}
