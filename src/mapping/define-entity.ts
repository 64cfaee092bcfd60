import { MappingError } from '../errors.ts'
import { makeColumnModel } from './column-model.ts'
import { readDefinition } from './definition.ts'
import { type EntityOptions, type ReadEntityOptions, readEntityOptions } from './entity-options.ts'
import { foundFamily, type Inherit } from './family.ts'
import { found, listed } from './found.ts'
import type { ColumnModel, EntityModel, Inheritance, RelationSource } from './model.ts'
import { databaseNameProblem } from './names.ts'
import { camelToSnake } from './naming.ts'
import { readOnlyMap } from './read-only-map.ts'
import { classOf, nameOf } from './registry.ts'

/**
 * Makes the model of an entity from what `entity()` was given, and checks all that can be checked without the other
 * entities. Relations are kept unevaluated. The model and all objects in it are frozen; only the class that it belongs to becomes
 * known later, when it is first used. Its lists are not frozen: V8 goes through a frozen list eight times slower, and these are gone
 * through for every row.
 *
 * @throws MappingError which says what is wrong, where, and how to mend it
 * @example
 * const model = defineEntity('users', { id: integer().primaryKey(), name: text() }, { indexes: [['name']] })
 */
export function defineEntity(table: string, definition: object, options: EntityOptions = {}): EntityModel {
  checkTable(table)
  const place = `entity('${table}')`
  const { columns: specs, relations } = readDefinition(place, definition)
  const keyLength = [...specs.values()].filter((spec) => spec.primaryKey).length
  const tableOptions = readEntityOptions(place, options, new Set(specs.keys()))
  const isRoot = [...specs.values()].some((spec) => spec.discriminator !== undefined)
  const home = isRoot ? { home: Object.freeze({ table, schema: tableOptions.schema }) } : {}
  const columns = [...specs].map(([property, spec], index) => {
    return makeColumnModel(spec, { index, property, place, wholeKey: spec.primaryKey && keyLength === 1, ...home })
  })
  if (keyLength === 0) throw noKey(place, columns)
  checkVersions(place, columns)
  checkDatabaseNames(place, columns)
  const discriminator = soleDiscriminator(place, columns)
  return assemble(table, columns, relations, tableOptions, discriminator && foundFamily(discriminator))
}

/**
 * Makes the model of an entity out of what was checked.
 *
 * @param inherit makes its place in a family, where it is of one
 */
export function assemble(
  table: string,
  columns: readonly ColumnModel[],
  relations: readonly RelationSource[],
  options: ReadEntityOptions,
  inherit: Inherit | undefined,
): EntityModel {
  const model = {
    table,
    ...options,
    inheritance: undefined as Inheritance | undefined,
    columns,
    loaded: columns.some((column) => column.deferred) ? columns.filter((column) => !column.deferred) : columns,
    moments: momentsOf(columns),
    changing: columns.filter((column) => isChanging(column)),
    columnOf: readOnlyMap(columns.map((column) => [column.property, column])),
    key: columns.filter((column) => column.primaryKey),
    version: columns.find((column) => column.version),
    generated: columns.filter(isGenerated),
    relations,
    get name(): string {
      return nameOf(model)
    },
    get entityClass(): EntityModel['entityClass'] {
      return classOf(model)
    },
  }
  if (inherit !== undefined) model.inheritance = Object.freeze(inherit(model))
  return Object.freeze(model)
}

/** The places of the columns that instances keep as milliseconds until they are read. */
function momentsOf(columns: readonly ColumnModel[]): readonly number[] {
  return columns.filter(({ isMoment }) => isMoment).map(({ index }) => index)
}

function soleDiscriminator(place: string, columns: readonly ColumnModel[]): ColumnModel | undefined {
  const [first, ...others] = columns.filter((column) => column.discriminator !== undefined)
  if (first === undefined || others.length === 0) return first
  const names = listed([first, ...others].map(({ property }) => property))
  throw new MappingError(`${place}: one column tells the classes apart, but there are ${names}.`)
}

/** Whether the database changes a column with an UPDATE. */
export function isChanging({ computed, serverOnUpdate, version, readOnly }: ColumnModel): boolean {
  return computed !== undefined || serverOnUpdate || (version && readOnly)
}

function isGenerated({ autoincrement, serverDefault, readOnly }: ColumnModel): boolean {
  return autoincrement || serverDefault !== undefined || readOnly
}

function checkTable(table: unknown): asserts table is string {
  const problem = databaseNameProblem(table)
  if (problem === undefined) return
  const schema = typeof table === 'string' && table.includes('.') ? '; a schema is an option: { schema }' : ''
  throw new MappingError(`entity(${found(table)}): a table's name ${problem}${schema}.`)
}

function noKey(place: string, columns: readonly ColumnModel[]): MappingError {
  const advice = columns.some((column) => column.property === 'id')
    ? "add .primaryKey() to 'id'"
    : 'add a column such as id: integer().primaryKey(), or .primaryKey() to those that identify a row'
  return new MappingError(`${place}: there is no primary key; ${advice}.`)
}

function checkVersions(place: string, columns: readonly ColumnModel[]): void {
  const versions = columns.filter((column) => column.version).map((column) => column.property)
  if (versions.length < 2) return
  throw new MappingError(`${place}: an entity has one version column at most, but there are ${listed(versions)}.`)
}

/**
 * Two columns must not meet in one name in the database, under either of heddle's namings; upper and lower case are the same
 * to most databases.
 */
export function checkDatabaseNames(place: string, columns: readonly ColumnModel[]): void {
  for (const naming of [camelToSnake, (property: string) => property]) {
    const owners = new Map<string, string>()
    for (const { property, explicitName } of columns) {
      const name = explicitName ?? naming(property)
      const owner = owners.get(name.toLowerCase())
      if (owner !== undefined) {
        throw new MappingError(
          `${place}: the properties '${owner}' and '${property}' would both be the column '${name}'; give one of them ` +
            "another name with .named('…').",
        )
      }
      owners.set(name.toLowerCase(), property)
    }
  }
}
