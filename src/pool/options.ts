import { aBoolean, anInteger, checkOptions, either, milliseconds, oneOf, type Rule, rule } from '../support/index.ts'
import type { Pool, PoolSetting, ResetMode, ResourceKeeper } from './contract.ts'

/** A pool of one's own making, where none of the built-in kinds fits. */
export type PoolClass = new <R extends object>(
  keeper: ResourceKeeper<R>,
  options: Required<PoolOptions>,
  setting: PoolSetting<R>,
) => Pool<R>

/** What the users of a pool choose. All times are in milliseconds. */
export interface PoolOptions {
  /**
   * `queue` keeps some and hands them out in turn (the default); `null` keeps none; `static` has one that all share;
   * `assertion` has one and fails when it is taken twice at once.
   */
  readonly kind?: 'queue' | 'null' | 'static' | 'assertion' | PoolClass
  /** How many are kept open; 0 keeps as many as were ever needed, without a limit. Default: 5 */
  readonly size?: number
  /** How many more may be open at a time; closed when they come back. -1 for no limit. Default: 10 */
  readonly maxOverflow?: number
  /** How long a caller waits for one, opening included; 0 fails at once when none is free. Default: 30,000 */
  readonly timeout?: number
  /** At this age one is replaced instead of handed out (up to a tenth earlier, so that not all go at once). -1 never. Default: -1 */
  readonly recycle?: number
  /** Ask each one whether it answers before it is handed out again. Default: false */
  readonly prePing?: boolean
  /** Hand out the one that came back last, so that the others can time out on the far side. Default: false */
  readonly lifo?: boolean
  /** How one that comes back is made clean; null does not. Default: 'rollback' */
  readonly resetOnReturn?: ResetMode | null
  /** How long a ping may take; one that gives no answer by then is replaced. Default: 5,000 */
  readonly pingTimeout?: number
  /** How long making one clean may take; it is ended at once then, and another opened for the next. Default: 5,000 */
  readonly resetTimeout?: number
  /**
   * Ask each one that was idle for so long whether it answers, one at a time, so that nothing on the way takes the connection for
   * forgotten, and one that is gone is known before it is needed; 0 never. Default: 0
   */
  readonly keepAlive?: number
  /** Warn of whoever holds one longer than this, once for each lease, with where it was taken; 0 never. Default: 0 */
  readonly warnHeldFor?: number
}

/** The options of a pool for which none are given. */
export const defaultPoolOptions: Required<PoolOptions> = {
  kind: 'queue',
  size: 5,
  maxOverflow: 10,
  timeout: 30_000,
  recycle: -1,
  prePing: false,
  lifo: false,
  resetOnReturn: 'rollback',
  pingTimeout: 5_000,
  resetTimeout: 5_000,
  keepAlive: 0,
  warnHeldFor: 0,
}

const isClass = rule('a pool class', (value) => typeof value === 'function')

const commonRules: Record<string, Rule> = {
  kind: either(oneOf('queue', 'null', 'static', 'assertion'), isClass),
  timeout: milliseconds,
  recycle: either(oneOf(-1), milliseconds),
  prePing: aBoolean,
  resetOnReturn: oneOf('rollback', 'commit', null),
  pingTimeout: milliseconds,
  resetTimeout: milliseconds,
  warnHeldFor: milliseconds,
}

const queueRules: Record<string, Rule> = {
  ...commonRules,
  size: anInteger(0),
  maxOverflow: anInteger(-1),
  lifo: aBoolean,
  keepAlive: milliseconds,
}

/**
 * Checks the options of a pool and completes them. `size`, `maxOverflow`, `lifo` and `keepAlive` are only for the kind that has a choice.
 *
 * @param owner what takes them, for the message
 * @throws ArgumentError naming the option that is unknown or has a wrong value
 */
export function readPoolOptions(given: PoolOptions = {}, owner = 'pool'): Required<PoolOptions> {
  const kind: unknown = given?.kind ?? 'queue'
  const single = kind === 'null' || kind === 'static' || kind === 'assertion'
  checkOptions(single ? `${owner} of kind '${kind}'` : owner, given, single ? commonRules : queueRules)
  const chosen = Object.entries(given).filter(([, value]) => value !== undefined)
  return { ...defaultPoolOptions, ...(Object.fromEntries(chosen) as PoolOptions) }
}

/** How many resources a pool keeps and how many it may have. */
export interface Capacity {
  readonly keep: number
  readonly limit: number
}

/** The capacity that `size` and `maxOverflow` ask for. */
export function capacityOf(options: Required<PoolOptions>): Capacity {
  const keep = options.size === 0 ? Number.POSITIVE_INFINITY : options.size
  return { keep, limit: options.maxOverflow === -1 ? Number.POSITIVE_INFINITY : keep + options.maxOverflow }
}
