import fc from 'fast-check'
import { expect, it } from 'vitest'
import { placesIn } from '../../src/loading/places.ts'

type Identity = string | number | bigint | boolean | undefined

const close = fc.option(fc.integer({ min: -20, max: 20 }), { nil: undefined })
const far = fc.option(fc.maxSafeInteger(), { nil: undefined })
const mixed = fc.oneof(close, far, fc.constantFrom('', '1', 1n, 2 ** 60, 1.5, true, -0))
const lists: fc.Arbitrary<Identity[]> = fc.oneof(fc.array(close), fc.array(far), fc.array(mixed))

it('the place of an identity is the first that has it, whatever identities are', () => {
  fc.assert(
    fc.property(lists, fc.array(mixed), (identities, others) => {
      const placeOf = placesIn(identities)
      for (const identity of [...identities, ...others]) {
        const expected = identity === undefined ? -1 : identities.indexOf(identity)
        expect(placeOf(identity)).toBe(expected)
      }
    }),
  )
})
