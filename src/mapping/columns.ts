import { Column, type ColumnFlag } from './column.ts'
import { customType, storageType } from './custom-type.ts'
import { BIGINT, decimalType, INTEGER, REAL } from './number-types.ts'
import { enumerationType, TEXT, UUID, varcharType } from './text-types.ts'
import { BOOLEAN, BYTES, DATE, JSON_VALUE, TIMESTAMP } from './value-types.ts'

/**
 * Whole numbers, as `number`. heddle takes every safe integer (±(2^53 − 1)); a table that heddle creates stores 32 bits on
 * databases whose INTEGER has 32, and one that already exists may be wider.
 */
export function integer(): Column<number, 'numbered'> {
  return new Column(INTEGER)
}

/** Whole numbers of 64 bits, as `bigint`. Numbers are refused: write `5n`. */
export function bigint(): Column<bigint, 'numbered'> {
  return new Column(BIGINT)
}

/** Floating point numbers of double precision, as `number`. NaN and the infinities are refused: not every database has them. */
export function real(): Column<number> {
  return new Column(REAL)
}

/**
 * Exact decimal numbers, as strings such as `'12.50'`; numbers are refused, because they are not exact. `'1.5'` and
 * `'1.50'` are equal.
 *
 * @param precision digits in all, default 15
 * @param scale digits after the point, default 2
 * @throws MappingError when they are no integers, or the scale is larger than the precision
 */
export function decimal(precision = 15, scale = 2): Column<string> {
  return new Column(decimalType(precision, scale))
}

/** Text of any length. */
export function text(): Column<string> {
  return new Column(TEXT)
}

/**
 * Text of at most `length` characters. Longer text is refused by heddle, on databases too that would not.
 *
 * @throws MappingError when the length is no integer of at least 1
 */
export function varchar(length: number): Column<string> {
  return new Column(varcharType(length))
}

/** `true` or `false`. */
export function boolean(): Column<boolean> {
  return new Column(BOOLEAN)
}

/** A point in time, as `Date`: milliseconds, stored in UTC. */
export function timestamp(): Column<Date> {
  return new Column(TIMESTAMP)
}

/** A day of the calendar, as a `'YYYY-MM-DD'` string: a `Date` would be a point in time and depend on a time zone. */
export function date(): Column<string> {
  return new Column(DATE)
}

/**
 * JSON documents. `null` is the database's NULL; JSON's own null can stand inside a document only. Objects that JSON would
 * change (Date, Map, instances of classes) are refused, with their place.
 *
 * @example
 * settings: json<{ theme: 'dark' | 'light' }>().default({ theme: 'light' })
 */
export function json<Document = unknown>(): Column<Document> {
  return new Column(JSON_VALUE)
}

/** A UUID, as a string; upper and lower case are equal, lower case is the stored form. */
export function uuid(): Column<string> {
  return new Column(UUID)
}

/** Binary data, as `Uint8Array` (Node's `Buffer` is one). */
export function bytes(): Column<Uint8Array> {
  return new Column(BYTES)
}

/**
 * One of a fixed set of texts, typed as their union.
 *
 * @throws MappingError when there is no value, or one is empty or given twice
 * @example
 * status: enumeration('open', 'closed').default('open')
 */
export function enumeration<const Value extends string>(values: readonly Value[]): Column<Value>
export function enumeration<const Value extends string>(...values: readonly Value[]): Column<Value>
export function enumeration(...given: readonly (string | readonly string[])[]): Column<string> {
  const [first] = given
  const values = given.length === 1 && Array.isArray(first) ? first : given
  return new Column(enumerationType(values as readonly string[]))
}

/** What `custom` takes. */
export interface CustomOptions<Value, Stored> {
  /** How the value is stored: a column without anything chained to it, such as `text()`. */
  readonly storage: Column<Stored, ColumnFlag>
  /** Makes the stored value. Never called with null. */
  readonly toDatabase: (value: Value) => Stored
  /** Makes the program's value again. Never called with null. */
  readonly fromDatabase: (stored: Stored) => Value
  /** Whether two values are the same. Default: whether their stored values are. */
  readonly equals?: (a: Value, b: Value) => boolean
}

/**
 * Values of the program's own type, stored as another column's. Treat them as immutable: a change inside one is not seen.
 *
 * @throws MappingError when an option is missing, unknown or of the wrong kind
 * @example
 * const point = () => custom({
 *   storage: text(),
 *   toDatabase: (p: Point) => `${p.x},${p.y}`,
 *   fromDatabase: (s) => Point.parse(s),
 * })
 */
export function custom<Value, Stored>(options: CustomOptions<Value, Stored>): Column<Value> {
  return new Column(customType(storageType(options), options as CustomOptions<unknown, unknown>))
}
