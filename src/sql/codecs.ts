import { DataError } from '../errors.ts'
import type { ColumnKind, ColumnType } from '../mapping/index.ts'
import type { Codec } from './dialect.ts'
import { epochOf, readTimestamp } from './timestamps.ts'

/** A conversion between the program's values of one kind and the driver's. */
export type KindCodec = Codec

/** What a dialect must say for each kind; a function where the column's length, precision or scale matters. */
export type CodecTable = Readonly<Record<ColumnKind, KindCodec | ((type: ColumnType) => KindCodec)>>

/** Nothing to convert: the driver takes and gives the program's values. */
export const asIs: KindCodec = Object.freeze({})

/**
 * The codec of a column type from a dialect's table, with the type's own conversion around it; kept for as long as the
 * type lives.
 */
export function codecsFrom(table: CodecTable): (type: ColumnType) => Codec {
  const known = new WeakMap<ColumnType, Codec>()
  return (type) => {
    const found = known.get(type)
    if (found !== undefined) return found
    const entry = table[type.kind]
    const codec = Object.freeze(withConversion(type, typeof entry === 'function' ? entry(type) : entry))
    known.set(type, codec)
    return codec
  }
}

type Convert = (value: unknown) => unknown

function withConversion(type: ColumnType, stored: KindCodec): Codec {
  const { convert } = type
  if (convert === undefined) return stored
  return { encode: chain(convert.toStored, stored.encode), decode: chain(stored.decode, convert.fromStored) }
}

/** First one, then the other; a conversion to null stays null. */
function chain(first: KindCodec['encode'], second: KindCodec['encode']): (value: never) => unknown {
  const begin = (first ?? ((value: unknown) => value)) as Convert
  const end = (second ?? ((value: unknown) => value)) as Convert
  return (value) => {
    const between = begin(value)
    return between === null || between === undefined ? null : end(between)
  }
}

/** True for 1, 1n, true, '1' and a set bit; false for the rest. */
export function readBoolean(value: unknown): boolean {
  if (value === 1 || value === true) return true
  if (value instanceof Uint8Array) return value.some((byte) => byte !== 0)
  return typeof value === 'bigint' || typeof value === 'string' ? Number(value) === 1 : value !== 0 && value !== false
}

/** A 64-bit integer as bigint, whichever way the driver gave it. */
export function readBigint(value: bigint | number | string): bigint {
  return typeof value === 'bigint' ? value : BigInt(value)
}

/** An integer as number where the column may turn out to be a 64-bit one, which drivers give as text or bigint. */
export function readInteger(value: number | bigint | string): number {
  if (typeof value === 'number') return value
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new DataError('A stored integer is beyond what a number holds exactly: declare its column with bigint()')
}

/** A floating-point number, from the text that some drivers give. */
export function readReal(value: number | bigint | string): number {
  return typeof value === 'number' ? value : Number(value)
}

/** A date and time, from what the driver gave: a Date, or text that is UTC unless it says otherwise. */
export function readMoment(value: Date | string): Date {
  if (typeof value === 'string') return readTimestamp(value)
  if (value instanceof Date) return value
  throw unreadable(value)
}

/** The same in milliseconds, for those that are read later. */
export function readEpoch(value: Date | string): number {
  if (typeof value === 'string') return epochOf(value)
  if (value instanceof Date) return value.getTime()
  throw unreadable(value)
}

function unreadable(value: never): DataError {
  return new DataError(`A stored timestamp cannot be read: found a ${typeof value} where text is expected`)
}

/** A calendar date as `YYYY-MM-DD`; a Date is taken at its UTC day, a text is cut after the day. */
export function readDate(value: string | Date): string {
  const text = typeof value === 'string' ? value : value.toISOString()
  return text.length === 10 ? text : text.slice(0, text.startsWith('+') || text.startsWith('-') ? 13 : 10)
}

/** Bytes as a plain Uint8Array of its own memory, never a Buffer and never a view of the driver's receive buffer. */
export function readBytes(value: Uint8Array | ArrayBuffer): Uint8Array {
  return value instanceof Uint8Array && value.constructor === Uint8Array ? value : new Uint8Array(value)
}

/** JSON, from text or from a number that the column's affinity made of it. */
export function readJson(value: unknown): unknown {
  if (typeof value === 'string') return JSON.parse(value)
  return typeof value === 'bigint' ? Number(value) : value
}

/** JSON as text. */
export function writeJson(value: unknown): string {
  return JSON.stringify(value)
}

/** Decimals as text with as many fraction digits as the column has. */
export function scaledDecimal(type: ColumnType): KindCodec {
  const scale = scaleOf(type)
  if (scale === undefined) return { decode: (value: unknown) => String(value) }
  return { decode: (value: number | bigint | string) => fixed(value, scale) }
}

/** Digits after the point; none where only a precision is given; undefined where the column keeps what it is given. */
export function scaleOf(type: ColumnType): number | undefined {
  return type.scale ?? (type.precision === undefined ? undefined : 0)
}

/**
 * Decimals where they are kept as text: without leading zeros and with all fraction digits, so that equal amounts are
 * equal text.
 */
export function decimalText(type: ColumnType): KindCodec {
  const scale = scaleOf(type) ?? 0
  return {
    encode: (value: string) => fixed(value.replace(/^(-?)0+(?=\d)/, '$1'), scale).replace(/^-(?=[0.]+$)/, ''),
    decode: (value: number | bigint | string) => fixed(value, scale),
  }
}

/** UUIDs where they are kept as text: in lower case, so that equal ones are equal text. */
export const uuidText: KindCodec = { encode: (value: string) => value.toLowerCase() }

/** A decimal with exactly `scale` fraction digits; text is only padded, so nothing is ever rounded here. */
export function fixed(value: number | bigint | string, scale: number): string {
  if (typeof value === 'number') return value.toFixed(scale)
  const text = String(value)
  const point = text.indexOf('.')
  if (point < 0) return scale === 0 ? text : `${text}.${'0'.repeat(scale)}`
  return text.padEnd(point + 1 + scale, '0')
}
