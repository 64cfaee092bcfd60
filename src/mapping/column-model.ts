import { MappingError } from '../errors.ts'
import type { ColumnSpec, Initial } from './column.ts'
import { found, isDate } from './found.ts'
import type { ColumnModel, TableName } from './model.ts'

/** Where a column stands in its entity. */
export interface ColumnPlace {
  readonly index: number
  readonly property: string
  /** How messages begin. */
  readonly place: string
  /** The column is the whole primary key. */
  readonly wholeKey: boolean
  /** The table that holds it, where the entity is of a family. */
  readonly home?: TableName
}

/** Checks a column's description as a whole and makes its model. */
export function makeColumnModel(spec: ColumnSpec, where: ColumnPlace): ColumnModel {
  const { type, name, initial, version, references, ...same } = spec
  checkKey(spec, where)
  if (version) checkVersion(spec, where)
  if (spec.readOnly) checkReadOnly(spec, where)
  if (spec.serverOnUpdate && (spec.primaryKey || spec.computed !== undefined || spec.makeOnUpdate !== undefined)) {
    refuse(
      where,
      'serverOnUpdate() is for what only the database changes; a key, computed() and onUpdate() are not that.',
    )
  }
  if (spec.discriminator !== undefined) checkDiscriminator(spec, where)
  if (spec.deferred && (spec.primaryKey || version || references !== undefined)) {
    refuse(where, 'a key, a foreign key or a version cannot be deferred: sessions need it with every row.')
  }
  return Object.freeze({
    ...same,
    index: where.index,
    property: where.property,
    explicitName: name,
    type,
    autoincrement: isNumbered(spec, where),
    makeDefault: initial === undefined ? undefined : defaultMaker(spec, initial, where),
    version,
    references,
    isMoment: type.kind === 'timestamp' && type.convert === undefined && !spec.primaryKey && references === undefined,
    home: where.home,
  })
}

function refuse({ place, property }: ColumnPlace, reason: string): never {
  throw new MappingError(`${place}, column '${property}': ${reason}`)
}

function checkKey({ primaryKey, nullable, type }: ColumnSpec, where: ColumnPlace): void {
  if (!primaryKey) return
  if (nullable) refuse(where, 'a primary key cannot be null; remove nullable().')
  if (type.kind === 'json') refuse(where, 'JSON documents cannot be a primary key; use text(), uuid() or integer().')
}

function checkVersion(spec: ColumnSpec, where: ColumnPlace): void {
  if (spec.nextVersion === undefined && (spec.type.kind !== 'integer' || spec.type.convert !== undefined)) {
    refuse(
      where,
      `a version is a counter, so the column must be integer(), not ${typeName(spec)}; or give version(…) a function that ` +
        'makes versions, or false.',
    )
  }
  if (spec.type.kind === 'json') refuse(where, 'JSON documents cannot be compared, so they cannot be versions.')
  if (spec.nullable) refuse(where, 'a version cannot be null; remove nullable().')
  if (spec.primaryKey) refuse(where, 'a version changes at each UPDATE, so it cannot be part of the primary key.')
  if (spec.references !== undefined) refuse(where, 'a version counts, so it cannot reference another table.')
  const isServers = spec.readOnly && spec.nextVersion === false
  if (
    !isServers &&
    (spec.initial !== undefined || spec.makeOnUpdate !== undefined || spec.serverDefault !== undefined)
  ) {
    refuse(
      where,
      "heddle itself sets a version; remove default(), onUpdate() and serverDefault(), or write version('database').",
    )
  }
}

function checkReadOnly(spec: ColumnSpec, where: ColumnPlace): void {
  const what = spec.computed === undefined ? 'read-only' : 'computed'
  if (spec.primaryKey) refuse(where, `a ${what} column cannot be part of the primary key.`)
  if (spec.version && (spec.nextVersion !== false || spec.computed !== undefined))
    refuse(
      where,
      `a ${what} column cannot be a version that heddle writes; version('database') leaves that to the database.`,
    )
  if (spec.initial !== undefined || spec.makeOnUpdate !== undefined) {
    refuse(where, `a ${what} column is never written; remove default() and onUpdate().`)
  }
  if (spec.computed !== undefined && spec.serverDefault !== undefined) {
    refuse(where, 'a computed column has no default; remove serverDefault().')
  }
}

const TELLING_KINDS: readonly string[] = ['text', 'varchar', 'enumeration', 'integer']

function checkDiscriminator(spec: ColumnSpec, where: ColumnPlace): void {
  const { type, discriminator } = spec
  if (!TELLING_KINDS.includes(type.kind) || type.convert !== undefined) {
    refuse(where, `a discriminator is text(), varchar(), enumeration() or integer(), not ${typeName(spec)}.`)
  }
  const made = spec.initial ?? spec.makeOnUpdate ?? spec.serverDefault
  if (made !== undefined || spec.readOnly) {
    refuse(where, 'heddle itself sets a discriminator; remove default(), onUpdate(), serverDefault() and readOnly().')
  }
  if (spec.nullable || spec.primaryKey || spec.version || spec.deferred || spec.references !== undefined) {
    refuse(where, 'a discriminator tells the class of every row; it cannot be null, a key, a version or deferred.')
  }
  const identity = discriminator?.identity
  const problem = identity === undefined ? undefined : (identity === null && 'it is null') || type.problem(identity)
  if (problem !== undefined) refuse(where, `the discriminator's value does not fit: ${problem}.`)
}

function typeName({ type }: ColumnSpec): string {
  return type.convert === undefined ? `${type.kind}()` : `custom() over ${type.kind}()`
}

/** Whether the database makes the key; where it was asked to and cannot, the reason is an error. */
function isNumbered(spec: ColumnSpec, where: ColumnPlace): boolean {
  if (spec.autoincrement === false) return false
  const obstacle = numberingObstacle(spec, where)
  if (obstacle === undefined) return true
  if (spec.autoincrement === true) refuse(where, `autoincrement() is not possible: ${obstacle}.`)
  return false
}

function numberingObstacle(spec: ColumnSpec, where: ColumnPlace): string | undefined {
  if (!spec.primaryKey) return 'the column is no primary key; add primaryKey()'
  if (!where.wholeKey) return 'the primary key has several columns; give their values yourself'
  if ((spec.type.kind !== 'integer' && spec.type.kind !== 'bigint') || spec.type.convert !== undefined) {
    return `databases number integer() and bigint() only, not ${typeName(spec)}`
  }
  if (spec.initial !== undefined || spec.serverDefault !== undefined)
    return 'the column has a default; remove one of the two'
  return spec.references === undefined ? undefined : 'the key is that of another row, which references() names'
}

function defaultMaker(spec: ColumnSpec, initial: Initial, where: ColumnPlace): () => unknown {
  if ('make' in initial) return initial.make
  const { value } = initial
  if (value === null) {
    if (!spec.nullable) refuse(where, 'default(null) needs nullable().')
    return () => null
  }
  const problem = spec.type.problem(value)
  if (problem !== undefined) refuse(where, `the default does not fit: ${problem}.`)
  return sharedOrCopied(spec, value, where)
}

/**
 * Primitives and frozen objects are shared. Dates, bytes and JSON are copied, here once, so that what the program does to
 * its own object later changes no default, and again for each instance. An object of the program's own class cannot be.
 */
function sharedOrCopied({ type }: ColumnSpec, value: unknown, where: ColumnPlace): () => unknown {
  if (typeof value !== 'object') return () => value
  if (type.convert === undefined) {
    const original = copyOf(value)
    return () => copyOf(original)
  }
  if (Object.isFrozen(value)) return () => value
  refuse(
    where,
    `all instances would share one default, ${found(value)}; give a function, default(() => …), or freeze it.`,
  )
}

function copyOf(value: unknown): unknown {
  return isDate(value) ? new Date(value.getTime()) : structuredClone(value)
}
