import { MappingError } from '../errors.ts'
import { isSqlExpression } from './column.ts'
import { found } from './found.ts'
import type { IndexModel, SqlExpression } from './model.ts'
import { databaseNameProblem } from './names.ts'
import { checkOptionNames, suggestion } from './option-names.ts'

/** An index: the properties, or these with a name and whether they are unique together. */
export type IndexOption<Property extends string = string> =
  | readonly Property[]
  | {
      readonly properties: readonly Property[]
      /** No two rows may have the same values. Default: false. */
      readonly unique?: boolean
      /** Its name in the database. Default: made of the table's and the columns'. */
      readonly name?: string
    }

/** What an entity takes beside its table and its definition. */
export interface EntityOptions<Property extends string = string> {
  /** The schema (PostgreSQL) or database (MySQL) that holds the table. */
  readonly schema?: string
  readonly indexes?: readonly IndexOption<Property>[]
  /** Properties of which no two rows may have the same values: an index that is unique, in short. */
  readonly uniques?: readonly (readonly Property[])[]
  /** Conditions that every row must meet, as SQL expressions. */
  readonly checks?: readonly SqlExpression[]
  /** Rows of one shape travel in one statement, between the listeners of all of them. `false`: one by one. Default: true. */
  readonly batch?: boolean
  /** A DELETE that finds fewer rows than it was sent for gives the warning `HEDDLE_DELETE_MISSED`. Default: true. */
  readonly confirmDeletedRows?: boolean
  /**
   * What the database makes (defaults, computed columns) is read back by the flush. `false`: it is left to be read by `refresh`,
   * which saves a SELECT where the database has no RETURNING; keys and versions are read back all the same. Default: true.
   */
  readonly eagerDefaults?: boolean
  /**
   * With several relations that cascade `delete-orphan` to the entity: an instance is an orphan only when all of them have let it go.
   * `false`: when one has. Default: false.
   */
  readonly legacyIsOrphan?: boolean
}

/** How a flush treats the rows of an entity. */
export interface FlushOptions {
  readonly batch: boolean
  readonly confirmDeletedRows: boolean
  readonly eagerDefaults: boolean
  readonly legacyIsOrphan: boolean
}

/** The options of an entity, checked. */
export interface ReadEntityOptions extends FlushOptions {
  readonly schema: string | undefined
  readonly indexes: readonly IndexModel[]
  readonly checks: readonly SqlExpression[]
}

const FLUSH_DEFAULTS: FlushOptions = {
  batch: true,
  confirmDeletedRows: true,
  eagerDefaults: true,
  legacyIsOrphan: false,
}
const FLUSH_NAMES = Object.keys(FLUSH_DEFAULTS) as readonly (keyof FlushOptions)[]

/** How a flush treats the rows of an entity: the same for all classes of a family. */
export function flushOptionsOf({
  batch,
  confirmDeletedRows,
  eagerDefaults,
  legacyIsOrphan,
}: FlushOptions): FlushOptions {
  return { batch, confirmDeletedRows, eagerDefaults, legacyIsOrphan }
}

/** The names of options that concern a table. */
export const TABLE_OPTIONS: readonly string[] = ['schema', 'indexes', 'uniques', 'checks']
const ENTITY_OPTIONS: readonly string[] = [...TABLE_OPTIONS, ...FLUSH_NAMES]

/**
 * Checks the options of an entity.
 *
 * @param place how messages begin
 * @param properties the properties that are columns
 * @param known the names that options may have
 */
export function readEntityOptions(
  place: string,
  options: EntityOptions,
  properties: ReadonlySet<string>,
  known: readonly string[] = ENTITY_OPTIONS,
): ReadEntityOptions {
  checkOptionNames(place, options, known)
  const indexes = listOf(place, 'indexes', options.indexes).map((index) =>
    readIndex(place, 'indexes', index, properties),
  )
  const uniques = listOf(place, 'uniques', options.uniques).map((unique) => {
    return { ...readIndex(place, 'uniques', unique, properties), unique: true }
  })
  const all = [...indexes, ...uniques].map((index) => Object.freeze(index))
  return {
    schema: readSchema(place, options.schema),
    indexes: Object.freeze(all),
    checks: readChecks(place, options.checks),
    ...readFlushOptions(place, options),
  }
}

function readFlushOptions(place: string, options: EntityOptions): FlushOptions {
  for (const name of FLUSH_NAMES) {
    const given: unknown = options[name]
    if (given !== undefined && typeof given !== 'boolean')
      throw new MappingError(`${place}: ${name} must be true or false, got ${found(given)}.`)
  }
  const given = FLUSH_NAMES.filter((name) => options[name] !== undefined).map((name) => [name, options[name]])
  return { ...FLUSH_DEFAULTS, ...Object.fromEntries(given) }
}

function readSchema(place: string, schema: unknown): string | undefined {
  if (schema === undefined) return undefined
  const problem = databaseNameProblem(schema)
  if (problem !== undefined) throw new MappingError(`${place}: schema ${found(schema)}: a schema's name ${problem}.`)
  return schema as string
}

function readChecks(place: string, checks: unknown): readonly SqlExpression[] {
  const list = listOf(place, 'checks', checks)
  for (const check of list) {
    if (isSqlExpression(check)) continue
    throw new MappingError(`${place}: checks takes SQL expressions such as sql\`price > 0\`, got ${found(check)}.`)
  }
  return Object.freeze([...list]) as readonly SqlExpression[]
}

function listOf(place: string, option: string, list: unknown): readonly unknown[] {
  if (list === undefined) return []
  if (Array.isArray(list)) return list
  throw new MappingError(`${place}: ${option} must be an array, got ${found(list)}.`)
}

function readIndex(place: string, option: string, index: unknown, properties: ReadonlySet<string>): IndexModel {
  const where = `${place}: ${option}`
  const given = Array.isArray(index) ? { properties: index } : index
  checkOptionNames(where, given, ['properties', 'unique', 'name'])
  const { properties: names, unique = false, name } = given as Record<string, unknown>
  if (typeof unique !== 'boolean')
    throw new MappingError(`${where}: unique must be true or false, got ${found(unique)}.`)
  const problem = name === undefined ? undefined : databaseNameProblem(name)
  if (problem !== undefined) throw new MappingError(`${where}: name ${found(name)}: an index's name ${problem}.`)
  return { name: name as string | undefined, properties: readProperties(where, names, properties), unique }
}

function readProperties(where: string, names: unknown, known: ReadonlySet<string>): readonly string[] {
  if (!Array.isArray(names) || names.length === 0) {
    throw new MappingError(`${where}: an index needs an array of properties, such as ['name'], got ${found(names)}.`)
  }
  const seen = new Set<string>()
  for (const name of names) {
    if (!known.has(name))
      throw new MappingError(`${where}: ${found(name)} is no column; ${suggestion(String(name), known)}`)
    if (seen.has(name)) throw new MappingError(`${where}: ${found(name)} stands twice in one index; remove one.`)
    seen.add(name)
  }
  return Object.freeze([...seen])
}
