import { MappingError } from '../errors.ts'
import { listed } from './found.ts'
import type { ColumnModel, EntityModel, ForeignKeyTarget, ReferentialAction } from './model.ts'
import { camelToSnake } from './naming.ts'
import { suggestion } from './option-names.ts'

/** A foreign key between two entities. A reference to a composite key is one foreign key of several columns. */
export interface ForeignKey {
  readonly child: EntityModel
  readonly columns: readonly ColumnModel[]
  readonly parent: EntityModel
  /** The parent's columns, each opposite to the child's of the same place. */
  readonly targets: readonly ColumnModel[]
  readonly onDelete: ReferentialAction | undefined
  readonly onUpdate: ReferentialAction | undefined
}

/** The entities as a schema has to be made from them. */
export interface ForeignKeyGraph {
  /** Each entity once, parents before their children as far as cycles allow. Drop them in the opposite order. */
  readonly order: readonly EntityModel[]
  /** All foreign keys, those of one entity together. */
  readonly foreignKeys: readonly ForeignKey[]
  /**
   * Those whose parent comes after its child in the order: to be added by ALTER TABLE when both exist, or inline where a
   * database cannot add them and does not mind. A reference of a table to itself is not one of them.
   */
  readonly deferred: ReadonlySet<ForeignKey>
}

/**
 * Finds what every `references(…)` among the entities means, and an order in which the tables can be made. Stable:
 * entities keep the given order where no foreign key speaks against it.
 *
 * @throws MappingError when a table is mapped twice, or a reference names an unknown table or column, a column that does not
 * identify a row, or one of another kind
 */
export function foreignKeyGraph(models: Iterable<EntityModel>): ForeignKeyGraph {
  const given = [...new Set(models)]
  refuseSharedTables(given)
  const foreignKeys = given.flatMap((model) => foreignKeysOf(model, given))
  const order = parentsFirst(given, foreignKeys)
  const place = new Map(order.map((model, index) => [model, index]))
  const later = foreignKeys.filter(({ parent, child }) => (place.get(parent) ?? 0) > (place.get(child) ?? 0))
  return Object.freeze({
    order,
    foreignKeys,
    deferred: new Set(later),
  })
}

function refuseSharedTables(models: readonly EntityModel[]): void {
  const owners = new Map<string, EntityModel>()
  for (const model of models) {
    const name = qualified(model)
    const owner = owners.get(name)
    if (owner !== undefined) {
      throw new MappingError(
        `The table '${name}' is mapped twice, by ${owner.name} and by ${model.name}; a table has one entity.`,
      )
    }
    owners.set(name, model)
  }
}

function qualified({ schema, table }: { readonly schema?: string | undefined; readonly table: string }): string {
  return schema === undefined ? table : `${schema}.${table}`
}

/** Depth first, so that an edge of a cycle is left out only where it closes one. */
function parentsFirst(models: readonly EntityModel[], foreignKeys: readonly ForeignKey[]): EntityModel[] {
  const parents = new Map<EntityModel, EntityModel[]>(models.map((model) => [model, []]))
  for (const { child, parent } of foreignKeys) parents.get(child)?.push(parent)
  const seen = new Set<EntityModel>()
  const order: EntityModel[] = []
  const place = (model: EntityModel) => {
    if (seen.has(model)) return
    seen.add(model)
    for (const parent of parents.get(model) ?? []) place(parent)
    order.push(model)
  }
  for (const model of models) place(model)
  return order
}

// ------------------------------------------------------------------------------------------------ references

interface Reference {
  readonly column: ColumnModel
  readonly written: ForeignKeyTarget
  readonly parent: EntityModel
  readonly target: ColumnModel
}

function foreignKeysOf(child: EntityModel, models: readonly EntityModel[]): ForeignKey[] {
  const references = child.columns.flatMap((column) => {
    return column.references === undefined ? [] : [resolve(child, column, column.references, models)]
  })
  const single = references.filter((reference) => identifiesRow(reference.parent, reference.target))
  const partial = references.filter((reference) => !single.includes(reference))
  return [...single.map((reference) => foreignKey(child, [reference])), ...compositeKeys(child, partial)]
}

function foreignKey(child: EntityModel, references: readonly [Reference, ...Reference[]]): ForeignKey {
  const [{ parent, written }] = references
  return Object.freeze({
    child,
    columns: references.map(({ column }) => column),
    parent,
    targets: references.map(({ target }) => target),
    onDelete: written.onDelete,
    onUpdate: written.onUpdate,
  })
}

function resolve(
  child: EntityModel,
  column: ColumnModel,
  written: ForeignKeyTarget,
  models: readonly EntityModel[],
): Reference {
  const place = placeOf(child, column)
  const parent = parentOf(place, child, written, models)
  const target = referencedColumn(parent, written.column)
  if (target === undefined) {
    const names = parent.columnOf.keys()
    throw new MappingError(
      `${place}: ${parent.name} has no column '${written.column}'; ${suggestion(written.column, names)}`,
    )
  }
  if (target.type.kind !== column.type.kind) {
    throw new MappingError(
      `${place} is ${column.type.kind}(), but ${parent.name}.${target.property}, which it references, is ` +
        `${target.type.kind}(); give both the same kind.`,
    )
  }
  return { column, written, parent, target }
}

function placeOf(child: EntityModel, column: ColumnModel): string {
  const { references } = column
  const written = references === undefined ? '' : `.references('${qualified(references)}.${references.column}')`
  return `${child.name}.${column.property}${written}`
}

/** A table without a schema is first sought beside the one that references it. */
function parentOf(
  place: string,
  child: EntityModel,
  written: ForeignKeyTarget,
  models: readonly EntityModel[],
): EntityModel {
  const named = models.filter((model) => model.table === written.table)
  const schema = 'schema' in written ? written.schema : child.schema
  const exact = named.find((model) => model.schema === schema)
  if (exact !== undefined) return exact
  const [only, ...others] = 'schema' in written ? [] : named
  if (only !== undefined && others.length === 0) return only
  if (only !== undefined) {
    throw new MappingError(
      `${place}: several schemas have the table; write 'schema.table.column' for one of ${listed(named.map(qualified))}.`,
    )
  }
  const hint = suggestion(qualified(written), models.map(qualified))
  throw new MappingError(
    `${place}: no entity among those given has this table. Give its class too, or mend the name: ${hint}`,
  )
}

/** The column that a reference means: as the property is written, as the column was named by hand, or in snake case. */
export function referencedColumn(model: EntityModel, name: string): ColumnModel | undefined {
  return (
    model.columnOf.get(name) ??
    model.columns.find((column) => column.explicitName === name) ??
    model.columns.find((column) => column.explicitName === undefined && camelToSnake(column.property) === name)
  )
}

function identifiesRow(model: EntityModel, column: ColumnModel): boolean {
  if (column.unique || (column.primaryKey && model.key.length === 1)) return true
  return model.indexes.some(
    ({ unique, properties }) => unique && properties.length === 1 && properties[0] === column.property,
  )
}

/** References to parts of a composite key are one foreign key when together they name the whole of it, each part once. */
function compositeKeys(child: EntityModel, partial: readonly Reference[]): ForeignKey[] {
  const parents = [...new Set(partial.map(({ parent }) => parent))]
  return parents.map((parent) => {
    const references = partial.filter((reference) => reference.parent === parent)
    const ordered = parent.key.flatMap((part) => references.filter(({ target }) => target === part))
    const [first, ...others] = ordered
    const whole =
      references.length === parent.key.length && new Set(ordered.map(({ target }) => target)).size === parent.key.length
    if (first === undefined || !whole) throw new MappingError(identifiesNothing(child, parent, references))
    checkSameActions(child, [first, ...others])
    return foreignKey(child, [first, ...others])
  })
}

function identifiesNothing(child: EntityModel, parent: EntityModel, references: readonly Reference[]): string {
  const [first] = references
  const place = first === undefined ? child.name : placeOf(child, first.column)
  const key = listed(parent.key.map((column) => column.property))
  const advice =
    parent.key.length === 1
      ? `reference ${parent.name}'s key ${key}, or make the column unique()`
      : `reference all of ${parent.name}'s key (${key}), each part by one column, or make the column unique()`
  return `${place}: the column does not identify one row of ${parent.name}; ${advice}.`
}

function checkSameActions(child: EntityModel, references: readonly [Reference, ...Reference[]]): void {
  const [{ written, column, parent }] = references
  const same = references.every(
    (one) => one.written.onDelete === written.onDelete && one.written.onUpdate === written.onUpdate,
  )
  if (same) return
  throw new MappingError(
    `${placeOf(child, column)}: this and the other columns that reference ${parent.name} are one foreign key; give all of them the ` +
      'same onDelete and onUpdate.',
  )
}
