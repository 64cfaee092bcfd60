import { MappingError } from '../errors.ts'
import { isChanging } from './define-entity.ts'
import { flushOptionsOf } from './entity-options.ts'
import { rootOf } from './family.ts'
import type { ColumnModel, EntityModel, ForeignKeyTarget, Inheritance, TablePart } from './model.ts'
import { readOnlyMap } from './read-only-map.ts'
import { nameOf } from './registry.ts'

/** One table of a family, with the columns of all classes that keep some in it. */
export interface FamilyTable {
  /** The table as if it were an entity of its own: its columns count from 0, and those of subclasses may be null. */
  readonly model: EntityModel
  /** Whether it is the root's, which has the version and makes the key. */
  readonly isFirst: boolean
  /** For each column of the table, the place of its value among the values of a class; undefined where the class has it not. */
  placesIn(model: EntityModel): readonly (number | undefined)[]
}

interface Known {
  readonly size: number
  readonly tables: readonly FamilyTable[]
}

const known = new WeakMap<EntityModel, Known>()

/** The tables of the family that a class belongs to, those of parents before those of their children. */
export function familyTables(model: EntityModel): readonly FamilyTable[] {
  const root = rootOf(model)
  const { classes } = (root.inheritance as Inheritance).family
  const before = known.get(root)
  if (before?.size === classes.length) return before.tables
  const owners = classes.filter((one) => partOf(one, one) !== undefined)
  const tables = owners.map((owner) => makeTable(owner, classes))
  known.set(root, { size: classes.length, tables })
  return tables
}

/** The tables that hold a row of a class, the root's first. */
export function tablesOfClass(model: EntityModel): readonly FamilyTable[] {
  const owners = (model.inheritance as Inheritance).parts.map(({ owner }) => owner)
  const tables = familyTables(model)
  return owners.map((owner) => tables.find((table) => isOf(table, owner)) as FamilyTable)
}

const owners = new WeakMap<FamilyTable, EntityModel>()

function isOf(table: FamilyTable, owner: EntityModel): boolean {
  return owners.get(table) === owner
}

/** The part of a class's rows that is in the table which `owner` brought in. */
function partOf(model: EntityModel, owner: EntityModel): TablePart | undefined {
  return model.inheritance?.parts.find((part) => part.owner === owner)
}

/** The columns that a new class and those declared before it keep in its last table: their names must not meet. */
export function columnsInTable(model: EntityModel): readonly ColumnModel[] {
  const { parts, family } = model.inheritance as Inheritance
  const { owner } = parts.at(-1) as TablePart
  return unitedColumns(owner, [...family.classes, model])
}

/** Columns of one name in two sibling classes are one column in the table they share. */
function unitedColumns(owner: EntityModel, classes: readonly EntityModel[]): ColumnModel[] {
  const united = new Map<string, ColumnModel>()
  for (const model of classes) {
    for (const column of partOf(model, owner)?.columns ?? []) {
      const same = united.get(column.property)
      if (same === undefined) united.set(column.property, column)
      else if (same !== column) checkAlike(model, same, column)
    }
  }
  return [...united.values()]
}

function checkAlike(model: EntityModel, one: ColumnModel, other: ColumnModel): void {
  const isSame = LOOKS.every((look) => one.type[look] === other.type[look]) && one.explicitName === other.explicitName
  if (isSame && one.references?.table === other.references?.table && one.unique === other.unique) return
  throw new MappingError(
    `The column '${other.property}' is declared differently by two classes that share the table '${model.table}'; declare it alike in both, ` +
      'once in a class above, or give one of them another property.',
  )
}

const LOOKS = ['kind', 'length', 'precision', 'scale', 'convert'] as const

function makeTable(owner: EntityModel, classes: readonly EntityModel[]): FamilyTable {
  const isFirst = rootOf(owner) === owner
  const united = unitedColumns(owner, classes)
  const own = new Set(partOf(owner, owner)?.columns)
  const keys = isFirst ? [] : owner.key.map((key) => ({ ...key, ...linkedKey(owner, key) }))
  const columns = [...keys, ...united].map((column, index): ColumnModel => {
    const isOwn = own.has(column) || column.primaryKey
    return Object.freeze({ ...column, index, nullable: column.nullable || !isOwn, home: undefined })
  })
  const places = new Map<EntityModel, readonly (number | undefined)[]>()
  const table: FamilyTable = Object.freeze({
    model: tableModel(owner, classes, columns),
    isFirst,
    placesIn(model: EntityModel) {
      const found = places.get(model) ?? columns.map((column) => placeIn(model, owner, column))
      places.set(model, found)
      return found
    },
  })
  owners.set(table, owner)
  return table
}

/** The key of a joined table is that of the table above it. */
function linkedKey(owner: EntityModel, key: ColumnModel): Partial<ColumnModel> {
  const above = owner.inheritance?.parts.at(-2) as TablePart
  const references: ForeignKeyTarget = {
    ...(above.schema === undefined ? {} : { schema: above.schema }),
    table: above.table,
    column: key.property,
    onDelete: 'cascade',
    onUpdate: 'cascade',
  }
  return { autoincrement: false, makeDefault: undefined, serverDefault: undefined, unique: false, references }
}

function placeIn(model: EntityModel, owner: EntityModel, { primaryKey, property }: ColumnModel): number | undefined {
  if (primaryKey) return model.columnOf.get(property)?.index
  return partOf(model, owner)?.columns.find((column) => column.property === property)?.index
}

function tableModel(owner: EntityModel, classes: readonly EntityModel[], columns: readonly ColumnModel[]): EntityModel {
  const sharing = classes.filter((model) => model.inheritance?.parts.at(-1)?.owner === owner)
  return Object.freeze({
    get name() {
      return nameOf(owner)
    },
    table: owner.table,
    schema: owner.schema,
    columns,
    columnOf: readOnlyMap(columns.map((column) => [column.property, column])),
    loaded: columns,
    moments: [],
    changing: columns.filter(isChanging),
    ...flushOptionsOf(owner),
    key: columns.filter(({ primaryKey }) => primaryKey),
    version: columns.find(({ version }) => version),
    generated: [],
    indexes: Object.freeze(sharing.flatMap(({ indexes }) => indexes)),
    checks: Object.freeze(sharing.flatMap(({ checks }) => checks)),
    relations: [],
    get entityClass() {
      return owner.entityClass
    },
  })
}
