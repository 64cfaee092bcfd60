/** Writes docs/reference/capabilities.md from what the code says of each database. A test fails where the page is not up to date. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CAPABILITIES, refineMysql } from '../src/sql/capabilities.ts'
import type { Capabilities } from '../src/sql/dialect.ts'

/** What each capability means to a program; one for each, so that a new one cannot be forgotten. */
const meanings: Readonly<Record<keyof Capabilities, string>> = {
  insertReturning: 'INSERT gives back what the database made',
  updateReturning: 'UPDATE can give rows back',
  deleteReturning: 'DELETE can give rows back',
  batchInsert:
    'How a flush inserts many rows of one shape: one array for each column, lists of VALUES, or one prepared run a row',
  batchUpdate: 'How a flush updates many: from arrays, by CASE, or one prepared run a row',
  keyLists: 'How rows are found by many keys: one array, one JSON list, or a placeholder each',
  maxParameters: 'Parameters in one statement at most',
  rowLocks: 'Rows can be locked: `forUpdate()` and its like',
  skipLocked: '`skipLocked`',
  noWait: '`nowait`',
  lockOf: 'Locks name tables: `of`',
  shareLock: 'How a shared lock is written',
  keyLocks: '`forNoKeyUpdate()` and `forKeyShare()` are locks of their own; elsewhere the next stronger one',
  lockReachesSubqueries: 'A row lock reaches the rows of a subquery in FROM; elsewhere it stands in the subquery too',
  savepoints: '`beginNested()`',
  twoPhase: 'The server has a two-phase commit',
  schemas: 'Tables lie in schemas: the entity option `schema`',
  nullsFirstLast: 'NULLS FIRST and LAST; elsewhere a second sort key has the same effect',
  textEquality: 'Whether equal texts are the same text; where not, a bulk write asks the database which rows it means',
  readsItsTarget:
    'An UPDATE or DELETE may read its own table in a subquery; elsewhere its rows are found first, behind a derived table',
  upsert: 'How an upsert is written',
  serverCursors: 'Rows are read in batches',
  isolationLevels: 'Isolation levels',
  singleWriter: 'Transactions that write run one after another',
  addForeignKey: 'A foreign key can be added to a table that exists',
  transactionalDdl: 'CREATE TABLE is rolled back with its transaction',
}

const databases: readonly (readonly [string, Capabilities])[] = [
  ['SQLite', CAPABILITIES.sqlite],
  ['PostgreSQL, PGlite', CAPABILITIES.postgres],
  ['MySQL 8.0', refineMysql({ product: 'mysql', version: '8.0.36' })],
  ['MariaDB 10.6', refineMysql({ product: 'mariadb', version: '10.6.0' })],
]

/** The page. */
export function capabilitiesPage(): string {
  const names = Object.keys(meanings) as (keyof Capabilities)[]
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    '# Capabilities',
    '',
    'What each database can do, as `engine.dialect.capabilities` tells it. Code of heddle asks for one of these by name and',
    'never for a database. Made by `node scripts/capabilities.ts` from the code; do not edit it by hand.',
    '',
    row(['capability', ...databases.map(([name]) => name), 'meaning']),
    row(Array.from({ length: databases.length + 2 }, () => '---')),
    ...names.map((name) => row([`\`${name}\``, ...databases.map(([, can]) => shown(can[name])), meanings[name]])),
    '',
    'Before the first connection an engine for MySQL and MariaDB knows only what every supported server can do; from then on',
    'it knows the server at hand.',
    '',
  ].join('\n')
}

function shown(value: Capabilities[keyof Capabilities]): string {
  if (typeof value === 'boolean') return value ? 'yes' : '–'
  if (typeof value === 'number') return value.toLocaleString('en-US')
  return Array.isArray(value) ? value.join(', ') : String(value)
}

if (import.meta.main) {
  writeFileSync(join(import.meta.dirname, '../docs/reference/capabilities.md'), capabilitiesPage())
}
