/**
 * Groups nodes that depend on each other in a circle, and orders the groups so that what a node depends on comes first. A node that is
 * in no circle is a group alone. Stable: without dependencies the given order stays. (Tarjan's algorithm.)
 */
export function componentsInOrder<Node>(
  nodes: readonly Node[],
  dependenciesOf: (node: Node) => Iterable<Node>,
): Node[][] {
  const search = new ComponentSearch(new Set(nodes), dependenciesOf)
  for (const node of nodes) search.visit(node)
  const place = new Map(nodes.map((node, index) => [node, index]))
  return search.components.map((group) => group.toSorted((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0)))
}

class ComponentSearch<Node> {
  readonly components: Node[][] = []
  readonly #nodes: ReadonlySet<Node>
  readonly #dependenciesOf: (node: Node) => Iterable<Node>
  readonly #found = new Map<Node, { readonly order: number; lowest: number; open: boolean }>()
  readonly #stack: Node[] = []

  constructor(nodes: ReadonlySet<Node>, dependenciesOf: (node: Node) => Iterable<Node>) {
    this.#nodes = nodes
    this.#dependenciesOf = dependenciesOf
  }

  /** As deep as there are tables in one chain of references. */
  visit(node: Node): number {
    const known = this.#found.get(node)
    if (known !== undefined) return known.open ? known.order : Number.POSITIVE_INFINITY
    const mark = { order: this.#found.size, lowest: this.#found.size, open: true }
    this.#found.set(node, mark)
    this.#stack.push(node)
    for (const next of this.#dependenciesOf(node)) {
      if (this.#nodes.has(next)) mark.lowest = Math.min(mark.lowest, this.visit(next))
    }
    if (mark.lowest === mark.order) this.#closeComponent(node)
    return mark.lowest
  }

  #closeComponent(first: Node): void {
    const members = this.#stack.splice(this.#stack.indexOf(first))
    for (const member of members) {
      const mark = this.#found.get(member)
      if (mark !== undefined) mark.open = false
    }
    this.components.push(members)
  }
}

/** Rows in rounds, and what had to be left out of them for the circles among them to end. */
export interface Levels<Row> {
  readonly levels: readonly (readonly Row[])[]
  /** Rows, in circles, that were taken although they depend on rows of a later round. */
  readonly broken: ReadonlySet<Row>
}

/** What rows wait for. */
export interface RowOrder<Row> {
  dependenciesOf(row: Row): readonly Row[]
  /** Whether a row can be taken before another one that it depends on. */
  canPrecede(row: Row, other: Row): boolean
  /** Told of a circle in which no row can precede the next; what it gives is taken first all the same. */
  onClosedCircle(circle: readonly Row[]): Row
}

/**
 * Rows in rounds: each row in the round after all rows it depends on, in time proportional to rows and dependencies. In a circle, a row
 * that can precede everything it still waits for is taken without waiting.
 */
export function rowLevels<Row>(rows: readonly Row[], order: RowOrder<Row>): Levels<Row> {
  const dependencies = new Map<Row, readonly Row[]>()
  const waitsFor = new Map<Row, number>()
  const dependents = new Map<Row, Row[]>()
  for (const row of rows) {
    const others = order.dependenciesOf(row).filter((other) => other !== row)
    dependencies.set(row, others)
    waitsFor.set(row, others.length)
    for (const other of others) addTo(dependents, other, row)
  }
  const levels: Row[][] = []
  const broken = new Set<Row>()
  let level = rows.filter((row) => waitsFor.get(row) === 0)
  const left = new Set(rows)
  while (left.size > 0) {
    if (level.length === 0) {
      const row = chooseBroken(left, dependencies, order)
      broken.add(row)
      level = [row]
    }
    levels.push(level)
    for (const row of level) left.delete(row)
    level = level.flatMap((row) => freed(dependents.get(row) ?? [], waitsFor, left))
  }
  return { levels, broken }
}

/** Follows what cannot be preceded: the row where that ends can be taken, and where it comes back to itself none can. */
function chooseBroken<Row>(
  left: ReadonlySet<Row>,
  dependencies: ReadonlyMap<Row, readonly Row[]>,
  order: RowOrder<Row>,
): Row {
  const visited = new Set<Row>()
  let [row] = left as Iterable<Row> as [Row]
  while (!visited.has(row)) {
    visited.add(row)
    const next = dependencies.get(row)?.find((other) => left.has(other) && !order.canPrecede(row, other))
    if (next === undefined) return row
    row = next
  }
  const path = [...visited]
  return order.onClosedCircle(path.slice(path.indexOf(row)))
}

/** The rows that now wait for nothing any more. */
function freed<Row>(rows: readonly Row[], waitsFor: Map<Row, number>, left: ReadonlySet<Row>): Row[] {
  return rows.filter((row) => {
    const count = (waitsFor.get(row) ?? 1) - 1
    waitsFor.set(row, count)
    return count === 0 && left.has(row)
  })
}

function addTo<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
