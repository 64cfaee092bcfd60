import {
  AliasNode,
  ColumnNode,
  IdentifierNode,
  type OperationNode,
  ReferenceNode,
  SelectionNode,
  TableNode,
} from 'kysely'
import { ArgumentError } from '../errors.ts'
import { type ColumnModel, classesOf, type EntityModel, nameOf, type TableName } from '../mapping/index.ts'
import { type Dialect, familyRows, isWide, type LockOptions, lockClause } from '../sql/index.ts'
import { nearest } from '../support/index.ts'
import { ShapeCache } from './shape-cache.ts'
import { asTranslated } from './translated.ts'

/** A column as one dialect names it and stores it. */
export interface BoundColumn {
  readonly model: ColumnModel
  readonly name: string
  /** The qualified reference: `"users"."created_at"`. */
  readonly reference: ReferenceNode
  /** A program's value, never null, as the driver takes it. */
  readonly encode: (value: unknown) => unknown
}

/** What a query calls a table that it reads beside its own. */
export interface TableAlias {
  /** By which the program refers to it. */
  readonly name: string
  /** By which the statement does: the same, unless an enclosing query has that name. */
  readonly alias: string
}

/** An entity's table in one dialect: names, codecs and nodes, worked out once, and the texts compiled so far. */
export class EntityTable {
  readonly model: EntityModel
  readonly dialect: Dialect
  /** The name by which the program refers to it. */
  readonly name: string
  /** What qualifies its columns. */
  readonly node: TableNode
  /** What stands in FROM and JOIN. */
  readonly from: TableNode | AliasNode
  readonly columns: readonly BoundColumn[]
  /** The columns that queries read, in model order; each comes out under its property's name. */
  readonly selections: readonly SelectionNode[]
  /** Whether a selected integer may be beyond 2^53. */
  readonly wide: boolean
  readonly shapes: ShapeCache
  /** How many classes the family had: its texts name them. */
  readonly size: number
  /** The same entity under other names. */
  readonly aliased = new Map<string, EntityTable>()
  readonly #byProperty: ReadonlyMap<string, BoundColumn>
  /** Names before a property that mean this entity: of a class that inherits, those of all of its tables. */
  readonly #names: ReadonlySet<string>

  constructor(dialect: Dialect, model: EntityModel, as?: TableAlias) {
    this.model = model
    this.dialect = dialect
    this.shapes = new ShapeCache(dialect.cache)
    this.size = classesOf(model).length
    this.name = as?.name ?? model.table
    const parts = as === undefined ? (model.inheritance?.parts ?? []) : []
    this.#names = new Set([this.name, ...parts.map((part) => part.table)])
    const table = tableNode(dialect, model)
    const rows = familyRows(dialect, model)?.toOperationNode()
    const isSame =
      rows === undefined && (as === undefined || (as.alias === dialect.tableName(model) && model.schema === undefined))
    const alias = as?.alias ?? dialect.tableName(model)
    this.node = isSame ? table : TableNode.create(alias)
    this.from = isSame
      ? table
      : asTranslated(AliasNode.create(asTranslated(rows ?? table), IdentifierNode.create(alias)))
    if (as !== undefined || rows !== undefined) standsFor(this.from, this)
    this.columns = model.columns.map((column) => bind(dialect, column, this.node))
    this.selections = this.selectionsOf(model.loaded)
    this.wide = isWide(model.columns)
    this.#byProperty = new Map(this.columns.map((column) => [column.model.property, column]))
  }

  /** Other columns as a select gives them, in their order. */
  selectionsOf(columns: readonly ColumnModel[]): readonly SelectionNode[] {
    return columns.map(({ index }) => asTranslated(SelectionNode.create(aliased(this.columns[index] as BoundColumn))))
  }

  /** What stands in FROM where rows are locked that a lock around it does not reach; undefined where it does. */
  lockedFrom({ mode, nowait, skipLocked }: LockOptions): OperationNode | undefined {
    const { dialect, model } = this
    if (model.inheritance === undefined || dialect.capabilities.lockReachesSubqueries) return undefined
    const rows = familyRows(dialect, model, lockClause(dialect, { mode, nowait, skipLocked } as LockOptions))
    if (rows === undefined) return undefined
    return AliasNode.create(
      asTranslated(rows.toOperationNode()),
      IdentifierNode.create(this.node.table.identifier.name),
    )
  }

  /** The column of a property; undefined where there is none. */
  property(name: string): BoundColumn | undefined {
    return this.#byProperty.get(name)
  }

  /** The same for a reference as queries write it: the property alone, or `table.property`. */
  find(reference: string): BoundColumn | undefined {
    const own = this.#byProperty.get(reference)
    if (own !== undefined) return own
    const dot = reference.lastIndexOf('.')
    const isOwn = dot >= 0 && this.#names.has(reference.slice(0, dot))
    return isOwn ? this.#byProperty.get(reference.slice(dot + 1)) : undefined
  }

  /** The error for a property that the entity does not have. */
  unknownProperty(call: string, property: string): ArgumentError {
    const close = nearest(property, this.#byProperty.keys())
    const known = [...this.#byProperty.keys()].join(', ')
    const hint = close === undefined ? '' : `Did you mean '${close}'? `
    return new ArgumentError(
      `${call}: ${nameOf(this.model)} has no property '${property}'. ${hint}Properties: ${known}`,
    )
  }
}

/** The entities behind nodes of FROM and JOIN that do not tell by their name. */
const entities = new WeakMap<OperationNode, EntityTable>()

/** Has a node of FROM or JOIN stand for an entity. */
export function standsFor<Node extends OperationNode>(node: Node, table: EntityTable): Node {
  entities.set(node, table)
  return node
}

/** The entity that a node of FROM or JOIN stands for, if it was told. */
export function entityBehind(node: OperationNode): EntityTable | undefined {
  return entities.get(node)
}

/** The same entity under another name. */
export function aliasedTable({ dialect }: EntityTable, model: EntityModel, as: TableAlias): EntityTable {
  const plain = entityTable(dialect, model)
  const key = as.name === as.alias ? as.name : `${as.name}.${as.alias}`
  let table = plain.aliased.get(key)
  if (table === undefined) {
    table = new EntityTable(dialect, model, as)
    if (plain.aliased.size < MOST_ALIASES) plain.aliased.set(key, table)
  }
  return table
}

/** A program that makes up names has tables made for each of them; no more than these are kept. */
const MOST_ALIASES = 100

const tables = new WeakMap<Dialect, WeakMap<EntityModel, EntityTable>>()

/** The entity's table in this dialect; the same object for as long as both live. */
export function entityTable(dialect: Dialect, model: EntityModel): EntityTable {
  let ofDialect = tables.get(dialect)
  if (ofDialect === undefined) {
    ofDialect = new WeakMap()
    tables.set(dialect, ofDialect)
  }
  let table = ofDialect.get(model)
  if (table === undefined || table.size !== classesOf(model).length) {
    table = new EntityTable(dialect, model)
    ofDialect.set(model, table)
  }
  return table
}

/** The node of a table by its name in the database. */
export function tableNode(dialect: Dialect, model: TableName): TableNode {
  const name = dialect.tableName(model)
  return model.schema === undefined ? TableNode.create(name) : TableNode.createWithSchema(model.schema, name)
}

function bind(dialect: Dialect, model: ColumnModel, table: TableNode): BoundColumn {
  const name = dialect.columnName(model)
  const encode = dialect.codec(model.type).encode as ((value: unknown) => unknown) | undefined
  return { model, name, reference: ReferenceNode.create(ColumnNode.create(name), table), encode: encode ?? asIs }
}

function asIs(value: unknown): unknown {
  return value
}

function aliased(column: BoundColumn): OperationNode & (AliasNode | ReferenceNode) {
  if (column.name === column.model.property) return column.reference
  return AliasNode.create(column.reference, IdentifierNode.create(column.model.property))
}
