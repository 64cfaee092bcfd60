import { MappingError } from '../errors.ts'
import type { ColumnSpec } from './column.ts'
import { makeColumnModel } from './column-model.ts'
import { assemble, checkDatabaseNames } from './define-entity.ts'
import { readDefinition } from './definition.ts'
import { type EntityOptions, flushOptionsOf, readEntityOptions, TABLE_OPTIONS } from './entity-options.ts'
import { type Inherit, joinFamily } from './family.ts'
import { columnsInTable } from './family-tables.ts'
import { found } from './found.ts'
import type { ColumnModel, EntityModel, Inheritance, TablePart } from './model.ts'
import { databaseNameProblem } from './names.ts'
import { nameOf } from './registry.ts'

/** What a subclass takes beside its parent and its definition. */
export interface SubclassOptions<Property extends string = string, Value = unknown, Table extends string = string>
  extends Pick<EntityOptions<Property>, 'schema' | 'indexes' | 'uniques' | 'checks'> {
  /** The value by which rows of the class are told. Without it the class is abstract: only those below it have rows. */
  readonly discriminator?: Value
  /** A table of its own, whose key is that of the parent's table. Default: the parent's table holds its columns too. */
  readonly table?: Table
}

const OPTIONS = [...TABLE_OPTIONS, 'discriminator', 'table']

/**
 * Makes the model of a class that inherits from another: the parent's columns and relations first, then its own.
 *
 * @throws MappingError which says what is wrong, where, and how to mend it
 */
export function defineSubclass(parent: EntityModel, definition: object, options: SubclassOptions = {}): EntityModel {
  const place = `subclass(${nameOf(parent)})`
  const above = inheritanceOf(parent, place)
  checkOwnOptions(place, above, options)
  const { columns: specs, relations } = readDefinition(place, definition)
  checkProperties(place, parent, [...specs.keys(), ...relations.map(({ property }) => property)])
  for (const [property, spec] of specs) checkOwnColumn(place, parent, property, spec)
  const home = homeOf(above, options)
  const own = ownColumns(place, parent, specs, home)
  const indexed = options.table === undefined ? [...lastPart(above).columns, ...own] : own
  const tableOptions = readEntityOptions(place, options, new Set(indexed.map(({ property }) => property)), OPTIONS)
  const inherit = joining(parent, above, own, options, home)
  const sources = [...parent.relations, ...relations]
  const inherited = { schema: home.schema, ...flushOptionsOf(parent) }
  const model = assemble(home.table, [...parent.columns, ...own], sources, { ...tableOptions, ...inherited }, inherit)
  checkDatabaseNames(place, model.columns)
  checkDatabaseNames(place, columnsInTable(model))
  joinFamily(model, place)
  return model
}

function inheritanceOf(parent: EntityModel, place: string): Inheritance {
  if (parent.inheritance !== undefined) return parent.inheritance
  throw new MappingError(
    `${place}: ${nameOf(parent)} has no column that tells the classes apart; add one, such as type: varchar(20).discriminator('` +
      `${nameOf(parent).toLowerCase()}').`,
  )
}

function checkOwnOptions(place: string, { family }: Inheritance, { discriminator, table }: SubclassOptions): void {
  if (discriminator !== undefined) checkIdentity(place, family.discriminator, discriminator)
  if (table === undefined) return
  const problem = databaseNameProblem(table)
  if (problem !== undefined) throw new MappingError(`${place}: table ${found(table)}: a table's name ${problem}.`)
  const owner = family.classes.find((other) => other.table === table)
  if (owner === undefined) return
  throw new MappingError(
    `${place}: the table '${table}' is that of ${nameOf(owner)} already; leave the option out for a class that shares the table of its ` +
      'parent, or give the class a table of its own.',
  )
}

function checkIdentity(place: string, { property, type }: ColumnModel, identity: unknown): void {
  const problem = identity === null ? 'null is none' : type.problem(identity)
  if (problem === undefined) return
  throw new MappingError(`${place}: the discriminator does not fit the column '${property}': ${problem}.`)
}

function checkProperties(place: string, parent: EntityModel, properties: readonly string[]): void {
  for (const property of properties) {
    const isTaken = parent.columnOf.has(property) || parent.relations.some((relation) => relation.property === property)
    if (!isTaken) continue
    throw new MappingError(
      `${place}: the property '${property}' is inherited from ${nameOf(parent)} already; leave it out, or choose another name.`,
    )
  }
}

function checkOwnColumn(place: string, parent: EntityModel, property: string, spec: ColumnSpec): void {
  const root = nameOf(parent.inheritance?.family.root as EntityModel)
  const what = spec.primaryKey
    ? 'part of the primary key'
    : spec.version
      ? 'a version'
      : spec.discriminator === undefined
        ? undefined
        : 'a discriminator'
  if (what === undefined) return
  throw new MappingError(
    `${place}, column '${property}': it cannot be ${what}, which all classes of the family have from ${root}; declare it there.`,
  )
}

function homeOf(above: Inheritance, { table, schema }: SubclassOptions) {
  const last = lastPart(above)
  if (table === undefined) return Object.freeze({ table: last.table, schema: last.schema })
  return Object.freeze({ table, schema: schema ?? last.schema })
}

function lastPart({ parts }: Inheritance): TablePart {
  return parts.at(-1) as TablePart
}

function ownColumns(
  place: string,
  parent: EntityModel,
  specs: ReadonlyMap<string, ColumnSpec>,
  home: ColumnModel['home'] & object,
): ColumnModel[] {
  const start = parent.columns.length
  return [...specs].map(([property, spec], i) =>
    makeColumnModel(spec, { index: start + i, property, place, wholeKey: false, home }),
  )
}

function joining(
  parent: EntityModel,
  above: Inheritance,
  own: readonly ColumnModel[],
  { table, discriminator }: SubclassOptions,
  home: ColumnModel['home'] & object,
): Inherit {
  return (model) => {
    const last = lastPart(above)
    const parts =
      table === undefined
        ? [...above.parts.slice(0, -1), { ...last, columns: [...last.columns, ...own] }]
        : [...above.parts, { ...home, owner: model, columns: own }]
    return {
      family: above.family,
      parent,
      lineage: [...above.lineage, model],
      identity: discriminator,
      parts: parts.map((part) => Object.freeze(part)),
    }
  }
}
