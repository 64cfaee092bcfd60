const LONGEST = 60

/**
 * A wrong value as messages tell it, with its type: `'5' (string)`, `NaN (number)`, `Date 2020-01-01T00:00:00.000Z`. Objects
 * are told by the name of their class alone.
 */
export function found(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'string') return `${quoted(value)} (string)`
  if (typeof value === 'bigint') return `${value}n (bigint)`
  if (typeof value === 'function') return value.name === '' ? 'a function' : `${value.name} (function)`
  if (typeof value !== 'object') return `${String(value)} (${typeof value})`
  return foundObject(value)
}

/** A text in quotes, cut where it is long. */
export function quoted(text: string): string {
  return `'${text.length > LONGEST ? `${text.slice(0, LONGEST - 3)}...` : text}'`
}

/** Several names for a message: `'a', 'b'`. */
export function listed(names: Iterable<string>): string {
  return [...names].map(quoted).join(', ')
}

/** Whether a value is a Date, from whatever realm it comes. */
export function isDate(value: unknown): value is Date {
  return value instanceof Date || Object.prototype.toString.call(value) === '[object Date]'
}

function foundObject(value: object): string {
  if (isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid Date' : `Date ${value.toISOString()}`
  if (Array.isArray(value)) return `an array of ${value.length}`
  const maker: unknown = Object.getPrototypeOf(value)?.constructor
  const name = typeof maker === 'function' ? maker.name : ''
  return name === '' || name === 'Object' ? 'an object' : `an instance of ${name}`
}
