import { randomInt, randomUUID } from 'node:crypto'
import { type ColumnModel, type EntityModel, isSqlExpression } from '../mapping/index.ts'
import { DeferredKey } from './deferred-key.ts'
import type { PendingDelete, PendingInsert, PendingUpdate } from './work.ts'

/** Columns of an entity that must be unique together: its key, a unique column, a unique index. */
export type UniqueColumns = readonly ColumnModel[]

const known = new WeakMap<EntityModel, readonly UniqueColumns[]>()

/** Everything that must be unique in an entity, its key first; of a subclass what it adds to its parent. */
export function uniquesOf(model: EntityModel): readonly UniqueColumns[] {
  let uniques = known.get(model)
  if (uniques === undefined) {
    const { parent } = model.inheritance ?? {}
    const own = parent === undefined ? model.columns : model.columns.slice(parent.columns.length)
    const alone = own.filter((column) => column.unique).map((column) => [column])
    const indexes = model.indexes.filter(({ unique }) => unique)
    const together = indexes.map(({ properties }) => properties.flatMap((name) => model.columnOf.get(name) ?? []))
    uniques = parent === undefined ? [model.key, ...alone, ...together] : [...alone, ...together]
    known.set(model, uniques)
  }
  return uniques
}

/** What a row will hold, as a key for looking up; undefined where it is not known yet, or null, which never clashes. */
export function takenBy(row: PendingInsert | PendingUpdate, columns: UniqueColumns): string | undefined {
  if ('values' in row) return nameOf(columns.map(({ index }) => row.values[index]))
  if (!columns.some(({ index }) => row.changes.has(index))) return undefined
  const stored = storedValues(row, columns)
  return nameOf(columns.map(({ index }, i) => (row.changes.has(index) ? row.changes.get(index) : stored[i])))
}

/** What a row no longer holds once it is written: all of a deleted row, of another what it changes. */
export function freedBy(row: PendingUpdate | PendingDelete, columns: UniqueColumns): string | undefined {
  if ('changes' in row && !columns.some(({ index }) => row.changes.has(index))) return undefined
  return nameOf(storedValues(row, columns))
}

function storedValues(row: PendingUpdate | PendingDelete, columns: UniqueColumns): unknown[] {
  const state = ('replaces' in row ? row.replaces : undefined) ?? row.state
  const { key } = state.model
  const values = state.committedValues()
  return columns.map((column) => {
    const place = key.indexOf(column)
    return place < 0 ? values[column.index] : row.storedKey?.[place]
  })
}

/** Texts that some database might take for the same have one name: an order too many does no harm. */
function nameOf(values: readonly unknown[]): string | undefined {
  const parts: string[] = []
  for (const value of values) {
    if (value === undefined || value === null || value instanceof DeferredKey || isSqlExpression(value))
      return undefined
    parts.push(typeof value === 'string' ? value.toLowerCase().trimEnd() : textOf(value))
  }
  return JSON.stringify(parts)
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** A value for one of the columns that no row has: null where it may be, or made up. Undefined where there is none. */
export function parkingValue(
  model: EntityModel,
  columns: UniqueColumns,
): { readonly column: ColumnModel; readonly value: unknown } | undefined {
  const free = columns.find((column) => column.nullable && !model.key.includes(column))
  if (free !== undefined) return { column: free, value: null }
  for (const column of columns) {
    const value = column.references === undefined ? unusedValue(column) : undefined
    if (value !== undefined) return { column, value }
  }
  return undefined
}

function unusedValue({ type }: ColumnModel): unknown {
  if (type.convert !== undefined) return undefined
  switch (type.kind) {
    case 'integer':
      return -randomInt(1, 2 ** 31)
    case 'bigint':
      return -BigInt(randomInt(2 ** 31, 2 ** 47))
    case 'text':
    case 'uuid':
      return randomUUID()
    case 'varchar':
      return (type.length ?? 36) < 8 ? undefined : randomUUID().slice(-(type.length ?? 36))
    default:
      return undefined
  }
}
