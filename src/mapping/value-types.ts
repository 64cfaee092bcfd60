import { columnType } from './column-type.ts'
import { found, isDate } from './found.ts'
import { jsonProblem, sameJson } from './json-value.ts'
import type { ColumnType } from './model.ts'

/** True and false. */
export const BOOLEAN: ColumnType = columnType('boolean', {
  problem: (value) => (typeof value === 'boolean' ? undefined : `expected true or false, got ${found(value)}`),
})

/** Points in time. */
export const TIMESTAMP: ColumnType = columnType('timestamp', {
  problem: (value) => {
    if (isDate(value) && !Number.isNaN(value.getTime())) return undefined
    const hint = typeof value === 'string' || typeof value === 'number' ? '; write new Date(…)' : ''
    return `expected a valid Date, got ${found(value)}${hint}`
  },
  same: (a, b) => isDate(a) && isDate(b) && a.getTime() === b.getTime(),
  keyOf: (value) => (value as Date).getTime(),
})

/** Days of the calendar, as text. */
export const DATE: ColumnType = columnType('date', {
  problem: (value) => {
    if (typeof value === 'string' && isCalendarDay(value)) return undefined
    return `expected a day as 'YYYY-MM-DD', got ${found(value)}`
  },
})

function isCalendarDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || text.startsWith('0000')) return false
  const time = Date.parse(`${text}T00:00:00Z`)
  // Some engines roll the 30th of February over into March instead of refusing it.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

/** Binary data. */
export const BYTES: ColumnType = columnType('bytes', {
  problem: (value) => (value instanceof Uint8Array ? undefined : `expected a Uint8Array, got ${found(value)}`),
  same: (a, b) => a instanceof Uint8Array && b instanceof Uint8Array && sameBytes(a, b),
  keyOf: (value) => Array.from(value as Uint8Array, (byte) => byte.toString(16).padStart(2, '0')).join(''),
})

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** JSON documents. */
export const JSON_VALUE: ColumnType = columnType('json', { problem: jsonProblem, same: sameJson })
