import {
  type OperationNode,
  OperationNodeTransformer,
  type PrimitiveValueListNode,
  ValueListNode,
  ValueNode,
} from 'kysely'
import { ArgumentError } from '../errors.ts'
import type { Dialect } from './dialect.ts'
import { writeTimestamp } from './timestamps.ts'

/** Writes the values of a tree into its text: DDL takes no parameters. */
export function withImmediateValues<T extends OperationNode>(dialect: Dialect, node: T): T {
  return new ImmediateValues(dialect).transformNode(node)
}

class ImmediateValues extends OperationNodeTransformer {
  readonly #dialect: Dialect

  constructor(dialect: Dialect) {
    super()
    this.#dialect = dialect
  }

  protected override transformValue(node: ValueNode): ValueNode {
    return ValueNode.createImmediate(this.#literal(node.value))
  }

  protected override transformPrimitiveValueList(node: PrimitiveValueListNode): PrimitiveValueListNode {
    const values = node.values.map((value) => ValueNode.createImmediate(this.#literal(value)))
    return ValueListNode.create(values) as unknown as PrimitiveValueListNode
  }

  #literal(value: unknown): string | number | bigint | boolean | null {
    if (value instanceof Date) return this.#dialect.name === 'postgres' ? value.toISOString() : writeTimestamp(value)
    if (value === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof value)) {
      return value as string | number | bigint | boolean | null
    }
    throw new ArgumentError(
      `A check or a default of a table holds a ${typeof value}, which cannot be written into a schema: ` +
        'use text, numbers, booleans or dates',
    )
  }
}
