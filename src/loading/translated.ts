import type { OperationNode } from 'kysely'

/**
 * Nodes that already speak the database's language. A query is translated piece by piece, as it is built, and `modify()`
 * hands the pieces out again: what is in here is never translated twice.
 */
const translated = new WeakSet<OperationNode>()

/** Marks a node that speaks the database's language, with everything below it. */
export function asTranslated<T extends OperationNode>(node: T): T {
  translated.add(node)
  return node
}

/** Whether a node is marked. */
export function isTranslated(node: OperationNode): boolean {
  return translated.has(node)
}
