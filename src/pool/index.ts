export type {
  AcquireOptions,
  HolderLabel,
  InvalidateOptions,
  Lease,
  Pool,
  PoolEvents,
  PoolHolder,
  PoolSetting,
  PoolStatus,
  ResetMode,
  ResourceEvent,
  ResourceKeeper,
} from './contract.ts'
export { createPool } from './create-pool.ts'
export type { PoolClass, PoolOptions } from './options.ts'
export { defaultPoolOptions, readPoolOptions } from './options.ts'
export { QueuePool } from './pool.ts'
export { slotLifecycle } from './resource.ts'
export { AssertionPool, NullPool } from './single-pools.ts'
export { StaticPool } from './static-pool.ts'
