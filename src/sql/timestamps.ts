import { ArgumentError, DataError } from '../errors.ts'

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
  if (text.length === 23 && isPlain(text)) return new Date(plainTime(text) + millisecondsAt(text))
  if (text.length === 19 && isPlain(text)) return new Date(plainTime(text))
  return readAnyTimestamp(text)
}

function isPlain(text: string): boolean {
  const separator = text.charCodeAt(10)
  return (
    text.charCodeAt(4) === 45 &&
    text.charCodeAt(7) === 45 &&
    (separator === 32 || separator === 84) &&
    text.charCodeAt(13) === 58 &&
    text.charCodeAt(16) === 58 &&
    (text.length === 19 || text.charCodeAt(19) === 46) &&
    text.charCodeAt(0) !== ZERO &&
    areDigits(text)
  )
}

function areDigits(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (at === 4 || at === 7 || at === 10 || at === 13 || at === 16 || at === 19) continue
    const digit = text.charCodeAt(at) - ZERO
    if (digit < 0 || digit > 9) return false
  }
  return true
}

function plainTime(text: string): number {
  return Date.UTC(
    two(text, 0) * 100 + two(text, 2),
    two(text, 5) - 1,
    two(text, 8),
    two(text, 11),
    two(text, 14),
    two(text, 17),
  )
}

function two(text: string, at: number): number {
  return (text.charCodeAt(at) - ZERO) * 10 + (text.charCodeAt(at + 1) - ZERO)
}

function millisecondsAt(text: string): number {
  return (text.charCodeAt(20) - ZERO) * 100 + two(text, 21)
}

/** The rare forms: offsets, microseconds, years before 1000 or beyond 9999. */
function readAnyTimestamp(text: string): Date {
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
  return new Date(date.getTime() - offsetOf(offset))
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
