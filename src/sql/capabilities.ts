import type { ServerInfo } from '../drivers/index.ts'
import type { Capabilities } from './dialect.ts'

/**
 * What each database can do, side by side. For MySQL the line states what every supported server can (8.0 and MariaDB
 * 10.6 on); {@link refineMysql} adds what the server at hand can beyond it.
 */
export const CAPABILITIES: Readonly<Record<'sqlite' | 'postgres' | 'mysql', Capabilities>> = Object.freeze({
  sqlite: Object.freeze({
    insertReturning: true,
    updateReturning: true,
    deleteReturning: true,
    batchInsert: 'each',
    batchUpdate: 'each',
    keyLists: 'json',
    maxParameters: 32_766,
    rowLocks: false,
    skipLocked: false,
    noWait: false,
    lockOf: false,
    shareLock: 'for share',
    keyLocks: false,
    lockReachesSubqueries: true,
    savepoints: true,
    twoPhase: false,
    schemas: false,
    nullsFirstLast: true,
    textEquality: 'exact',
    readsItsTarget: true,
    upsert: 'on conflict',
    serverCursors: true,
    isolationLevels: Object.freeze(['serializable', 'snapshot']),
    singleWriter: true,
    addForeignKey: false,
    transactionalDdl: true,
  }),
  postgres: Object.freeze({
    insertReturning: true,
    updateReturning: true,
    deleteReturning: true,
    batchInsert: 'arrays',
    batchUpdate: 'arrays',
    keyLists: 'arrays',
    maxParameters: 65_535,
    rowLocks: true,
    skipLocked: true,
    noWait: true,
    lockOf: true,
    shareLock: 'for share',
    keyLocks: true,
    lockReachesSubqueries: true,
    savepoints: true,
    twoPhase: true,
    schemas: true,
    nullsFirstLast: true,
    textEquality: 'exact',
    readsItsTarget: true,
    upsert: 'on conflict',
    serverCursors: true,
    isolationLevels: Object.freeze(['read uncommitted', 'read committed', 'repeatable read', 'serializable']),
    singleWriter: false,
    addForeignKey: true,
    transactionalDdl: true,
  }),
  mysql: Object.freeze({
    insertReturning: false,
    updateReturning: false,
    deleteReturning: false,
    batchInsert: 'values',
    batchUpdate: 'case',
    keyLists: 'placeholders',
    maxParameters: 65_535,
    rowLocks: true,
    skipLocked: false,
    noWait: false,
    lockOf: false,
    shareLock: 'lock in share mode',
    keyLocks: false,
    lockReachesSubqueries: false,
    savepoints: true,
    twoPhase: true,
    schemas: true,
    nullsFirstLast: false,
    textEquality: 'collated',
    readsItsTarget: false,
    upsert: 'on duplicate key',
    serverCursors: true,
    isolationLevels: Object.freeze(['read uncommitted', 'read committed', 'repeatable read', 'serializable']),
    singleWriter: false,
    addForeignKey: true,
    transactionalDdl: false,
  }),
})

/** The capabilities of one MySQL or MariaDB server. */
export function refineMysql(server: ServerInfo | undefined): Capabilities {
  const base = CAPABILITIES.mysql
  if (server === undefined) return base
  if (server.product === 'mariadb') {
    return Object.freeze({
      ...base,
      insertReturning: isAtLeast(server.version, 10, 5),
      deleteReturning: true,
      noWait: isAtLeast(server.version, 10, 3),
      skipLocked: isAtLeast(server.version, 10, 6),
    })
  }
  const modern = isAtLeast(server.version, 8, 0)
  return Object.freeze({
    ...base,
    noWait: modern,
    skipLocked: modern,
    lockOf: modern,
    shareLock: modern ? 'for share' : 'lock in share mode',
  })
}

/** Whether a version such as '10.11.19-MariaDB' is the given one or a later. */
export function isAtLeast(version: string, major: number, minor: number, patch = 0): boolean {
  const [found = 0, foundMinor = 0, foundPatch = 0] = (version.match(/\d+/g) ?? []).map(Number)
  if (found !== major) return found > major
  return foundMinor !== minor ? foundMinor > minor : foundPatch >= patch
}
