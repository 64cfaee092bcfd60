import { PoolClosedError } from '../errors.ts'
import { type ClockTimer, callSite, captureCallSite, Deadline, type EventHub, warn } from '../support/index.ts'
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
import { tellPool } from './diagnostics.ts'
import { Housekeeper } from './housekeeper.ts'
import { KeepAlive } from './keep-alive.ts'
import { type Custodian, PoolLease } from './lease.ts'
import { type Capacity, capacityOf, type PoolOptions } from './options.ts'
import { Slot } from './resource.ts'
import { holdersOf, waitedInVain } from './stats.ts'
import { Upkeep } from './upkeep.ts'
import { WaitingLine } from './waiting-line.ts'

const settled: Promise<void> = Promise.resolve()

/** How long a place is kept for an opening that its caller gave up, where the pool itself has no timeout, in milliseconds. */
const OPENING_GRACE = 30_000

/** The part of a pool that makes a lease, for kinds that do it differently. */
export interface Loan {
  readonly label: string
  readonly stack: string | undefined
}

/**
 * The pool of kind `queue`: keeps some resources, opens more up to a limit, and serves callers in the order in which they came.
 *
 * All of its state is in three fields. A place is counted in `#slots` from before its resource is opened until after it is closed, so
 * there are never more resources than the limit; at any time it belongs to `#idle`, to one holder, or to one piece of upkeep. While
 * somebody waits nothing is idle and no place is free: whatever becomes free is given to the first in line at once.
 */
export class QueuePool<R extends object> implements Pool<R>, Custodian<R> {
  readonly events: EventHub<PoolEvents<R>>
  readonly resourceName: string
  protected readonly upkeep: Upkeep<R>
  protected readonly options: Required<PoolOptions>
  readonly #keeper: ResourceKeeper<R>
  readonly #setting: PoolSetting<R>
  readonly #capacity: Capacity
  readonly #housekeeper: Housekeeper<R>
  /** Only where idle ones are to be asked. */
  readonly #keepAlive: KeepAlive<R> | undefined
  readonly #slots = new Set<Slot<R>>()
  readonly #idle: Slot<R>[] = []
  readonly #line: WaitingLine<Slot<R>>
  /** Places that were given up and have something to remember; taken again before new ones are made. */
  readonly #remembered: Slot<R>[] = []
  #isClosed = false

  constructor(
    keeper: ResourceKeeper<R>,
    options: Required<PoolOptions>,
    setting: PoolSetting<R> = {},
    capacity: Capacity = capacityOf(options),
  ) {
    this.upkeep = new Upkeep(keeper, options, setting)
    this.options = options
    this.events = this.upkeep.events
    this.resourceName = this.upkeep.resourceName
    this.#keeper = keeper
    this.#setting = { ...setting, events: this.events }
    this.#capacity = capacity
    this.#line = new WaitingLine(this.upkeep.clock)
    this.#housekeeper = new Housekeeper({
      warnHeldFor: options.warnHeldFor,
      clock: this.upkeep.clock,
      resourceName: this.resourceName,
      slots: () => this.#slots,
      onLost: (slot) => this.giveUp(slot, `the lease of '${slot.label}' was collected without release`, false),
    })
    this.#keepAlive = options.keepAlive === 0 ? undefined : this.#makeKeepAlive(options.keepAlive)
  }

  // ------------------------------------------------------------------------------------------- taking

  tryAcquire(holder: HolderLabel): Lease<R> | undefined {
    const { lifo, prePing } = this.options
    const slot = lifo ? this.#idle[this.#idle.length - 1] : this.#idle[0]
    if (slot === undefined || prePing || this.events.has('checkout') || !this.upkeep.isFit(slot)) return undefined
    this.#takeIdle()
    return this.#lend(slot, holder, this.upkeep.clock.now())
  }

  acquire(options: AcquireOptions): Promise<Lease<R>> {
    if (options.signal?.aborted === true) return Promise.reject(options.signal.reason)
    if (this.#isClosed) return Promise.reject(this.#closedError(options.label))
    const lease = this.tryAcquire(options)
    return lease === undefined ? this.#acquireLater(options) : Promise.resolve(lease)
  }

  async #acquireLater(options: AcquireOptions): Promise<Lease<R>> {
    const startedAt = this.upkeep.clock.now()
    const stack = options.stack ?? this.#whereTaken()
    const slot = this.#takeIdle() ?? this.#takeNewPlace() ?? (await this.#waitInLine(options, startedAt))
    if (!this.#isReady(slot, options)) await this.#makeReady(slot, options, startedAt)
    if (options.signal?.aborted !== true && !this.#isClosed)
      return this.#lend(slot, { label: options.label, stack }, startedAt)
    this.#putBack(slot)
    throw options.signal?.aborted === true ? options.signal.reason : this.#closedError(options.label)
  }

  #waitInLine(options: AcquireOptions, startedAt: number): Promise<Slot<R>> {
    const timeoutError = () => this.#timeoutError(options.label, startedAt)
    return this.#line.wait({ timeout: this.#timeoutOf(options), signal: options.signal, timeoutError })
  }

  #isReady(slot: Slot<R>, options: AcquireOptions): boolean {
    if (this.options.prePing || this.events.has('checkout') || options.signal?.aborted === true) return false
    return this.upkeep.isFit(slot)
  }

  async #makeReady(slot: Slot<R>, options: AcquireOptions, startedAt: number): Promise<void> {
    const deadline = this.#deadlineFor(options, startedAt)
    const { prePing } = this.options
    const checkout = new Checkout({ slot, label: options.label, prePing, upkeep: this.upkeep, deadline })
    try {
      await checkout.run()
    } catch (error) {
      this.#afterFailure(slot, checkout.pending)
      throw error
    } finally {
      deadline.dispose()
    }
  }

  /** A timeout of 0 is about waiting for others; an opening that is allowed to start is not limited by it. */
  #deadlineFor(options: AcquireOptions, startedAt: number): Deadline {
    const timeout = this.#timeoutOf(options)
    const { clock } = this.upkeep
    return new Deadline({
      timeout: timeout === 0 ? undefined : Math.max(0, timeout - (clock.now() - startedAt)),
      signal: options.signal,
      timeoutReason: () => this.#timeoutError(options.label, startedAt),
      clock,
    })
  }

  #takeIdle(): Slot<R> | undefined {
    const slot = this.options.lifo ? this.#idle.pop() : this.#idle.shift()
    slot?.machine.enter('take')
    return slot
  }

  #takeNewPlace(): Slot<R> | undefined {
    if (this.#slots.size >= this.#capacity.limit) return undefined
    const slot = this.#remembered.pop() ?? new Slot<R>()
    this.#slots.add(slot)
    return slot
  }

  #lend(slot: Slot<R>, holder: HolderLabel, askedAt: number): Lease<R> {
    const loan = this.loanFor(holder)
    slot.machine.enter('lend')
    slot.isNew = false
    slot.ticket++
    slot.label = loan.label
    slot.stack = loan.stack
    slot.since = this.upkeep.clock.now()
    tellPool('acquire', this, loan.label, askedAt, this.upkeep.clock)
    const lease = new PoolLease<R>(this, slot)
    this.#housekeeper.lent(slot, lease)
    return lease
  }

  /** What is remembered of a holder. */
  protected loanFor(holder: HolderLabel): Loan {
    return { label: holder.label, stack: holder.stack ?? this.#whereTaken() }
  }

  /** A warning of a long holder is worth little without where it took what it holds. */
  #whereTaken(): string | undefined {
    return this.options.warnHeldFor > 0 ? captureCallSite() : callSite()
  }

  // ------------------------------------------------------------------------------------- giving back

  takeBack(slot: Slot<R>): Promise<void> {
    tellPool('release', this, slot.label, slot.since, this.upkeep.clock)
    slot.machine.enter('takeBack')
    if (this.#isClosed || this.upkeep.isClean(slot)) return this.#putBack(slot)
    return this.#cleanAndPutBack(slot)
  }

  giveUp(slot: Slot<R>, reason: unknown, others: boolean): void {
    tellPool('release', this, slot.label, slot.since, this.upkeep.clock)
    if (others) this.upkeep.invalidateOlderThan(slot, reason)
    this.upkeep.discard(slot, reason)
    this.#freePlace(slot)
  }

  doubt(slot: Slot<R>, reason: unknown, others: boolean): void {
    if (others) this.upkeep.invalidateOlderThan(slot, reason)
    slot.softReason = reason ?? 'invalidated by its holder'
    if (this.events.has('softInvalidate')) this.upkeep.announce('softInvalidate', { ...slot.event(), reason })
  }

  letGo(slot: Slot<R>): void {
    if (this.events.has('detach')) this.upkeep.announce('detach', slot.event())
    slot.machine.enter('detach')
    slot.empty()
    this.#freePlace(slot)
  }

  async endDetached(resource: R, info: Map<unknown, unknown>, slotInfo: Map<unknown, unknown>): Promise<void> {
    this.upkeep.announce('close', { resource, info, slotInfo, reason: 'released after it was detached' })
    await this.upkeep.close(resource)
  }

  async #cleanAndPutBack(slot: Slot<R>): Promise<void> {
    await this.upkeep.clean(slot)
    await this.#putBack(slot)
  }

  /** A place whose resource is clean, or gone, and that nobody holds any more. */
  #putBack(slot: Slot<R>): Promise<void> {
    if (slot.resource === undefined) {
      this.#freePlace(slot)
      return settled
    }
    slot.forgetHolder()
    if (this.#isClosed) return this.#retire(slot, 'the pool was disposed of')
    if (this.#line.serveFirst(slot)) return settled
    if (this.#idle.length >= this.#capacity.keep) return this.#retire(slot, 'more than the pool keeps')
    slot.machine.enter('keep')
    slot.isNew = false
    this.#idle.push(slot)
    this.#keepAlive?.rested(slot)
    return settled
  }

  #makeKeepAlive(interval: number): KeepAlive<R> {
    const { clock } = this.upkeep
    return new KeepAlive({ interval, clock, idle: () => this.#idle, ask: (slot) => this.#askIdle(slot) })
  }

  /** Nobody waits for it: one that does not answer, or is to be replaced anyway, is ended, and opened anew when it is needed. */
  async #askIdle(slot: Slot<R>): Promise<void> {
    this.#idle.splice(this.#idle.indexOf(slot), 1)
    slot.machine.enter('take')
    const unfit = this.upkeep.unfitBecause(slot)
    if (unfit !== undefined) return this.#retire(slot, unfit)
    try {
      await this.upkeep.ping(slot)
    } catch (error) {
      this.upkeep.invalidateOlderThan(slot, error)
      this.upkeep.discard(slot, error)
    }
    await this.#putBack(slot)
  }

  async #retire(slot: Slot<R>, reason: unknown): Promise<void> {
    await this.upkeep.retire(slot, reason)
    this.#freePlace(slot)
  }

  /** A vacant place goes to the first who waits, who then opens a resource in it. */
  #freePlace(slot: Slot<R>): void {
    if (this.#line.serveFirst(slot)) return
    if (this.#isClosed && this.#slots.size === 1) this.#housekeeper.stop()
    if (this.#slots.delete(slot) && slot.hasSlotInfo && this.#remembered.length < this.#capacity.keep) {
      this.#remembered.push(slot)
    }
  }

  #afterFailure(slot: Slot<R>, pending: Promise<void> | undefined): void {
    if (pending === undefined) this.#putBack(slot)
    else this.#waitForAbandoned(slot, pending)
  }

  /**
   * The caller has gone, its opening still runs. The place stays taken, or there could be more resources than allowed; what comes of it
   * goes to the next. An opening that never ends is written off after a while.
   */
  #waitForAbandoned(slot: Slot<R>, pending: Promise<void>): void {
    const { clock } = this.upkeep
    const { timeout } = this.options
    const grace = timeout > 0 && timeout < Number.POSITIVE_INFINITY ? timeout : OPENING_GRACE
    let timer: ClockTimer | undefined = clock.setTimeout(
      () => {
        timer = undefined
        this.#writeOff(slot, grace)
      },
      grace,
      { unref: true },
    )
    const done = () => {
      if (timer === undefined) {
        if (slot.resource !== undefined) void this.upkeep.retire(slot, 'opened too late')
        return
      }
      clock.clearTimeout(timer)
      this.#putBack(slot)
    }
    pending.then(done, done)
  }

  #writeOff(slot: Slot<R>, grace: number): void {
    const name = this.resourceName
    warn(
      'HEDDLE_POOL_OPENING_LOST',
      `A ${name} was neither opened nor refused within ${grace} ms after its caller gave up; its place is given to another. ` +
        'If it opens later, it is closed.',
    )
    const replacement = new Slot<R>()
    this.#slots.delete(slot)
    this.#slots.add(replacement)
    this.#freePlace(replacement)
  }

  // ------------------------------------------------------------------------------------ as a whole

  status(): PoolStatus {
    const open = this.#slots.size
    const idle = this.#idle.length
    const size = Number.isFinite(this.#capacity.keep) ? this.#capacity.keep : 0
    return { size, checkedOut: open - idle, idle, overflow: open - size, waiting: this.#line.length }
  }

  holders(): readonly PoolHolder[] {
    return holdersOf(this.#slots)
  }

  invalidateAll(reason: unknown): void {
    this.upkeep.invalidateAll(reason)
  }

  async dispose(options: { readonly close?: boolean } = {}): Promise<void> {
    this.#isClosed = true
    this.#housekeeper.disposed()
    this.#keepAlive?.stop()
    this.#line.rejectAll(() => this.#closedError('a waiting caller'))
    const idle = this.#idle.splice(0)
    if (options.close === false) {
      for (const slot of idle) this.#slots.delete(slot)
      return
    }
    await Promise.all(idle.map((slot) => this.#retire(slot, 'the pool was disposed of')))
  }

  recreate(): Pool<R> {
    const Kind = this.constructor as new (
      keeper: ResourceKeeper<R>,
      options: Required<PoolOptions>,
      setting: PoolSetting<R>,
    ) => Pool<R>
    return new Kind(this.#keeper, this.options, this.#setting)
  }

  #timeoutOf(options: AcquireOptions): number {
    return options.timeout ?? this.options.timeout
  }

  #timeoutError(label: string, startedAt: number): Error {
    const now = this.upkeep.clock.now()
    tellPool('timeout', this, label, startedAt, this.upkeep.clock)
    let opening = 0
    for (const slot of this.#slots) if (slot.machine.state === 'opening') opening++
    return waitedInVain({
      resourceName: this.resourceName,
      label,
      waited: now - startedAt,
      now,
      status: this.status(),
      opening,
      holders: this.holders(),
      lastOpenFailure: this.upkeep.lastOpenFailure,
    })
  }

  #closedError(label: string): PoolClosedError {
    return new PoolClosedError(`'${label}' got no ${this.resourceName}: the pool was disposed of`)
  }
}
