import { ArgumentError } from '../errors.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'

/**
 * The primitive under which a row is known within its entity: the bare value of a single key column, a joined text
 * for several.
 */
export type IdentityKey = string | number | bigint | boolean

/** The identity of key values, or undefined when one of them is missing. */
export function identityOf(model: EntityModel, key: readonly unknown[]): IdentityKey | undefined {
  const { key: columns } = model
  if (columns.length === 1) return partOf(columns[0] as ColumnModel, key[0])
  const parts: IdentityKey[] = []
  for (let i = 0; i < columns.length; i++) {
    const part = partOf(columns[i] as ColumnModel, key[i])
    if (part === undefined) return undefined
    parts.push(part)
  }
  return joinParts(parts)
}

/** The identity of the row that an array of column values is, or undefined when a part of its key is missing. */
export function identityIn(model: EntityModel, values: readonly unknown[]): IdentityKey | undefined {
  const { key } = model
  if (key.length !== 1) return identityOf(model, keyValuesOf(model, values))
  const only = key[0] as ColumnModel
  return partOf(only, values[only.index])
}

/** Length-prefixed, so that no two lists of parts give one text; the type of a part is part of it. */
function joinParts(parts: readonly IdentityKey[]): string {
  let joined = ''
  for (const part of parts) {
    const text = String(part)
    joined += `${(typeof part)[0]}${text.length}:${text}`
  }
  return joined
}

function partOf(column: ColumnModel, value: unknown): IdentityKey | undefined {
  if (value === null || value === undefined) return undefined
  if (column.type.keyOf !== undefined) return column.type.keyOf(value)
  return value as IdentityKey
}

/** The key values that an array of column values holds. */
export function keyValuesOf(model: EntityModel, values: readonly unknown[]): unknown[] {
  return model.key.map((column) => values[column.index])
}

/**
 * Reads the key that a caller gave to `get`: a scalar for one key column; an array, or an object by property names, for
 * several. A part may be null (which finds nothing).
 *
 * @throws ArgumentError when the number, the names or the kinds of the parts are wrong.
 */
export function readKey(model: EntityModel, given: unknown): unknown[] {
  const key = splitKey(model, given)
  model.key.forEach((column, i) => {
    const part = key[i]
    const problem = part === undefined ? 'undefined is no key' : part === null ? undefined : column.type.problem(part)
    if (problem !== undefined) throw new ArgumentError(`Key of ${model.name}, ${column.property}: ${problem}.`)
  })
  return key
}

function splitKey(model: EntityModel, given: unknown): unknown[] {
  const names = model.key.map((column) => column.property)
  if (isPlainObject(given)) return keyFromObject(model, given, names)
  const parts = Array.isArray(given) ? given : [given]
  if (parts.length === names.length) return parts
  throw new ArgumentError(
    `Key of ${model.name}: it has ${names.length} part(s) (${names.join(', ')}), ${parts.length} given.`,
  )
}

function keyFromObject(model: EntityModel, given: Record<string, unknown>, names: readonly string[]): unknown[] {
  const unknown = Object.keys(given).filter((name) => !names.includes(name))
  const missing = names.filter((name) => !Object.hasOwn(given, name))
  if (unknown.length === 0 && missing.length === 0) return names.map((name) => given[name])
  throw new ArgumentError(
    `Key of ${model.name}: give exactly ${names.join(', ')}; ` +
      `missing: ${missing.join(', ') || 'none'}, unknown: ${unknown.join(', ') || 'none'}.`,
  )
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
