import type { Holder } from '../errors.ts'
import type { Clock, EventHub } from '../support/index.ts'

/** How a resource is made clean when it comes back; what the words mean is the keeper's business. */
export type ResetMode = 'rollback' | 'commit'

/** How resources are made, looked after and ended. The pool knows nothing else about them. */
export interface ResourceKeeper<R extends object> {
  /** Opens a new one. Should give up soon after the signal aborts; whatever it still opens then is kept or closed. */
  open(options: { readonly signal?: AbortSignal }): Promise<R>
  /** Makes one that comes back ready for the next holder. When it fails, the resource is discarded with that reason. */
  reset(resource: R, mode: ResetMode): Promise<void>
  /** Whether `reset` has anything to do. Where it says no, giving back is synchronous. Left out: always yes. */
  needsReset?(resource: R): boolean
  /** Fails when the resource does not answer. */
  ping(resource: R): Promise<void>
  /** Ends one in order. */
  close(resource: R): Promise<void>
  /** Ends one at once, for those that hang or are in an unknown condition. */
  destroy(resource: R): void
  /** Why the resource can no longer be used; `undefined` while it can. Asked at every checkout and return: must be cheap. */
  brokenBy(resource: R): unknown
}

/** Who takes a resource, as errors and `holders()` tell it. */
export interface HolderLabel {
  readonly label: string
  /** Where it was taken. Left out: found out while tracing is on. */
  readonly stack?: string | undefined
}

/** What `acquire` takes. */
export interface AcquireOptions extends HolderLabel {
  /** Gives up when it aborts; `acquire` then rejects with its reason. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds to wait, instead of the pool's own. */
  readonly timeout?: number | undefined
}

/** A holder as the pool tells it. */
export interface PoolHolder extends Holder {
  /** What the holder said last of what it does; see {@link Lease.note}. */
  readonly lastNote?: string
}

/** How full a pool is. */
export interface PoolStatus {
  /** How many are kept open; 0 when there is no limit. */
  readonly size: number
  /** In somebody's hands, being opened for somebody, or on their way back. */
  readonly checkedOut: number
  readonly idle: number
  /** How many there are beyond `size`: negative until the pool is full, `-size` when nothing is open. */
  readonly overflow: number
  /** Callers that wait for one. */
  readonly waiting: number
}

/** What every event of a pool tells. */
export interface ResourceEvent<R extends object> {
  readonly resource: R
  /** Belongs to the resource, and ends with it. */
  readonly info: Map<unknown, unknown>
  /** Belongs to the place in the pool, and stays when the resource in it is replaced. */
  readonly slotInfo: Map<unknown, unknown>
}

/** The events of a pool. Listeners may be asynchronous: what they delay is told at each event. */
export interface PoolEvents<R extends object> {
  /** Before the first `connect` of a pool; every other open waits for it. When it throws it runs again for the next one. */
  firstConnect: ResourceEvent<R>
  /** A resource was opened; it is handed out afterwards. When a listener throws, it is discarded. */
  connect: ResourceEvent<R>
  /** Before a resource is handed out. `DisconnectionError` replaces it and asks again, twice at most. */
  checkout: ResourceEvent<R> & { readonly label: string }
  /** Before a resource that came back, and is clean, becomes free. */
  checkin: ResourceEvent<R>
  /** Before a resource that came back is made clean. */
  reset: ResourceEvent<R> & { readonly mode: ResetMode | null; readonly alreadyReset: boolean }
  /** A resource is given up at once. Delays nothing. */
  invalidate: ResourceEvent<R> & { readonly reason: unknown }
  /** A resource will be replaced when it is next to be handed out. Delays nothing. */
  softInvalidate: ResourceEvent<R> & { readonly reason: unknown }
  /** A resource is ended, with the reason. Delays nothing. */
  close: ResourceEvent<R> & { readonly reason: unknown }
  /** A resource was taken out of the pool for good by its holder. Delays nothing. */
  detach: ResourceEvent<R>
}

/** What {@link Lease.invalidate} can be told. */
export interface InvalidateOptions {
  /** Leave it usable until it is given back, and replace it before it is handed out again. Default: false. */
  readonly soft?: boolean
  /**
   * Everything opened before now is suspect too, and is replaced before it is handed out. Done once where
   * several holders find the same failure. Default: false.
   */
  readonly others?: boolean
}

/** The right to use one resource until it is given back. */
export interface Lease<R extends object> extends AsyncDisposable {
  /** The resource. @throws ResourceClosedError once the lease has ended. */
  readonly resource: R
  /** For the holder to keep facts about the resource; ends with it. */
  readonly info: Map<unknown, unknown>
  /** For facts about the place in the pool; survives the resource. */
  readonly slotInfo: Map<unknown, unknown>
  readonly label: string
  /** Whether the lease can still be used. */
  readonly isValid: boolean
  readonly isDetached: boolean
  /**
   * Gives the resource back, clean. Resolved already when nothing had to be cleaned. Never rejects: a resource that cannot be made
   * clean is discarded. Calling it again, or after `invalidate`, does nothing and gives the first call's promise.
   */
  release(): Promise<void>
  /** Gives the resource up at once, with the reason, and ends the lease; its place is free for another. */
  invalidate(reason: unknown, options?: InvalidateOptions): void
  /** Takes the resource out of the pool for good. The lease still works, and `release` closes the resource. */
  detach(): R
  /** Says what the holder is doing, for the error of those who wait in vain. */
  note(text: string): void
}

/** A pool of resources that are costly to open. */
export interface Pool<R extends object> {
  readonly events: EventHub<PoolEvents<R>>
  /** A lease at once, when a healthy resource is free and nothing has to be awaited for it; `undefined` otherwise. */
  tryAcquire(holder: HolderLabel): Lease<R> | undefined
  /**
   * A lease, when it is this caller's turn. First come, first served.
   *
   * @throws PoolTimeoutError when none became free in time; it says who holds them
   * @throws PoolClosedError when the pool is or becomes disposed of
   */
  acquire(options: AcquireOptions): Promise<Lease<R>>
  status(): PoolStatus
  /** Who holds a resource now, the longest first. */
  holders(): readonly PoolHolder[]
  /** Everything opened before now is replaced before it is handed out again. */
  invalidateAll(reason: unknown): void
  /**
   * Closes what is idle, refuses whoever waits or comes, and closes what is out when it comes back. Resolves when the idle ones are
   * closed.
   *
   * @param options.close false leaves the idle ones open and forgets them: for a process that was forked. Default: true
   */
  dispose(options?: { readonly close?: boolean }): Promise<void>
  /** An empty pool of the same kind with the same options and listeners. */
  recreate(): Pool<R>
}

/** What surrounds a pool; nothing that its users choose. */
export interface PoolSetting<R extends object> {
  readonly clock?: Clock
  /** What messages call a resource. Default: 'resource' */
  readonly resourceName?: string
  /** The hub for the pool's events, for one that outlives the pool. */
  readonly events?: EventHub<PoolEvents<R>>
}
