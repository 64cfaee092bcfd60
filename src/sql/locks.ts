import { type RawBuilder, sql } from 'kysely'
import { ArgumentError } from '../errors.ts'
import type { Dialect, LockOptions } from './dialect.ts'

/**
 * The end of a select that locks its rows, ` for update …`, as far as the database has such a thing. A database that
 * has no row locks because its writers run one after another needs none, and gets none; where a weaker lock is missing
 * the next stronger one is taken.
 *
 * @throws ArgumentError for nowait, skipLocked or of on a server that has row locks but not that: leaving it out would
 * wait for, or lock, what the caller said it must not; also for nowait together with skipLocked
 */
export function lockClause(dialect: Dialect, lock: LockOptions | undefined): RawBuilder<unknown> {
  if (lock === undefined || !dialect.capabilities.rowLocks) return sql``
  checkLock(dialect, lock)
  const of =
    lock.of === undefined || lock.of.length === 0 ? sql`` : sql` of ${sql.join(lock.of.map((name) => sql.id(name)))}`
  const waiting = lock.nowait === true ? ' nowait' : lock.skipLocked === true ? ' skip locked' : ''
  return sql` ${sql.raw(strength(dialect, lock.mode))}${of}${sql.raw(waiting)}`
}

function strength({ capabilities }: Dialect, mode: LockOptions['mode']): string {
  if (capabilities.keyLocks) return `for ${mode}`
  return mode === 'update' || mode === 'no key update' ? 'for update' : capabilities.shareLock
}

function checkLock({ capabilities, server }: Dialect, lock: LockOptions): void {
  if (lock.nowait === true && lock.skipLocked === true) {
    throw new ArgumentError('A lock was asked for with nowait and skipLocked: one of them has to go')
  }
  const where = server === undefined ? 'this database' : `${server.product} ${server.version}`
  const missing = [
    lock.nowait === true && !capabilities.noWait ? 'nowait' : undefined,
    lock.skipLocked === true && !capabilities.skipLocked ? 'skipLocked' : undefined,
    lock.of !== undefined && lock.of.length > 0 && !capabilities.lockOf ? 'of' : undefined,
  ].filter((option) => option !== undefined)
  if (missing.length === 0) return
  throw new ArgumentError(
    `A lock was asked for with ${missing.join(' and ')}, which ${where} does not know: leave it out`,
  )
}

/** A part of a shape's key that tells locks apart. */
export function lockKey(lock: LockOptions | undefined): string {
  if (lock === undefined) return ''
  return `${lock.mode}/${lock.nowait === true}/${lock.skipLocked === true}/${JSON.stringify(lock.of ?? [])}`
}
