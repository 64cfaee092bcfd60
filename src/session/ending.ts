import { DisconnectionError, FlushError, InvalidRequestError } from '../errors.ts'
import { expireAll, restore, settleCommit } from '../state/index.ts'
import { allInOrder, attachSuppressed, warn } from '../support/index.ts'
import type { SessionCore } from './core.ts'
import { deactivateAfter } from './failure.ts'
import type { SessionTransaction } from './session-transaction.ts'
import { commitEnlisted } from './two-phase.ts'

/** Flushes that one commit may need, because listeners add work after each. */
const FLUSHES_IN_A_COMMIT = 100

/** Flushes until clean, and commits the whole stack. Runs inside an operation. */
export async function commitAll(core: SessionCore): Promise<void> {
  core.external?.refuseCommit('commit()')
  const innermost = core.ensureTransaction('commit()')
  if (innermost.state !== 'prepared') {
    innermost.requireActive('commit()')
    if (core.events.has('beforeCommit')) await core.tell('beforeCommit', { session: core.session })
    // Until nothing is left at the very moment from which changes belong to the next transaction.
    do {
      if (core.unit.hasWork) await flushUntilClean(core)
      while (core.transaction?.parent !== undefined) await releaseInnermost(core)
    } while (core.unit.hasWork)
  }
  const root = core.transaction as SessionTransaction
  const committing = commitConnections(core, root)
  // Nothing is awaited where the database has answered within the call.
  if (committing !== undefined) await committing
  root.move('markCommitted')
  await settleCommitted(core, root)
}

/** The first half of a two-phase commit. Runs inside an operation. */
export async function prepareAll(core: SessionCore): Promise<void> {
  core.external?.refuseCommit('prepare()')
  const transaction = core.ensureTransaction('prepare()')
  transaction.requireActive('prepare()')
  if (transaction.nested) {
    throw new InvalidRequestError('prepare(): a savepoint is open, and only the whole transaction can be prepared.')
  }
  await core.tell('beforeCommit', { session: core.session })
  do await flushUntilClean(core, 'prepare()')
  while (core.unit.hasWork)
  await prepareConnections(core, transaction)
}

async function flushUntilClean(core: SessionCore, what = 'commit()'): Promise<void> {
  for (let flushes = 0; core.unit.hasWork; flushes++) {
    if (flushes === FLUSHES_IN_A_COMMIT) {
      const error = new FlushError(
        `${what} has flushed ${FLUSHES_IN_A_COMMIT} times and there is still work: a listener of afterFlush or ` +
          'afterFlushPostexec adds some after every flush.',
      )
      await deactivateAfter(core, error)
      throw error
    }
    await core.flushNow(what)
  }
}

/** Undefined where it was done within the call. */
function commitConnections(core: SessionCore, root: SessionTransaction): Promise<void> | undefined {
  core.gate.checkInterrupted('commit()')
  root.isCommitting = true
  // Who coordinates it has nothing to commit where nothing was written.
  const onlyRead = core.external?.changed === false
  const failed = (error: unknown) => commitFailed(core, root, error)
  const commit = () => {
    try {
      return (onlyRead ? closeEach(root) : commitEnlisted(root.enlistments.values()))?.catch(failed)
    } catch (error) {
      return failed(error)
    }
  }
  const isToPrepare = core.options.twophase && !onlyRead && root.state !== 'prepared'
  return isToPrepare ? prepareConnections(core, root).then(commit) : commit()
}

async function commitFailed(core: SessionCore, root: SessionTransaction, error: unknown): Promise<never> {
  root.isCommitting = false
  await deactivateAfter(core, error)
  throw error
}

async function closeEach(root: SessionTransaction): Promise<void> {
  for (const enlistment of root.enlistments.values()) await enlistment.close()
}

/** Every connection promises before any commits. Where one cannot, everything is rolled back. */
async function prepareConnections(core: SessionCore, root: SessionTransaction): Promise<void> {
  root.isCommitting = true
  try {
    for (const enlistment of root.enlistments.values()) {
      core.gate.checkInterrupted('prepare()')
      await enlistment.prepare()
    }
  } catch (error) {
    root.isCommitting = false
    await rollbackAll(core).catch((failure: unknown) => attachSuppressed(error, failure))
    throw error
  }
  root.move('prepare')
}

async function settleCommitted(core: SessionCore, root: SessionTransaction): Promise<void> {
  const { session, unit } = core
  try {
    if (core.events.has('afterCommit')) await core.tell('afterCommit', { session })
  } finally {
    settleCommit(unit, root.snapshot, core.options.expireOnCommit)
    await release(root)
    core.endTransaction(root)
    const goesOn = core.options.autobegin && core.gate.closedBy === undefined
    if (unit.hasWork && goesOn) core.beginTransaction('autobegin')
  }
  if (root.callbacks.has('commit')) await core.gate.within(() => root.callbacks.run('commit'))
}

/** Gives all connections back, each whatever happens to the others. */
async function release(root: SessionTransaction): Promise<void> {
  const enlistments = [...root.enlistments.values()]
  root.enlistments.clear()
  if (enlistments.length <= 1) return enlistments[0]?.release()
  await allInOrder(enlistments.map((enlistment) => enlistment.release()))
}

/** Releases the innermost savepoint: its work now belongs to the enclosing transaction. */
async function releaseInnermost(core: SessionCore): Promise<void> {
  const transaction = core.transaction as SessionTransaction
  try {
    for (const enlistment of transaction.enlistments.values()) await enlistment.releaseSavepoint()
  } catch (error) {
    await deactivateAfter(core, error)
    throw error
  }
  transaction.snapshot.mergeIntoParent()
  transaction.callbacks.mergeInto(transaction.parent?.callbacks)
  core.endTransaction(transaction)
}

/** Commits one level: a savepoint with those inside it, or the whole. */
export async function commitTo(core: SessionCore, transaction: SessionTransaction): Promise<void> {
  if (!transaction.nested) return commitAll(core)
  requireOpen(core, transaction)
  core.transaction?.requireActive('commit()')
  await flushUntilClean(core)
  let ended: boolean
  do {
    ended = core.transaction === transaction
    await releaseInnermost(core)
  } while (!ended)
}

/** Rolls the whole stack back and restores every record. With nothing begun it does nothing. */
export async function rollbackAll(core: SessionCore): Promise<void> {
  let root = core.transaction
  if (root === undefined) return
  while (root.parent !== undefined) root = root.parent
  await rollbackTo(core, root)
}

/** Rolls one level back, with the savepoints inside it. */
export async function rollbackTo(core: SessionCore, transaction: SessionTransaction): Promise<void> {
  requireOpen(core, transaction)
  const levels = levelsDownTo(core, transaction)
  const alreadyDone = transaction.rolledBackInDatabase
  for (const level of levels) if (level.state !== 'deactive' && level.state !== 'committed') level.move('deactivate')
  const failures = await rollbackInDatabase(transaction, levels)
  warnOfLateChanges(levels)
  for (const level of levels) restore(core.unit, level.snapshot)
  if (!transaction.nested && core.options.expireOnCommit) expireAll(core.unit)
  await finishRollback(core, levels, alreadyDone, failures)
  if (failures.length > 0) throw failures[0]
}

async function finishRollback(
  core: SessionCore,
  levels: readonly SessionTransaction[],
  alreadyDone: boolean,
  failures: unknown[],
): Promise<void> {
  const { session } = core
  const outer = levels.at(-1) as SessionTransaction
  const collect = (failure: unknown) => {
    failures.push(failure)
  }
  if (!alreadyDone && outer.enlistments.size > 0) await core.tell('afterRollback', { session }).catch(collect)
  if (!outer.nested) await release(outer).catch(collect)
  for (const level of levels) {
    core.endTransaction(level)
    await core.tell('afterSoftRollback', { session, previousTransaction: level }).catch(collect)
  }
  for (const level of levels) {
    if (level.callbacks.has('rollback')) await core.gate.within(() => level.callbacks.run('rollback')).catch(collect)
  }
}

/** From the innermost to the given one. */
function levelsDownTo(core: SessionCore, transaction: SessionTransaction): SessionTransaction[] {
  const levels: SessionTransaction[] = []
  for (let level = core.transaction; level !== undefined; level = level.parent) {
    levels.push(level)
    if (level === transaction) break
  }
  return levels
}

/**
 * A connection that is gone has rolled back by itself, so that is no failure of the rollback. Any other failure is told when
 * everything has been put back; the engine has discarded the connection.
 */
async function rollbackInDatabase(
  transaction: SessionTransaction,
  levels: readonly SessionTransaction[],
): Promise<unknown[]> {
  const failures: unknown[] = []
  for (const enlistment of transaction.enlistments.values()) {
    try {
      if (!transaction.nested) {
        if (!transaction.rolledBackInDatabase) await enlistment.rollback()
        continue
      }
      for (const level of levels) if (!level.rolledBackInDatabase) await enlistment.rollbackToSavepoint()
    } catch (failure) {
      if (!(failure instanceof DisconnectionError)) failures.push(failure)
    }
  }
  return failures
}

function warnOfLateChanges(levels: readonly SessionTransaction[]): void {
  if (!levels.some((level) => level.changedAfterFailure)) return
  warn(
    'HEDDLE_CHANGED_WHILE_INACTIVE',
    'The session was changed after its transaction had failed, or while it was rolled back; rollback() discards these changes. ' +
      'Roll back first, then change.',
  )
}

function requireOpen(core: SessionCore, transaction: SessionTransaction): void {
  for (let level = core.transaction; level !== undefined; level = level.parent) if (level === transaction) return
  throw new InvalidRequestError(
    "This transaction is not the session's any more: it has been ended by an enclosing one.",
  )
}

/** Rolls back, detaches every instance, gives every connection back. Within the call where no transaction is open. */
export function closeAll(core: SessionCore): Promise<void> | undefined {
  const leave = () => {
    core.unit.detachAll()
    core.forgetListing()
  }
  if (core.transaction !== undefined) return closeTransactions(core, core.transaction).finally(leave)
  leave()
  return undefined
}

async function closeTransactions(core: SessionCore, innermost: SessionTransaction): Promise<void> {
  let root = innermost
  while (root.parent !== undefined) root = root.parent
  const failures: unknown[] = []
  for (const enlistment of root.enlistments.values()) {
    try {
      if (!root.rolledBackInDatabase) await enlistment.close()
    } catch (failure) {
      if (!(failure instanceof DisconnectionError)) failures.push(failure)
    }
  }
  core.unit.detachAll()
  await release(root).catch((failure: unknown) => failures.push(failure))
  const levels = levelsDownTo(core, root)
  for (const level of levels) core.endTransaction(level)
  for (const level of levels) {
    if (!level.callbacks.has('rollback')) continue
    await core.gate.within(() => level.callbacks.run('rollback')).catch((failure: unknown) => failures.push(failure))
  }
  if (failures.length > 0) throw failures[0]
}

/** Rolls back because of an error, which stays the one that is thrown. */
export async function rollbackBecauseOf(core: SessionCore, error: unknown, end: () => Promise<void>): Promise<void> {
  try {
    core.abortConnecting('An error')
    await core.gate.seize('rollback()', end)
  } catch (failure) {
    attachSuppressed(error, failure)
  }
}
