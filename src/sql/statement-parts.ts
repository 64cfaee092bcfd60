import { type RawBuilder, sql } from 'kysely'
import type { Outcome, Statement } from '../drivers/index.ts'
import type { ColumnModel, EntityModel, TableName } from '../mapping/index.ts'
import { arrange, isExpression, Slot, type StatementShape } from './compile.ts'
import type { Dialect } from './dialect.ts'

/** What runs statements: a connection, or whatever stands before one. Failures come as they are from the driver. */
export interface Runner {
  run(statement: Statement): Promise<Outcome>
  /** The same text with several sets of values, in order. */
  runEach(statement: Statement, parameterSets: readonly (readonly unknown[])[]): Promise<readonly Outcome[]>
  /** Whether {@link together} sends a statement before the one ahead of it is answered. Absent: it never does. */
  readonly canPipeline?: boolean
  /** Gives work a runner whose statements do not wait for each other's answers; the work awaits all that it sends. */
  together?<T>(work: (runner: Runner) => Promise<T>): Promise<T>
  /** Whether what it runs is part of a transaction; absent where that is not known. */
  inTransaction?(): boolean
}

/** The values of some columns, in their order. */
export type Row = readonly unknown[]

/** What all makers of statements share: the dialect, and the shapes compiled so far. */
export interface StatementContext {
  readonly dialect: Dialect
  /** Gives what was made for this entity under this key, or makes it. */
  shape<T>(model: EntityModel, key: string, make: () => T): T
}

/** A context over the dialect's cache. */
export function statementContext(dialect: Dialect): StatementContext {
  const { cache } = dialect
  const prefixes = new WeakMap<EntityModel, string>()
  return {
    dialect,
    shape: <T>(model: EntityModel, key: string, make: () => T): T => {
      const prefix = prefixes.get(model) ?? cache.prefix()
      prefixes.set(model, prefix)
      const known = cache.get(prefix + key)
      if (known !== undefined) return known as T
      const made = make()
      cache.add(prefix + key, made as object)
      return made
    },
  }
}

/** A part of a shape's key that tells columns apart. */
export function columnsKey(columns: readonly ColumnModel[]): string {
  return columns.map((column) => column.index).join(',')
}

// ------------------------------------------------------------------------------------------------ templates

/** The table, with its schema, quoted. */
export function tableOf(dialect: Dialect, model: TableName): RawBuilder<unknown> {
  const table = dialect.tableName(model)
  return model.schema === undefined ? sql.id(table) : sql.id(model.schema, table)
}

/** A column, quoted; after the alias of its table where one is given. */
export function columnOf(dialect: Dialect, column: ColumnModel, alias?: string): RawBuilder<unknown> {
  const name = dialect.columnName(column)
  return alias === undefined ? sql.id(name) : sql.id(alias, name)
}

/** A counter, one further. */
export function countedUp(dialect: Dialect, column: ColumnModel): RawBuilder<unknown> {
  return sql`${columnOf(dialect, column)} + 1`
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

/** The element type that values of a column travel as. Only where keys travel as arrays. */
function elementType(dialect: Dialect, column: ColumnModel): RawBuilder<unknown> {
  return sql.raw(dialect.product.arrayElement?.(column.type) ?? 'text')
}

/** `$1::int8`: a single value of a column. */
export function typedSlot(dialect: Dialect, column: ColumnModel, place: number): RawBuilder<unknown> {
  return sql`${new Slot(place)}::${elementType(dialect, column)}`
}

/**
 * Array parameters as rows: `unnest($1::…, …) with ordinality as v(c0, c1, n)`, where n counts from 1. Only where keys
 * travel as arrays.
 *
 * @param places those of the columns that travel so; each has the slot and the name of its place
 */
export function unnestedAt(
  dialect: Dialect,
  columns: readonly ColumnModel[],
  places: readonly number[],
): RawBuilder<unknown> {
  const arrays = places.map((place) => sql`${typedSlot(dialect, columns[place] as ColumnModel, place)}[]`)
  const names = sql.join([...places.map(listName), sql.id('n')])
  return sql`unnest(${sql.join(arrays)}) with ordinality as v(${names})`
}

/** The column of {@link unnestedAt} at a place. */
export function listName(place: number): RawBuilder<unknown> {
  return sql.id(`c${place}`)
}

// ------------------------------------------------------------------------------------------------ values

type Convert = ((value: unknown) => unknown) | undefined

/** Whether a value of a row is an expression. */
export function holdsExpression(row: Row): boolean {
  for (let at = 0; at < row.length; at++) if (isExpression(row[at])) return true
  return false
}

/** What {@link rowEncoder} gives where nothing has to be turned. */
export const asGiven = (row: Row): Row => row

/** Turns a row of the program's values into the driver's; the row itself where nothing has to be turned. Expressions pass through. */
export function rowEncoder(dialect: Dialect, columns: readonly ColumnModel[]): (row: Row) => Row {
  const encoders = columns.map((column) => dialect.codec(column.type).encode as Convert)
  const places = placesOf(encoders)
  if (places.length === 0) return asGiven
  return (row) => {
    const encoded = row.slice()
    for (const place of places) encoded[place] = encodeValue(encoders[place] as NonNullable<Convert>, row[place])
    return encoded
  }
}

/** Where there is something to convert. */
function placesOf(converts: readonly Convert[]): number[] {
  return converts.flatMap((convert, place) => (convert === undefined ? [] : [place]))
}

function encodeValue(encode: NonNullable<Convert>, value: unknown): unknown {
  return value === null || value === undefined || isExpression(value) ? value : encode(value)
}

/** Turns a row of the driver's values into the program's; the row itself where nothing has to be turned. */
export function rowDecoder(dialect: Dialect, columns: readonly ColumnModel[]): (row: Row) => Row {
  const decoders = columns.map((column) => dialect.codec(column.type).decode as Convert)
  const places = placesOf(decoders)
  if (places.length === 0) return (row) => row
  return (row) => {
    const decoded = row.slice()
    for (const place of places) {
      const value = row[place]
      if (value !== null && value !== undefined) decoded[place] = (decoders[place] as NonNullable<Convert>)(value)
    }
    return decoded
  }
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
  return Array.from({ length: width }, (_, index) => columnAt(rows, index))
}

function columnAt(rows: readonly Row[], index: number): unknown[] {
  const values = new Array<unknown>(rows.length)
  for (let at = 0; at < rows.length; at++) values[at] = (rows[at] as Row)[index]
  return values
}

/** Whether integers of these columns can be beyond 2^53. */
export function isWide(columns: readonly ColumnModel[]): boolean {
  return columns.some((column) => column.type.kind === 'bigint')
}

/** A statement of a shape with its values, whose rows (of these columns) come as arrays of the driver's values. */
export function statementOf(shape: StatementShape, values: Row, columns: readonly ColumnModel[] = []): Statement {
  return statementMaker(shape, columns)(values)
}

/** {@link statementOf} for a shape that is used again and again: what does not depend on the values is found out once. */
export function statementMaker(
  shape: StatementShape,
  columns: readonly ColumnModel[] = [],
): (values: Row) => Statement {
  const { sql, name, order } = shape
  const inOrder = isInOrder(shape)
  const parametersOf = (values: Row) => (inOrder && values.length === order.length ? values : arrange(shape, values))
  const how = { rows: 'array', typed: true, epochTimes: true } as const
  if (isWide(columns)) return (values) => ({ sql, name, parameters: parametersOf(values), ...how, wide: true })
  return (values) => ({ sql, name, parameters: parametersOf(values), ...how })
}

/** The values of many rows in the order of a shape's placeholders; the rows themselves where they are in that order. */
export function parameterSets(shape: StatementShape, rows: readonly Row[]): readonly Row[] {
  const width = rows[0]?.length
  return isInOrder(shape) && shape.order.length === width ? rows : rows.map((row) => arrange(shape, row))
}

function isInOrder({ order }: StatementShape): boolean {
  return order.every((index, place) => index === place)
}

/** The rows of an outcome whose statement asked for arrays. */
export function arraysOf(outcome: Outcome): readonly Row[] {
  return outcome.rows as readonly Row[]
}
