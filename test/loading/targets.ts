import { type DriverConnection, openDriver, type Statement } from '../../src/drivers/index.ts'
import { parseUrl } from '../../src/engine/url.ts'
import { Query } from '../../src/loading/query.ts'
import type { EntitySelect, QueryTarget } from '../../src/loading/query-target.ts'
import type { Queryable } from '../../src/loading/query-types.ts'
import { type EntityModel, modelOf, type NamingChoice, namingOf } from '../../src/mapping/index.ts'
import { createDialect, type Dialect } from '../../src/sql/index.ts'

/** A target that runs nothing: for the text of queries. */
export function textTarget(dialect: Dialect): QueryTarget {
  const refuse = () => Promise.reject(new Error('This target runs nothing.'))
  return {
    dialectFor: () => dialect,
    loadEntities: refuse,
    loadRows: refuse,
    writeBulk: refuse,
    runFor: refuse,
    streamEntities: () => {
      throw new Error('This target runs nothing.')
    },
  }
}

/** A query whose text alone is looked at, on a dialect of its own. */
export function textQuery<Entity, Table extends string>(
  name: Dialect['name'],
  entityClass: Queryable<Entity, Table>,
  naming: NamingChoice = 'camelToSnake',
): Query<Entity, Entity, Table> {
  return new Query(textTarget(createDialect(name, namingOf(naming))), entityClass)
}

/** What a target was asked to run. */
export interface Asked {
  readonly label: string
  readonly statement: Statement
  readonly select?: EntitySelect
  readonly batchSize?: number
  readonly autoflush?: boolean | undefined
}

/** One connection to a real database behind a target; entities come as plain objects of decoded values. */
export class ConnectedTarget implements QueryTarget {
  readonly dialect: Dialect
  readonly connection: DriverConnection
  /** Every statement, in order. */
  readonly asked: Asked[] = []

  private constructor(dialect: Dialect, connection: DriverConnection) {
    this.dialect = dialect
    this.connection = connection
  }

  static async open(url: string, naming: NamingChoice = 'camelToSnake'): Promise<ConnectedTarget> {
    const { dialect, driver, host, port, user, password, database, query } = parseUrl(url)
    const known = Object.entries({ host, port, user, password, database }).filter(([, value]) => value !== undefined)
    const opened = await openDriver(driver)({ ...Object.fromEntries(known), query, connectArgs: {} })
    const connection = await opened.connect({})
    return new ConnectedTarget(createDialect(dialect, namingOf(naming)).forServer(connection.server), connection)
  }

  query<Entity, Table extends string>(entityClass: Queryable<Entity, Table>): Query<Entity, Entity, Table> {
    return new Query(this as QueryTarget, entityClass)
  }

  /** The texts that were run since the last look. */
  texts(): string[] {
    return this.asked.splice(0).map(({ statement }) => statement.sql)
  }

  async createTable(entityClass: unknown): Promise<void> {
    const model = modelOf(entityClass)
    const columns = model.columns.map((column) => {
      const key = column.primaryKey ? ' primary key' : ''
      return `${this.#quoted(this.dialect.columnName(column))} ${this.dialect.ddlType(column, model)}${key}`
    })
    await this.connection.run({
      sql: `create table ${this.#quoted(this.dialect.tableName(model))} (${columns.join(', ')})`,
      parameters: [],
    })
  }

  async insert(entityClass: unknown, rows: readonly object[]): Promise<void> {
    const model = modelOf(entityClass)
    const names = model.columns.map((column) => this.#quoted(this.dialect.columnName(column)))
    const holes = names.map((_, index) => (this.dialect.name === 'postgres' ? `$${index + 1}` : '?'))
    const sql = `insert into ${this.#quoted(this.dialect.tableName(model))} (${names.join(', ')}) values (${holes.join(', ')})`
    for (const row of rows)
      await this.connection.run({ sql, parameters: this.#encoded(model, row as Record<string, unknown>) })
  }

  dialectFor(): Dialect {
    return this.dialect
  }

  async loadEntities(select: EntitySelect, label: string): Promise<object[]> {
    this.asked.push({ label, statement: select.statement, select })
    const { rows } = await this.connection.run(select.statement)
    return rows.map((row) => this.#decoded(select, row as unknown[]))
  }

  async *streamEntities(select: EntitySelect, batchSize: number, label: string): AsyncIterable<object> {
    this.asked.push({ label, statement: select.statement, select, batchSize })
    for await (const batch of this.connection.stream(select.statement, batchSize)) {
      for (const row of batch) yield this.#decoded(select, row as unknown[])
    }
  }

  async writeBulk(): Promise<never> {
    throw new Error('This target writes nothing.')
  }

  async loadRows(): Promise<object[]> {
    throw new Error('This target has no instances.')
  }

  async runFor(_model: EntityModel, statement: Statement, label: string, options?: { readonly autoflush?: boolean }) {
    this.asked.push({ label, statement, autoflush: options?.autoflush })
    return this.connection.run(statement)
  }

  #encoded(model: EntityModel, row: Record<string, unknown>): unknown[] {
    return model.columns.map((column) => {
      const value = row[column.property] ?? null
      const { encode } = this.dialect.codec(column.type)
      return value === null || encode === undefined ? value : encode(value as never)
    })
  }

  #decoded(select: EntitySelect, row: readonly unknown[]): object {
    const values = select.columns.map((column, index) => {
      const value = row[index] ?? null
      const { decode } = this.dialect.codec(column.type)
      return [column.property, value === null || decode === undefined ? value : decode(value as never)]
    })
    return Object.fromEntries(values)
  }

  #quoted(name: string): string {
    return this.dialect.name === 'mysql' ? `\`${name}\`` : `"${name}"`
  }
}
