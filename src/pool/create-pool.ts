import type { Pool, PoolSetting, ResourceKeeper } from './contract.ts'
import { type PoolClass, type PoolOptions, readPoolOptions } from './options.ts'
import { QueuePool } from './pool.ts'
import { AssertionPool, NullPool } from './single-pools.ts'
import { StaticPool } from './static-pool.ts'

const kinds: Readonly<Record<string, PoolClass>> = {
  queue: QueuePool,
  null: NullPool,
  static: StaticPool,
  assertion: AssertionPool,
}

/**
 * Makes a pool. Nothing is opened before the first caller.
 *
 * @param keeper how resources are opened, cleaned and ended
 * @throws ArgumentError for an unknown option or a wrong value
 * @example
 * const pool = createPool(keeper, { size: 2, maxOverflow: 0 })
 * const lease = await pool.acquire({ label: 'report' })
 * try {
 *   work(lease.resource)
 * } finally {
 *   await lease.release()
 * }
 */
export function createPool<R extends object>(
  keeper: ResourceKeeper<R>,
  options: PoolOptions = {},
  setting: PoolSetting<R> = {},
): Pool<R> {
  const complete = readPoolOptions(options)
  const Kind = typeof complete.kind === 'function' ? complete.kind : (kinds[complete.kind] as PoolClass)
  return new Kind(keeper, complete, setting)
}
