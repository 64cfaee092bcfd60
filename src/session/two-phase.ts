import { CommitUnknownError } from '../errors.ts'
import type { Enlistment } from './enlistment.ts'

/** Commits what takes part; undefined where that was done within the call. */
export function commitEnlisted(enlistments: Iterable<Enlistment>): Promise<void> | undefined {
  const [only, ...others] = enlistments
  if (only === undefined) return undefined
  return others.length === 0 && !only.isTwoPhase ? only.commit() : commitEach([only, ...others])
}

/**
 * Commits one connection after the other. Once one of them has committed, or may have, what is prepared on the others is never rolled
 * back: it stays prepared, and the error says under which names.
 */
async function commitEach(enlistments: readonly Enlistment[]): Promise<void> {
  let committed = 0
  try {
    for (const enlistment of enlistments) {
      await enlistment.commit()
      committed++
    }
  } catch (error) {
    if (committed > 0 || error instanceof CommitUnknownError) {
      await leavePrepared(enlistments, committed, error)
    }
    throw error
  }
}

async function leavePrepared(enlistments: readonly Enlistment[], committed: number, error: unknown): Promise<void> {
  const xids: string[] = []
  for (const enlistment of enlistments) {
    const xid = await enlistment.leavePrepared(error)
    if (xid !== undefined) xids.push(`'${xid}'`)
  }
  if (xids.length === 0 || !(error instanceof Error)) return
  error.message +=
    ` (${committed} of ${enlistments.length} connections had committed; these transactions stay prepared, each on its own ` +
    `database, and must be finished there by connection.commitPrepared() or rollbackPrepared(): ${xids.join(', ')})`
}
