import { ArgumentError, InvalidRequestError } from '../errors.ts'

/** Says that the first comes before the second. */
export type Edge<T> = readonly [before: T, after: T]

/** An order, or the edges of a cycle that forbids every order; each edge ends where the next begins. */
export type SortOutcome<T> =
  | { readonly order: readonly T[]; readonly cycle?: undefined }
  | { readonly order?: undefined; readonly cycle: readonly Edge<T>[] }

/**
 * Orders the nodes so that every edge points forward. Stable: nodes that are already in a legal order keep it, others move no
 * further than the edges need. Takes time in proportion to nodes and edges.
 *
 * @throws ArgumentError when an edge names something that is not among the nodes
 */
export function sortOrCycle<T>(nodes: Iterable<T>, edges: Iterable<Edge<T>>): SortOutcome<T> {
  const predecessors = predecessorsOf(nodes, edges)
  const finished = new Set<T>()
  const open = new Set<T>()
  for (const root of predecessors.keys()) {
    const cycle = placeWithPredecessors(root, predecessors, open, finished)
    if (cycle !== undefined) return { cycle }
  }
  return { order: [...finished] }
}

/**
 * {@link sortOrCycle} for whoever cannot go on with a cycle.
 *
 * @param nameOf how a node is told in the error
 * @throws InvalidRequestError naming the nodes of the cycle in order
 * @example
 * toposort(['b', 'a'], [['a', 'b']]) // ['a', 'b']
 */
export function toposort<T>(nodes: Iterable<T>, edges: Iterable<Edge<T>>, nameOf: (node: T) => string = String): T[] {
  const outcome = sortOrCycle(nodes, edges)
  if (outcome.order !== undefined) return [...outcome.order]
  throw new InvalidRequestError(`No order is possible: ${describeCycle(outcome.cycle, nameOf)} is a cycle`)
}

/**
 * The nodes in levels: all that a node needs lies in levels before its own, and nodes of one level are free of each other. Within a
 * level they keep the order in which they were given.
 *
 * @throws InvalidRequestError naming the cycle, ArgumentError as {@link sortOrCycle}
 */
export function toposortLevels<T>(
  nodes: Iterable<T>,
  edges: Iterable<Edge<T>>,
  nameOf: (node: T) => string = String,
): T[][] {
  const given = [...new Set(nodes)]
  const allEdges = [...edges]
  const predecessors = predecessorsOf(given, allEdges)
  const levelOf = new Map<T, number>()
  for (const node of toposort(given, allEdges, nameOf)) {
    let level = 0
    for (const before of predecessors.get(node) ?? []) level = Math.max(level, (levelOf.get(before) ?? 0) + 1)
    levelOf.set(node, level)
  }
  const levels: T[][] = []
  for (const node of given) {
    const level = levelOf.get(node) ?? 0
    while (levels.length <= level) levels.push([])
    levels[level]?.push(node)
  }
  return levels
}

/** A cycle as text: `a → b → a`. */
export function describeCycle<T>(cycle: readonly Edge<T>[], nameOf: (node: T) => string = String): string {
  const [first] = cycle
  if (first === undefined) return 'no cycle'
  return [nameOf(first[0]), ...cycle.map(([, after]) => nameOf(after))].join(' → ')
}

function predecessorsOf<T>(nodes: Iterable<T>, edges: Iterable<Edge<T>>): Map<T, Set<T>> {
  const predecessors = new Map<T, Set<T>>()
  for (const node of nodes) predecessors.set(node, new Set())
  for (const [before, after] of edges) {
    const set = predecessors.get(after)
    if (set === undefined || !predecessors.has(before)) {
      throw new ArgumentError(`The edge ${String(before)} → ${String(after)} names a node that is not to be sorted`)
    }
    set.add(before)
  }
  return predecessors
}

/**
 * Places a node behind everything that must come before it, depth first, with a stack of its own instead of recursion: chains may be
 * long. `open` holds the path from the root in order, so meeting a member of it again is a cycle.
 */
function placeWithPredecessors<T>(
  root: T,
  predecessors: ReadonlyMap<T, ReadonlySet<T>>,
  open: Set<T>,
  finished: Set<T>,
): readonly Edge<T>[] | undefined {
  if (finished.has(root)) return undefined
  const path: { readonly node: T; readonly rest: Iterator<T> }[] = []
  const enter = (node: T) => {
    open.add(node)
    path.push({ node, rest: (predecessors.get(node) ?? new Set<T>()).values() })
  }
  enter(root)
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const next = top.rest.next()
    if (next.done === true) {
      finished.add(top.node)
      open.delete(top.node)
      path.pop()
    } else if (open.has(next.value)) {
      return cycleFrom(next.value, [...open])
    } else if (!finished.has(next.value)) {
      enter(next.value)
    }
  }
  return undefined
}

/** The path runs from a node to what must come before it, so the edges of the cycle are its steps reversed. */
function cycleFrom<T>(start: T, path: readonly T[]): readonly Edge<T>[] {
  const members = path.slice(path.indexOf(start)).reverse()
  return members.map((node, index) => [node, members[(index + 1) % members.length] as T] as const)
}
