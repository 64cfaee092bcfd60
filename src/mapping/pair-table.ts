import { MappingError } from '../errors.ts'
import { Column, SPEC } from './column.ts'
import { makeColumnModel } from './column-model.ts'
import { listed } from './found.ts'
import type { ColumnModel, EntityModel } from './model.ts'
import { readOnlyMap } from './read-only-map.ts'
import type { RelationModel } from './relations.ts'

/** The table of a many-to-many relation: one row for each pair, keyed by both. */
export interface PairTable {
  /** A model without a class of instances: rows of it are written, never loaded as instances. */
  readonly model: EntityModel
  /** Its columns that hold the key of the relation's own entity, in the key's order. */
  readonly sourceColumns: readonly ColumnModel[]
  /** Its columns that hold the key of the target. */
  readonly targetColumns: readonly ColumnModel[]
}

/** The models of pair tables, by the first entity that names them: both sides of a relation share one. */
const models = new WeakMap<EntityModel, Map<string, EntityModel>>()

/**
 * The table of pairs behind a many-to-many relation. Its columns are named after the two entities: `userId` and `groupId`, as the
 * engine's naming writes them.
 *
 * @throws MappingError where an entity is related to itself and the columns are not named
 */
export function pairTableOf(relation: RelationModel): PairTable {
  const { source, target } = relation
  const [from, to] = columnNames(relation)
  const model = sharedModel(relation, from, to)
  return Object.freeze({
    model,
    sourceColumns: from.map((name) => columnIn(relation, model, name)),
    targetColumns: to.map((name) => columnIn(relation, model, name)),
    source,
    target,
  })
}

function columnIn(relation: RelationModel, model: EntityModel, name: string): ColumnModel {
  const column = model.columnOf.get(name)
  if (column !== undefined) return column
  throw new MappingError(
    `${placeOf(relation)}: the table '${model.table}' has the columns ${listed([...model.columnOf.keys()])} from its other side, and no ` +
      `'${name}'; name the columns alike on both sides with { throughColumns: [own, other] }.`,
  )
}

function columnNames(relation: RelationModel): readonly [readonly string[], readonly string[]] {
  const { source, target, options } = relation
  const { throughColumns } = options
  if (throughColumns !== undefined) {
    return [namedFor(relation, source, throughColumns[0]), namedFor(relation, target, throughColumns[1])]
  }
  if (source === target) {
    throw new MappingError(
      `${placeOf(relation)}: both sides are ${source.name}, so the columns of '${options.through}' need names: give ` +
        "{ throughColumns: ['followerId', 'followedId'] }, and the same two in the opposite order on the other side.",
    )
  }
  return [namesFor(source), namesFor(target)]
}

/** The names as they were given, one for each column of the key. */
function namedFor(relation: RelationModel, model: EntityModel, given: string | readonly string[]): readonly string[] {
  const names = typeof given === 'string' ? [given] : given
  if (names.length === model.key.length) return names
  throw new MappingError(
    `${placeOf(relation)}: throughColumns names ${names.length} column(s) for ${model.name} (${listed(names)}), whose key has ` +
      `${model.key.length} (${listed(model.key.map(({ property }) => property))}); name one for each, as [['a', 'b'], 'c'].`,
  )
}

/** `userId` for User's `id`. */
function namesFor(model: EntityModel): string[] {
  const stem = model.name.charAt(0).toLowerCase() + model.name.slice(1)
  return model.key.map(({ property }) => stem + property.charAt(0).toUpperCase() + property.slice(1))
}

function sharedModel(relation: RelationModel, from: readonly string[], to: readonly string[]): EntityModel {
  const { source, target } = relation
  const table = relation.options.through as string
  const shared =
    models.get(source)?.get(table) ?? models.get(target)?.get(table) ?? makeModel(relation, table, from, to)
  for (const side of [source, target]) {
    const tables = models.get(side) ?? new Map<string, EntityModel>()
    models.set(side, tables.set(table, shared))
  }
  return shared
}

function makeModel(
  { source, target }: RelationModel,
  table: string,
  from: readonly string[],
  to: readonly string[],
): EntityModel {
  const place = `the table '${table}'`
  const held = [
    ...source.key.map((key, i) => ({ property: from[i] as string, key, owner: source })),
    ...target.key.map((key, i) => ({ property: to[i] as string, key, owner: target })),
  ]
  const columns = held.map(({ property, key, owner }, index) => {
    const references = { table: owner.table, column: key.property, onDelete: 'cascade' as const, ...schemaOf(owner) }
    const spec = new Column(key.type, { primaryKey: true, references, autoincrement: false })[SPEC]
    return makeColumnModel(spec, { index, property, place, wholeKey: false })
  })
  return Object.freeze({
    name: table,
    table,
    schema: source.schema,
    columns,
    columnOf: readOnlyMap(columns.map((column) => [column.property, column])),
    loaded: columns,
    moments: [],
    changing: [],
    batch: true,
    confirmDeletedRows: true,
    eagerDefaults: true,
    legacyIsOrphan: false,
    key: columns,
    version: undefined,
    generated: [],
    indexes: [],
    checks: [],
    relations: [],
    get entityClass(): never {
      throw new MappingError(`${place} holds the pairs of a relation and has no class of its own.`)
    },
  })
}

function schemaOf({ schema }: EntityModel): { readonly schema?: string } {
  return schema === undefined ? {} : { schema }
}

function placeOf({ source, property }: RelationModel): string {
  return `${source.name}.${property}`
}
