import { type OperationNode, OperatorNode, OrNode, ParensNode, UnaryOperationNode, ValueNode } from 'kysely'
import { ArgumentError } from '../errors.ts'
import { type ColumnModel, type EntityModel, linkOf, nameOf, type RelationLink } from '../mapping/index.ts'
import { type InstanceState, stateOf, tryStateOf } from '../state/index.ts'
import { describeValue } from '../support/index.ts'
import type { Condition, Criteria } from './condition.ts'
import { aliasedTable, type EntityTable, entityTable } from './entity-table.ts'
import { LateValue } from './late-value.ts'
import { hasOwnCondition } from './own-condition.ts'
import { allEqual, columnIn, existsNode, hasPairs, isNull, pairsBetween, tied } from './relation-conditions.ts'

const equality = new Set(['=', '==', 'is'])
const inequality = new Set(['!=', '<>', 'is not'])

/**
 * A relation to one instance compared with an instance, with null, or with several instances. The key is read when the statement
 * runs, after the flush before it.
 *
 * @throws ArgumentError for other operators, and for anything but instances of the relation's target
 */
export function readRelationComparison(
  table: EntityTable,
  link: RelationLink,
  operator: unknown,
  value: unknown,
): Condition {
  const call = `where('${link.property}')`
  if (link.toMany) throw collectionCompared(link)
  const negated = inequality.has(operator as string) || operator === 'not in'
  if (operator === 'in' || operator === 'not in') {
    return fixed(among(call, table, link, value, negated))
  }
  if (!negated && !equality.has(operator as string)) {
    throw new ArgumentError(
      `${call}: a relation is compared by =, !=, is, is not, in and not in, not by ${describeValue(operator)}.`,
    )
  }
  if (value === null) return toNothing(table, link, negated)
  const state = instanceOf(call, link, value)
  const equal = toInstance(call, table, link, state)
  return fixed(negated ? unlike(table, link, equal) : equal)
}

function collectionCompared({ source, property }: RelationLink): ArgumentError {
  return new ArgumentError(
    `where(): ${nameOf(source)}.${property} is a collection, which is compared with nothing; use whereContains('${property}', instance) ` +
      `or whereHas('${property}', …).`,
  )
}

function fixed(node: OperationNode): Condition {
  return { shape: undefined, values: [], toNode: () => node }
}

function among(call: string, table: EntityTable, link: RelationLink, values: unknown, negated: boolean): OperationNode {
  if (!Array.isArray(values))
    throw new ArgumentError(`${call}: in takes an array of instances, not ${describeValue(values)}.`)
  if (values.length === 0) return never(negated)
  const any = values
    .map((value) => toInstance(call, table, link, instanceOf(call, link, value)))
    .reduce((all, next) => OrNode.create(all, next))
  const node = ParensNode.create(any)
  return negated ? unlike(table, link, node) : node
}

function never(negated: boolean): OperationNode {
  const [one, other] = [ValueNode.createImmediate(1), ValueNode.createImmediate(negated ? 1 : 0)]
  return allEqual([[one, other]])
}

/** The state of what must be an instance of an entity. @throws ArgumentError */
function instanceOf(call: string, { target }: RelationLink, value: unknown): InstanceState {
  return stateOfKind(call, target, value)
}

function stateOfKind(call: string, model: EntityModel, value: unknown): InstanceState {
  const state = tryStateOf(value)
  if (state !== undefined && (state.model === model || state.instance instanceof model.entityClass)) return state
  throw new ArgumentError(`${call}: an instance of ${nameOf(model)} is needed, not ${describeValue(value)}.`)
}

/** The row's relation leads to nothing: the key is null, or there is no row that criteria leave. */
function toNothing(table: EntityTable, link: RelationLink, negated: boolean, criteria?: Criteria): Condition {
  const [first] = link.pairs
  if (link.holder === 'source' && first !== undefined) return fixed(isNull(columnIn(table, first.source), negated))
  const { property } = link
  const target = aliasedTable(table, link.target, { name: property, alias: `${property}_none` })
  const narrowed = criteria?.of(target).map((condition) => condition.toNode()) ?? []
  return {
    ...fixed(existsNode(target.from, [tied(link, table, target), ...narrowed], !negated)),
    under: (others) => toNothing(table, link, negated, others),
  }
}

function toInstance(call: string, table: EntityTable, link: RelationLink, state: InstanceState): OperationNode {
  if (hasOwnCondition(link)) return toOneThat(call, table, link, state)
  const target = entityTable(table.dialect, link.target)
  return allEqual(link.pairs.map((pair) => [columnIn(table, pair.source), late(call, target, state, pair.target)]))
}

/** Where more than a key ties them, the row must lead to the very row that is meant. */
function toOneThat(call: string, table: EntityTable, link: RelationLink, state: InstanceState): OperationNode {
  const target = aliasedTable(table, link.target, { name: link.property, alias: `${link.property}_one` })
  const key = link.target.key.map((column) => [columnIn(target, column), late(call, target, state, column)] as const)
  if (!hasPairs(link)) return existsNode(target.from, [tied(link, table, target), allEqual(key)], false)
  const { from, toSource, toTarget } = pairsOf(link, table, target)
  return existsNode(from, [toSource, existsNode(target.from, [toTarget, allEqual(key)], false)], false)
}

/** A row that leads to nothing leads to another than the one that is meant, too. */
function unlike(table: EntityTable, link: RelationLink, equal: OperationNode): OperationNode {
  const not = UnaryOperationNode.create(OperatorNode.create('not'), ParensNode.create(equal))
  const nullable = link.pairs.find(({ source }) => source.nullable)
  if (nullable === undefined) return not
  return ParensNode.create(OrNode.create(not, isNull(columnIn(table, nullable.source))))
}

function late(call: string, table: EntityTable, state: InstanceState, column: ColumnModel): OperationNode {
  const bound = table.property(column.property)
  return ValueNode.create(bound && new LateValue(call, state, bound))
}

/** The rows whose collection holds an instance. @throws ArgumentError for what is no collection, or no instance of it */
export function readContains(table: EntityTable, call: string, link: RelationLink, value: unknown): Condition {
  const state = instanceOf(call, link, value)
  if (!hasPairs(link) || hasOwnCondition(link)) return fixed(toInstance(call, table, link, state))
  const target = entityTable(table.dialect, link.target)
  const { from, toSource, held } = pairsOf(link, table, target)
  const toTarget = link.target.key.map((key, i) => [held[i] as OperationNode, late(call, target, state, key)] as const)
  return fixed(existsNode(from, [toSource, allEqual(toTarget)], false))
}

function fromOneThat(call: string, table: EntityTable, link: RelationLink, state: InstanceState): OperationNode {
  const owner = aliasedTable(table, link.source, { name: 'source', alias: `${link.property}_owner` })
  const key = link.source.key.map((column) => [columnIn(owner, column), late(call, owner, state, column)] as const)
  if (!hasPairs(link)) return existsNode(owner.from, [tied(link, owner, table), allEqual(key)], false)
  const { from, toSource, toTarget } = pairsOf(link, owner, table)
  return existsNode(from, [toTarget, existsNode(owner.from, [toSource, allEqual(key)], false)], false)
}

function pairsOf(link: Parameters<typeof pairsBetween>[0], source: EntityTable, target: EntityTable) {
  return pairsBetween(link, source, target, `${link.property}_pairs`)
}

/**
 * The rows that a relation of an instance leads to.
 *
 * @throws ArgumentError when it is no instance, has no such relation, or the relation leads elsewhere
 */
export function readParent(table: EntityTable, call: string, parent: unknown, property: string): Condition {
  const model = tryStateOf(parent)?.model
  if (model === undefined) throw new ArgumentError(`${call}: an instance is needed, not ${describeValue(parent)}.`)
  const link = linkOf(model, property)
  if (link === undefined || link.target !== table.model) {
    throw new ArgumentError(`${call}: ${nameOf(model)} has no relation '${property}' to ${nameOf(table.model)}.`)
  }
  const state = stateOf(parent as object)
  if (hasOwnCondition(link)) return fixed(fromOneThat(call, table, link, state))
  const owner = entityTable(table.dialect, model)
  if (!hasPairs(link)) {
    const pairs = link.pairs.map(
      (pair) => [columnIn(table, pair.target), late(call, owner, state, pair.source)] as const,
    )
    return fixed(allEqual(pairs))
  }
  const { from, toTarget, owned } = pairsOf(link, owner, table)
  const toOwner = link.source.key.map((key, i) => [owned[i] as OperationNode, late(call, owner, state, key)] as const)
  return fixed(existsNode(from, [toTarget, allEqual(toOwner)], false))
}
