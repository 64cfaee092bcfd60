import type { UnitOfWork } from '../state/index.ts'
import { channels, type FlushMessage } from '../support/index.ts'

/** Runs a flush, and tells the channel `heddle:flush` what it was. */
export async function tellFlush(
  { unit, label }: { readonly unit: UnitOfWork; readonly label: string },
  reason: string,
  flush: () => Promise<void>,
): Promise<void> {
  const began = performance.now()
  const counts = { inserts: unit.pending.size, updates: unit.dirty.size, deletes: unit.doomed.size }
  const publish = (end: { readonly error?: unknown }) =>
    channels.flush.publish({
      label,
      reason,
      ...counts,
      durationMs: performance.now() - began,
      ...end,
    } satisfies FlushMessage)
  try {
    await flush()
  } catch (error) {
    publish({ error })
    throw error
  }
  publish({})
}
