import { RawNode, SelectModifierNode, TableNode } from 'kysely'
import { type Dialect, type LockOptions, lockClause } from '../sql/index.ts'
import { aBoolean, checkOptions, rule } from '../support/index.ts'
import type { EntityTable } from './entity-table.ts'
import { findSource, type Level } from './sources.ts'

/** What a row lock can be asked for beside its strength. */
export interface RowLockOptions {
  /** Fail with `LockNotAvailableError` at once where a row is locked by another. Default: wait. */
  readonly nowait?: boolean
  /** Leave out rows that are locked by others. Default: wait for them. */
  readonly skipLocked?: boolean
  /** The tables, or aliases, whose rows are locked. Default: all of the query. */
  readonly of?: string | readonly string[]
}

const tableNames = rule('the name of a table, or an array of them', (value) => {
  const names: readonly unknown[] = Array.isArray(value) ? value : [value]
  return names.length > 0 && names.every((name) => typeof name === 'string' && name !== '')
})
const rules = { nowait: aBoolean, skipLocked: aBoolean, of: tableNames }

/**
 * Checks what a row lock is asked for.
 *
 * @throws ArgumentError for unknown options, for both ways not to wait at once, and for what the database cannot do
 */
export function readLock(
  dialect: Dialect,
  call: string,
  mode: LockOptions['mode'],
  options: RowLockOptions = {},
): LockOptions {
  checkOptions(call, options, rules)
  const { nowait = false, skipLocked = false, of } = options
  const lock = {
    mode,
    nowait,
    skipLocked,
    ...(of === undefined ? {} : { of: typeof of === 'string' ? [of] : [...of] }),
  }
  if (!dependsOnServer(dialect, lock)) lockClause(dialect, lock)
  return lock
}

/** Whether only the server's version, which the first connection tells, decides if the lock can be had. */
export function dependsOnServer({ capabilities, server }: Dialect, lock: LockOptions | undefined): boolean {
  if (lock === undefined || server !== undefined || !capabilities.rowLocks) return false
  const { noWait, skipLocked, lockOf } = capabilities
  if (lock.nowait && lock.skipLocked) return false
  return (
    (lock.nowait === true && !noWait) || (lock.skipLocked === true && !skipLocked) || (lock.of !== undefined && !lockOf)
  )
}

/** The lock at the end of a select; undefined on a database without row locks. */
export function lockNode(table: EntityTable, lock: LockOptions, level: Level): SelectModifierNode | undefined {
  const { dialect } = table
  if (!dialect.capabilities.rowLocks) return undefined
  const of = lock.of?.map((name) => databaseName(table, name, level))
  const clause = lockClause(dialect, of === undefined ? lock : { ...lock, of }).toOperationNode() as RawNode
  const [first = '', ...others] = clause.sqlFragments
  return SelectModifierNode.createWithExpression(RawNode.create([first.trimStart(), ...others], clause.parameters))
}

/** What a lock names is a table as the query knows it, without its schema. */
function databaseName(table: EntityTable, name: string, level: Level): string {
  return findSource([level], TableNode.create(name), table).node?.table.identifier.name ?? name
}
