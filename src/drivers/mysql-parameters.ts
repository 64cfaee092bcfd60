import { isDate } from 'node:util/types'
import { ArgumentError } from '../errors.ts'
import type { MysqlModule } from './mysql-client.ts'
import { bufferOf, checkDate, isBytes, jsonText, refuse, refuseType } from './server-parameters.ts'

type Integers = NonNullable<MysqlModule['TypedParameter']>['LONGLONG']

/** The protocol counts the values of a statement in two bytes. */
const maxParameters = 65_535
const maxSigned = 2n ** 63n - 1n
const minSigned = -(2n ** 63n)
const maxUnsigned = 2n ** 64n - 1n

/** From here on a double may be written with an exponent, where the server makes text of it. */
const longest = 1e14

/**
 * Values into what mysql2 sends by the binary protocol. A Date is its UTC time; bytes are bytes; arrays and plain objects
 * are JSON text. A bigint travels as an integer. A number travels as a double, which is exact for each that JavaScript
 * has, and much cheaper to send; but beside a bigint, integers go as integers too, since an expression over both kinds
 * (a CASE of values) would be a double.
 *
 * @throws ArgumentError naming the position of a value that cannot be sent
 */
export function encodeMysqlParameters(values: readonly unknown[], integer: Integers): unknown[] {
  if (values.length > maxParameters) {
    throw new ArgumentError(
      `The statement has ${values.length} parameters; MySQL takes ${maxParameters} at most. Split it.`,
    )
  }
  const exact = values.some((value) => typeof value === 'bigint')
  const encoded = new Array<unknown>(values.length)
  for (let at = 0; at < values.length; at++) {
    const value = values[at]
    encoded[at] =
      typeof value === 'number' ? encodeNumber(value, at + 1, exact, integer) : encode(value, at + 1, integer)
  }
  return encoded
}

function encode(value: unknown, position: number, integer: Integers): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'bigint':
      return encodeBigint(value, integer)
    case 'object':
      if (value === null) return null
      return isBytes(value) ? bufferOf(value) : encodeObject(value, position)
    default:
      return refuseType(value, position)
  }
}

function encodeNumber(value: number, position: number, exact: boolean, integer: Integers): unknown {
  if (!Number.isFinite(value)) return refuse(position, `is ${value}, which MySQL has no number for`)
  const large = value >= longest || value <= -longest
  return (exact || large) && Number.isSafeInteger(value) ? integer(value) : value
}

function encodeBigint(value: bigint, integer: Integers): unknown {
  if (value >= minSigned && value <= maxSigned) return integer(value)
  return value > maxSigned && value <= maxUnsigned ? integer.unsigned(value) : String(value)
}

function encodeObject(value: object, position: number): unknown {
  if (!isDate(value)) return jsonText(value, position)
  checkDate(value, position)
  const year = value.getUTCFullYear()
  return year >= 0 && year <= 9999 ? value : refuse(position, `is a Date of the year ${year}; MySQL ends at 9999`)
}
