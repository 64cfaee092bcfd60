import {
  AndNode,
  BinaryOperationNode,
  ColumnNode,
  type OperationNode,
  OperatorNode,
  ParensNode,
  RawNode,
  ReferenceNode,
  SelectionNode,
  SelectQueryNode,
  TableNode,
  UnaryOperationNode,
  ValueNode,
  WhereNode,
} from 'kysely'
import type { ColumnModel, RelationLink } from '../mapping/index.ts'
import { type EntityTable, entityTable } from './entity-table.ts'
import { narrowed, ownCondition } from './own-condition.ts'

/** One column or value, compared with another. */
type Pair = readonly [left: OperationNode, right: OperationNode]

/** All of the pairs are equal. */
export function allEqual(pairs: readonly Pair[]): OperationNode {
  return pairs
    .map(([left, right]): OperationNode => BinaryOperationNode.create(left, OperatorNode.create('='), right))
    .reduce((all, next) => AndNode.create(all, next))
}

/** A table of pairs under a name of its own, and the conditions that tie it to both sides. */
export interface PairsInQuery {
  readonly from: OperationNode
  readonly toSource: OperationNode
  readonly toTarget: OperationNode
  /** Its columns that hold the key of the source, and those that hold the target's. */
  readonly owned: readonly OperationNode[]
  readonly held: readonly OperationNode[]
}

/** What ties two tables by a relation: columns, and the condition of its own that it may have; where no table of pairs stands between them. */
export function tied(link: RelationLink, source: EntityTable, target: EntityTable): OperationNode {
  const own = ownCondition(link, source, target)
  if (link.holder === 'condition' && own !== undefined) return own
  const pairs = link.pairs.map((pair) => [columnIn(source, pair.source), columnIn(target, pair.target)] as const)
  return narrowed(allEqual(pairs), own)
}

/** The table of pairs between two tables. */
export function pairsBetween(
  link: RelationLink & { readonly through: NonNullable<RelationLink['through']> },
  source: EntityTable,
  target: EntityTable,
  alias: string,
): PairsInQuery {
  const { model, sourceColumns, targetColumns } = link.through
  const pairs = entityTable(source.dialect, model)
  const columns = (models: readonly ColumnModel[]) =>
    models.map((column) => reference(source.dialect.columnName(column), alias))
  const [owned, held] = [columns(sourceColumns), columns(targetColumns)]
  return {
    from: aliased(pairs.node, alias),
    toSource: allEqual(link.source.key.map((key, i) => [columnIn(source, key), owned[i] as OperationNode])),
    toTarget: narrowed(
      allEqual(link.target.key.map((key, i) => [columnIn(target, key), held[i] as OperationNode])),
      ownCondition(link, source, target),
    ),
    owned,
    held,
  }
}

/** A relation's table of pairs, if it has one. */
export function hasPairs(
  link: RelationLink,
): link is RelationLink & { readonly through: NonNullable<RelationLink['through']> } {
  return link.through !== undefined
}

/** `table as "alias"`, as a part of a text: a node of Kysely's would be taken for a table of the program. */
export function aliased(table: OperationNode, alias: string): RawNode {
  return RawNode.create(['', ' as ', ''], [table, TableNode.create(alias)])
}

/** The reference to a column of a table in a query. */
export function columnIn(table: EntityTable, column: ColumnModel): ReferenceNode {
  return table.property(column.property)?.reference as ReferenceNode
}

function reference(column: string, table: string): ReferenceNode {
  return ReferenceNode.create(ColumnNode.create(column), TableNode.create(table))
}

/** `exists (select 1 from … where …)`, or `not exists`. */
export function existsNode(from: OperationNode, conditions: readonly OperationNode[], negated: boolean): OperationNode {
  const where = conditions.reduce((all, next) => AndNode.create(all, next))
  const select: SelectQueryNode = {
    ...SelectQueryNode.createFrom([from]),
    selections: [SelectionNode.create(RawNode.createWithSql('1') as never)],
    where: WhereNode.create(where),
  }
  const exists = UnaryOperationNode.create(OperatorNode.create('exists'), select)
  return negated ? UnaryOperationNode.create(OperatorNode.create('not'), ParensNode.create(exists)) : exists
}

/** `x is null`, for the first of several columns: a foreign key is null as a whole. */
export function isNull(column: OperationNode, negated = false): OperationNode {
  return BinaryOperationNode.create(
    column,
    OperatorNode.create(negated ? 'is not' : 'is'),
    ValueNode.createImmediate(null),
  )
}
