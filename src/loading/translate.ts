import {
  AliasNode,
  AndNode,
  BinaryOperationNode,
  ColumnNode,
  IdentifierNode,
  type OperationNode,
  OperationNodeTransformer,
  OperatorNode,
  PrimitiveValueListNode,
  ReferenceNode,
  SelectionNode,
  type SelectQueryNode,
  type TableNode,
  TupleNode,
  ValueListNode,
  ValueNode,
} from 'kysely'
import { compare, comparisonNode, encodeOperand, type Place } from './comparison.ts'
import type { EntityTable } from './entity-table.ts'
import type { Scope } from './scope.ts'
import {
  findSource,
  type Level,
  levelOf,
  ownLevel,
  propertyOf,
  type Resolved,
  resolveUnqualified,
  tableSource,
} from './sources.ts'
import { asTranslated, isTranslated } from './translated.ts'

/**
 * Turns a tree that Kysely parsed from the program's words into the database's: names of properties and tables become
 * names of columns and tables, values next to a column are checked and encoded by it.
 *
 * @param call what the user called, for messages
 * @throws ArgumentError for a property that the entity does not have and for a value that its column cannot hold
 */
export function translate<T extends OperationNode>(scope: Scope, call: string, node: T): T {
  return new Translator(scope, call).transformNode(node)
}

class Translator extends OperationNodeTransformer {
  readonly #table: EntityTable
  readonly #call: string
  /** One for each select around the node that is visited, the innermost last. */
  readonly #levels: Level[]

  constructor(scope: Scope, call: string) {
    super()
    this.#table = scope.own
    this.#call = call
    this.#levels = [ownLevel(scope)]
  }

  protected override transformNodeImpl<T extends OperationNode>(node: T): T {
    return isTranslated(node) ? node : asTranslated(super.transformNodeImpl(node))
  }

  protected override transformSelectQuery(node: SelectQueryNode): SelectQueryNode {
    this.#levels.push(levelOf(node, this.#table))
    const select = super.transformSelectQuery(node)
    this.#levels.pop()
    return select
  }

  /** A column of a nested select keeps the name under which the select around it knows it. */
  protected override transformSelection(node: SelectionNode): SelectionNode {
    const { selection } = super.transformSelection(node)
    const name = columnNameOf(node.selection)
    if (name === undefined || name === columnNameOf(selection)) return { ...node, selection }
    return SelectionNode.create(AliasNode.create(selection as ReferenceNode, IdentifierNode.create(name)))
  }

  protected override transformTable(node: TableNode): TableNode {
    return tableSource(node, this.#table).node
  }

  protected override transformReference(node: ReferenceNode): ReferenceNode {
    return this.#resolve(node).reference
  }

  protected override transformBinaryOperation(node: BinaryOperationNode): BinaryOperationNode {
    return this.#typed(node) ?? super.transformBinaryOperation(node)
  }

  /** The comparison of known columns with values; undefined for every other operation. */
  #typed(node: BinaryOperationNode): BinaryOperationNode | undefined {
    if (!OperatorNode.is(node.operator)) return undefined
    const { operator } = node.operator
    const place = this.#placeOf(node.leftOperand)
    if (place !== undefined) return this.#compared(place, operator, node)
    if (TupleNode.is(node.leftOperand)) return this.#tuples(node.leftOperand, operator, node)
    const mirrored = this.#placeOf(node.rightOperand)
    if (mirrored === undefined || !isParameter(node.leftOperand)) return undefined
    return BinaryOperationNode.create(
      this.#operand(mirrored, operator, node.leftOperand),
      node.operator,
      this.transformNode(node.rightOperand),
    )
  }

  #compared(place: Place, operator: string, node: BinaryOperationNode): BinaryOperationNode | undefined {
    const left = this.transformNode(node.leftOperand)
    const right = node.rightOperand
    if (isParameter(right) || PrimitiveValueListNode.is(right)) {
      const comparison = compare(place, operator, isParameter(right) ? right.value : right.values)
      return comparison && comparisonNode(left, comparison)
    }
    const operands = this.#operands(place, operator, right)
    return operands && BinaryOperationNode.create(left, node.operator, operands)
  }

  /** The right side where values and expressions may mix: `between`, and lists. */
  #operands(place: Place, operator: string, right: OperationNode): OperationNode | undefined {
    if (AndNode.is(right)) {
      return AndNode.create(this.#operand(place, operator, right.left), this.#operand(place, operator, right.right))
    }
    if (ValueListNode.is(right))
      return ValueListNode.create(right.values.map((item) => this.#operand(place, operator, item)))
    return undefined
  }

  #operand(place: Place, operator: string, node: OperationNode): OperationNode {
    return isParameter(node) ? ValueNode.create(encodeOperand(place, operator, node.value)) : this.transformNode(node)
  }

  /** `(a, b) = (1, 2)` and `(a, b) in ((1, 2), (3, 4))`. */
  #tuples(left: TupleNode, operator: string, node: BinaryOperationNode): BinaryOperationNode | undefined {
    const right = node.rightOperand
    if (!TupleNode.is(right) && !ValueListNode.is(right)) return undefined
    const places = left.values.map((value) => this.#placeOf(value))
    const encoded = TupleNode.is(right)
      ? this.#tuple(places, operator, right)
      : ValueListNode.create(right.values.map((item) => this.#tuple(places, operator, item)))
    return BinaryOperationNode.create(this.transformNode(left), node.operator, encoded)
  }

  #tuple(places: readonly (Place | undefined)[], operator: string, tuple: OperationNode): OperationNode {
    if (!TupleNode.is(tuple)) return this.transformNode(tuple)
    const values = tuple.values.map((value, index) => {
      const place = places[index]
      return place === undefined ? this.transformNode(value) : this.#operand(place, operator, value)
    })
    return TupleNode.create(values)
  }

  /** Where the values beside a node stand, when it is a column that is known. */
  #placeOf(node: OperationNode): Place | undefined {
    if (!ReferenceNode.is(node) || isTranslated(node)) return undefined
    const { column, entity } = this.#resolve(node)
    return column && { call: this.#call, table: entity ?? this.#table, column }
  }

  #resolve(node: ReferenceNode): Resolved {
    const property = columnNameOf(node)
    const source = node.table === undefined ? undefined : findSource(this.#levels, node.table, this.#table)
    if (property === undefined) return { reference: source?.node ? ReferenceNode.createSelectAll(source.node) : node }
    const own = this.#table
    const found =
      source === undefined ? resolveUnqualified(this.#levels, property, own) : propertyOf(source, property, own)
    if (found !== undefined) return found
    throw (source?.entity ?? own).unknownProperty(this.#call, property)
  }
}

/** A value that is to become a parameter; literals that are part of the text are left alone. */
function isParameter(node: OperationNode): node is ValueNode {
  return ValueNode.is(node) && node.immediate !== true
}

function columnNameOf(node: OperationNode): string | undefined {
  return ReferenceNode.is(node) && ColumnNode.is(node.column) ? node.column.column.name : undefined
}
