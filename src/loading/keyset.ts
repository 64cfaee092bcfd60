import { Buffer } from 'node:buffer'
import { AndNode, BinaryOperationNode, type OperationNode, OperatorNode, OrNode, ParensNode, ValueNode } from 'kysely'
import { ArgumentError } from '../errors.ts'
import { nameOf } from '../mapping/index.ts'
import { describeValue } from '../support/index.ts'
import { encodeOperand } from './comparison.ts'
import type { Condition } from './condition.ts'
import type { BoundColumn, EntityTable } from './entity-table.ts'
import { readOrderBy } from './orderings.ts'
import type { Ordering, QueryState } from './query-state.ts'
import { scopeOf } from './scope.ts'

/** One key of an order that a cursor can stand in. */
export interface KeysetColumn {
  readonly column: BoundColumn
  readonly descending: boolean
}

/** Part of a result by cursor: its items, and where the next part begins. */
export interface KeysetPage<Item> {
  readonly items: Item[]
  /** Give it to `after` for the items that follow; null where none do. */
  readonly next: string | null
}

/**
 * The order with the key behind it, so that no two rows stand at one place.
 *
 * @throws ArgumentError for an order by anything but properties of the entity that are never null
 */
export function keysetOrder(
  table: EntityTable,
  { orderings }: QueryState,
): readonly (Ordering & { readonly keyset: KeysetColumn })[] {
  const ordered = orderings.map((ordering) => {
    const { keyset } = ordering
    if (keyset === undefined) throw noKeyset(table, 'it is ordered by an expression, or by what is joined')
    if (keyset.column.model.nullable) throw noKeyset(table, `${keyset.column.model.property} may be null`)
    return { ...ordering, keyset }
  })
  const missing = table.model.key.filter((key) => ordered.every(({ keyset }) => keyset.column.model !== key))
  const added = missing.map((key) => {
    const ordering = readOrderBy(scopeOf(table), key.property, undefined)
    return { ...ordering, keyset: ordering.keyset as KeysetColumn }
  })
  return [...ordered, ...added]
}

function noKeyset({ model }: EntityTable, why: string): ArgumentError {
  return new ArgumentError(
    `query(${nameOf(model)}): a cursor needs an order by properties of the entity that are never null, and ${why}; use paginate().`,
  )
}

/** The rows behind a cursor. @throws ArgumentError for what is no cursor of this order */
export function afterCursor(table: EntityTable, columns: readonly KeysetColumn[], cursor: unknown): Condition {
  const values = readCursor(table, columns, cursor)
  const node = beyond(columns, values)
  return { shape: undefined, values: [], toNode: () => node }
}

/** `a > 1 or (a = 1 and (b > 2))`: every key may run in its own direction. */
function beyond([first, ...others]: readonly KeysetColumn[], [value, ...rest]: readonly unknown[]): OperationNode {
  const { column, descending } = first as KeysetColumn
  const further = compared(column, descending ? '<' : '>', value)
  if (others.length === 0) return further
  const same = AndNode.create(compared(column, '=', value), ParensNode.create(beyond(others, rest)))
  return ParensNode.create(OrNode.create(further, ParensNode.create(same)))
}

function compared(column: BoundColumn, operator: '<' | '>' | '=', value: unknown): OperationNode {
  return BinaryOperationNode.create(column.reference, OperatorNode.create(operator), ValueNode.create(value))
}

/** Text that stands for the place of an instance in the order. It may be handed to clients: it holds the values of the order's keys. */
export function cursorAt(table: EntityTable, columns: readonly KeysetColumn[], item: unknown): string {
  const values = columns.map(({ column }) =>
    written(table, column, (item as Record<string, unknown>)[column.model.property]),
  )
  return Buffer.from(JSON.stringify([signOf(columns), ...values])).toString('base64url')
}

function signOf(columns: readonly KeysetColumn[]): string {
  return columns.map(({ column, descending }) => `${descending ? '-' : ''}${column.model.property}`).join()
}

function written(table: EntityTable, { model }: BoundColumn, value: unknown): unknown {
  if (value instanceof Date) return { t: value.toISOString() }
  if (typeof value === 'bigint') return { n: String(value) }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  throw noKeyset(table, `${model.property} holds ${describeValue(value)}, which no cursor can`)
}

function readCursor(table: EntityTable, columns: readonly KeysetColumn[], cursor: unknown): unknown[] {
  const parts = typeof cursor === 'string' ? parsed(cursor) : undefined
  if (parts === undefined)
    throw new ArgumentError(`after takes a cursor that a page gave as next, not ${describeValue(cursor)}.`)
  const [sign, ...values] = parts
  if (sign !== signOf(columns) || values.length !== columns.length) {
    throw new ArgumentError(`after: the cursor is of another order than this query's (${signOf(columns)}).`)
  }
  return columns.map(({ column }, i) => encodeOperand({ call: 'after', table, column }, '>', read(values[i])))
}

function parsed(cursor: string): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function read(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const { t, n } = value as { readonly t?: unknown; readonly n?: unknown }
  if (typeof t === 'string') return new Date(t)
  return typeof n === 'string' && /^-?\d+$/.test(n) ? BigInt(n) : value
}
