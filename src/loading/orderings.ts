import {
  BinaryOperationNode,
  ColumnNode,
  isOperationNodeSource,
  type OperationNode,
  OperatorNode,
  OrderByItemNode,
  RawNode,
  ReferenceNode,
  ValueNode,
} from 'kysely'
import { ArgumentError } from '../errors.ts'
import { checkOptions, describeValue, oneOf } from '../support/index.ts'
import type { Condition } from './condition.ts'
import { emptyBuilder } from './conditions.ts'
import type { EntityTable } from './entity-table.ts'
import type { Ordering } from './query-state.ts'
import type { OrderOptions } from './query-types.ts'
import { locate, type Scope } from './scope.ts'
import { translate } from './translate.ts'

const optionRules = { direction: oneOf('asc', 'desc'), nulls: oneOf('first', 'last') }

/**
 * The order that the arguments of `orderBy()` mean.
 *
 * @throws ArgumentError for unknown properties, directions and options
 */
export function readOrderBy(
  scope: Scope,
  key: unknown,
  modifiers: unknown,
  names: ReadonlySet<string> = noNames,
): Ordering {
  if (typeof modifiers === 'function') return expressionOrdering(scope, key, modifiers)
  const options = readModifiers(modifiers)
  const { own: table } = scope
  if (typeof key !== 'string') return expressionOrdering(scope, key, options)
  if (names.has(key)) return selectedOrdering(table, key, options)
  const place = locate(scope, 'orderBy()', key)
  if (place === undefined && !key.includes('.')) throw table.unknownProperty('orderBy()', key)
  if (place === undefined) return expressionOrdering(scope, key, options)
  const { column } = place
  return {
    shape: `${place.key}:${options.direction ?? 'asc'}:${options.nulls ?? ''}`,
    toNodes: () => itemNodes(table, orderItem(column.reference, options)),
    ...(place.table === table ? { keyset: { column, descending: options.direction === 'desc' } } : {}),
  }
}

function readModifiers(modifiers: unknown): OrderOptions {
  if (modifiers === undefined || modifiers === 'asc') return {}
  if (modifiers === 'desc') return { direction: 'desc' }
  if (typeof modifiers !== 'object') {
    throw new ArgumentError(`orderBy(): the direction must be 'asc' or 'desc', not ${describeValue(modifiers)}.`)
  }
  checkOptions('orderBy()', modifiers, optionRules)
  return modifiers as OrderOptions
}

const noNames: ReadonlySet<string> = new Set()

/** By something that the select gives a name. */
function selectedOrdering(table: EntityTable, name: string, options: OrderOptions): Ordering {
  const nodes = itemNodes(table, orderItem(ReferenceNode.create(ColumnNode.create(name)), options))
  return { shape: undefined, toNodes: () => nodes }
}

function expressionOrdering(scope: Scope, key: unknown, modifiers: unknown): Ordering {
  const { own: table } = scope
  const isExpression =
    typeof key === 'function' || (typeof key === 'object' && key !== null && isOperationNodeSource(key))
  if (typeof key !== 'string' && !isExpression) {
    throw new ArgumentError(`orderBy() takes a property or an expression, not ${describeValue(key)}.`)
  }
  const builder = emptyBuilder(table) as unknown as { orderBy(key: unknown, modifiers?: unknown): typeof builder }
  const parsed = typeof modifiers === 'function' ? builder.orderBy(key, modifiers) : builder.orderBy(key)
  const { orderBy } = (parsed as unknown as ReturnType<typeof emptyBuilder>).toOperationNode()
  const items = (orderBy?.items ?? []).map((item) => translate(scope, 'orderBy()', item as OrderByItemNode))
  const plain =
    typeof modifiers === 'function' ? items : items.map((item) => orderItem(item.orderBy, modifiers as OrderOptions))
  const nodes = plain.flatMap((item) => itemNodes(table, item))
  return { shape: undefined, toNodes: () => nodes }
}

function orderItem(by: OperationNode, { direction, nulls }: OrderOptions): OrderByItemNode {
  const item = OrderByItemNode.create(by, direction === 'desc' ? RawNode.createWithSql('desc') : undefined)
  return nulls === undefined ? item : OrderByItemNode.cloneWith(item, { nulls })
}

/** Where the database cannot place nulls, whether the key is null comes as a sort key of its own. */
function itemNodes(table: EntityTable, item: OrderByItemNode): OrderByItemNode[] {
  if (item.nulls === undefined || table.dialect.capabilities.nullsFirstLast) return [item]
  const isNull = BinaryOperationNode.create(item.orderBy, OperatorNode.create('is'), ValueNode.createImmediate(null))
  const nullsKey = OrderByItemNode.create(isNull, item.nulls === 'first' ? RawNode.createWithSql('desc') : undefined)
  const { nulls, ...placed } = item
  return [nullsKey, placed]
}

/** The keys of `groupBy()`. @throws ArgumentError for unknown properties */
export function readGroups(scope: Scope, keys: readonly unknown[]): Condition[] {
  return keys.map((key) => {
    const place = typeof key === 'string' ? locate(scope, 'groupBy()', key) : undefined
    if (place !== undefined) return { shape: `by ${place.key}`, values: [], toNode: () => place.column.reference }
    if (typeof key === 'string' && !key.includes('.')) throw scope.own.unknownProperty('groupBy()', key)
    const builder = emptyBuilder(scope.own).groupBy(key as never) as ReturnType<typeof emptyBuilder>
    const [item] = builder.toOperationNode().groupBy?.items ?? []
    if (item === undefined)
      throw new ArgumentError(`groupBy() takes a property or an expression, not ${describeValue(key)}.`)
    const node = translate(scope, 'groupBy()', item.groupBy)
    return { shape: undefined, values: [], toNode: () => node }
  })
}
