import {
  BinaryOperationNode,
  ColumnNode,
  ColumnUpdateNode,
  DeleteQueryNode,
  expressionBuilder,
  isOperationNodeSource,
  LimitNode,
  type OperationNode,
  OperatorNode,
  QueryNode,
  RawNode,
  ReferenceNode,
  SelectionNode,
  type SelectQueryNode,
  type TableNode,
  TupleNode,
  UpdateQueryNode,
  ValueNode,
} from 'kysely'
import type { Statement } from '../drivers/index.ts'
import { ArgumentError } from '../errors.ts'
import { type ColumnModel, isSqlExpression, nameOf, type TablePart } from '../mapping/index.ts'
import { compileNode } from '../sql/index.ts'
import { checkValue } from '../state/index.ts'
import { describeValue } from '../support/index.ts'
import type { Assignment, BulkWrite, Synchronize } from './bulk.ts'
import { type EntityTable, tableNode } from './entity-table.ts'
import { allHold, type Evaluate } from './evaluate.ts'
import { type QueryState, scopeIn } from './query-state.ts'
import { columnIn } from './relation-conditions.ts'
import { filteredSelect } from './select.ts'
import { translate } from './translate.ts'

/** The bulk write that a query's state means. */
export function bulkWrite(
  table: EntityTable,
  state: QueryState,
  verb: BulkWrite['verb'],
  assignments: readonly Assignment[],
  synchronize: Synchronize,
  returning: boolean,
): BulkWrite {
  const evaluators = state.conditions.map(({ evaluate }) => evaluate)
  const decidable = isDirect(state) && evaluators.every((evaluate) => evaluate !== undefined)
  return {
    verb,
    model: table.model,
    assignments,
    synchronize,
    matches: decidable ? allHold(evaluators as Evaluate[]) : undefined,
    autoflush: state.autoflush,
    executionOptions: state.executionOptions,
    returning,
    statement: (columns) => compiled(table, withReturning(table, writeNode(table, state, verb, assignments), columns)),
    keys: () => compiled(table, keySelect(table, state)),
  }
}

/** Whether the conditions can stand in the statement itself. */
function isDirect({ modified, joins, groups, havings, orderings, limit, offset, distinct }: QueryState): boolean {
  const isPlain = modified === undefined && joins.length === 0 && groups.length === 0 && havings.length === 0
  return isPlain && orderings.length === 0 && limit === undefined && offset === undefined && !distinct
}

function writeNode(
  table: EntityTable,
  state: QueryState,
  verb: BulkWrite['verb'],
  assignments: readonly Assignment[],
): UpdateQueryNode | DeleteQueryNode {
  const updates = assignments.map(({ column, node }) =>
    ColumnUpdateNode.create(ColumnNode.create(table.property(column.property)?.name as string), node),
  )
  const target = writtenTable(table, assignments)
  let node: UpdateQueryNode | DeleteQueryNode =
    verb === 'update'
      ? UpdateQueryNode.cloneWithUpdates(UpdateQueryNode.create([target]), updates)
      : DeleteQueryNode.create([target])
  for (const condition of conditionsOf(table, target, state)) node = QueryNode.cloneWithWhere(node, condition)
  return node
}

/**
 * The table that is written. Rows of a class that inherits are deleted from the root's table, by which the database deletes the rest of
 * them, and updated in the one table that has the columns.
 *
 * @throws ArgumentError for columns of several tables
 */
function writtenTable({ model, dialect, node, from }: EntityTable, assignments: readonly Assignment[]): TableNode {
  if (model.inheritance === undefined) return node
  const homes = assignments.flatMap(
    ({ column }) => model.inheritance?.parts.find((part) => part.columns.includes(column)) ?? [],
  )
  const [home = model.inheritance.parts[0] as TablePart, ...others] = new Set(homes)
  if (others.length === 0) return from === node && home.table === model.table ? node : tableNode(dialect, home)
  const tables = [home, ...others].map(({ table }) => `'${table}'`).join(' and ')
  throw new ArgumentError(
    `query(${nameOf(model)}).update() sets columns of ${tables}, and one statement writes one table; change the instances, or the columns of one ` +
      'table at a time (a version is in the table of the root).',
  )
}

/** A statement that reads its own table beside writing it finds its rows first, behind a table of their keys. */
function conditionsOf(table: EntityTable, target: TableNode, state: QueryState): readonly OperationNode[] {
  const { readsItsTarget } = table.dialect.capabilities
  const isPlain = state.conditions.every(({ evaluate }) => evaluate !== undefined)
  const isOwn = target === table.node
  if (isOwn && isDirect(state) && (readsItsTarget || isPlain))
    return state.conditions.map((condition) => condition.toNode())
  const keys = table.model.key.map((column) => writtenColumn(table, target, column))
  const left = keys.length === 1 ? (keys[0] as OperationNode) : TupleNode.create(keys)
  const found = RawNode.create(
    ['(select * from (', ') as ', ')'],
    [keySelectNode(table, state), RawNode.createWithSql('found')],
  )
  return [BinaryOperationNode.create(left, OperatorNode.create('in'), found)]
}

/** A column of the table that is written. */
function writtenColumn(table: EntityTable, target: TableNode, column: ColumnModel): ReferenceNode {
  if (target === table.node) return columnIn(table, column)
  return ReferenceNode.create(ColumnNode.create(table.dialect.columnName(column)), target)
}

function keySelectNode(table: EntityTable, state: QueryState): SelectQueryNode {
  const keys = table.model.key.map((column) => SelectionNode.create(columnIn(table, column)))
  let node: SelectQueryNode = { ...filteredSelect(table, state), selections: keys }
  if (state.limit !== undefined) node = { ...node, limit: LimitNode.create(ValueNode.create(state.limit)) }
  return node
}

function keySelect(table: EntityTable, state: QueryState): OperationNode {
  const node = keySelectNode(table, state)
  const locks = table.dialect.capabilities.rowLocks && isDirect(state)
  return locks ? QueryNode.cloneWithEndModifier(node, RawNode.createWithSql('for update') as never) : node
}

function withReturning(
  table: EntityTable,
  node: UpdateQueryNode | DeleteQueryNode,
  columns: readonly ColumnModel[],
): OperationNode {
  if (columns.length === 0) return node
  const selections = columns.map((column) => SelectionNode.create(columnIn(table, column)))
  return QueryNode.cloneWithReturning(node, selections)
}

function compiled(table: EntityTable, node: OperationNode): Statement {
  return { ...compileNode(table.dialect, node), rows: 'array', typed: true, wide: true }
}

// --------------------------------------------------------------------------------------------------- values

/**
 * What a bulk update sets: the values that were given, and those that change with every UPDATE.
 *
 * @throws ArgumentError for unknown properties, for keys, for values that do not fit, and for a version that nobody makes
 */
export function readAssignments(table: EntityTable, state: QueryState, call: string, values: unknown): Assignment[] {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new ArgumentError(`${call} takes an object of properties and values, not ${describeValue(values)}.`)
  }
  const given = Object.entries(values).map(([property, value]) => assignmentOf(table, state, call, property, value))
  if (given.length === 0) throw new ArgumentError(`${call} was given nothing to set.`)
  return [...given, ...automaticAssignments(table, call, new Set(given.map(({ column }) => column)))]
}

function assignmentOf(
  table: EntityTable,
  state: QueryState,
  call: string,
  property: string,
  value: unknown,
): Assignment {
  const bound = table.property(property)
  if (bound === undefined) throw table.unknownProperty(call, property)
  const { model: column, encode } = bound
  if (column.primaryKey) {
    throw new ArgumentError(
      `${call}: ${nameOf(table.model)}.${property} is of the key, which an instance changes, not a bulk update.`,
    )
  }
  const expression = expressionOf(value)
  if (expression !== undefined) {
    return { column, value: undefined, node: translate(scopeIn(table, state), call, expression) }
  }
  checkValue(table.model, column, value)
  return { column, value, node: ValueNode.create(value === null ? null : encode(value)) }
}

function expressionOf(value: unknown): OperationNode | undefined {
  const made: unknown = typeof value === 'function' ? value(expressionBuilder()) : value
  const isExpression = isSqlExpression(made) || (typeof value === 'function' && isSource(made))
  return isExpression ? ((made as { toOperationNode(): unknown }).toOperationNode() as OperationNode) : undefined
}

function isSource(value: unknown): boolean {
  return typeof value === 'object' && value !== null && isOperationNodeSource(value)
}

/** What changes with every UPDATE: the version, and columns with `onUpdate`. */
export function automaticAssignments(table: EntityTable, call: string, given: ReadonlySet<ColumnModel>): Assignment[] {
  return table.columns.flatMap((bound): Assignment[] => {
    const { model: column, encode } = bound
    if (given.has(column)) return []
    if (column.version) return nextVersion(table, call, column)
    if (column.makeOnUpdate === undefined) return []
    const value = column.makeOnUpdate()
    checkValue(table.model, column, value)
    return [{ column, value, node: ValueNode.create(value === null ? null : encode(value)) }]
  })
}

/** A counter counts on in the database; what a function makes of each version, no statement can. */
function nextVersion(table: EntityTable, call: string, column: ColumnModel): Assignment[] {
  if (column.nextVersion === false) return []
  if (column.nextVersion !== undefined) {
    throw new ArgumentError(
      `${call}: the versions of ${nameOf(table.model)} are made by a function, one by one; set ${column.property} in this update, or ` +
        'change the instances.',
    )
  }
  const target = writtenTable(table, [{ column } as Assignment])
  const node = BinaryOperationNode.create(
    writtenColumn(table, target, column),
    OperatorNode.create('+'),
    ValueNode.createImmediate(1),
  )
  const next = (value: unknown) => (typeof value === 'number' ? value + 1 : undefined)
  return [{ column, value: undefined, next, node }]
}
