import process from 'node:process'
import { expect, it } from 'vitest'

/**
 * The promises of collections again, with classes that were made where code generation is forbidden. One database is enough: what
 * differs is in memory alone.
 */
const RealFunction = globalThis.Function
let refusals = 0
const forbidden = new Proxy(RealFunction, {
  construct() {
    refusals++
    throw new EvalError('Code generation from strings disallowed for this context')
  },
})

const asked = process.env['HEDDLE_TEST_ON']
process.env['HEDDLE_TEST_ON'] = 'sqlite'
globalThis.Function = forbidden
try {
  await import('./both-sides.test.ts')
  await import('./collections.test.ts')
} finally {
  globalThis.Function = RealFunction
  if (asked === undefined) delete process.env['HEDDLE_TEST_ON']
  else process.env['HEDDLE_TEST_ON'] = asked
}
const { User } = await import('./related-entities.ts')

it('the classes of these tests were made without generated code', () => {
  expect(refusals).toBeGreaterThan(10)
  expect(Object.getPrototypeOf(User).name).toBe('Generated')
})
