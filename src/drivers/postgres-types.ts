/**
 * Text of PostgreSQL's wire into values, for both of its drivers.
 *
 * What a value is, with and without `typed`:
 *
 * | PostgreSQL                   | raw                                | typed                             |
 * | ---------------------------- | ---------------------------------- | --------------------------------- |
 * | bool                         | boolean                            | the same                          |
 * | int2, int4, oid              | number                             | the same                          |
 * | int8                         | number where safe, else bigint     | number; with `wide` as raw        |
 * | float4, float8               | number                             | the same                          |
 * | numeric                      | string, with the scale it has      | the same                          |
 * | text, varchar, char, uuid …  | string                             | the same                          |
 * | timestamptz, timestamp       | Date; one without a zone is UTC    | the same                          |
 * | date                         | 'YYYY-MM-DD'                       | the same                          |
 * | json, jsonb                  | parsed                             | the same                          |
 * | bytea                        | Uint8Array with memory of its own  | the same                          |
 * | arrays of these              | arrays of these values             | the same, but int8 as its scalar  |
 * | anything else                | as the package gives it            | its text                          |
 *
 * A Date has milliseconds: further digits are cut off. 'infinity' and '-infinity' are the numbers Infinity and -Infinity;
 * a time that no Date can hold, and a date that is not between the years 1 and 9999, stay the server's text.
 */

import { momentOf, startOfDay } from '../support/index.ts'

/** Makes a value of a column's text; undefined stands for the text itself. */
export type Parser = ((text: string) => unknown) | undefined

/** How the values of a statement are wanted. */
export type ValueMode = 'raw' | 'typed' | 'wide' | 'typed epoch' | 'wide epoch'

/** Gives the package's own parser of a type that has none here. */
export type OtherParsers = (oid: number) => Parser

const oid = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  timestamp: 1114,
  timestamptz: 1184,
  jsonb: 3802,
} as const

const scalars: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [oid.bool, (text) => text === 't'],
  [oid.bytea, parseBytes],
  [oid.int8, parseWideInteger],
  [oid.int2, Number],
  [oid.int4, Number],
  [oid.oid, Number],
  [oid.float4, Number],
  [oid.float8, Number],
  [oid.json, JSON.parse],
  [oid.jsonb, JSON.parse],
  [oid.timestamp, parseTimestamp],
  [oid.timestamptz, parseTimestamp],
])

/** Types whose text is their value: char, name, text, bpchar, varchar, date, time, timetz, numeric, uuid, xml … */
const texts = new Set([18, 19, 25, 142, 705, 1042, 1043, 1082, 1083, 1266, 1700, 2950])

/** The types of arrays, and of what is in them. */
const arrays: ReadonlyMap<number, number> = new Map([
  [199, oid.json],
  [1000, oid.bool],
  [1001, oid.bytea],
  [1002, 18],
  [1003, 19],
  [1005, oid.int2],
  [1007, oid.int4],
  [1009, 25],
  [1014, 1042],
  [1015, 1043],
  [1016, oid.int8],
  [1021, oid.float4],
  [1022, oid.float8],
  [1028, oid.oid],
  [1115, oid.timestamp],
  [1182, 1082],
  [1183, 1083],
  [1185, oid.timestamptz],
  [1231, 1700],
  [1270, 1266],
  [2951, 2950],
  [3807, oid.jsonb],
])

/** The parser of a type's values. */
export function parserOf(type: number, mode: ValueMode, other: OtherParsers | undefined): Parser {
  if (type === oid.int8 && (mode === 'typed' || mode === 'typed epoch')) return Number
  if ((type === oid.timestamp || type === oid.timestamptz) && mode.endsWith('epoch')) return parseEpoch
  const scalar = scalars.get(type)
  if (scalar !== undefined || texts.has(type)) return scalar
  const element = arrays.get(type)
  if (element === undefined) return mode === 'raw' ? other?.(type) : undefined
  const parse = parserOf(element, mode, other)
  return (text) => parseArray(text, parse)
}

/** An integer of eight bytes: a number where that is exact, else a bigint. */
export function parseWideInteger(text: string): number | bigint {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}

/** Two digits at a place of a text. */
function two(text: string, at: number): number {
  return text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 528
}

/** A time as a Date; an infinite one as that number, and one that no Date can hold as its text. */
export function parseTimestamp(text: string): unknown {
  return momentOf(parseEpoch(text))
}

/** `2024-01-02 03:04:05[.123456][+00]`, the form of nearly every time, in milliseconds and without a regular expression. */
export function parseEpoch(text: string): number | string {
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(10) !== 32) return parseOddTimestamp(text)
  const year = two(text, 0) * 100 + two(text, 2)
  let end = 19
  let milliseconds = 0
  if (text.charCodeAt(19) === 46) {
    let weight = 100
    for (end = 20; end < text.length; end++) {
      const digit = text.charCodeAt(end) - 48
      if (digit < 0 || digit > 9) break
      if (weight >= 1) milliseconds += digit * weight
      weight /= 10
    }
  }
  if (year < 100 || (end !== text.length && !(text.length === end + 3 && text.endsWith('+00')))) {
    return parseOddTimestamp(text)
  }
  const seconds = (two(text, 11) * 60 + two(text, 14)) * 60 + two(text, 17)
  return startOfDay(year, two(text, 5), two(text, 8)) + seconds * 1000 + milliseconds
}

const oddTimestamp =
  /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?( BC)?$/

/** A time of another zone, before the year 100 or after 9999, and the infinite ones. */
function parseOddTimestamp(text: string): number | string {
  if (text === 'infinity') return Number.POSITIVE_INFINITY
  if (text === '-infinity') return Number.NEGATIVE_INFINITY
  const found = oddTimestamp.exec(text)
  if (!found) return text
  const part = (at: number) => Number(found[at] ?? 0)
  const date = new Date(0)
  date.setUTCFullYear(found[12] === undefined ? part(1) : 1 - part(1), part(2) - 1, part(3))
  date.setUTCHours(part(4), part(5), part(6), Number((found[7] ?? '').padEnd(3, '0').slice(0, 3)))
  const offset = (part(9) * 3600 + part(10) * 60 + part(11)) * (found[8] === '-' ? -1000 : 1000)
  const time = date.setTime(date.getTime() - offset)
  return Number.isNaN(time) ? text : time
}

/** `\x6869`, or the older form with octal escapes where the server was told to send that. */
export function parseBytes(text: string): Uint8Array {
  if (text.startsWith('\\x')) {
    const bytes = new Uint8Array((text.length - 2) / 2)
    Buffer.from(bytes.buffer).write(text.slice(2), 'hex')
    return bytes
  }
  const bytes: number[] = []
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '\\') bytes.push(text.charCodeAt(at))
    else if (text[at + 1] === '\\') bytes.push(text.charCodeAt(++at))
    else {
      bytes.push(Number.parseInt(text.slice(at + 1, at + 4), 8))
      at += 3
    }
  }
  return Uint8Array.from(bytes)
}

/** `{1,2,NULL,"a b"}`, nested as deep as it is, also with the bounds that an array not beginning at 1 has. */
export function parseArray(text: string, parse: Parser): unknown[] {
  const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  const cursor = { text, at: start + 1 }
  return parseElements(cursor, parse)
}

interface Cursor {
  readonly text: string
  at: number
}

/** Reads from behind an opening brace to behind its closing one. */
function parseElements(cursor: Cursor, parse: Parser): unknown[] {
  const { text } = cursor
  const values: unknown[] = []
  while (cursor.at < text.length) {
    const character = text[cursor.at]
    if (character === '}' || character === ',') {
      cursor.at++
      if (character === '}') return values
    } else if (character === '{') {
      cursor.at++
      values.push(parseElements(cursor, parse))
    } else values.push(parseElement(cursor, parse))
  }
  throw new SyntaxError(`An array of PostgreSQL ends before its last brace: ${text.slice(0, 40)}`)
}

function parseElement(cursor: Cursor, parse: Parser): unknown {
  const quoted = cursor.text[cursor.at] === '"'
  const value = quoted ? quotedElement(cursor) : bareElement(cursor)
  if (!quoted && value === 'NULL') return null
  return parse === undefined ? value : parse(value)
}

function bareElement(cursor: Cursor): string {
  const start = cursor.at
  while (cursor.at < cursor.text.length && !',}'.includes(cursor.text[cursor.at] ?? '')) cursor.at++
  return cursor.text.slice(start, cursor.at)
}

function quotedElement(cursor: Cursor): string {
  const start = cursor.at + 1
  let end = start
  while (end < cursor.text.length && cursor.text[end] !== '"') end += cursor.text[end] === '\\' ? 2 : 1
  cursor.at = end + 1
  return cursor.text.slice(start, end).replaceAll(/\\(.)/gs, '$1')
}
