import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEngine, type Engine, type EngineUrl, parseUrl, sql } from '../index.ts'
import { aString, checkOptions } from '../support/index.ts'

/** How a fresh database is called. */
export interface FreshDatabaseOptions {
  /** The beginning of its name. Default: `heddle_test` */
  readonly prefix?: string
}

/** An empty database of one's own. */
export interface FreshDatabase extends AsyncDisposable {
  /** Where it is, for `createEngine()`. */
  readonly url: EngineUrl
  /** Removes it with all that is in it. Dispose of the engines on it before. */
  drop(): Promise<void>
}

/**
 * Makes an empty database that nobody else uses, so that the workers of a test runner do not meet: another one on the same server for
 * PostgreSQL, MySQL and MariaDB, whose user must be allowed to create databases; a file in a temporary folder for SQLite and PGlite.
 * A database in memory is fresh for each engine anyway.
 *
 * ```ts
 * const database = await freshDatabase('postgresql://postgres@localhost/app')
 * const engine = createEngine(database.url)
 * afterAll(async () => {
 *   await engine.dispose()
 *   await database.drop()
 * })
 * ```
 *
 * @param url where a database is already; it is not touched
 * @throws ArgumentError for wrong options; UrlError; what the database says
 */
export async function freshDatabase(
  url: string | EngineUrl,
  options: FreshDatabaseOptions = {},
): Promise<FreshDatabase> {
  checkOptions('freshDatabase()', options, { prefix: aString })
  const parsed = typeof url === 'string' ? parseUrl(url) : url
  const name = `${options.prefix ?? 'heddle_test'}_${workerName()}${randomBytes(6).toString('hex')}`
  if (parsed.inMemory) return database(parsed, async () => {})
  return parsed.embedded ? inFolder(parsed, name) : onServer(parsed, name)
}

/** Who made it, where the test runner says which of its workers this is. */
function workerName(): string {
  const worker = process.env['VITEST_POOL_ID'] ?? process.env['JEST_WORKER_ID']
  return worker === undefined ? '' : `w${worker}_`
}

async function inFolder(url: EngineUrl, name: string): Promise<FreshDatabase> {
  const folder = await mkdtemp(join(tmpdir(), `${name}_`))
  return database(url.with({ database: join(folder, 'database') }), () => rm(folder, { recursive: true, force: true }))
}

async function onServer(url: EngineUrl, name: string): Promise<FreshDatabase> {
  await onEngine(url, (run) => run(`create database ${name}`))
  return database(url.with({ database: name }), () =>
    onEngine(url, async (run) => {
      // Where connections are still open: PostgreSQL ends them when it is told to, the others never wait for them.
      await run(`drop database if exists ${name} with (force)`).catch(() => run(`drop database if exists ${name}`))
    }),
  )
}

async function onEngine(url: EngineUrl, work: (run: (text: string) => Promise<void>) => Promise<void>): Promise<void> {
  await using engine: Engine = createEngine(url, { isolation: 'autocommit', pool: 'null' })
  await work(async (text) => {
    await using connection = await engine.connect({ label: 'freshDatabase()' })
    await connection.execute(sql.raw(text))
  })
}

function database(url: EngineUrl, drop: () => Promise<void>): FreshDatabase {
  return { url, drop, [Symbol.asyncDispose]: drop }
}
