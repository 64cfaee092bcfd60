import {
  AggregateFunctionNode,
  AliasNode,
  type Expression,
  type ExpressionBuilder,
  expressionBuilder,
  IdentifierNode,
  isOperationNodeSource,
  type OperationNode,
  RawNode,
  ReferenceNode,
  SelectionNode,
} from 'kysely'
import { ArgumentError } from '../errors.ts'
import type { Dialect } from '../sql/index.ts'
import { describeValue } from '../support/index.ts'
import type { BoundColumn, EntityTable } from './entity-table.ts'
import type { PropertyAt, PropertyReference, TableNames, Tables } from './query-types.ts'
import { locate, type Scope } from './scope.ts'
import { translate } from './translate.ts'
import { asTranslated } from './translated.ts'

/** Turns what the driver gives for a column into the program's value. Never called with null. */
type Decode = (value: unknown) => unknown

/** One property of a row: a value, or an instance. */
export interface SelectedPart {
  readonly name: string
  readonly nodes: readonly SelectionNode[]
  /** Tells its text from every other; undefined where that is not known beforehand. */
  readonly shape: string | undefined
  readonly decode: Decode | undefined
  /** The entity whose columns the nodes are; undefined for a value. */
  readonly entity: EntityTable | undefined
}

/** What rows hold instead of instances. */
export interface Selection {
  readonly parts: readonly SelectedPart[]
  readonly names: ReadonlySet<string>
}

declare const VALUE: unique symbol

/** Something that is selected, with the type that it has in the rows. */
export interface Selected<Value> {
  readonly [VALUE]?: Value
  /** @internal */
  part(name: string): SelectedPart
}

type SumOf<Value> = Value extends bigint ? bigint : Value extends string ? string : number

/** What a selection is made with: aggregates, whole instances, and Kysely's expressions. */
export interface SelectTools<Entity, Table extends string, Joined> {
  /** How many rows; how many where the property is not null. */
  count(property?: PropertyReference<Entity, Table, Joined>): Selected<number>
  /** How many different values, null not among them. */
  countDistinct(property: PropertyReference<Entity, Table, Joined>): Selected<number>
  /** The sum of the values that are not null; null where there is none. Decimals stay text. SQLite adds them as floating-point numbers. */
  sum<Reference extends PropertyReference<Entity, Table, Joined>>(
    property: Reference,
  ): Selected<SumOf<NonNullable<PropertyAt<Entity, Reference, Joined>>> | null>
  /** The mean as a floating-point number; null where there is no value. */
  avg(property: PropertyReference<Entity, Table, Joined>): Selected<number | null>
  min<Reference extends PropertyReference<Entity, Table, Joined>>(
    property: Reference,
  ): Selected<PropertyAt<Entity, Reference, Joined> | null>
  max<Reference extends PropertyReference<Entity, Table, Joined>>(
    property: Reference,
  ): Selected<PropertyAt<Entity, Reference, Joined> | null>
  /** The instance, as `all()` would give it; with a name that of a joined entity, null where an outer join found none. */
  entity(): Selected<Entity>
  entity<Name extends keyof Joined & string>(joined: Name): Selected<Joined[Name]>
  /** Kysely's own builder, for everything else: `eb.fn.coalesce('nickname', 'name')`. */
  readonly eb: ExpressionBuilder<Tables<Entity, Table, Joined>, TableNames<Table, Joined>>
}

/** What may be selected under a name. */
export type Selectable<Entity, Table extends string, Joined> =
  | PropertyReference<Entity, Table, Joined>
  | Selected<unknown>
  | Expression<unknown>

/** The rows of a selection. */
export type RowOf<Entity, Joined, Shape> = {
  -readonly [Name in keyof Shape]: Shape[Name] extends Selected<infer Value>
    ? Value
    : Shape[Name] extends Expression<infer Value>
      ? Value
      : PropertyAt<Entity, Shape[Name], Joined>
}

const call = 'select()'

/**
 * What the arguments of `select()` mean.
 *
 * @throws ArgumentError for unknown properties, for nothing at all, and for what cannot be selected
 */
export function readSelection(scope: Scope, args: readonly unknown[]): Selection {
  const [first] = args
  const given = typeof first === 'function' ? (first as (tools: unknown) => unknown)(toolsFor(scope)) : first
  const entries = typeof given === 'string' ? args.map(namedProperty) : entriesOf(given)
  if (entries.length === 0) throw new ArgumentError(`${call} needs at least one property to select.`)
  const parts = entries.map(([name, value]) => partOf(scope, name, value))
  const names = new Set(parts.map(({ name }) => name))
  if (names.size < parts.length) {
    throw new ArgumentError(
      `${call}: two properties would have one name; give them names: select({ a: 'a.name', b: 'b.name' }).`,
    )
  }
  return { parts, names }
}

/** A property stands in the rows under its own name. */
function namedProperty(reference: unknown): [string, unknown] {
  return [String(reference).slice(String(reference).lastIndexOf('.') + 1), reference]
}

function entriesOf(given: unknown): [string, unknown][] {
  const isPlain = typeof given === 'object' && given !== null && !Array.isArray(given) && !isOperationNodeSource(given)
  if (isPlain) return Object.entries(given)
  throw new ArgumentError(
    `${call} takes names of properties, or an object of what rows hold, not ${describeValue(given)}.`,
  )
}

function partOf(scope: Scope, name: string, value: unknown): SelectedPart {
  if (typeof value === 'string') return propertyPart(scope, name, value)
  if (isSelected(value)) return value.part(name)
  if (typeof value === 'object' && value !== null && isOperationNodeSource(value)) {
    return expressionPart(scope, name, value.toOperationNode())
  }
  throw new ArgumentError(`${call}: '${name}' takes a property or an expression, not ${describeValue(value)}.`)
}

function isSelected(value: unknown): value is Selected<unknown> {
  return value instanceof SelectedValue
}

class SelectedValue implements Selected<unknown> {
  readonly part: (name: string) => SelectedPart

  constructor(part: (name: string) => SelectedPart) {
    this.part = part
  }
}

function propertyPart(scope: Scope, name: string, reference: string): SelectedPart {
  const { column, key } = located(scope, reference)
  return valuePart(name, column.reference, `=${key}`, decoderOf(scope.own.dialect, column))
}

function located(scope: Scope, reference: string) {
  const found = locate(scope, call, reference)
  if (found !== undefined) return found
  if (!reference.includes('.')) throw scope.own.unknownProperty(call, reference)
  const known = [scope.own, ...scope.joined].map((table) => table.name).join(', ')
  throw new ArgumentError(`${call}: '${reference}' is behind a name that the query does not know; it knows ${known}.`)
}

/** A reference keeps the codec of its column; every other expression comes as the driver gives it. */
function expressionPart(scope: Scope, name: string, given: OperationNode): SelectedPart {
  const node = AliasNode.is(given) ? given.node : given
  const column = ReferenceNode.is(node) ? columnOf(scope, node) : undefined
  if (column !== undefined) return propertyPart(scope, name, column)
  return valuePart(name, translate(scope, call, node), undefined, safeInteger)
}

/** Some drivers give every integer of a wide statement as bigint. */
function safeInteger(value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function columnOf(scope: Scope, { table, column }: ReferenceNode): string | undefined {
  if (column.kind !== 'ColumnNode') return undefined
  const property = column.column.name
  const reference = table === undefined ? property : `${table.table.identifier.name}.${property}`
  return locate(scope, call, reference) === undefined ? undefined : reference
}

function valuePart(
  name: string,
  node: OperationNode,
  shape: string | undefined,
  decode: Decode | undefined,
): SelectedPart {
  const alias = AliasNode.create(node, IdentifierNode.create(name))
  return {
    name,
    nodes: [asTranslated(SelectionNode.create(alias))],
    shape: shape === undefined ? undefined : `${shape} ${name.length}:${name}`,
    decode,
    entity: undefined,
  }
}

function decoderOf(dialect: Dialect, column: BoundColumn): Decode | undefined {
  return dialect.codec(column.model.type).decode as Decode | undefined
}

// -------------------------------------------------------------------------------------------------- tools

function toolsFor(scope: Scope): SelectTools<unknown, string, unknown> {
  const of =
    (name: string, decode: (column: BoundColumn) => Decode | undefined, distinct = false) =>
    (reference: string) =>
      aggregate(scope, name, reference, decode, distinct)
  const { dialect } = scope.own
  return {
    count: (reference?: string) => (reference === undefined ? countAll() : of('count', () => Number)(reference)),
    countDistinct: of('count', () => Number, true),
    sum: of('sum', (column) => sumDecoder(dialect, column)),
    avg: of('avg', () => Number),
    min: of('min', (column) => decoderOf(dialect, column)),
    max: of('max', (column) => decoderOf(dialect, column)),
    entity: (name?: string) => new SelectedValue((as) => entityPart(scope, as, name)),
    eb: expressionBuilder() as never,
  } as unknown as SelectTools<unknown, string, unknown>
}

function countAll(): SelectedValue {
  return new SelectedValue((name) => valuePart(name, RawNode.createWithSql('count(*)'), 'count*', Number))
}

function aggregate(
  scope: Scope,
  name: string,
  reference: string,
  decode: (column: BoundColumn) => Decode | undefined,
  distinct: boolean,
): SelectedValue {
  const { column, key } = located(scope, reference)
  const node = AggregateFunctionNode.create(name, [column.reference])
  const counted = distinct ? AggregateFunctionNode.cloneWithDistinct(node) : node
  return new SelectedValue((as) => valuePart(as, counted, `${name}${distinct ? '!' : ''}${key}`, decode(column)))
}

/** A sum has the type of what was added, whatever the database makes of it. */
function sumDecoder(dialect: Dialect, column: BoundColumn): Decode {
  const { kind } = column.model.type
  if (kind === 'bigint') return (value) => BigInt(value as string)
  const decode = decoderOf(dialect, column)
  if (kind === 'decimal') return (value) => (decode === undefined ? String(value) : decode(value))
  return Number
}

function entityPart(scope: Scope, name: string, joined: string | undefined): SelectedPart {
  const table = joined === undefined ? scope.own : scope.joined.find((other) => other.name === joined)
  if (table === undefined) {
    const known = scope.joined.map((other) => other.name).join(', ') || 'none'
    throw new ArgumentError(`${call}: the query has joined nothing by the name '${joined}'; it has joined: ${known}.`)
  }
  const read = table.columns.filter(({ model }) => !model.deferred)
  // Each under a name of its own: a subquery around the select may not have two columns of one name.
  const nodes = read.map(({ reference, model }) =>
    asTranslated(SelectionNode.create(AliasNode.create(reference, IdentifierNode.create(`${name}.${model.property}`)))),
  )
  return { name, nodes, shape: `entity ${table.name} ${name.length}:${name}`, decode: undefined, entity: table }
}
