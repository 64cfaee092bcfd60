import {
  BinaryOperationNode,
  COMPARISON_OPERATORS,
  createQueryId,
  createSelectQueryBuilder,
  isOperationNodeSource,
  NOOP_QUERY_EXECUTOR,
  type OperationNode,
  type Operator,
  OperatorNode,
  OrNode,
  ParensNode,
  RawNode,
  type SelectQueryBuilder,
  SelectQueryNode,
  TableNode,
} from 'kysely'
import { ArgumentError } from '../errors.ts'
import { linkOf } from '../mapping/index.ts'
import { describeValue } from '../support/index.ts'
import { type Comparison, compare, comparisonNode } from './comparison.ts'
import type { Condition } from './condition.ts'
import type { EntityTable } from './entity-table.ts'
import { evaluatorOf } from './evaluate.ts'
import { readRelationComparison } from './related-values.ts'
import { type Located, locate, type Scope } from './scope.ts'
import { translate } from './translate.ts'

/** Longer lists are compiled each time: every length is a text of its own. */
const LONGEST_KEPT_LIST = 32

const operators: ReadonlySet<string> = new Set(COMPARISON_OPERATORS)

/** Kysely's builder as this module uses it: what the types of `where()` promise is checked before. */
// biome-ignore lint/suspicious/noExplicitAny: arguments of every entity come together here
export type AnySelect = SelectQueryBuilder<any, any, any>

/** A builder over a tree; it makes trees and runs nothing. */
export function selectBuilder(node: SelectQueryNode): AnySelect {
  return createSelectQueryBuilder({ queryId: createQueryId(), executor: NOOP_QUERY_EXECUTOR, queryNode: node })
}

/** An empty builder over the entity's table under the name by which the program knows it. */
export function emptyBuilder(table: EntityTable): AnySelect {
  return selectBuilder(SelectQueryNode.createFrom([TableNode.create(table.name)]))
}

/**
 * The condition that the arguments of `where()` mean.
 *
 * @throws ArgumentError for arguments that are no condition, unknown properties and values that do not fit their column
 */
export function readWhere(scope: Scope, call: string, args: readonly unknown[]): Condition {
  checkArguments(call, args)
  const [left, operator, value] = args
  return simpleWhere(scope, call, left, operator, value) ?? expressionCondition(scope, call, args)
}

/** A property compared with a plain value; undefined where the arguments are anything else. */
function simpleWhere(
  scope: Scope,
  call: string,
  left: unknown,
  operator: unknown,
  value: unknown,
): Condition | undefined {
  if (typeof left !== 'string' || typeof operator !== 'string' || isExpressionLike(value)) return undefined
  if (Array.isArray(value) && value.some(isExpressionLike)) return undefined
  const place = locate(scope, call, left)
  if (place === undefined) return relationCondition(scope, left, operator, value)
  const comparison = compare({ call, ...place }, operator, value)
  return comparison && comparisonCondition(scope.own, place, comparison, operator, value)
}

function relationCondition({ own }: Scope, left: string, operator: string, value: unknown): Condition | undefined {
  const link = left.includes('.') ? undefined : linkOf(own.model, left)
  return link && readRelationComparison(own, link, operator, value)
}

function isExpressionLike(value: unknown): boolean {
  return typeof value === 'function' || (typeof value === 'object' && value !== null && isOperationNodeSource(value))
}

function checkArguments(call: string, args: readonly unknown[]): void {
  if (args.length !== 1 && args.length !== 3) {
    throw new ArgumentError(
      `${call} takes (property, operator, value) or one expression; ${args.length} arguments were given.`,
    )
  }
  const [first, operator] = args
  if (args.length === 1 && !isExpressionLike(first)) {
    throw new ArgumentError(
      `${call} with one argument takes an expression or a function that makes one, not ${describeValue(first)}.`,
    )
  }
  if (args.length === 3 && typeof first !== 'string' && !isExpressionLike(first)) {
    throw new ArgumentError(
      `${call}: a property or an expression is needed before the operator, not ${describeValue(first)}.`,
    )
  }
  if (args.length === 3) checkOperator(call, operator)
}

function checkOperator(call: string, operator: unknown): void {
  if (isExpressionLike(operator) || (typeof operator === 'string' && operators.has(operator))) return
  throw new ArgumentError(
    `${call}: ${describeValue(operator)} is no comparison operator. Known: ${[...operators].join(' ')}`,
  )
}

/** Whatever Kysely's own where() takes; its callback runs here, once. */
function expressionCondition(scope: Scope, call: string, args: readonly unknown[]): Condition {
  const builder = emptyBuilder(scope.own) as unknown as { where(...args: readonly unknown[]): AnySelect }
  const { where } = builder.where(...args).toOperationNode()
  if (where === undefined) throw new ArgumentError(`${call}: the arguments make no condition.`)
  const node = closed(translate(scope, call, where.where))
  return { shape: undefined, values: [], toNode: () => node }
}

/** Raw text may hold an `or`, which must not swallow the conditions beside it. */
function closed(node: OperationNode): OperationNode {
  return RawNode.is(node) || OrNode.is(node) ? ParensNode.create(node) : node
}

function comparisonCondition(
  own: EntityTable,
  place: Located,
  comparison: Comparison,
  given: string,
  value: unknown,
): Condition {
  const { column, key } = place
  const { form, operator, values } = comparison
  const placeholders = form === 'value' || form === 'list' || form === 'array' || form === 'json'
  const detail = form === 'list' ? values.length : form === 'literal' ? String(values[0]) : ''
  const kept = form !== 'literals' && (form !== 'list' || values.length <= LONGEST_KEPT_LIST)
  return {
    shape: kept ? `${key}:${operator}:${form}${detail}` : undefined,
    values: placeholders ? values : [],
    toNode: () => comparisonNode(column.reference, comparison),
    evaluate: place.table === own ? evaluatorOf(own.dialect.capabilities, place, given, value) : undefined,
  }
}

/**
 * The conditions of `filterBy()`: equality, and `is null` for null.
 *
 * @throws ArgumentError for unknown properties, for undefined, and for values that do not fit their column
 */
export function readFilters(table: EntityTable, filters: unknown, call = 'filterBy()'): Condition[] {
  if (typeof filters !== 'object' || filters === null || Array.isArray(filters)) {
    throw new ArgumentError(`${call} takes an object of property values, not ${describeValue(filters)}.`)
  }
  return Object.entries(filters).map(([property, value]) => {
    const column = table.property(property)
    if (column === undefined) throw table.unknownProperty(call, property)
    const comparison = compare({ call, table, column }, '=', value)
    const key = String(column.model.index)
    return comparisonCondition(table, { table, column, key }, comparison as Comparison, '=', value)
  })
}

/** The condition of `whereRef()`: one column compared with another. */
export function readWhereRef(scope: Scope, call: string, left: unknown, operator: unknown, right: unknown): Condition {
  for (const side of [left, right]) {
    if (typeof side === 'string' || isExpressionLike(side)) continue
    throw new ArgumentError(`${call} compares two columns; ${describeValue(side)} is none.`)
  }
  checkOperator(call, operator)
  const [one, other] = [left, right].map((side) => (typeof side === 'string' ? locate(scope, call, side) : undefined))
  if (one !== undefined && other !== undefined && typeof operator === 'string')
    return columnsCondition(one, operator as Operator, other)
  const builder = emptyBuilder(scope.own).whereRef(left as string, operator as Operator & '=', right as string)
  const node = translate(scope, call, (builder.toOperationNode().where as { where: OperationNode }).where)
  return { shape: undefined, values: [], toNode: () => node }
}

function columnsCondition(left: Located, operator: Operator, right: Located): Condition {
  return {
    shape: `${left.key}:${operator}:ref${right.key}`,
    values: [],
    toNode: () =>
      BinaryOperationNode.create(left.column.reference, OperatorNode.create(operator), right.column.reference),
  }
}
