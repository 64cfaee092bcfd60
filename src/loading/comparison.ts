import {
  BinaryOperationNode,
  type OperationNode,
  type Operator,
  OperatorNode,
  PrimitiveValueListNode,
  RawNode,
  ValueListNode,
  ValueNode,
} from 'kysely'
import { ArgumentError } from '../errors.ts'
import { nameOf } from '../mapping/index.ts'
import { describeValue } from '../support/index.ts'
import type { BoundColumn, EntityTable } from './entity-table.ts'

/**
 * A column compared with values, worked out before any SQL is made: the operator and the form decide the text, the
 * values (as the driver takes them) are its parameters in order.
 */
export interface Comparison {
  readonly operator: Operator
  /**
   * `list` has a placeholder for each value, `array` and `json` have one for all; `literal` and `literals` have none: their values are
   * in the text.
   */
  readonly form: 'value' | 'list' | 'array' | 'json' | 'literal' | 'literals' | 'never' | 'always'
  readonly values: readonly unknown[]
}

/** Where a value stands, for messages. */
export interface Place {
  /** The call that was made, for example `where()`. */
  readonly call: string
  readonly table: EntityTable
  readonly column: BoundColumn
}

const equal: ReadonlySet<string> = new Set(['=', '=='])
const unequal: ReadonlySet<string> = new Set(['!=', '<>'])
const ordered: ReadonlySet<string> = new Set(['<', '<=', '>', '>='])
const nullSafe: ReadonlySet<string> = new Set(['<=>', 'is distinct from', 'is not distinct from'])
const patterns: ReadonlySet<string> = new Set(['like', 'not like', 'ilike', 'not ilike'])
const containment: ReadonlySet<string> = new Set(['@>', '<@'])
const nothing: readonly unknown[] = []

/**
 * What comparing a column with a plain value means. `= null` is `is null`, an empty list matches nothing. Gives undefined for
 * the operators whose right side has nothing to do with the column's type (regular expressions, paths): those take the value as it is.
 *
 * @throws ArgumentError for a value that the column cannot hold
 */
export function compare(place: Place, operator: string, value: unknown): Comparison | undefined {
  if (value === undefined)
    throw wrongValue(place, operator, value, 'expected a value; a condition that may be absent is one not to call')
  if (equal.has(operator)) return value === null ? isNull : single(place, '=', value)
  if (unequal.has(operator)) return value === null ? isNotNull : single(place, '!=', value)
  if (ordered.has(operator)) return single(place, operator as Operator, value)
  if (operator === 'in' || operator === 'not in') return among(place, operator, value)
  if (operator === 'is' || operator === 'is not') return literal(place, operator, value)
  if (patterns.has(operator)) return pattern(place, operator as Operator, value)
  if (nullSafe.has(operator))
    return value === null
      ? { operator: operator as Operator, form: 'value', values: [null] }
      : single(place, operator as Operator, value)
  if (containment.has(operator) && place.column.model.type.kind === 'json')
    return single(place, operator as Operator, value)
  return undefined
}

const isNull: Comparison = { operator: 'is', form: 'literal', values: [null] }
const isNotNull: Comparison = { operator: 'is not', form: 'literal', values: [null] }

function single(place: Place, operator: Operator, value: unknown): Comparison {
  return { operator, form: 'value', values: [encodeOperand(place, operator, value)] }
}

function literal(place: Place, operator: Operator, value: unknown): Comparison {
  if (value === null) return { operator, form: 'literal', values: [null] }
  if (typeof value !== 'boolean') throw wrongValue(place, operator, value, 'expected null, true or false')
  encodeOperand(place, operator, value)
  return { operator, form: 'literal', values: [value] }
}

function pattern(place: Place, operator: Operator, value: unknown): Comparison {
  if (typeof value !== 'string') throw wrongValue(place, operator, value, 'expected a pattern as a string')
  return { operator, form: 'value', values: [value] }
}

function among(place: Place, operator: 'in' | 'not in', value: unknown): Comparison {
  if (!Array.isArray(value)) throw wrongValue(place, operator, value, 'expected an array of values')
  if (value.length === 0) return { operator, form: operator === 'in' ? 'never' : 'always', values: nothing }
  const values = value.map((item) => encodeItem(place, operator, item))
  const arrays = place.table.dialect.capabilities.keyLists === 'arrays' && place.column.model.type.kind !== 'json'
  return arrays ? { operator, form: 'array', values: [values] } : longList(place, operator, values)
}

/** A statement takes so many values and no more: a long list travels as one, or its numbers stand in the text. */
const LONG = 1_000
const VERY_LONG = 10_000

function longList(place: Place, operator: 'in' | 'not in', values: readonly unknown[]): Comparison {
  const { keyLists } = place.table.dialect.capabilities
  const areNumbers = values.length > LONG && values.every((value) => Number.isSafeInteger(value))
  const areTexts = values.length > LONG && values.every((value) => typeof value === 'string')
  if (keyLists === 'json' && (areNumbers || areTexts))
    return { operator, form: 'json', values: [JSON.stringify(values)] }
  if (values.length > VERY_LONG && areNumbers) return { operator, form: 'literals', values }
  return { operator, form: 'list', values }
}

function encodeItem(place: Place, operator: 'in' | 'not in', item: unknown): unknown {
  if (item !== null) return encodeOperand(place, operator, item)
  if (operator === 'in') return null
  throw wrongValue(place, operator, null, 'a null in the list would let no row through; use `is not null` for it')
}

/**
 * A value for a comparison with a column, as the driver takes it.
 *
 * @throws ArgumentError for null and for a value that the column cannot hold
 */
export function encodeOperand(place: Place, operator: string, value: unknown): unknown {
  if (value === null || value === undefined) throw wrongValue(place, operator, value, 'no row would ever match')
  const problem = problemOf(place.column, value)
  if (problem !== undefined) throw wrongValue(place, operator, value, problem)
  return place.column.encode(value)
}

/** A text may be compared with a column that is too short for it: it is of the right kind, and equal to no row. */
function problemOf({ model: { type } }: BoundColumn, value: unknown): string | undefined {
  const problem = type.problem(value)
  if (problem === undefined || type.convert !== undefined || type.kind !== 'varchar') return problem
  return typeof value === 'string' && (value as string & { isWellFormed(): boolean }).isWellFormed()
    ? undefined
    : problem
}

function wrongValue({ call, table, column }: Place, operator: string, value: unknown, problem: string): ArgumentError {
  const property = `${nameOf(table.model)}.${column.model.property}`
  return new ArgumentError(`${call}: ${property} ${operator} ${describeValue(value)}: ${problem}`)
}

/** The condition in the query's tree. */
export function comparisonNode(left: OperationNode, { operator, form, values }: Comparison): BinaryOperationNode {
  if (form === 'never' || form === 'always') {
    return BinaryOperationNode.create(
      ValueNode.createImmediate(1),
      OperatorNode.create('='),
      ValueNode.createImmediate(form === 'always' ? 1 : 0),
    )
  }
  if (form === 'array') return anyOf(left, operator, values[0])
  if (form === 'json') {
    const listed = RawNode.create(['(select value from json_each(', '))'], [ValueNode.create(values[0])])
    return BinaryOperationNode.create(left, OperatorNode.create(operator), listed)
  }
  if (form === 'literals') {
    const listed = ValueListNode.create(values.map((value) => ValueNode.createImmediate(value)))
    return BinaryOperationNode.create(left, OperatorNode.create(operator), listed)
  }
  const right =
    form === 'list'
      ? PrimitiveValueListNode.create(values)
      : form === 'literal'
        ? ValueNode.createImmediate(values[0])
        : ValueNode.create(values[0])
  return BinaryOperationNode.create(left, OperatorNode.create(operator), right)
}

/** One parameter for any number of values: the text stays the same. */
function anyOf(left: OperationNode, operator: Operator, values: unknown): BinaryOperationNode {
  const [sign, quantifier] = operator === 'in' ? (['=', 'any('] as const) : (['!=', 'all('] as const)
  const right = RawNode.create([quantifier, ')'], [ValueNode.create(values)])
  return BinaryOperationNode.create(left, OperatorNode.create(sign), right)
}
