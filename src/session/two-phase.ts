import { CommitUnknownError } from '../errors.ts'
import type { Enlistment } from './enlistment.ts'

/**
 * Commits one connection after the other. Once one of them has committed, or may have, what is prepared on the others is never rolled
 * back: it stays prepared, and the error says under which names.
 */
export async function commitEach(enlistments: readonly Enlistment[]): Promise<void> {
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
