import { afterAll, beforeAll, describe, inject } from 'vitest'
import { type DatabaseName, type OwnDatabase, ownDatabase } from './databases.ts'
import type { FoundDatabases } from './found.ts'

/** What a test can need of a database; see {@link abilities}. */
export type Need =
  | 'outlivesConnection'
  | 'connections'
  | 'writers'
  | 'server'
  | 'rowLocks'
  | 'skipLocked'
  | 'lockOf'
  | 'schemas'
  | 'insertReturning'
  | 'updateReturning'
  | 'deleteReturning'
  | 'transactionalDdl'
  | 'serializable'

/** A database as a test sees it. */
export interface TestDatabase {
  readonly name: DatabaseName
  /** The heddle URL of the database that belongs to this `describe` alone. It exists from `beforeAll` to `afterAll`. */
  readonly url: string
  /** Makes one more empty database and gives its URL; it is dropped with the other one. */
  freshUrl(): Promise<string>
  /** Whether the database can do something; what a whole test depends on belongs in `needs` instead. */
  can(need: Need): boolean
}

/** On which databases a block runs. */
export interface OnEveryOptions {
  /** Only databases that can do all of these. */
  readonly needs?: readonly Need[]
  /** These databases instead of the usual set. 'mysql' is the MariaDB or MySQL server, whichever there is. */
  readonly on?: readonly DatabaseName[]
}

/**
 * What each database can do, as the tests expect it; written down apart from the code under test.
 * - `outlivesConnection`: what is stored is still there when a connection is lost
 * - `connections`: several connections to one database at a time
 * - `writers`: several transactions that write at a time
 * - `server`: connections go over a network and can be killed from outside
 * - `transactionalDdl`: CREATE TABLE is rolled back with its transaction
 * - `serializable`: conflicting serializable transactions fail instead of waiting
 */
const abilities: Readonly<Record<DatabaseName, readonly Need[]>> = {
  sqlite: [
    'outlivesConnection',
    'connections',
    'insertReturning',
    'updateReturning',
    'deleteReturning',
    'transactionalDdl',
  ],
  'better-sqlite3': [
    'outlivesConnection',
    'connections',
    'insertReturning',
    'updateReturning',
    'deleteReturning',
    'transactionalDdl',
  ],
  'sqlite-memory': ['insertReturning', 'updateReturning', 'deleteReturning', 'transactionalDdl'],
  pglite: [
    'outlivesConnection',
    'rowLocks',
    'skipLocked',
    'lockOf',
    'schemas',
    'insertReturning',
    'updateReturning',
    'deleteReturning',
    'transactionalDdl',
  ],
  postgres: [
    'outlivesConnection',
    'connections',
    'writers',
    'server',
    'rowLocks',
    'skipLocked',
    'lockOf',
    'schemas',
    'insertReturning',
    'updateReturning',
    'deleteReturning',
    'transactionalDdl',
    'serializable',
  ],
  mariadb: [
    'outlivesConnection',
    'connections',
    'writers',
    'server',
    'rowLocks',
    'skipLocked',
    'schemas',
    'insertReturning',
    'deleteReturning',
  ],
  mysql: ['outlivesConnection', 'connections', 'writers', 'server', 'rowLocks', 'skipLocked', 'lockOf', 'schemas'],
}

const every: readonly DatabaseName[] = ['sqlite', 'better-sqlite3', 'sqlite-memory', 'postgres', 'mysql', 'pglite']
const usual: readonly DatabaseName[] = ['sqlite', 'postgres', 'mysql', 'pglite']

/**
 * Makes one `describe` for each database, with a database of its own. The usual set is one of each product: sqlite,
 * postgres, mariadb (or mysql) and pglite. `HEDDLE_TEST_ON` sets another one for the whole run: names with commas, or
 * `all`, which continuous integration uses. A database that the run has not found is skipped, and its title says why.
 *
 *     onEvery({ needs: ['rowLocks'] }, (db) => {
 *       it('LOCK-001 …', async () => { const engine = openEngine(db) … })
 *     })
 */
export function onEvery(options: OnEveryOptions, block: (db: TestDatabase) => void): void {
  const found = inject('databases')
  const chosen = options.on ?? runWide() ?? usual
  const needs = options.needs ?? []
  const names = [...new Set(chosen.map((name) => nameOfServer(name, found)))].filter((name) =>
    needs.every((need) => abilities[name].includes(need)),
  )
  for (const name of names) {
    const why = whyMissing(name, found)
    if (why) describe.skip(`${name} (not found: ${why})`, () => block(missingDatabase(name)))
    else describe(name, () => block(prepare(name, found)))
  }
}

/** What HEDDLE_TEST_ON asks for. */
function runWide(): readonly DatabaseName[] | undefined {
  const asked = process.env['HEDDLE_TEST_ON'] ?? (process.env['CI'] === 'true' ? 'all' : undefined)
  if (!asked) return undefined
  if (asked === 'all') return every
  const names = asked.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !(name in abilities))
  if (unknown !== undefined) throw new Error(`HEDDLE_TEST_ON: '${unknown}' is none of ${every.join(', ')}, all.`)
  return names as DatabaseName[]
}

function nameOfServer(name: DatabaseName, found: FoundDatabases): DatabaseName {
  return name === 'mysql' || name === 'mariadb' ? (found.mysql?.product ?? 'mysql') : name
}

function whyMissing(name: DatabaseName, found: FoundDatabases): string | undefined {
  if (name === 'postgres') return found.postgres ? undefined : found.missing['PostgreSQL']
  if (name === 'mysql' || name === 'mariadb') return found.mysql ? undefined : found.missing['MariaDB/MySQL']
  return undefined
}

function prepare(name: DatabaseName, found: FoundDatabases): TestDatabase {
  const first = ownDatabase(name, found)
  const owned: OwnDatabase[] = [first]
  beforeAll(() => first.create())
  afterAll(async () => {
    await Promise.all(owned.map((each) => each.drop()))
  })
  return {
    name,
    url: first.url,
    can: (need) => abilities[name].includes(need),
    freshUrl: async () => {
      const another = ownDatabase(name, found)
      owned.push(another)
      await another.create()
      return another.url
    },
  }
}

/** Stands in where the tests of a block are only listed as skipped. */
function missingDatabase(name: DatabaseName): TestDatabase {
  const freshUrl = () => Promise.reject(new Error(`There is no ${name} in this run.`))
  return { name, url: `${name}://not-found`, can: (need) => abilities[name].includes(need), freshUrl }
}
