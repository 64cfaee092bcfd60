import { type OperationNode, RawNode, SelectModifierNode, TableNode } from 'kysely'
import { ArgumentError } from '../errors.ts'
import type { Dialect, LockOptions } from '../sql/index.ts'
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
  const names = Array.isArray(value) ? value : [value]
  return names.length > 0 && names.every((name) => typeof name === 'string' && name !== '')
})
const rules = { nowait: aBoolean, skipLocked: aBoolean, of: tableNames }

/**
 * Checks what a row lock is asked for. A database without row locks needs none: there the lock is kept in mind and nothing
 * is written.
 *
 * @throws ArgumentError for unknown options, for both ways not to wait at once, and for what the database cannot do
 */
export function readLock(dialect: Dialect, call: string, mode: LockOptions['mode'], options: RowLockOptions = {}): LockOptions {
  checkOptions(call, options, rules)
  const { nowait = false, skipLocked = false, of } = options
  if (nowait && skipLocked) {
    throw new ArgumentError(`${call}: nowait fails where a row is locked, skipLocked leaves it out: give one of them.`)
  }
  checkCapabilities(dialect, call, { nowait, skipLocked, of: of !== undefined })
  return { mode, nowait, skipLocked, ...(of === undefined ? {} : { of: typeof of === 'string' ? [of] : [...of] }) }
}

/** What depends on the server's version is only known after the first connection; before it the database itself refuses. */
function checkCapabilities({ capabilities, server, name }: Dialect, call: string, asked: Record<string, boolean>): void {
  if (!capabilities.rowLocks) return
  const lacking = { nowait: !capabilities.noWait, skipLocked: !capabilities.skipLocked, of: !capabilities.lockOf }
  for (const [option, isLacking] of Object.entries(lacking)) {
    if (!asked[option] || !isLacking || server === undefined) continue
    throw new ArgumentError(`${call}: ${server.product ?? name} ${server.version} has no ${option} for row locks; leave it out.`)
  }
}

/** The lock at the end of a select; undefined on a database without row locks. */
export function lockNode(table: EntityTable, lock: LockOptions, level: Level): SelectModifierNode | undefined {
  const { capabilities } = table.dialect
  if (!capabilities.rowLocks) return undefined
  const names = (lock.of ?? []).map((name) => unqualified(findSource([level], TableNode.create(name), table).node, name))
  const strength = capabilities.keyLocks ? `for ${lock.mode}` : strongerLock(lock.mode, capabilities.shareLock)
  const wait = lock.nowait ? ' nowait' : lock.skipLocked ? ' skip locked' : ''
  const text = names.length === 0 ? [strength + wait] : [`${strength} of `, ...names.slice(1).map(() => ', '), wait]
  return SelectModifierNode.createWithExpression(RawNode.create(text, names))
}

/** Where the weaker locks are missing, the next stronger one stands in. */
function strongerLock(mode: LockOptions['mode'], shareLock: string): string {
  return mode === 'update' || mode === 'no key update' ? 'for update' : shareLock
}

/** `of` names a table as the query knows it, without its schema. */
function unqualified(node: TableNode | undefined, name: string): OperationNode {
  return TableNode.create(node?.table.identifier.name ?? name)
}
