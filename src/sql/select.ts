import { Buffer } from 'node:buffer'
import { type Expression, type RawBuilder, sql } from 'kysely'
import type { Statement } from '../drivers/index.ts'
import type { ColumnModel, EntityModel, PairTable } from '../mapping/index.ts'
import { compileShape, Slot, type StatementShape, shapeWith } from './compile.ts'
import type { Dialect, LockOptions } from './dialect.ts'
import { andOfKind, familyKey, kindKey, qualified, qualifiedList, readFrom, rowsOf } from './family-source.ts'
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
  statementMaker,
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
/**
 * Makes the statements that read rows by their keys; rows come in any order, and a key without a row gives none. `values` are those of a
 * condition beside the keys, where it has any.
 */
export type SelectByKeys = (keys: readonly Row[], values?: Row) => Statement[]

/** Compiles a select of one row by its key; kept per entity, columns and lock. */
export function selectByKey(
  context: StatementContext,
  model: EntityModel,
  columns: readonly ColumnModel[],
  lock: LockOptions | undefined,
): SelectByKey {
  return context.shape(model, `get ${columnsKey(columns)} ${lockKey(lock)} ${familyKey(model)}`, () => {
    const { dialect } = context
    const conditions = model.key.map((column, index) => sql`${qualified(dialect, column)} = ${new Slot(index)}`)
    const shape = compileShape(
      dialect,
      sql`${selectFrom(dialect, model, columns)} where ${allOf(conditions)}${andOfKind(dialect, model)}${lockClause(dialect, lock)}`,
    )
    const encode = rowEncoder(dialect, model.key)
    const statement = statementMaker(shape, columns)
    return (key) => statement(encode(key))
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
  return context.shape(model, `list ${columnsKey(columns)} ${lockKey(lock)} ${familyKey(model)}`, () => {
    const { dialect } = context
    const selected = [...columns, ...model.key.filter((column) => !columns.includes(column))]
    return listSelect(dialect, {
      match: model.key,
      matchNames: model.key.map((column) => qualified(dialect, column)),
      selected,
      from: selectFrom(dialect, model, selected),
      ending: sql`${andOfKind(dialect, model)}${lockClause(dialect, lock)}`,
    })
  })
}

/** A select of rows by a list of values: what stands before the list, and what behind. */
interface ListSelect {
  readonly match: readonly ColumnModel[]
  readonly matchNames: readonly RawBuilder<unknown>[]
  readonly selected: readonly ColumnModel[]
  readonly from: RawBuilder<unknown>
  readonly ending: RawBuilder<unknown>
  /** Values in its text that other runs replace by their own. */
  readonly given?: readonly unknown[] | undefined
}

function listSelect(dialect: Dialect, select: ListSelect): SelectByKeys {
  const encode = rowEncoder(dialect, select.match)
  const make = KEY_LISTS[dialect.capabilities.keyLists](dialect, select)
  return (keys, values = []) => make(keys.map(encode), values)
}

/** Fewer than all members of each owner. A statement for it is compiled each time, unless its condition has a shape. */
export interface MemberPart {
  /** What members meet beside the relation's own condition; it names their table as that does. */
  readonly condition?: Expression<unknown> | undefined
  /** So many for each owner, the first by the order. */
  readonly limit?: number | undefined
  /** Tells the text of the condition from that of every other one. */
  readonly shape?: string
  /** With a shape: the values of the condition, in the order of their placeholders. */
  readonly values?: readonly unknown[]
}

/** A select of members: `columns from tables where key in (…) and …`. */
interface MemberSelect {
  readonly match: readonly ColumnModel[]
  /** The key of the owner that a row belongs to. */
  readonly owner: readonly RawBuilder<unknown>[]
  readonly selected: readonly ColumnModel[]
  readonly columns: RawBuilder<unknown>
  readonly tables: RawBuilder<unknown>
  readonly filter?: RelationFilter | undefined
  readonly order: readonly MemberOrder[]
  readonly alias?: string
}

function memberSelect(dialect: Dialect, select: MemberSelect, part: MemberPart | undefined): SelectByKeys {
  const make = placedSelect(dialect, select, part)
  if (part?.condition === undefined || part.shape !== undefined) return make
  // A name would say that the text is heddle's own: that it comes again, and that it leaves nothing behind on the connection.
  return (keys) => make(keys).map(({ name: _, ...statement }) => statement)
}

function placedSelect(dialect: Dialect, select: MemberSelect, part: MemberPart | undefined): SelectByKeys {
  const { match, owner, selected, columns, tables, filter, order, alias } = select
  const list = { match, matchNames: owner, selected, given: part?.shape === undefined ? undefined : part.values }
  const conditions = sql`${also(filter?.condition)}${also(part?.condition)}`
  const inOrder = orderBy(dialect, order, alias)
  if (part?.limit === undefined) {
    const from = sql`select ${columns} from ${tables}`
    return listSelect(dialect, { ...list, from, ending: sql`${conditions}${inOrder}` })
  }
  // The place stands behind all that is read, and is let go with the owner's key.
  const place = sql`row_number() over (partition by ${sql.join(owner)}${inOrder}) as ${sql.id('heddle_n')}`
  return listSelect(dialect, {
    ...list,
    from: sql`select * from (select ${columns}, ${place} from ${tables}`,
    ending: sql`${conditions}) as ${sql.id('heddle_m')} where ${sql.id('heddle_n')} <= ${part.limit} order by ${sql.id('heddle_n')}`,
  })
}

/**
 * Compiles a select of the rows of `model` that belong to any of a list of owners: whose foreign key `match` holds the owner's key, in
 * the given order. Each row holds `columns`, then what of the foreign key is not among them.
 */
export function selectMembers(
  context: StatementContext,
  model: EntityModel,
  columns: readonly ColumnModel[],
  match: readonly ColumnModel[],
  order: readonly MemberOrder[],
  filter?: RelationFilter,
  part?: MemberPart,
): SelectByKeys {
  const key = `members ${columnsKey(columns)} ${columnsKey(match)} ${orderKey(order)}${filterKey(filter)} ${familyKey(model)}`
  return keptUnless(part, context, model, key, () => {
    const { dialect } = context
    const selected = [...columns, ...match.filter((column) => !columns.includes(column))]
    const owner = match.map((column) => columnOf(dialect, column))
    const tables = rowsOf(dialect, model)
    const select = { match, owner, selected, columns: columnList(dialect, selected), tables, filter, order }
    return memberSelect(dialect, select, part)
  })
}

/**
 * The same through a table of pairs: each row holds `columns`, then the owner's key as the pair holds it.
 */
export function selectPaired(
  context: StatementContext,
  model: EntityModel,
  columns: readonly ColumnModel[],
  through: PairTable,
  order: readonly MemberOrder[],
  filter?: RelationFilter,
  part?: MemberPart,
): SelectByKeys {
  const { sourceColumns, targetColumns } = through
  const key = `paired ${kindKey(model)} ${columnsKey(columns)} ${columnsKey(sourceColumns)} ${orderKey(order)}${filterKey(filter)}`
  return keptUnless(part, context, through.model, key, () => {
    const { dialect } = context
    const joined = targetColumns.map(
      (column, i) => sql`${columnOf(dialect, column, 'p')} = ${columnOf(dialect, model.key[i] as ColumnModel, 't')}`,
    )
    const owner = sourceColumns.map((column) => columnOf(dialect, column, 'p'))
    const select = {
      match: sourceColumns,
      owner,
      selected: [...columns, ...sourceColumns],
      columns: sql`${columnList(dialect, columns, 't')}, ${named(owner)}`,
      tables: sql`${rowsOf(dialect, model, 't')} inner join ${tableOf(dialect, through.model)} as ${sql.id('p')} on ${allOf(joined)}`,
      filter,
      order,
      alias: 't',
    }
    return memberSelect(dialect, select, part)
  })
}

/** A condition beside the keys. Its tables have their own names in `selectMembers`, `t` in `selectPaired`, else `source` and `target`. */
export interface RelationFilter {
  /** Tells it from other conditions between the same entities. */
  readonly name: string
  readonly condition: Expression<unknown>
}

function filterKey(filter: RelationFilter | undefined): string {
  return filter === undefined ? '' : ` if ${filter.name}`
}

function also(condition: Expression<unknown> | undefined): RawBuilder<unknown> {
  return condition === undefined ? sql`` : sql` and ${condition}`
}

/** Conditions of one query's own would fill the cache with texts that do not come again. */
function keptUnless(
  part: MemberPart | undefined,
  context: StatementContext,
  model: EntityModel,
  key: string,
  make: () => SelectByKeys,
): SelectByKeys {
  if (part === undefined) return context.shape(model, key, make)
  const { shape, values, limit } = part
  if (shape === undefined || limit !== undefined) return make()
  const select = context.shape(model, `${key} where ${shape}`, make)
  return (keys) => select(keys, values)
}

/**
 * The same where a condition ties rows of `model`, as `target`, to rows of `source`: each row holds `columns`, then the key of the
 * source's row.
 */
export function selectJoined(
  context: StatementContext,
  model: EntityModel,
  columns: readonly ColumnModel[],
  source: EntityModel,
  filter: RelationFilter,
  order: readonly MemberOrder[],
  part?: MemberPart,
): SelectByKeys {
  const shapeKey = `joined ${kindKey(model)} ${columnsKey(columns)} ${orderKey(order)}${filterKey(filter)} ${familyKey(source)}`
  return keptUnless(part, context, source, shapeKey, () => {
    const { dialect } = context
    const owner = source.key.map((column) => columnOf(dialect, column, 'source'))
    const select = {
      match: source.key,
      owner,
      selected: [...columns, ...source.key],
      columns: sql`${columnList(dialect, columns, 'target')}, ${named(owner)}`,
      tables: sql`${rowsOf(dialect, model, 'target')} inner join ${rowsOf(dialect, source, 'source')} on ${filter.condition}`,
      order,
      alias: 'target',
    }
    return memberSelect(dialect, select, part)
  })
}

/** The columns of an owner's key under names of their own. */
function named(owner: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql.join(owner.map((column, i) => sql`${column} as ${sql.id(`heddle_owner_${i}`)}`))
}

/** A column by which members are ordered. */
export interface MemberOrder {
  readonly column: ColumnModel
  readonly direction: 'asc' | 'desc'
}

function orderKey(order: readonly MemberOrder[]): string {
  return order.map(({ column, direction }) => `${column.index}${direction}`).join(',')
}

function orderBy(dialect: Dialect, order: readonly MemberOrder[], alias?: string): RawBuilder<unknown> {
  if (order.length === 0) return sql``
  const terms = order.map(({ column, direction }) => sql`${columnOf(dialect, column, alias)} ${sql.raw(direction)}`)
  return sql` order by ${sql.join(terms)}`
}

type MakeKeyList = (dialect: Dialect, select: ListSelect) => (keys: readonly Row[], values: Row) => Statement[]

const KEY_LISTS: Readonly<Record<Dialect['capabilities']['keyLists'], MakeKeyList>> = {
  arrays: byArrays,
  json: byJson,
  placeholders: byPlaceholders,
}

function selectFrom(dialect: Dialect, model: EntityModel, columns: readonly ColumnModel[]): RawBuilder<unknown> {
  return sql`select ${qualifiedList(dialect, columns)} from ${readFrom(dialect, model)}`
}

/** `key = any($1)`: one constant text for any number of keys. */
function byArrays(dialect: Dialect, { match, matchNames, selected, from, ending, given }: ListSelect) {
  const elements = match.map((column) => sql.raw(dialect.product.arrayElement?.(column.type) ?? 'text'))
  const arrays = elements.map((element, index) => sql`${new Slot(index)}::${element}[]`)
  const key = tuple(matchNames)
  const condition =
    arrays.length === 1 ? sql`${key} = any(${arrays[0]})` : sql`${key} in (select * from unnest(${sql.join(arrays)}))`
  const shape = shapeWith(given, match.length, compileShape(dialect, sql`${from} where ${condition}${ending}`))
  return (keys: readonly Row[], values: Row) =>
    chunksOf(keys, KEYS_AT_ONCE, (key) => key).map(({ rows }) =>
      statementOf(shape, [...transpose(rows, match.length), ...values], selected),
    )
}

/** `key in (select value from json_each(?))`: one constant text here too. */
function byJson(dialect: Dialect, { match, matchNames, selected, from, ending, given }: ListSelect) {
  const read = ({ type }: ColumnModel, value: RawBuilder<unknown>) =>
    type.kind === 'bytes' ? sql`unhex(${value})` : value
  const values = match.map((column, index) =>
    read(column, match.length === 1 ? sql`value` : sql`json_extract(value, ${sql.lit(`$[${index}]`)})`),
  )
  const list = sql`select ${sql.join(values)} from json_each(${new Slot(0)})`
  const text = sql`${from} where ${tuple(matchNames)} in (${list})${ending}`
  const shape = shapeWith(given, 1, compileShape(dialect, text))
  return (keys: readonly Row[], values: Row) =>
    chunksOf(keys, KEYS_AT_ONCE, (key) => key).map(({ rows }) =>
      statementOf(shape, [jsonKeys(rows), ...values], selected),
    )
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
function byPlaceholders(dialect: Dialect, select: ListSelect) {
  const width = select.match.length
  const limit = largestSize(Math.min(PLACEHOLDERS_AT_ONCE, Math.floor(dialect.capabilities.maxParameters / width)))
  const shapes = new Map<number, StatementShape>()
  const shapeOf = (size: number) => {
    const known = shapes.get(size) ?? placeholderShape(dialect, select, size)
    shapes.set(size, known)
    return known
  }
  return (keys: readonly Row[], values: Row) =>
    chunksOf(keys, limit, (key) => key).map(({ rows }) => {
      const size = paddedSize(rows.length)
      const parameters = keyParameters(rows, size, width)
      for (const value of values) parameters.push(value)
      return statementOf(shapeOf(size), parameters, select.selected)
    })
}

/** The parts of so many keys, the last one again and again behind the others. */
function keyParameters(keys: readonly Row[], size: number, width: number): unknown[] {
  const parameters = width === 1 ? keys.map(([part]) => part) : keys.flat()
  while (parameters.length < size * width) parameters.push(parameters[parameters.length - width])
  return parameters
}

function placeholderShape(
  dialect: Dialect,
  { match, matchNames, from, ending, given }: ListSelect,
  size: number,
): StatementShape {
  const width = match.length
  const list = sql.join(Array.from({ length: size }, (_, row) => tuple(slots(width, row * width))))
  const text = sql`${from} where ${tuple(matchNames)} in (${list})${ending}`
  return shapeWith(given, size * width, compileShape(dialect, text))
}

/** As many rows as the size says, the last one again and again behind the others. */
export function padded<T>(rows: readonly T[], size: number): readonly T[] {
  const last = rows.at(-1)
  return last === undefined ? rows : [...rows, ...Array.from({ length: size - rows.length }, () => last)]
}
