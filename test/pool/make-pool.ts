import { createPool, type Pool, type PoolOptions } from '../../src/pool/index.ts'
import { ManualClock } from '../support-unit/manual-clock.ts'
import { MemoryKeeper, type MemoryResource } from './memory-keeper.ts'

/** A pool over memory with a clock that the test turns. */
export function makePool(options: PoolOptions = {}): {
  readonly keeper: MemoryKeeper
  readonly clock: ManualClock
  readonly pool: Pool<MemoryResource>
} {
  const keeper = new MemoryKeeper()
  const clock = new ManualClock()
  return { keeper, clock, pool: createPool(keeper, options, { clock }) }
}

/** What the events of a pool told, one line each: `close 1: reason`. */
export function recordEvents(pool: Pool<MemoryResource>): string[] {
  const heard: string[] = []
  const names = ['firstConnect', 'connect', 'checkout', 'checkin', 'invalidate', 'softInvalidate', 'close', 'detach']
  for (const name of names as 'close'[]) {
    pool.events.on(name, ({ resource, reason }) => {
      const why = reason instanceof Error ? reason.message : reason
      heard.push(`${name} ${resource.id}${why === undefined ? '' : `: ${why}`}`)
    })
  }
  return heard
}

/** Takes `count` of them, one after the other. */
export async function take(pool: Pool<MemoryResource>, count: number) {
  const leases = []
  for (let index = 0; index < count; index++) leases.push(await pool.acquire({ label: `holder ${index}` }))
  return leases
}
