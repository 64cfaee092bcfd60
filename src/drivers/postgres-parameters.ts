import { isDate } from 'node:util/types'
import { ArgumentError } from '../errors.ts'
import { keepingLast } from './last-date.ts'
import { bufferOf, checkDate, isBytes, jsonText, refuseType } from './server-parameters.ts'

/** A value as it travels: text, bytes, or NULL. */
export type WireValue = string | Buffer | null

/** The protocol counts the values of a statement in two bytes. */
const maxParameters = 65_535

/**
 * Values into what travels to PostgreSQL. A Date is its UTC time (and thereby right for timestamptz, for timestamp, and
 * for date); bytes are bytes; an array is an array of PostgreSQL (write JSON arrays as JSON text); a plain object, or one
 * with `toJSON`, is JSON text.
 *
 * @throws ArgumentError naming the position of a value that cannot be sent
 */
export function encodeParameters(values: readonly unknown[]): WireValue[] {
  if (values.length > maxParameters) {
    throw new ArgumentError(
      `The statement has ${values.length} parameters; PostgreSQL takes ${maxParameters} at most. ` +
        'Split it, or send the values as one array parameter a column.',
    )
  }
  const encoded = new Array<WireValue>(values.length)
  for (let at = 0; at < values.length; at++) encoded[at] = encode(values[at], at + 1)
  return encoded
}

function encode(value: unknown, position: number): WireValue {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'object':
      if (value === null) return null
      return isBytes(value) ? bufferOf(value) : encodeObject(value, position)
    default:
      return refuseType(value, position)
  }
}

function encodeObject(value: object, position: number): string {
  if (Array.isArray(value)) return encodeArray(value, position)
  return isDate(value) ? dateText(value, position) : jsonText(value, position)
}

const dateText = keepingLast((date, position) => {
  checkDate(date, position)
  return timestampText(date)
})

/** ISO 8601 in UTC; PostgreSQL writes years before 1 as BC and those after 9999 without a sign. */
function timestampText(date: Date): string {
  const text = date.toISOString()
  const year = date.getUTCFullYear()
  if (year > 0 && year <= 9999) return text
  const rest = text.slice(text.indexOf('-', 1))
  return year > 0 ? `${year}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`
}

/** The text of an array: numbers as they are, everything else in quotes. */
function encodeArray(values: readonly unknown[], position: number): string {
  if (areAll(values, isPlain)) return `{${values.join(',')}}`
  if (areAll(values, isText) && !special.test(values.join(','))) return `{"${values.join('","')}"}`
  const texts = new Array<string>(values.length)
  for (let at = 0; at < values.length; at++) texts[at] = encodeElement(values[at], position)
  return `{${texts.join(',')}}`
}

/** Asks of holes too, unlike `every`. */
function areAll(values: readonly unknown[], is: (value: unknown) => boolean): boolean {
  for (let at = 0; at < values.length; at++) if (!is(values[at])) return false
  return true
}

function isPlain(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function encodeElement(value: unknown, position: number): string {
  if (isPlain(value)) return String(value)
  if (value === null) return 'NULL'
  if (Array.isArray(value)) return encodeArray(value, position)
  const encoded = encode(value, position)
  if (encoded === null || typeof encoded === 'string') return quote(encoded ?? '')
  return `"\\\\x${encoded.toString('hex')}"`
}

/** What stands with a backslash before it inside of quotes. */
const special = /["\\]/

function quote(text: string): string {
  return special.test(text) ? `"${text.replaceAll(/["\\]/g, '\\$&')}"` : `"${text}"`
}
