import {
  AliasNode,
  ColumnNode,
  IdentifierNode,
  type OperationNode,
  OrderByItemNode,
  QueryNode,
  RawNode,
  ReferenceNode,
  SelectionNode,
  SelectQueryNode,
  TableNode,
} from 'kysely'
import type { ColumnModel, RelationLink } from '../../mapping/index.ts'
import { allOf } from '../condition.ts'
import { EntityTable } from '../entity-table.ts'
import { joinNodes } from '../joins.ts'
import { memberOrder } from '../member-order.ts'
import { columnIn } from '../relation-conditions.ts'
import { asTranslated } from '../translated.ts'
import type { JoinedNode, JoinedPlan } from './joined-plan.ts'

/** The name of the query inside. */
const INNER = 'heddle_q'
/** The name of the place of a row in the order of the query inside. */
const PLACE = 'heddle_n'

/** A select with joins that load relations: beside its tables, or around it. */
export function joinedSelect(
  table: EntityTable,
  select: SelectQueryNode,
  columns: readonly ColumnModel[],
  plan: JoinedPlan,
): SelectQueryNode {
  return plan.wrapped ? around(table, select, columns, plan) : beside(table, select, plan)
}

function beside(table: EntityTable, select: SelectQueryNode, plan: JoinedPlan): SelectQueryNode {
  const joined = withNodes(select, table, plan)
  const terms = memberTerms(plan)
  if (terms.length === 0) return joined
  const before = select.orderBy === undefined ? keyTerms(table) : []
  return QueryNode.cloneWithOrderByItems(joined, [...before, ...terms])
}

/** `select q.…, j.… from (select …) as q left join …`: the rows inside are those of the query, in its order. */
function around(
  table: EntityTable,
  select: SelectQueryNode,
  columns: readonly ColumnModel[],
  plan: JoinedPlan,
): SelectQueryNode {
  const derived = new EntityTable(table.dialect, table.model, { name: INNER, alias: INNER })
  const { orderBy } = select
  const place = orderBy === undefined ? [] : [placeOf(orderBy.items)]
  const inner = { ...select, selections: [...needed(table, columns, plan), ...place] }
  const outer = SelectQueryNode.cloneWithSelections(
    SelectQueryNode.createFrom([AliasNode.create(inner, IdentifierNode.create(INNER))]),
    columns.map((column) => selection(columnIn(derived, column))),
  )
  const joined = withNodes(outer, derived, plan)
  const terms = memberTerms(plan)
  const before = orderBy === undefined ? (terms.length === 0 ? [] : keyTerms(derived)) : [placeTerm()]
  const order = [...before, ...terms]
  return order.length === 0 ? joined : QueryNode.cloneWithOrderByItems(joined, order)
}

/** The columns that are read, and those that the joins compare, under their own names. */
function needed(table: EntityTable, columns: readonly ColumnModel[], { nodes }: JoinedPlan): SelectionNode[] {
  const compared = nodes.filter(({ parent }) => parent === undefined).flatMap(({ link }) => comparedColumns(link))
  const all = new Set([...columns, ...table.model.key, ...compared])
  return [...all].map((column) => selection(columnIn(table, column)))
}

/** A condition of a relation's own may compare any. */
function comparedColumns(link: RelationLink): readonly ColumnModel[] {
  return link.holder === 'condition' ? link.source.columns : link.pairs.map(({ source }) => source)
}

function placeOf(items: readonly OrderByItemNode[]): SelectionNode {
  const fragments = ['row_number() over (order by ', ...items.slice(1).map(() => ', '), ')']
  const place = RawNode.create(fragments, items)
  return SelectionNode.create(AliasNode.create(asTranslated(place), IdentifierNode.create(PLACE)))
}

function placeTerm(): OrderByItemNode {
  return OrderByItemNode.create(ReferenceNode.create(ColumnNode.create(PLACE), TableNode.create(INNER)))
}

function withNodes(select: SelectQueryNode, own: EntityTable, { nodes }: JoinedPlan): SelectQueryNode {
  const parentOf = ({ parent }: JoinedNode) => (parent === undefined ? own : (nodes[parent] as JoinedNode).table)
  const joins = nodes.flatMap((node) =>
    node.join === 'present' ? [] : joinNodes(node.join, parentOf(node), node.link, node.table, allOf(node.criteria)),
  )
  const selections = nodes.flatMap(({ table, columns, offset }) =>
    columns.map((column, i) => selection(columnIn(table, column), `heddle_c${offset + i}`)),
  )
  return {
    ...select,
    joins: [...(select.joins ?? []), ...joins],
    selections: [...(select.selections ?? []), ...selections],
  }
}

function selection(reference: ReferenceNode, name?: string): SelectionNode {
  if (name === undefined) return asTranslated(SelectionNode.create(reference))
  return asTranslated(SelectionNode.create(AliasNode.create(reference, IdentifierNode.create(name))))
}

/** The order of the members of joined collections. */
function memberTerms({ nodes }: JoinedPlan): OrderByItemNode[] {
  return nodes.flatMap(({ link, table }) =>
    memberOrder(link).map(({ column, direction }) => term(columnIn(table, column), direction)),
  )
}

/** Without an order of the query's own, rows of one instance stay together. */
function keyTerms(table: EntityTable): OrderByItemNode[] {
  return table.model.key.map((column) => term(columnIn(table, column), 'asc'))
}

function term(reference: OperationNode, direction: 'asc' | 'desc'): OrderByItemNode {
  return OrderByItemNode.create(reference, direction === 'desc' ? RawNode.createWithSql('desc') : undefined)
}
