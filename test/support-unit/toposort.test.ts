import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError, InvalidRequestError } from '../../src/errors.ts'
import { type Edge, sortOrCycle, toposort, toposortLevels } from '../../src/support/index.ts'

/** Any graph over 0 … n-1. */
const graphs = fc.integer({ min: 1, max: 12 }).chain((count) => {
  const node = fc.integer({ min: 0, max: count - 1 })
  return fc.record({ count: fc.constant(count), edges: fc.array(fc.tuple(node, node), { maxLength: 20 }) })
})
const range = (count: number) => Array.from({ length: count }, (_, index) => index)

describe('a topological order', () => {
  it('keeps an order that is legal already, and moves others no further than needed', () => {
    expect(toposort(['c', 'a', 'b'], [['c', 'b']])).toEqual(['c', 'a', 'b'])
    expect(toposort(['c', 'a', 'b'], [['b', 'c']])).toEqual(['b', 'c', 'a'])
    expect(toposort([], [])).toEqual([])
    expect(toposort(['a', 'a', 'b'], [])).toEqual(['a', 'b'])
  })

  it('comes in levels whose members are free of each other', () => {
    const edges: Edge<string>[] = [
      ['a', 'c'],
      ['b', 'c'],
      ['c', 'd'],
      ['a', 'd'],
    ]
    expect(toposortLevels(['d', 'c', 'b', 'e', 'a'], edges)).toEqual([['b', 'e', 'a'], ['c'], ['d']])
  })

  it('names the cycle that forbids every order', () => {
    const edges: Edge<string>[] = [
      ['x', 'a'],
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
    ]
    const nodes = ['x', 'a', 'b', 'c']
    expect(() => toposort(nodes, edges, (node) => `<${node}>`)).toThrow(InvalidRequestError)
    expect(() => toposort(nodes, edges, (node) => `<${node}>`)).toThrow(/<b> → <c> → <a> → <b>|<a> → <b> → <c> → <a>/)
    expect(() => toposortLevels(nodes, edges)).toThrow(InvalidRequestError)
    expect(sortOrCycle(['a'], [['a', 'a']])).toEqual({ cycle: [['a', 'a']] })
  })

  it('refuses an edge to something that is not to be sorted', () => {
    expect(() => toposort(['a'], [['a', 'b']])).toThrow(ArgumentError)
    expect(() => toposort(['a'], [['b', 'a']])).toThrow('b → a')
  })

  it('orders a chain of 100,000 without running out of stack', () => {
    const nodes = range(100_000)
    const edges = nodes.slice(1).map((node) => [node, node - 1] as const)
    expect(toposort(nodes, edges)).toEqual([...nodes].reverse())
  })

  it('obeys every edge, or proves a cycle, for any graph', () => {
    fc.assert(
      fc.property(graphs, ({ count, edges }) => {
        const outcome = sortOrCycle(range(count), edges)
        if (outcome.order !== undefined) {
          const place = new Map(outcome.order.map((node, index) => [node, index]))
          expect([...outcome.order].sort((a, b) => a - b)).toEqual(range(count))
          for (const [before, after] of edges) expect(place.get(before)).toBeLessThan(place.get(after) as number)
        } else {
          expect(outcome.cycle.length).toBeGreaterThan(0)
          outcome.cycle.forEach((edge, index) => {
            expect(edges).toContainEqual([...edge])
            expect(edge[1]).toBe(outcome.cycle[(index + 1) % outcome.cycle.length]?.[0])
          })
        }
      }),
    )
  })

  it('gives levels that obey every edge, for any graph without a cycle', () => {
    fc.assert(
      fc.property(graphs, ({ count, edges }) => {
        const forward = edges.filter(([before, after]) => before < after)
        const levels = toposortLevels(range(count), forward)
        const levelOf = new Map(levels.flatMap((level, index) => level.map((node) => [node, index] as const)))
        expect(levelOf.size).toBe(count)
        for (const [before, after] of forward) expect(levelOf.get(before)).toBeLessThan(levelOf.get(after) as number)
      }),
    )
  })
})
