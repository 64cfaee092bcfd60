import { attachSuppressed } from '../support/index.ts'
import type { Circuit } from './circuit.ts'
import type { TransactionOptions } from './options.ts'
import type { Transaction } from './transaction.ts'

/**
 * Begins, runs, commits; after an error rolls back and throws that same error. The block may end its transaction by itself, after which
 * nothing runs in it any more.
 */
export async function runInTransaction<T>(
  circuit: Circuit,
  options: TransactionOptions,
  block: () => Promise<T> | T,
): Promise<T> {
  const transaction = await circuit.begin(options, true)
  let result: T
  try {
    result = await block()
    circuit.checkQuiet()
  } catch (error) {
    await circuit.abandon(error)
    throw error
  }
  if (!transaction.isEnded) await transaction.commit()
  return result
}

/**
 * Runs inside a savepoint, then releases it; after an error rolls back to it and throws that same error. When the savepoint was lost
 * because what encloses it was rolled back meanwhile, that is an error and not a success.
 */
export async function runInsideSavepoint<T>(
  savepoint: Transaction,
  callback: (savepoint: Transaction) => Promise<T> | T,
): Promise<T> {
  try {
    const result = await callback(savepoint)
    if (!savepoint.wasEndedByHand) await savepoint.commit()
    return result
  } catch (error) {
    try {
      await savepoint.rollback()
    } catch (failure) {
      attachSuppressed(error, failure)
    }
    throw error
  }
}
