import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { StatementSync } from 'node:sqlite'
import { openBetterSqlite3 } from '../../src/drivers/better-sqlite3.ts'
import type { Driver, DriverConnection, OpenDriver, Outcome, Statement } from '../../src/drivers/driver.ts'
import { openNodeSqlite } from '../../src/drivers/node-sqlite.ts'

const runsBetterSqlite3 = Number(process.versions['napi']) >= 10
if (!runsBetterSqlite3) console.warn(`better-sqlite3 is not tested: its binaries crash Node ${process.version}`)

/** Every test of the SQLite drivers runs on each of them. */
export const SQLITE_DRIVERS: readonly { readonly name: string; readonly open: OpenDriver }[] = [
  { name: 'node-sqlite', open: openNodeSqlite },
  ...(runsBetterSqlite3 ? [{ name: 'better-sqlite3', open: openBetterSqlite3 }] : []),
]

/** Whether the driver knows the declared types of columns, and columns of one name. Says so where it does not. */
export function tellsColumns(name: string): boolean {
  const tells = name !== 'node-sqlite' || 'columns' in StatementSync.prototype
  if (!tells) console.warn(`Not tested with ${name}: Node ${process.version} does not tell the columns of a statement`)
  return tells
}

/** A folder for the files of one test, and all connections to them: closed and removed by `end`. */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), 'heddle-sqlite-'))
  readonly #open: OpenDriver
  readonly #connections: DriverConnection[] = []

  constructor(open: OpenDriver) {
    this.#open = open
  }

  path(file = 'test.db'): string {
    return join(this.folder, file)
  }

  driver(connectArgs: Record<string, unknown> = {}, database: string | undefined = this.path()): Promise<Driver> {
    return this.#open({ ...(database === undefined ? {} : { database }), query: {}, connectArgs })
  }

  async connect(connectArgs: Record<string, unknown> = {}, database = this.path()): Promise<DriverConnection> {
    const connection = await (await this.driver(connectArgs, database)).connect({})
    this.#connections.push(connection)
    return connection
  }

  async end(): Promise<void> {
    for (const connection of this.#connections) await connection.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Runs a statement. */
export function run(
  connection: DriverConnection,
  sql: string,
  parameters: readonly unknown[] = [],
  more: Partial<Statement> = {},
): Promise<Outcome> {
  return connection.run({ sql, parameters, ...more })
}

/** The rows of a query as arrays. */
export async function rowsOf(connection: DriverConnection, sql: string, parameters: readonly unknown[] = []) {
  return (await run(connection, sql, parameters, { rows: 'array' })).rows as readonly (readonly unknown[])[]
}

/** What a promise rejects with; fails when it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const settled = await promise.then(
    (value) => ({ value }),
    (error: Error) => ({ error }),
  )
  if ('error' in settled) return settled.error
  throw new Error(`It was expected to fail, and gave ${String(settled.value)}`)
}
