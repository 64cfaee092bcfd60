import { attachSuppressed } from '../support/index.ts'
import type { SessionEvents } from './events.ts'
import type { SessionTransaction } from './session-transaction.ts'

/** What is needed of a session to make its transaction unusable. */
export interface Deactivatable {
  readonly session: object
  readonly transaction: SessionTransaction | undefined
  tell<Name extends keyof SessionEvents<object>>(name: Name, payload: SessionEvents<object>[Name]): Promise<void>
}

/**
 * A flush failed: the database rolls back to the beginning of the innermost transaction at once, and the session can only be
 * rolled back. Its records are left to that rollback.
 */
export async function deactivateAfter(core: Deactivatable, error: unknown): Promise<void> {
  const { transaction, session } = core
  if (transaction === undefined || !(transaction.isActive || transaction.state === 'prepared')) return
  transaction.failure = error
  transaction.move('deactivate')
  try {
    for (const enlistment of transaction.enlistments.values()) {
      await (transaction.nested ? enlistment.rollbackToSavepoint() : enlistment.rollback())
    }
    transaction.rolledBackInDatabase = true
  } catch (failure) {
    attachSuppressed(error, failure)
  }
  try {
    await core.tell('afterRollback', { session })
    await core.tell('afterSoftRollback', { session, previousTransaction: transaction })
  } catch (failure) {
    attachSuppressed(error, failure)
  }
}
