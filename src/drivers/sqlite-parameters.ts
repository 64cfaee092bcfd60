import { ArgumentError, DataError, ProgrammingError } from '../errors.ts'
import { describeValue } from '../support/index.ts'
import type { Outcome } from './driver.ts'
import { keepingLast } from './last-date.ts'
import type { SqliteValue } from './sqlite-library.ts'

/**
 * Turns the values of a statement into what SQLite stores: a Date into 'YYYY-MM-DD HH:MM:SS.SSS' (UTC), a boolean into 0 or 1, plain
 * objects and arrays into JSON text, bytes into a BLOB, whole numbers into integers. The infinities are stored as they are; -0, which SQLite cannot keep, as 0.
 *
 * @param expected how many placeholders the statement has
 * @param keepsNul whether text that holds a NUL character can be read back whole; it is refused otherwise
 * @throws ProgrammingError when the number of values differs from the number of placeholders
 * @throws ArgumentError for a value of a kind that has no form in SQLite: undefined, a function, an instance of some class
 * @throws DataError for a value that SQLite would change or lose: NaN, an invalid date, an integer beyond 64 bits, a lone surrogate
 */
export function bindParameters(
  sql: string,
  parameters: readonly unknown[],
  expected: number,
  keepsNul: boolean,
): SqliteValue[] {
  return bindInto(new Array<SqliteValue>(expected), sql, parameters, keepsNul)
}

/**
 * Runs a statement for the sets of values that have no outcome yet. They are all bound in one array: SQLite is done with it when a run
 * returns.
 */
export function runSets(
  sql: string,
  { placeholders }: { readonly placeholders: number },
  sets: readonly (readonly unknown[])[],
  outcomes: Outcome[],
  keepsNul: boolean,
  run: (values: readonly SqliteValue[]) => Outcome,
): Outcome[] {
  const values = new Array<SqliteValue>(placeholders)
  for (let at = outcomes.length; at < sets.length; at++) {
    outcomes.push(run(bindInto(values, sql, sets[at] as readonly unknown[], keepsNul)))
  }
  return outcomes
}

function bindInto(
  values: SqliteValue[],
  sql: string,
  parameters: readonly unknown[],
  keepsNul: boolean,
): SqliteValue[] {
  const count = parameters.length
  if (count !== values.length) throw wrongCount(sql, values.length, count)
  for (let index = 0; index < count; index++) values[index] = bind(parameters[index], index, keepsNul)
  return values
}

/** One value of a statement; see {@link bindParameters}. */
export function bind(value: unknown, index: number, keepsNul: boolean): SqliteValue {
  switch (typeof value) {
    case 'string':
      if (!(value as string & { isWellFormed(): boolean }).isWellFormed()) {
        throw lossy(index, 'text with a lone surrogate, which UTF-8 cannot carry')
      }
      if (keepsNul || !value.includes('\0')) return value
      throw lossy(index, 'text with a NUL character, behind which this version of Node would not read on')
    case 'number':
      return bindNumber(value, index)
    case 'bigint':
      if (BigInt.asIntN(64, value) === value) return value
      throw lossy(index, `${value}, which does not fit into the 64 bits of an integer`)
    case 'boolean':
      return value ? 1n : 0n
    case 'object':
      return value === null ? null : bindObject(value, index)
    default:
      throw unbindable(value, index)
  }
}

/** Counters, flags and ages are among these; each other bigint is an object of its own. */
const SMALL = Array.from({ length: 256 }, (_, value) => BigInt(value))

function bindNumber(value: number, index: number): number | bigint {
  if (Number.isSafeInteger(value)) return value >= 0 && value < SMALL.length ? (SMALL[value] as bigint) : BigInt(value)
  if (Number.isNaN(value)) throw lossy(index, 'NaN, which SQLite would store as NULL')
  return value
}

function bindObject(value: object, index: number): SqliteValue {
  if (value instanceof Uint8Array) return value
  if (value instanceof Date) return bindDate(value, index)
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (Array.isArray(value) || isPlain(value)) return bindJson(value, index)
  throw unbindable(value, index)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

const bindDate = keepingLast((value, index) => {
  if (Number.isNaN(value.getTime())) throw lossy(index, 'an invalid Date')
  const text = value.toISOString()
  if (text.length !== 24) throw lossy(index, `the date ${text}, whose year has not four digits`)
  return `${text.slice(0, 10)} ${text.slice(11, 23)}`
})

function bindJson(value: object, index: number): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw new DataError(`Parameter ${index + 1} cannot be written as JSON: ${String(cause)}.`, { cause })
  }
  if (text === undefined) throw unbindable(value, index)
  return text
}

function lossy(index: number, found: string): DataError {
  return new DataError(`Parameter ${index + 1} is ${found}: it cannot be stored in SQLite without a loss.`)
}

function unbindable(value: unknown, index: number): ArgumentError {
  const advice =
    value === undefined ? 'Pass null for a missing value' : 'Turn it into a string, a number or bytes first'
  return new ArgumentError(
    `Parameter ${index + 1} is ${describeValue(value)}, which no SQLite value stands for. ${advice}.`,
  )
}

function wrongCount(sql: string, expected: number, count: number): ProgrammingError {
  const message = `The statement has ${expected} placeholders and was given ${count} values. Pass one value for each ?.`
  return new ProgrammingError(message, { sql })
}
