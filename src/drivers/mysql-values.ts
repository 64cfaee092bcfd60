/**
 * Values as mysql2 gives them into values that are alike on every database.
 *
 * What a value is, with and without `typed`, by the prepared and by the text protocol alike:
 *
 * | MySQL, MariaDB               | raw                                | typed                                     |
 * | ---------------------------- | ---------------------------------- | ----------------------------------------- |
 * | TINYINT(1), BOOLEAN          | boolean                            | number, 0 or 1                            |
 * | other integers up to INT     | number                             | the same                                  |
 * | BIGINT                       | number where safe, else bigint     | with `wide` as raw; without, number where |
 * |                              |                                    | safe, else its text                       |
 * | FLOAT, DOUBLE                | number                             | the same                                  |
 * | DECIMAL, and SUM of integers | string, with the scale it has      | the same                                  |
 * | CHAR, VARCHAR, TEXT, ENUM,   | string                             | the same                                  |
 * | SET, TIME, MariaDB's UUID    |                                    |                                           |
 * | DATETIME, TIMESTAMP          | Date, in UTC                       | the same                                  |
 * | DATE                         | 'YYYY-MM-DD'                       | the same                                  |
 * | JSON                         | parsed (on MariaDB from 10.5, where| text                                      |
 * |                              | the column itself is selected)     |                                           |
 * | BLOB, BINARY, VARBINARY, BIT | Uint8Array with memory of its own  | the same                                  |
 * | anything else                | as mysql2 gives it                 | the same                                  |
 *
 * A Date has milliseconds: further digits are cut off.
 */
import { momentOf, startOfDay } from '../support/index.ts'
import type { Statement } from './driver.ts'
import type { MysqlField } from './mysql-client.ts'
import { parseEpoch } from './postgres-types.ts'

type Decode = ((value: unknown) => unknown) | undefined

const type = { tiny: 1, float: 4, timestamp: 7, longlong: 8, datetime: 12, bit: 16, json: 245, varString: 253 } as const
/** The character set of bytes. */
const binary = 63
/** The character set in which each byte is one character. */
const latin1 = 8
/** VARCHAR, BIT, TINYBLOB to BLOB, VARBINARY, BINARY: bytes where the character set is binary. */
const byteTypes = new Set([15, 16, 249, 250, 251, 252, 253, 254])

/** Turns the rows of a statement, arrays as mysql2 gives them, into what the statement asked for. In place for arrays. */
export function decodeRows(
  rows: readonly unknown[][],
  fields: readonly MysqlField[],
  statement: Statement,
): readonly unknown[] {
  const decoders = fields.map((field) => decoderOf(field, statement))
  const steps = decoders.flatMap((decode, at) => (decode === undefined ? [] : [{ decode, at }]))
  for (const { decode, at } of steps) {
    for (const row of rows) {
      const value = row[at]
      if (value !== null) row[at] = decode(value)
    }
  }
  return statement.rows === 'array' ? rows : toObjects(rows, fields)
}

/**
 * Lets mysql2 read the times of a prepared statement's rows as texts of the bytes in which they are sent. It would else write each of
 * them out as a text for people, which takes longer than reading the whole row. For the event `fields`, which comes before the rows.
 */
export function askForPackedTimes(fields: readonly MysqlField[] | undefined): void {
  for (const field of fields ?? []) {
    if (field.columnType !== type.datetime && field.columnType !== type.timestamp) continue
    field.hasPackedTimes = true
    field.columnType = type.varString
    field.characterSet = latin1
    field.encoding = 'latin1'
  }
}

function decoderOf(field: MysqlField, statement: Statement): Decode {
  const { columnType } = field
  if (field.hasPackedTimes === true) return statement.epochTimes ? unpackTime : unpackDate
  if (columnType === type.float) return shortest
  if (columnType === type.datetime || columnType === type.timestamp) return statement.epochTimes ? epochOf : dateOf
  if (columnType === type.longlong) return statement.typed && !statement.wide ? undefined : toBigint
  if (byteTypes.has(columnType) && field.characterSet === binary) return toBytes
  if (statement.typed) return undefined
  if (columnType === type.tiny && field.columnLength === 1) return (value) => value !== 0
  if (columnType === type.json || field.extendedFormat === 'json') return (value) => JSON.parse(value as string)
  return undefined
}

/** mysql2 gives an integer that no number holds as text. */
function toBigint(value: unknown): unknown {
  return typeof value === 'string' ? BigInt(value) : value
}

function dateOf(value: unknown): unknown {
  return momentOf(epochOf(value))
}

/** From its text, in milliseconds: mysql2's own Dates of the years 0 to 99 lie in the years 1900 to 1999. */
function epochOf(value: unknown): unknown {
  const text = value as string
  return text.startsWith('00-', 5) || text.startsWith('00 ', 8) ? Number.NaN : parseEpoch(text)
}

/** In milliseconds. Year, month and day; hour, minute and second where they are not zero; microseconds likewise: four, seven or eleven bytes. */
function unpackTime(value: unknown): unknown {
  const bytes = value as string
  const { length } = bytes
  if (length > 11) return epochOf(value)
  const month = bytes.charCodeAt(2)
  const day = bytes.charCodeAt(3)
  if (length === 0 || month === 0 || day === 0) return Number.NaN
  const year = bytes.charCodeAt(0) + bytes.charCodeAt(1) * 256
  const seconds = length < 7 ? 0 : (bytes.charCodeAt(4) * 60 + bytes.charCodeAt(5)) * 60 + bytes.charCodeAt(6)
  const milliseconds = length < 11 ? 0 : Math.trunc(microseconds(bytes) / 1000)
  return startOfDay(year, month, day) + seconds * 1000 + milliseconds
}

function unpackDate(value: unknown): unknown {
  return momentOf(unpackTime(value))
}

function microseconds(bytes: string): number {
  return bytes.charCodeAt(7) + bytes.charCodeAt(8) * 256 + bytes.charCodeAt(9) * 65_536
}

/** mysql2's Buffer is a window on the packet that it came with. */
function toBytes(value: unknown): unknown {
  return Buffer.isBuffer(value) ? new Uint8Array(value) : value
}

/** A float of four bytes as the shortest decimal that stands for it: 0.1, not 0.10000000149011612. */
function shortest(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isInteger(value)) return value
  for (let digits = 6; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits))
    if (Math.fround(rounded) === Math.fround(value)) return rounded
  }
  return value
}

function toObjects(rows: readonly unknown[][], fields: readonly MysqlField[]): readonly unknown[] {
  const names = fields.map((field) => field.name)
  if (names.includes('__proto__')) {
    return rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at]])))
  }
  const template: Record<string, unknown> = Object.fromEntries(names.map((name) => [name, null]))
  return rows.map((row) => {
    const object = { ...template }
    for (let at = 0; at < names.length; at++) object[names[at] as string] = row[at]
    return object
  })
}
