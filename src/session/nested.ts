import { ConcurrentUseError } from '../errors.ts'
import { attachSuppressed } from '../support/index.ts'
import type { SessionCore } from './core.ts'
import { commitTo, rollbackTo } from './ending.ts'
import type { Enlistment } from './enlistment.ts'
import type { SessionTransaction } from './session-transaction.ts'

/** Sets a savepoint after flushing what is pending, so that a rollback to it keeps that. Runs inside an operation. */
export async function openNested(core: SessionCore): Promise<SessionTransaction> {
  const outer = core.ensureTransaction('beginNested()')
  outer.requireActive('beginNested()')
  await core.flushNow('beginNested()')
  await setSavepoints(core, [...outer.enlistments.values()])
  return core.beginTransaction('begin nested', outer)
}

/** On all connections or on none: each has as many savepoints as the session has levels. */
async function setSavepoints(core: SessionCore, enlistments: readonly Enlistment[]): Promise<void> {
  const set: Enlistment[] = []
  try {
    for (const enlistment of enlistments) {
      core.gate.checkInterrupted('beginNested()')
      await enlistment.savepoint()
      set.push(enlistment)
    }
  } catch (error) {
    for (const enlistment of set) {
      await enlistment.rollbackToSavepoint().catch((failure: unknown) => attachSuppressed(error, failure))
    }
    throw error
  }
}

/**
 * Runs the body of a savepoint: released when it resolves, rolled back to when it rejects, and the error is thrown on. The body
 * holds the session, so a second block beside it waits for its end, and neither can undo the other.
 */
export function runNested<T>(core: SessionCore, body: () => Promise<T> | T): Promise<T> {
  return core.gate.withSavepoint(async (runBody) => {
    const savepoint = await openNested(core)
    if (core.unit.hasWork) savepoint.changedFromOutside = 'a change'
    try {
      const result = await runBody(body)
      if (savepoint.state !== 'closed') await commitTo(core, savepoint)
      return result
    } catch (error) {
      if (savepoint.state !== 'closed') {
        await rollbackTo(core, savepoint).catch((failure: unknown) => attachSuppressed(error, failure))
        failIfOthersLost(core, savepoint)
      }
      throw error
    }
  })
}

/**
 * Its rollback has taken back what another branch changed meanwhile. That branch knows nothing of it, so the enclosing transaction
 * must not be committed as if all was well.
 */
function failIfOthersLost(core: SessionCore, { changedFromOutside }: SessionTransaction): void {
  const { transaction } = core
  if (changedFromOutside === undefined || transaction?.isActive !== true) return
  transaction.failure = new ConcurrentUseError(
    `${changedFromOutside} was made by another branch while the body of a savepoint ran on the same session, and the rollback of ` +
      'that savepoint has undone it. Change instances of a shared session only between savepoints, or inside one of its own.',
    { calls: ['beginNested()', changedFromOutside] },
  )
  transaction.move('deactivate')
}
