import { afterAll, afterEach } from 'vitest'
import {
  type Driver,
  type DriverConnection,
  type DriverTarget,
  type Outcome,
  openDriver,
  type Statement,
} from '../../src/drivers/index.ts'
import { parseUrl } from '../../src/engine/index.ts'
import type { TestDatabase } from '../support/index.ts'

/** What a driver gets of a URL. */
export function targetOf(url: string, connectArgs: Record<string, unknown> = {}): DriverTarget {
  const { host, port, user, password, database, query } = parseUrl(url)
  return {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    query,
    connectArgs,
  }
}

/** Connections to a test's database. All are closed when the test has ended, and their drivers when the block has. */
export class Connections {
  readonly #db: TestDatabase
  readonly #drivers = new Map<string, Promise<Driver>>()
  #opened: DriverConnection[] = []

  constructor(db: TestDatabase) {
    this.#db = db
    afterEach(() => this.#close())
    afterAll(() => this.#dispose())
  }

  async open(
    options: { readonly suffix?: string; readonly connectArgs?: Record<string, unknown> } = {},
  ): Promise<DriverConnection> {
    const { suffix = '', connectArgs = {} } = options
    const key = suffix + JSON.stringify(connectArgs)
    let driver = this.#drivers.get(key)
    if (driver === undefined) {
      if (this.#db.name === 'pglite') await this.#dispose()
      driver = openDriver(parseUrl(this.#db.url).driver)(targetOf(this.#db.url + suffix, connectArgs))
      this.#drivers.set(key, driver)
    }
    const connection = await (await driver).connect({})
    this.#opened.push(connection)
    return connection
  }

  async #close(): Promise<void> {
    const opened = this.#opened
    this.#opened = []
    for (const connection of opened) {
      if (/open|failed/.test(connection.transactionStatus)) await connection.rollback()
      await connection.close()
    }
  }

  /** Two drivers of PGlite on one directory would spoil it. */
  async #dispose(): Promise<void> {
    const drivers = [...this.#drivers.values()]
    this.#drivers.clear()
    for (const driver of drivers) await (await driver).dispose()
  }
}

/** Runs a statement. */
export function run(
  connection: DriverConnection,
  sql: string,
  parameters: readonly unknown[] = [],
  how: Partial<Statement> = {},
): Promise<Outcome> {
  return connection.run({ sql, parameters, ...how })
}

/** The only value of the only row. */
export async function value(
  connection: DriverConnection,
  sql: string,
  parameters: readonly unknown[] = [],
  how: Partial<Statement> = {},
): Promise<unknown> {
  const { rows } = await run(connection, sql, parameters, { ...how, rows: 'array' })
  return (rows as [readonly [unknown]])[0][0]
}

/** What a promise rejects with; an error where it does not reject. */
export async function failure(work: Promise<unknown>): Promise<Error & { readonly code?: string }> {
  return await work.then(
    () => {
      throw new Error('It was expected to fail, and did not.')
    },
    (error: Error) => error,
  )
}

/** Waits until something is so; gives up after ten seconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('What was waited for did not come about within ten seconds.')
}
