import { ArgumentError, DataError } from '../errors.ts'
import { startOfDay } from '../support/index.ts'

const ZERO = 48
const WIDE_TIMESTAMP =
  /^(\d{4,6})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?( BC)?$/

/**
 * Reads a timestamp as the databases write it: `YYYY-MM-DD HH:MM:SS` with or without a fraction of any length and an
 * offset; without an offset it is UTC. The engine's own parser is three times slower and reads such text as local time.
 *
 * @throws DataError when the text is of another form
 */
export function readTimestamp(text: string): Date {
  return new Date(epochOf(text))
}

/** The same in milliseconds since 1970. */
export function epochOf(text: string): number {
  const time = text.length === 23 || text.length === 19 ? plainTime(text) : Number.NaN
  return Number.isNaN(time) ? epochOfAny(text) : time
}

/** The time of a text of the plain form, in milliseconds; NaN for one of another form. */
function plainTime(text: string): number {
  if (!hasPlainSeparators(text)) return Number.NaN
  const year = two(text, 0) * 100 + two(text, 2)
  const month = two(text, 5)
  const day = two(text, 8)
  const hour = two(text, 11)
  const minute = two(text, 14)
  const second = two(text, 17)
  const milliseconds = text.length === 19 ? 0 : millisecondsAt(text)
  // The sign of one of them is the sign of all of them together.
  if (year < 1000 || month < 1 || month > 12 || (day | hour | minute | second | milliseconds) < 0) return Number.NaN
  return startOfDay(year, month, day) + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds
}

function hasPlainSeparators(text: string): boolean {
  const separator = text.charCodeAt(10)
  return (
    text.charCodeAt(4) === 45 &&
    text.charCodeAt(7) === 45 &&
    (separator === 32 || separator === 84) &&
    text.charCodeAt(13) === 58 &&
    text.charCodeAt(16) === 58 &&
    (text.length === 19 || text.charCodeAt(19) === 46)
  )
}

/** So far below zero that no digits beside it make up for it. */
const NO_DIGIT = -100_000

/** The number of two digits. A character below or above the digits makes one of four differences negative. */
function two(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO
  const ones = text.charCodeAt(at + 1) - ZERO
  return (tens | ones | (9 - tens) | (9 - ones)) < 0 ? NO_DIGIT : tens * 10 + ones
}

function millisecondsAt(text: string): number {
  const hundreds = text.charCodeAt(20) - ZERO
  return hundreds > 9 ? NO_DIGIT : hundreds * 100 + two(text, 21)
}

/** The rare forms: offsets, microseconds, years before 1000 or beyond 9999. */
function epochOfAny(text: string): number {
  const parts = WIDE_TIMESTAMP.exec(text)
  if (parts === null) {
    throw new DataError(
      'A stored timestamp cannot be read: it is not of the form YYYY-MM-DD HH:MM:SS with an optional fraction and offset',
    )
  }
  const [, year, month, day, hour, minute, second, fraction = '', offset, era] = parts
  const date = new Date(0)
  date.setUTCFullYear(era === undefined ? Number(year) : 1 - Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(second), Number(fraction.slice(0, 3).padEnd(3, '0')))
  return date.getTime() - offsetOf(offset)
}

function offsetOf(offset: string | undefined): number {
  if (offset === undefined || offset === 'Z') return 0
  const digits = offset.slice(1).replaceAll(':', '').padEnd(6, '0')
  const size = (two(digits, 0) * 3600 + two(digits, 2) * 60 + two(digits, 4)) * 1000
  return offset.startsWith('-') ? -size : size
}

/**
 * A date as `YYYY-MM-DD HH:MM:SS.SSS` in UTC, the form in which text compares as time does.
 *
 * @throws ArgumentError for an invalid date, and for years outside 0000 to 9999, which that form cannot hold
 */
export function writeTimestamp(value: Date): string {
  const iso = isoOf(value)
  if (iso.length !== 24) {
    throw new ArgumentError('A timestamp on this database must lie in the years 0000 to 9999: store another date')
  }
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}`
}

function isoOf(value: Date): string {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) {
    throw new ArgumentError('A timestamp must be a valid Date: this value holds no point in time')
  }
  return value.toISOString()
}
