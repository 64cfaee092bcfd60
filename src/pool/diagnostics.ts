import { type Clock, channels, type PoolMessage } from '../support/index.ts'
import type { PoolStatus } from './contract.ts'

/** Tells the channel `heddle:pool`, where somebody listens. `since`: when the waiting or the holding began. */
export function tellPool(
  event: PoolMessage['event'],
  pool: { readonly resourceName: string; status(): PoolStatus },
  label: string | undefined,
  since: number,
  clock: Clock,
): void {
  if (!channels.pool.hasSubscribers) return
  const took = clock.now() - since
  const time = event === 'release' ? { heldMs: took } : { waitedMs: took }
  const status = pool.status()
  channels.pool.publish({
    event,
    resource: pool.resourceName,
    label: label ?? '',
    ...time,
    status,
  } satisfies PoolMessage)
}
