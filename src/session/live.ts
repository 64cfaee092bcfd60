/** Something that `closeAllSessions` closes. */
export interface Closable {
  close(): Promise<void>
}

/** Sessions that have begun something, weakly: one that is dropped without an end does not stay in memory for this list. */
const live = new Set<WeakRef<Closable>>()

/** How large the list may grow before dropped sessions are swept out of it. */
let sweepAt = 1_024

/** Lists a session until {@link unlist}. */
export function list(session: Closable): WeakRef<Closable> {
  if (live.size >= sweepAt) sweep()
  const entry = new WeakRef(session)
  live.add(entry)
  return entry
}

export function unlist(entry: WeakRef<Closable>): void {
  live.delete(entry)
}

function sweep(): void {
  for (const entry of live) if (entry.deref() === undefined) live.delete(entry)
  sweepAt = Math.max(1_024, live.size * 2)
}

/**
 * Closes every live session of this thread, those included to which the caller holds no reference: for tests and shutdown.
 *
 * @throws AggregateError when sessions could not be closed; the others are closed all the same
 */
export async function closeAllSessions(): Promise<void> {
  const sessions = [...live].flatMap((entry) => entry.deref() ?? [])
  const results = await Promise.allSettled(sessions.map((session) => session.close()))
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} session(s) could not be closed.`)
}
