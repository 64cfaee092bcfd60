import { Buffer } from 'node:buffer'
import { type RawBuilder, sql } from 'kysely'
import type { Statement } from '../drivers/index.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import { compileShape, Slot, type StatementShape } from './compile.ts'
import type { Dialect, LockOptions } from './dialect.ts'
import { lockClause, lockKey } from './locks.ts'
import { chunksOf, largestSize, paddedSize } from './rows.ts'
import {
  allOf,
  columnList,
  columnOf,
  columnsKey,
  type Row,
  rowEncoder,
  type StatementContext,
  slots,
  statementOf,
  tableOf,
  transpose,
  tuple,
} from './statement-parts.ts'
import { writeTimestamp } from './timestamps.ts'

/** Keys in one statement, where their number does not change its text. */
const KEYS_AT_ONCE = 10_000
/** Keys in one statement where each is a placeholder. */
const PLACEHOLDERS_AT_ONCE = 1_024

/** Makes statements that read one row by its key. */
export type SelectByKey = (key: Row) => Statement
/** Makes the statements that read rows by their keys; rows come in any order, and a key without a row gives none. */
export type SelectByKeys = (keys: readonly Row[]) => Statement[]

/** Compiles a select of one row by its key; kept per entity, columns and lock. */
export function selectByKey(
  context: StatementContext,
  model: EntityModel,
  columns: readonly ColumnModel[],
  lock: LockOptions | undefined,
): SelectByKey {
  return context.shape(model, `get ${columnsKey(columns)} ${lockKey(lock)}`, () => {
    const { dialect } = context
    const conditions = model.key.map((column, index) => sql`${columnOf(dialect, column)} = ${new Slot(index)}`)
    const shape = compileShape(
      dialect,
      sql`${selectFrom(dialect, model, columns)} where ${allOf(conditions)}${lockClause(dialect, lock)}`,
    )
    const encode = rowEncoder(dialect, model.key)
    return (key) => statementOf(shape, encode(key), columns)
  })
}

/**
 * Compiles a select of rows by a list of keys. Each row holds `columns` in order, then the key columns that are not
 * among them.
 */
export function selectByKeys(
  context: StatementContext,
  model: EntityModel,
  columns: readonly ColumnModel[],
  lock?: LockOptions,
): SelectByKeys {
  return context.shape(model, `list ${columnsKey(columns)} ${lockKey(lock)}`, () => {
    const selected = [...columns, ...model.key.filter((column) => !columns.includes(column))]
    const encode = rowEncoder(context.dialect, model.key)
    const make = KEY_LISTS[context.dialect.capabilities.keyLists](context, model, selected, lock)
    return (keys) => make(keys.map(encode))
  })
}

type MakeKeyList = (
  context: StatementContext,
  model: EntityModel,
  selected: readonly ColumnModel[],
  lock: LockOptions | undefined,
) => (keys: readonly Row[]) => Statement[]

const KEY_LISTS: Readonly<Record<Dialect['capabilities']['keyLists'], MakeKeyList>> = {
  arrays: byArrays,
  json: byJson,
  placeholders: byPlaceholders,
}

function selectFrom(dialect: Dialect, model: EntityModel, columns: readonly ColumnModel[]): RawBuilder<unknown> {
  return sql`select ${columnList(dialect, columns)} from ${tableOf(dialect, model)}`
}

/** `key = any($1)`: one constant text for any number of keys. */
function byArrays(...[{ dialect }, model, selected, lock]: Parameters<MakeKeyList>): ReturnType<MakeKeyList> {
  const elements = model.key.map((column) => sql.raw(dialect.product.arrayElement?.(column.type) ?? 'text'))
  const arrays = elements.map((element, index) => sql`${new Slot(index)}::${element}[]`)
  const key = tuple(model.key.map((column) => columnOf(dialect, column)))
  const condition =
    arrays.length === 1 ? sql`${key} = any(${arrays[0]})` : sql`${key} in (select * from unnest(${sql.join(arrays)}))`
  const source = sql`${selectFrom(dialect, model, selected)} where ${condition}${lockClause(dialect, lock)}`
  const shape = compileShape(dialect, source)
  return (keys) =>
    chunksOf(keys, KEYS_AT_ONCE, (key) => key).map(({ rows }) =>
      statementOf(shape, transpose(rows, model.key.length), selected),
    )
}

/** `key in (select value from json_each(?))`: one constant text here too. */
function byJson(...[{ dialect }, model, selected]: Parameters<MakeKeyList>): ReturnType<MakeKeyList> {
  const read = ({ type }: ColumnModel, value: RawBuilder<unknown>) =>
    type.kind === 'bytes' ? sql`unhex(${value})` : value
  const values = model.key.map((column, index) =>
    read(column, model.key.length === 1 ? sql`value` : sql`json_extract(value, ${sql.lit(`$[${index}]`)})`),
  )
  const key = tuple(model.key.map((column) => columnOf(dialect, column)))
  const list = sql`select ${sql.join(values)} from json_each(${new Slot(0)})`
  const shape = compileShape(dialect, sql`${selectFrom(dialect, model, selected)} where ${key} in (${list})`)
  return (keys) =>
    chunksOf(keys, KEYS_AT_ONCE, (key) => key).map(({ rows }) => statementOf(shape, [jsonKeys(rows)], selected))
}

function jsonKeys(keys: readonly Row[]): string {
  const texts = keys.map((key) => (key.length === 1 ? jsonPart(key[0]) : `[${key.map(jsonPart).join(',')}]`))
  return `[${texts.join(',')}]`
}

/** A key's value as JSON in the form in which it is stored; digits of a bigint stay exact, bytes are hexadecimal. */
function jsonPart(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (value instanceof Date) return JSON.stringify(writeTimestamp(value))
  if (!(value instanceof Uint8Array)) return JSON.stringify(value ?? null)
  return JSON.stringify(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex'))
}

/** `key in (?, …)`, filled up to a power of two with the last key again, so that a few texts serve all numbers. */
function byPlaceholders(...[context, model, selected, lock]: Parameters<MakeKeyList>): ReturnType<MakeKeyList> {
  const width = model.key.length
  const limit = largestSize(
    Math.min(PLACEHOLDERS_AT_ONCE, Math.floor(context.dialect.capabilities.maxParameters / width)),
  )
  const shapes = new Map<number, StatementShape>()
  const shapeOf = (size: number) => {
    const known = shapes.get(size) ?? placeholderShape(context.dialect, model, selected, lock, size)
    shapes.set(size, known)
    return known
  }
  return (keys) =>
    chunksOf(keys, limit, (key) => key).map(({ rows }) => {
      const size = paddedSize(rows.length)
      return statementOf(shapeOf(size), padded(rows, size).flat(), selected)
    })
}

function placeholderShape(
  dialect: Dialect,
  model: EntityModel,
  selected: readonly ColumnModel[],
  lock: LockOptions | undefined,
  size: number,
): StatementShape {
  const width = model.key.length
  const key = tuple(model.key.map((column) => columnOf(dialect, column)))
  const list = sql.join(Array.from({ length: size }, (_, row) => tuple(slots(width, row * width))))
  const source = sql`${selectFrom(dialect, model, selected)} where ${key} in (${list})${lockClause(dialect, lock)}`
  return compileShape(dialect, source)
}

/** As many rows as the size says, the last one again and again behind the others. */
export function padded<T>(rows: readonly T[], size: number): readonly T[] {
  const last = rows.at(-1)
  return last === undefined ? rows : [...rows, ...Array.from({ length: size - rows.length }, () => last)]
}
