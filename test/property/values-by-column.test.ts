import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ValuesByColumn } from '../../src/state/values-by-column.ts'

const step = fc.tuple(fc.constantFrom('set', 'delete', 'get'), fc.integer({ min: 0, max: 5 }), fc.anything())
const byIndex = (entries: Iterable<readonly [number, unknown]>) => [...entries].toSorted(([a], [b]) => a - b)

it('values by column are kept as a Map keeps them, but for the order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const values = new ValuesByColumn()
      const map = new Map<number, unknown>()
      for (const [what, index, value] of steps) {
        if (what === 'set') expect(values.set(index, value)).toBe(values)
        if (what === 'set') map.set(index, value)
        if (what === 'delete') expect(values.delete(index)).toBe(map.delete(index))
        for (let at = 0; at < 6; at++) {
          expect(values.has(at)).toBe(map.has(at))
          expect(values.get(at)).toBe(map.get(at))
        }
        expect(values.size).toBe(map.size)
        expect(byIndex(values)).toEqual(byIndex(map))
        expect(byIndex(new ValuesByColumn(values))).toEqual(byIndex(map))
      }
    }),
  )
})

it('each is called for every value, also where one of them is replaced or taken away meanwhile', () => {
  const values = new ValuesByColumn([
    [3, 'a'],
    [1, 'b'],
    [2, 'c'],
  ])
  const seen: number[] = []
  values.each((index) => {
    seen.push(index)
    if (index === 3) values.delete(3)
    if (index === 1) values.set(1, 'other')
  })
  expect(seen).toEqual([3, 1, 2])
  expect(byIndex(values)).toEqual([
    [1, 'other'],
    [2, 'c'],
  ])
})
