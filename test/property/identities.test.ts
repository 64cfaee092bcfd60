import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Identities } from '../../src/state/identities.ts'
import type { IdentityKey } from '../../src/state/identity.ts'
import type { InstanceState } from '../../src/state/instance-state.ts'

const identity: fc.Arbitrary<IdentityKey> = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -3, max: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom('', '1', 1n, 1.5, -0, Number.NaN, Number.MAX_SAFE_INTEGER, 2 ** 60, true) },
)
const ascending = fc
  .uniqueArray(fc.integer({ min: -20, max: 60 }))
  .map((numbers) => numbers.toSorted((a, b) => a - b).map((number): Step => ['set', number]))

type Step = ['set' | 'delete' | 'get', IdentityKey]
const anyStep: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom('set' as const, 'delete' as const, 'get' as const),
  identity,
)

it('identities are kept as a Map keeps them, in whatever order they come and leave', () => {
  fc.assert(
    fc.property(ascending, fc.array(anyStep), (first, then) => {
      const identities = new Identities()
      const map = new Map<IdentityKey, InstanceState>()
      for (const [what, key] of [...first, ...then]) {
        if (what === 'set') {
          const state = {} as InstanceState
          identities.set(key, state)
          map.set(key, state)
        } else if (what === 'delete') {
          identities.delete(key)
          map.delete(key)
        }
        expect(identities.get(key)).toBe(map.get(key))
        expect(identities.size).toBe(map.size)
      }
      for (const [key, state] of map) expect(identities.get(key)).toBe(state)
      for (let key = -25; key < 65; key++) expect(identities.get(key)).toBe(map.get(key))
      expect([...identities.values()]).toEqual([...map.values()])
      expect([...identities.taken()]).toEqual([...map.values()])
    }),
  )
})

it('those that leave while they are gone through are not given', () => {
  const states = Array.from({ length: 5 }, () => ({}) as InstanceState)
  const identities = new Identities()
  for (const [place, state] of states.entries()) identities.set(place, state)
  const seen: InstanceState[] = []
  for (const state of identities.values()) {
    seen.push(state)
    if (state === states[1]) {
      identities.delete(0)
      identities.delete(3)
    }
  }
  expect(seen).toEqual([states[0], states[1], states[2], states[4]])
})
