import { type Listed, LiveList } from '../support/index.ts'

/** Something that `closeAllSessions` closes. */
export interface Closable {
  close(): Promise<void>
}

/** Sessions that have begun something. */
const live = new LiveList<Closable>()

/** Lists a session until {@link unlist}. */
export function list(session: Closable): Listed<Closable> {
  return live.add(session)
}

export function unlist(entry: Listed<Closable>): void {
  live.remove(entry)
}

/**
 * Closes every live session of this thread, those included to which the caller holds no reference: for tests and shutdown.
 *
 * @throws AggregateError when sessions could not be closed; the others are closed all the same
 */
export function closeAllSessions(): Promise<void> {
  return live.endAll((session) => session.close(), 'session(s) could not be closed')
}
