import { channel } from 'node:diagnostics_channel'

/**
 * The channels of `node:diagnostics_channel` on which heddle tells what it does. A message is made only where somebody listens. Beside them is
 * `heddle:warning`.
 */
export const channels = {
  query: channel('heddle:query'),
  transaction: channel('heddle:transaction'),
  flush: channel('heddle:flush'),
  pool: channel('heddle:pool'),
  scope: channel('heddle:scope'),
} as const

/** What `heddle:scope` carries: an asynchronous scope was opened, or has ended. */
export interface ScopeMessage {
  readonly event: 'open' | 'end'
  /** What errors call it. */
  readonly label: string
  /** Milliseconds since it was opened; with `end`. */
  readonly durationMs?: number
  /** Why it has ended; with `end`. */
  readonly why?: string
}

/** What `heddle:flush` carries: a session has written what was pending, or has failed to. */
export interface FlushMessage {
  /** What errors call the session. */
  readonly label: string
  /** What needed the flush: `commit()`, `query(User).all()`. */
  readonly reason: string
  /** Instances to be inserted, updated, deleted, as they were known when it began. */
  readonly inserts: number
  readonly updates: number
  readonly deletes: number
  readonly durationMs: number
  readonly error?: unknown
}

/** What `heddle:pool` carries: a resource of a pool was taken or given back, or somebody has waited for one in vain. */
export interface PoolMessage {
  readonly event: 'acquire' | 'release' | 'timeout'
  /** What is pooled: `connection`. */
  readonly resource: string
  /** What the holder calls itself. */
  readonly label: string
  /** Milliseconds until it was there, opening included, or until nobody waited any more; with `acquire` and `timeout`. */
  readonly waitedMs?: number
  /** Milliseconds in its holder's hands; with `release`. */
  readonly heldMs?: number
  /** How full the pool is then. */
  readonly status: {
    readonly size: number
    readonly checkedOut: number
    readonly idle: number
    readonly overflow: number
    readonly waiting: number
  }
}
