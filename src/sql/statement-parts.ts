import { type RawBuilder, sql } from 'kysely'
import type { Outcome, Statement } from '../drivers/index.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import { arrange, isExpression, Slot, type StatementShape } from './compile.ts'
import type { Dialect } from './dialect.ts'

/** What runs statements: a connection, or whatever stands before one. Failures come as they are from the driver. */
export interface Runner {
  run(statement: Statement): Promise<Outcome>
  /** The same text with several sets of values, in order. */
  runEach(statement: Statement, parameterSets: readonly (readonly unknown[])[]): Promise<readonly Outcome[]>
}

/** The values of some columns, in their order. */
export type Row = readonly unknown[]

/** What all makers of statements share: the dialect, and the shapes compiled so far. */
export interface StatementContext {
  readonly dialect: Dialect
  /** Gives what was made for this entity under this key, or makes it. */
  shape<T>(model: EntityModel, key: string, make: () => T): T
}

/** A context with an empty cache, which lets go of an entity's shapes together with the entity. */
export function statementContext(dialect: Dialect): StatementContext {
  const shapes = new WeakMap<EntityModel, Map<string, unknown>>()
  return {
    dialect,
    shape: <T>(model: EntityModel, key: string, make: () => T): T => {
      const known = shapes.get(model) ?? new Map<string, unknown>()
      shapes.set(model, known)
      if (!known.has(key)) known.set(key, make())
      return known.get(key) as T
    },
  }
}

/** A part of a shape's key that tells columns apart. */
export function columnsKey(columns: readonly ColumnModel[]): string {
  return columns.map((column) => column.index).join(',')
}

// ------------------------------------------------------------------------------------------------ templates

/** The table, with its schema, quoted. */
export function tableOf(dialect: Dialect, model: EntityModel): RawBuilder<unknown> {
  const table = dialect.tableName(model)
  return model.schema === undefined ? sql.id(table) : sql.id(model.schema, table)
}

/** A column, quoted; after the alias of its table where one is given. */
export function columnOf(dialect: Dialect, column: ColumnModel, alias?: string): RawBuilder<unknown> {
  const name = dialect.columnName(column)
  return alias === undefined ? sql.id(name) : sql.id(alias, name)
}

/** Columns with commas between them. */
export function columnList(dialect: Dialect, columns: readonly ColumnModel[], alias?: string): RawBuilder<unknown> {
  return sql.join(columns.map((column) => columnOf(dialect, column, alias)))
}

/** ` returning …`, or nothing for no columns. */
export function returningClause(dialect: Dialect, columns: readonly ColumnModel[]): RawBuilder<unknown> {
  return columns.length === 0 ? sql`` : sql` returning ${columnList(dialect, columns)}`
}

/** Slots from one index on, one for each of `count` values. */
export function slots(count: number, from = 0): RawBuilder<unknown>[] {
  return Array.from({ length: count }, (_, index) => sql`${new Slot(from + index)}`)
}

/** Conditions with `and` between them. */
export function allOf(conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql.join([...conditions], sql` and `)
}

/** Several in parentheses, one as it is: the left side of IN. */
export function tuple(parts: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  const [only, ...others] = parts
  return only !== undefined && others.length === 0 ? only : sql`(${sql.join([...parts])})`
}

/** `$1::int8[], $2::text[]`: array parameters for columns, from one slot on. Only where keys travel as arrays. */
function arrayParameters(dialect: Dialect, columns: readonly ColumnModel[], from = 0): RawBuilder<unknown> {
  const casts = columns.map((column, index) => {
    const element = dialect.product.arrayElement?.(column.type) ?? 'text'
    return sql`${new Slot(from + index)}::${sql.raw(element)}[]`
  })
  return sql.join(casts)
}

/**
 * Array parameters as rows: `unnest($1::…, …) with ordinality as v(c0, c1, n)`, where n counts from 1. Only where keys
 * travel as arrays.
 */
export function unnested(dialect: Dialect, columns: readonly ColumnModel[]): RawBuilder<unknown> {
  const names = sql.join([...unnestedNames(columns), sql.id('n')])
  return sql`unnest(${arrayParameters(dialect, columns)}) with ordinality as v(${names})`
}

/** The columns of {@link unnested}, without the position. */
export function unnestedNames(columns: readonly ColumnModel[]): RawBuilder<unknown>[] {
  return columns.map((_, index) => sql.id(`c${index}`))
}

// ------------------------------------------------------------------------------------------------ values

/** Turns a row of the program's values into the driver's. Expressions pass through. */
export function rowEncoder(dialect: Dialect, columns: readonly ColumnModel[]): (row: Row) => unknown[] {
  const encoders = columns.map(
    (column) => dialect.codec(column.type).encode as ((value: unknown) => unknown) | undefined,
  )
  return (row) => encoders.map((encode, index) => encodeValue(encode, row[index]))
}

function encodeValue(encode: ((value: unknown) => unknown) | undefined, value: unknown): unknown {
  const asItIs = encode === undefined || value === null || value === undefined || isExpression(value)
  return asItIs ? value : encode(value)
}

/** Turns a row of the driver's values into the program's. */
export function rowDecoder(dialect: Dialect, columns: readonly ColumnModel[]): (row: Row) => Row {
  const decoders = columns.map(
    (column) => dialect.codec(column.type).decode as ((value: unknown) => unknown) | undefined,
  )
  if (decoders.every((decode) => decode === undefined)) return (row) => row
  return (row) =>
    decoders.map((decode, index) => {
      const value = row[index]
      return decode === undefined || value === null || value === undefined ? value : decode(value)
    })
}

/** A text that is the same for two lists of key values exactly when the database takes them for the same key. */
export function keyText(columns: readonly ColumnModel[], values: Row): string {
  return columns
    .map(({ type }, index) => {
      const value = values[index]
      const part = type.keyOf === undefined || value === null || value === undefined ? value : type.keyOf(value)
      return `${typeof part}:${String(part)}`
    })
    .join('\u0000')
}

/** Rows by column, each column an array: what array parameters hold. */
export function transpose(rows: readonly Row[], width: number): unknown[][] {
  return Array.from({ length: width }, (_, index) => rows.map((row) => row[index]))
}

/** Whether integers of these columns can be beyond 2^53. */
export function isWide(columns: readonly ColumnModel[]): boolean {
  return columns.some((column) => column.type.kind === 'bigint')
}

/** A statement of a shape with its values, whose rows (of these columns) come as arrays of the driver's values. */
export function statementOf(shape: StatementShape, values: Row, columns: readonly ColumnModel[] = []): Statement {
  const statement = {
    sql: shape.sql,
    name: shape.name,
    parameters: arrange(shape, values),
    rows: 'array',
    typed: true,
  } as const
  return isWide(columns) ? { ...statement, wide: true } : statement
}

/** The rows of an outcome whose statement asked for arrays. */
export function arraysOf(outcome: Outcome): readonly Row[] {
  return outcome.rows as readonly Row[]
}
