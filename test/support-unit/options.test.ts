import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../src/errors.ts'
import {
  aBoolean,
  anInteger,
  aString,
  checkOptions,
  describeValue,
  either,
  milliseconds,
  nearest,
  oneOf,
  readOptions,
} from '../../src/support/index.ts'

interface Options {
  readonly size?: number
  readonly maxOverflow?: number
  readonly timeout?: number
  readonly mode?: 'fast' | null
  readonly label?: string | boolean
}

const rules = {
  size: anInteger(0),
  maxOverflow: anInteger(-1),
  timeout: milliseconds,
  mode: oneOf('fast', null),
  label: either(aString, aBoolean),
}
const read = (given: unknown) => readOptions<Options, { size: number }>('maker()', given, rules, { size: 5 })

describe('options', () => {
  it('are completed with defaults; undefined counts as not given', () => {
    expect(read(undefined)).toEqual({ size: 5 })
    expect(read({ timeout: 1, size: undefined })).toEqual({ size: 5, timeout: 1 })
    expect(read({ size: 0, mode: null, label: true })).toEqual({ size: 0, mode: null, label: true })
  })

  it('that are unknown are refused with the option, a guess, and the known names', () => {
    const wrong = () => read({ maxOverlow: 3 })
    expect(wrong).toThrow(ArgumentError)
    expect(wrong).toThrow(
      "maker(): unknown option 'maxOverlow'. Did you mean 'maxOverflow'? Known options: label, maxOverflow, mode, size, timeout",
    )
    expect(() => read({ zebra: 1 })).toThrow("unknown option 'zebra'. Known options")
    expect(() => read({ constructor: 1 })).toThrow("unknown option 'constructor'")
  })

  it.each([
    [{ size: 1.5 }, "option 'size' must be an integer of at least 0, not 1.5"],
    [{ size: '5' }, "option 'size' must be an integer of at least 0, not '5'"],
    [{ size: -1 }, 'not -1'],
    [{ timeout: Number.NaN }, "option 'timeout' must be a number of milliseconds, 0 or more, not NaN"],
    [{ mode: 'slow' }, "option 'mode' must be one of 'fast', null, not 'slow'"],
    [{ label: 3 }, "option 'label' must be a string or a boolean, not 3"],
    [[], 'options must be an object, not an array of 0'],
    ['x', "options must be an object, not 'x'"],
    [null, 'options must be an object, not null'],
  ])('of the wrong kind are refused: %j', (given, message) => {
    expect(() => read(given)).toThrow(ArgumentError)
    expect(() => checkOptions('maker()', given, rules)).toThrow(message)
  })

  it('are told shortly, without the inside of objects', () => {
    expect(describeValue({ password: 'secret' })).toBe('an object')
    expect(describeValue(new Map())).toBe('an instance of Map')
    expect(describeValue('x'.repeat(100))).toHaveLength(62)
    expect(describeValue(read)).toBe('the function read')
    expect(describeValue(() => 1)).toMatch(/^a function$/)
    expect(describeValue(10n)).toBe('10n')
    expect(describeValue(undefined)).toBe('undefined')
    expect(describeValue(Object.create(null))).toBe('an object')
    expect(anInteger(1, 9).expected).toBe('an integer of at least 1 and at most 9')
  })

  it('guesses only what is near', () => {
    expect(nearest('adress', ['address', 'user'])).toBe('address')
    expect(nearest('SIZE', ['size'])).toBe('size')
    expect(nearest('nmae', ['user', 'name'])).toBe('name')
    expect(nearest('zz', ['id'])).toBeUndefined()
    expect(nearest('completely', ['different'])).toBeUndefined()
  })
})
