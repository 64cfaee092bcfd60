import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type DriverConnection, openDriver } from '../../src/drivers/index.ts'
import { parseUrl } from '../../src/engine/url.ts'
import { camelToSnake, type EntityModel } from '../../src/mapping/index.ts'
import {
  createDialect,
  createStatements,
  type Dialect,
  existingTables,
  type Row,
  type Runner,
  type Statements,
  statementsOf,
} from '../../src/sql/index.ts'
import type { TestDatabase } from '../support/index.ts'

export const NAMING = { table: (name: string) => name, column: camelToSnake }

/** A connection in a transaction that is rolled back after each test, with the statements that were sent in it. */
export class Place implements Runner {
  readonly sent: string[] = []
  readonly names = new Map<string, string>()
  connection!: DriverConnection
  dialect!: Dialect
  statements!: Statements

  async open(database: TestDatabase): Promise<void> {
    const url = parseUrl(database.url)
    const { host, port, user, password, query } = url
    const target = { host, port, user, password, database: url.database, query, connectArgs: {} }
    const given = Object.fromEntries(Object.entries(target).filter(([, value]) => value !== undefined))
    const driver = await openDriver(url.driver)(given as unknown as Parameters<ReturnType<typeof openDriver>>[0])
    this.connection = await driver.connect({})
    this.dialect = createDialect(url.dialect, NAMING).forServer(this.connection.server)
    this.statements = statementsOf(this.dialect)
    this.#dispose = () => driver.dispose()
  }

  #dispose: () => Promise<void> = async () => {}

  async close(): Promise<void> {
    await this.connection?.close()
    await this.#dispose()
  }

  async create(models: readonly EntityModel[]): Promise<void> {
    const existing = await existingTables(this.dialect, this.connection, models)
    for (const sql of createStatements(this.dialect, models, { existing })) {
      await this.connection.run({ sql, parameters: [] })
    }
  }

  run(statement: Parameters<Runner['run']>[0]) {
    this.#note(statement)
    return this.connection.run(statement)
  }

  runEach(statement: Parameters<Runner['run']>[0], sets: readonly (readonly unknown[])[]) {
    this.#note(statement)
    return this.connection.runEach(statement, sets)
  }

  inTransaction(): boolean {
    return this.connection.transactionStatus === 'open'
  }

  #note({ sql, name }: { readonly sql: string; readonly name?: string }): void {
    this.sent.push(sql)
    if (name !== undefined) this.names.set(name, sql)
  }

  insert(model: EntityModel, properties: readonly string[], returning: readonly string[], rows: readonly Row[]) {
    const { statements } = this
    return statements.insertRows(this, model, columns(model, properties), columns(model, returning), rows)
  }

  update(
    model: EntityModel,
    set: readonly string[],
    match: readonly string[],
    rows: readonly { set: Row; match: Row }[],
  ) {
    return this.statements.updateRows(this, model, columns(model, set), columns(model, match), rows)
  }

  delete(model: EntityModel, match: readonly string[], rows: readonly Row[]) {
    return this.statements.deleteRows(this, model, columns(model, match), rows)
  }

  /** Rows by their keys as the program's values, in the order of the keys. */
  async read(model: EntityModel, properties: readonly string[], keys: readonly Row[]): Promise<Row[]> {
    const wanted = columns(model, properties)
    const found: Row[] = []
    for (const key of keys) {
      const { rows } = await this.connection.run(this.statements.selectByKey(model, wanted)(key))
      for (const row of rows as Row[]) found.push(decoded(this.dialect, wanted, row))
    }
    return found
  }

  async readAll(model: EntityModel, properties: readonly string[], keys: readonly Row[]): Promise<Row[]> {
    const wanted = columns(model, properties)
    const found: Row[] = []
    for (const statement of this.statements.selectByKeys(model, wanted)(keys)) {
      const { rows } = await this.run(statement)
      for (const row of rows as Row[]) found.push(decoded(this.dialect, wanted, row))
    }
    return found
  }

  /** Plain rows of plain text, as a user of SQL sees them. */
  async query(sql: string): Promise<readonly Row[]> {
    return (await this.connection.run({ sql, parameters: [], rows: 'array' })).rows as readonly Row[]
  }
}

export function columns(model: EntityModel, properties: readonly string[]) {
  return properties.map((property) => {
    const column = model.columnOf.get(property)
    if (column === undefined) throw new Error(`${model.table} has no property ${property}`)
    return column
  })
}

function decoded(dialect: Dialect, wanted: ReturnType<typeof columns>, row: Row): Row {
  return wanted.map((column, index) => {
    const decode = dialect.codec(column.type).decode as ((value: unknown) => unknown) | undefined
    const value = row[index]
    return value === null || decode === undefined ? value : decode(value)
  })
}

/**
 * Makes a place speak to its server as if it were MySQL 8, which has no RETURNING at all: what MariaDB shares with it
 * is tested on whichever of the two there is.
 */
export function withoutReturning(place: Place): void {
  beforeAll(() => {
    place.dialect = place.dialect.forServer({ ...place.connection.server, product: 'mysql', version: '8.0.40' })
    place.statements = statementsOf(place.dialect)
  })
}

/** A connection for a block whose tables exist; every test runs in a transaction that is rolled back. */
export function openPlace(database: TestDatabase, models: readonly EntityModel[]): Place {
  const place = new Place()
  beforeAll(async () => {
    await place.open(database)
    await place.create(models)
  })
  beforeEach(async () => {
    await place.connection.begin({})
    place.sent.length = 0
    return async () => place.connection.rollback()
  })
  afterAll(() => place.close())
  return place
}

/** 0 to count - 1. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
