import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppendSet } from '../../src/support/index.ts'

describe('a set to which values are appended', () => {
  it('holds what a Set of the same values holds, in its order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(20)), fc.array(fc.nat(20)), (added, removed) => {
        const [appended, set] = [new AppendSet<number>(), new Set<number>()]
        for (const value of added) for (const place of [appended, set]) place.add(value)
        expect([...appended]).toEqual([...set])
        expect(appended.size).toBe(set.size)
        for (const value of removed) expect(appended.delete(value)).toBe(set.delete(value))
        for (let value = 0; value < 21; value++) expect(appended.has(value)).toBe(set.has(value))
        appended.add(21)
        expect([...appended]).toEqual([...set, 21])
        appended.clear()
        expect([appended.size, [...appended], appended.has(21), appended.delete(21)]).toEqual([0, [], false, false])
      }),
    )
  })
})
