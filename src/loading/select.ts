import {
  AliasNode,
  GroupByItemNode,
  IdentifierNode,
  LimitNode,
  OffsetNode,
  QueryNode,
  RawNode,
  SelectionNode,
  SelectModifierNode,
  SelectQueryNode,
  ValueNode,
} from 'kysely'
import type { Statement } from '../drivers/index.ts'
import { ArgumentError } from '../errors.ts'
import { nameOf } from '../mapping/index.ts'
import { compileNode, type LockOptions } from '../sql/index.ts'
import type { EntityTable } from './entity-table.ts'
import { lockNode } from './locks.ts'
import { type QueryState, shapeOf, valuesOf } from './query-state.ts'
import type { EntitySelect } from './query-target.ts'
import type { RowSelect } from './rows.ts'
import { levelOf } from './sources.ts'
import { type JoinedPlan, joinedPlan } from './strategies/joined-plan.ts'
import { joinedSelect } from './strategies/joined-select.ts'
import { noPlan } from './strategies/load-plan.ts'
import { asTranslated } from './translated.ts'

/** More rows than any table has: OFFSET needs a LIMIT before it on some databases, and does not mind on the others. */
const NO_LIMIT = 9_223_372_036_854_775_807n

/** A text with its values; named where the same text will come again. */
interface Compiled {
  readonly sql: string
  readonly parameters: readonly unknown[]
  readonly name?: string
}

/** The select of whole entities that a query's state means. */
export function entitySelect(table: EntityTable, state: QueryState, inBatches = false): EntitySelect {
  const { autoflush, lock, executionOptions, populateExisting, plan } = state
  const joined = joinedPlan(table, state, inBatches)
  const wide = table.wide || joined?.nodes.some((node) => node.table.wide) === true
  return {
    model: table.model,
    columns: plan.columnsOf(table.model),
    statement: {
      ...compileJoined(table, state, joined),
      rows: 'array',
      typed: true,
      epochTimes: true,
      ...(wide ? { wide } : {}),
    },
    populateExisting,
    plan,
    ...(joined === undefined ? {} : { joined }),
    ...(autoflush === undefined ? {} : { autoflush }),
    ...(lock === undefined ? {} : { lock }),
    ...(executionOptions === undefined ? {} : { executionOptions }),
  }
}

/** The select of plain rows that a query's state means. */
export function rowSelect(table: EntityTable, state: QueryState): RowSelect {
  const { autoflush, executionOptions, populateExisting, selection, plan } = state
  return {
    model: table.model,
    parts: selection?.parts ?? [],
    // Aggregates may be beyond 2^53 whatever the columns are.
    statement: { ...compileRows(table, state), rows: 'array', typed: true, wide: true },
    populateExisting,
    plan: noPlan.withRules(...plan.rules),
    ...(autoflush === undefined ? {} : { autoflush }),
    ...(executionOptions === undefined ? {} : { executionOptions }),
  }
}

/** The text of the select of whole entities, and its values. */
export function compileRows(table: EntityTable, state: QueryState): Compiled {
  return compileJoined(table, state, joinedPlan(table, state))
}

function compileJoined(table: EntityTable, state: QueryState, joined: JoinedPlan | undefined): Compiled {
  if (joined === undefined) return compiled(table, 'rows', state, () => locked(table, state, selectNode(table, state)))
  const columns = state.plan.columnsOf(table.model)
  const build = () => locked(table, state, joinedSelect(table, selectNode(table, state), columns, joined))
  return compiled(table, joined.shape && `rows${joined.shape}`, state, build, joined)
}

/** `select count(*)`: over the rows that the query would give, so limit, offset and distinct count too. */
export function countStatement(table: EntityTable, state: QueryState): Statement {
  const build = () => {
    const count = named(RawNode.createWithSql('count(*)'), 'count')
    return isBare(state) ? { ...bareSelect(table, state), selections: [count] } : around(table, state, count)
  }
  return { ...compiled(table, 'count', state, build), rows: 'array' }
}

/** A select that gives one row when the query would give any. */
export function existsStatement(table: EntityTable, state: QueryState): Statement {
  const build = () => {
    const one = named(ValueNode.createImmediate(1), 'found')
    const select = isBare(state) ? { ...bareSelect(table, state), selections: [one] } : around(table, state, one)
    return { ...select, limit: LimitNode.create(ValueNode.createImmediate(1)) }
  }
  return { ...compiled(table, 'exists', state, build), rows: 'array' }
}

/** Whether the query is a plain selection of rows of one table, which can be counted without a subquery. */
function isBare({ modified, selection, groups, havings, distinct, limit, offset }: QueryState): boolean {
  const isGrouped = groups.length > 0 || havings.length > 0
  return (
    modified === undefined &&
    selection === undefined &&
    !isGrouped &&
    !distinct &&
    limit === undefined &&
    offset === undefined
  )
}

function bareSelect(table: EntityTable, state: QueryState): SelectQueryNode {
  return selectNode(table, { ...state, orderings: [] })
}

function around(table: EntityTable, state: QueryState, selection: SelectionNode): SelectQueryNode {
  const inner = AliasNode.create(selectNode(table, state), IdentifierNode.create('counted'))
  return SelectQueryNode.cloneWithSelections(SelectQueryNode.createFrom([inner]), [selection])
}

function named(node: RawNode | ValueNode, name: string): SelectionNode {
  return SelectionNode.create(AliasNode.create(node, IdentifierNode.create(name)))
}

/** The whole select of a state, without its lock. */
function selectNode(table: EntityTable, state: QueryState): SelectQueryNode {
  let node = withColumns(table, state, filteredSelect(table, state))
  if (state.distinct) node = SelectQueryNode.cloneWithFrontModifier(node, SelectModifierNode.create('Distinct'))
  if (state.limit !== undefined) node = { ...node, limit: LimitNode.create(ValueNode.create(state.limit)) }
  if (state.offset === undefined) return node
  const limit = node.limit ?? LimitNode.create(ValueNode.createImmediate(NO_LIMIT))
  return { ...node, limit, offset: OffsetNode.create(ValueNode.create(state.offset)) }
}

/** What was said of columns holds for what `modify()` left behind, too. */
function withColumns(table: EntityTable, { plan }: QueryState, node: SelectQueryNode): SelectQueryNode {
  if (plan.columns === undefined) return node
  return { ...node, selections: table.selectionsOf(plan.columnsOf(table.model)) }
}

/** Table, joins, columns, conditions, groups and order: the part that `modify()` is given to work on. */
export function filteredSelect(table: EntityTable, state: QueryState): SelectQueryNode {
  let node = withJoins(state.modified ?? plainSelect(table, state), state)
  for (const condition of state.conditions) node = QueryNode.cloneWithWhere(node, asTranslated(condition.toNode()))
  for (const group of state.groups)
    node = SelectQueryNode.cloneWithGroupByItems(node, [GroupByItemNode.create(asTranslated(group.toNode()))])
  for (const having of state.havings) node = SelectQueryNode.cloneWithHaving(node, asTranslated(having.toNode()))
  for (const ordering of state.orderings)
    node = QueryNode.cloneWithOrderByItems(node, ordering.toNodes().map(asTranslated))
  return node
}

function plainSelect(table: EntityTable, { selection }: QueryState): SelectQueryNode {
  const selections = selection === undefined ? table.selections : selection.parts.flatMap(({ nodes }) => nodes)
  return SelectQueryNode.cloneWithSelections(SelectQueryNode.createFrom([table.from]), selections)
}

/** With the joins that `modify()` has not seen. */
function withJoins(node: SelectQueryNode, { joins }: QueryState): SelectQueryNode {
  const { joins: present = [] } = node
  const missing = joins.flatMap((join) => join.toNodes()).filter((join) => !present.includes(join))
  return missing.length === 0 ? node : { ...node, joins: [...present, ...missing] }
}

function locked(table: EntityTable, { lock }: QueryState, node: SelectQueryNode): SelectQueryNode {
  const modifier = lock && lockNode(table, lock, levelOf(node, table))
  if (modifier === undefined || lock === undefined) return node
  return QueryNode.cloneWithEndModifier(lockedInside(table, lock, node), modifier)
}

/** Where a lock around a subquery does not reach its rows, the rows of a class that inherits are locked in it. */
function lockedInside(table: EntityTable, lock: LockOptions, node: SelectQueryNode): SelectQueryNode {
  const inside = table.lockedFrom(lock)
  if (inside === undefined || node.from === undefined) return node
  const froms = node.from.froms.map((from) => (from === table.from ? asTranslated(inside) : from))
  return { ...node, from: { ...node.from, froms } }
}

/** Compiles, or takes the text of a query of the same shape. */
function compiled(
  table: EntityTable,
  kind: string | undefined,
  state: QueryState,
  build: () => SelectQueryNode,
  joined?: JoinedPlan,
): Compiled {
  const shape = shapeOf(state)
  if (shape === undefined || kind === undefined) return checked(table, compileNode(table.dialect, build()))
  const columns = state.plan.columns === undefined ? '' : state.plan.columnsOf(table.model).map(({ index }) => index)
  const key = `${kind}|${columns}|${shape}`
  const known = table.shapes.get(key)
  const parameters = joinedValues(state, joined)
  if (known !== undefined) return { sql: known.sql, name: known.name, parameters }
  const first = checked(table, compileNode(table.dialect, build()))
  // The text may serve others only if its placeholders are the state's values, one by one.
  const isSame =
    first.parameters.length === parameters.length &&
    first.parameters.every((value, index) => Object.is(value, parameters[index]))
  return isSame ? { ...first, name: table.shapes.add(key, first.sql).name } : first
}

/** Tables that load relations are joined beside those of the query, or around all of it. */
function joinedValues(state: QueryState, joined: JoinedPlan | undefined): readonly unknown[] {
  if (joined === undefined || joined.values.length === 0) return valuesOf(state)
  return joined.wrapped ? [...valuesOf(state), ...joined.values] : valuesOf(state, joined.values)
}

function checked(table: EntityTable, statement: Compiled): Compiled {
  const { maxParameters } = table.dialect.capabilities
  if (statement.parameters.length <= maxParameters) return statement
  throw new ArgumentError(
    `query(${nameOf(table.model)}) has ${statement.parameters.length} values, and this database takes ${maxParameters} in one ` +
      'statement at most; run it in parts, or keep long lists in a table and join it.',
  )
}
