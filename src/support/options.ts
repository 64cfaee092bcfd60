import { ArgumentError } from '../errors.ts'
import { nearest } from './did-you-mean.ts'

/** What one option accepts. */
export interface Rule {
  /** Completes 'must be …': 'a boolean', 'an integer of at least 0'. */
  readonly expected: string
  accepts(value: unknown): boolean
}

/** Makes a {@link Rule}. */
export function rule(expected: string, accepts: (value: unknown) => boolean): Rule {
  return { expected, accepts }
}

export const aBoolean = rule('a boolean', (value) => typeof value === 'boolean')
export const aString = rule('a string', (value) => typeof value === 'string')
export const aFunction = rule('a function', (value) => typeof value === 'function')
export const anObject = rule('an object', (value) => typeof value === 'object' && value !== null)
/** Accepts everything: for options that another layer checks. */
export const anything = rule('anything', () => true)
/** A duration in milliseconds; `Infinity` is one. */
export const milliseconds = rule(
  'a number of milliseconds, 0 or more',
  (value) => typeof value === 'number' && value >= 0,
)
export const anAbortSignal = rule('an AbortSignal', (value) => value instanceof AbortSignal)

/** A whole number of at least `min`, to `max` where there is one. */
export function anInteger(min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): Rule {
  const above = min === Number.MIN_SAFE_INTEGER ? '' : ` of at least ${min}`
  const below = max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${max}`
  const accepts = (value: unknown) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
  return rule(`an integer${above}${below}`, accepts)
}

/** One of the given values. */
export function oneOf(...values: readonly unknown[]): Rule {
  return rule(`one of ${values.map(describeValue).join(', ')}`, (value) => values.includes(value))
}

/** What any of the rules accepts. */
export function either(...rules: readonly Rule[]): Rule {
  const expected = rules.map((one) => one.expected).join(' or ')
  return rule(expected, (value) => rules.some((one) => one.accepts(value)))
}

/** A rule for every option of `T`. */
export type RulesOf<T> = { readonly [Name in keyof T]-?: Rule }

/**
 * Checks options that a user gave and completes them with defaults. An option whose value is `undefined` counts as not given.
 *
 * @param owner what takes the options, as it stands in the message: `createEngine() pool`
 * @throws ArgumentError for an unknown option or a value of the wrong kind; names the option, what was given and what is known
 * @example
 * const options = readOptions('sleeper()', given, { delay: milliseconds, deep: aBoolean }, { delay: 10, deep: false })
 */
export function readOptions<T extends object, D extends Partial<T>>(
  owner: string,
  given: unknown,
  rules: RulesOf<T>,
  defaults: D,
): T & D {
  checkOptions(owner, given, rules)
  const options: Record<string, unknown> = { ...defaults }
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value !== undefined) options[name] = value
  }
  return options as T & D
}

/** Like {@link readOptions}, without making anything: refuses unknown options and wrong values. */
export function checkOptions(owner: string, given: unknown, rules: Readonly<Record<string, Rule>>): void {
  if (given === undefined) return
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new ArgumentError(`${owner}: options must be an object, not ${describeValue(given)}`)
  }
  for (const [name, value] of Object.entries(given)) {
    const known = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (known === undefined) throw unknownOption(owner, name, Object.keys(rules))
    if (value === undefined || known.accepts(value)) continue
    throw new ArgumentError(`${owner}: option '${name}' must be ${known.expected}, not ${describeValue(value)}`)
  }
}

function unknownOption(owner: string, name: string, known: readonly string[]): ArgumentError {
  const guess = nearest(name, known)
  const hint = guess === undefined ? '' : `Did you mean '${guess}'? `
  return new ArgumentError(`${owner}: unknown option '${name}'. ${hint}Known options: ${[...known].sort().join(', ')}`)
}

/** A value as it is told in a message: short, and never the inside of an object. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 57)}...` : value}'`
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object' || value === null) return String(value)
  const maker: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
  return typeof maker === 'string' && maker !== 'Object' && maker !== '' ? `an instance of ${maker}` : 'an object'
}
