import {
  AliasNode,
  ColumnNode,
  IdentifierNode,
  type OperationNode,
  ReferenceNode,
  type SelectQueryNode,
  TableNode,
} from 'kysely'
import { type BoundColumn, type EntityTable, entityBehind } from './entity-table.ts'
import type { Scope } from './scope.ts'

/**
 * A table, or what stands for one. An `entity` has known columns; a `table` is one of the database, whose names follow the
 * engine's naming; the columns of a `derived` one (a subquery) have the names that the program gave them.
 */
export interface Source {
  /** The name by which the program refers to it; empty where it has none. */
  readonly name: string
  /** What qualifies its columns in the database. */
  readonly node: TableNode | undefined
  readonly kind: 'entity' | 'table' | 'derived'
  readonly entity?: EntityTable
}

/** What names inside one select may refer to. */
export interface Level {
  readonly sources: readonly Source[]
  /** Names that the select gives to what it selects. */
  readonly aliases: ReadonlySet<string>
}

/** A reference in the database's words, with its column where that is known. */
export interface Resolved {
  readonly reference: ReferenceNode
  readonly column?: BoundColumn
  readonly entity?: EntityTable
}

/** What a select offers to the names inside it. */
export function levelOf(select: SelectQueryNode, own: EntityTable): Level {
  const tables = [...(select.from?.froms ?? []), ...(select.joins ?? []).map((join) => join.table)]
  const aliases = (select.selections ?? [])
    .map(({ selection }) => aliasOf(selection))
    .filter((name) => name !== undefined)
  return { sources: tables.map((node) => sourceOf(node, own)), aliases: new Set(aliases) }
}

/** The level of a condition that stands outside every select: the entity, and those that were joined. */
export function ownLevel({ own, joined }: Scope): Level {
  return { sources: [own, ...joined].map(entitySource), aliases: new Set() }
}

function entitySource(entity: EntityTable): Source {
  return { name: entity.name, node: entity.node, kind: 'entity', entity }
}

function sourceOf(node: OperationNode, own: EntityTable): Source {
  const entity = entityBehind(node)
  if (entity !== undefined) return entitySource(entity)
  if (TableNode.is(node)) return tableSource(node, own)
  const name = aliasOf(node)
  if (name === undefined || !AliasNode.is(node)) return { name: '', node: undefined, kind: 'derived' }
  const alias = TableNode.create(name)
  return TableNode.is(node.node)
    ? { ...tableSource(node.node, own), name, node: alias }
    : { name, node: alias, kind: 'derived' }
}

function aliasOf(node: OperationNode): string | undefined {
  return AliasNode.is(node) && IdentifierNode.is(node.alias) ? node.alias.name : undefined
}

/** The source that a table's name means by itself. */
export function tableSource(node: TableNode, own: EntityTable): Source & { readonly node: TableNode } {
  const name = node.table.identifier.name
  const schema = node.table.schema?.name
  const isOwn = node === own.node || (name === own.name && (schema === undefined || schema === own.model.schema))
  if (isOwn) return { ...entitySource(own), node: own.node }
  const renamed = own.dialect.naming.table(name)
  return {
    name,
    node: schema === undefined ? TableNode.create(renamed) : TableNode.createWithSchema(schema, renamed),
    kind: 'table',
  }
}

/** The source that a qualified name means: the nearest of that name; otherwise a table that is not in sight. */
export function findSource(levels: readonly Level[], table: TableNode, own: EntityTable): Source {
  for (const { sources } of levels.toReversed()) {
    const found = sources.find((source) => source.name === table.table.identifier.name)
    if (found !== undefined) return found
  }
  return tableSource(table, own)
}

/** A property of a source in the database's words; undefined when the source is an entity without that property. */
export function propertyOf({ entity, kind, node }: Source, property: string, own: EntityTable): Resolved | undefined {
  if (entity === undefined)
    return { reference: reference(kind === 'table' ? own.dialect.naming.column(property) : property, node) }
  const column = entity.property(property)
  return column && { reference: reference(column.name, node), column, entity }
}

/**
 * What a name that stands alone means: a property of the nearest entity that has it, a name that the select gave, or a column
 * of a table whose columns are not known, which is left unqualified. Undefined when it can be none of these.
 */
export function resolveUnqualified(levels: readonly Level[], property: string, own: EntityTable): Resolved | undefined {
  for (const { sources, aliases } of levels.toReversed()) {
    const holder = sources.find((source) => source.entity?.property(property) !== undefined)
    if (holder !== undefined) return propertyOf(holder, property, own)
    if (aliases.has(property)) return { reference: reference(property, undefined) }
    const unknown =
      sources.find((source) => source.kind === 'table') ?? sources.find((source) => source.kind === 'derived')
    if (unknown !== undefined) return propertyOf({ ...unknown, node: undefined }, property, own)
  }
  return undefined
}

function reference(name: string, table: TableNode | undefined): ReferenceNode {
  return ReferenceNode.create(ColumnNode.create(name), table)
}
