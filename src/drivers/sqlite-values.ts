/** Turns a value as SQLite stores it (integers as bigint, never null) into what every database gives for such a column. */
export type ValueDecoder = (value: unknown) => unknown

/**
 * The decoder for a column that is declared with this type; null is the type of an expression. A value that does not
 * have the form of its column's type stays what it is.
 *
 * @example decoderOf('DECIMAL(10, 2)')(5n) // '5.00'
 */
export function decoderOf(declared: string | null): ValueDecoder {
  if (declared === null) return plainValue
  const type = declared.toUpperCase()
  if (type.startsWith('BOOL')) return booleanValue
  if (type.startsWith('DATETIME') || type.startsWith('TIMESTAMP')) return dateValue
  if (type.startsWith('JSON')) return jsonValue
  if (type.startsWith('DECIMAL') || type.startsWith('NUMERIC')) return decimalDecoder(scaleOf(type))
  return plainValue
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return safeInteger(value)
  return value instanceof Uint8Array ? plainBytes(value) : value
}

/** A number where no digit is lost, else the bigint itself. */
export function safeInteger(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** A Buffer is a Uint8Array with other ways (its `slice` shares, it prints differently): what programs get is the plain one. */
function plainBytes(value: Uint8Array): Uint8Array {
  if (value.constructor === Uint8Array) return value
  return new Uint8Array(value)
}

function booleanValue(value: unknown): unknown {
  if (value === 0n) return false
  return value === 1n ? true : plainValue(value)
}

const MOMENT = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?Z?$/

/** Fractions finer than a millisecond, which others write into SQLite, are cut off as they are elsewhere. */
function dateValue(value: unknown): unknown {
  const found = typeof value === 'string' ? MOMENT.exec(value) : null
  if (found === null) return plainValue(value)
  const [, year, month, day, hour, minute, second = '00', fraction = ''] = found
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`
  const date = new Date(text)
  // The 30th of February would silently become the 1st of March.
  return !Number.isNaN(date.getTime()) && date.toISOString() === text ? date : value
}

function jsonValue(value: unknown): unknown {
  if (typeof value !== 'string') return plainValue(value)
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

function scaleOf(type: string): number {
  const found = /\(\s*\d+\s*,\s*(\d+)\s*\)/.exec(type)
  return Math.min(100, Number(found?.[1] ?? 0))
}

function decimalDecoder(scale: number): ValueDecoder {
  const zeros = scale === 0 ? '' : `.${'0'.repeat(scale)}`
  return (value) => {
    if (typeof value === 'bigint') return `${value}${zeros}`
    return typeof value === 'number' && Number.isFinite(value) ? decimalText(value, scale) : plainValue(value)
  }
}

/** At least `scale` digits behind the point, and more where the number has more. */
function decimalText(value: number, scale: number): string {
  if (Number.isInteger(value)) return `${BigInt(value)}${scale === 0 ? '' : `.${'0'.repeat(scale)}`}`
  const fixed = value.toFixed(scale)
  return Number(fixed) === value ? fixed : withoutExponent(String(value))
}

/** '1.5e-7' is '0.00000015'. A number with a fraction never has a positive exponent. */
function withoutExponent(text: string): string {
  const found = /^(-?)(\d)(?:\.(\d+))?e-(\d+)$/.exec(text)
  if (found === null) return text
  const [, sign, whole, fraction = '', exponent] = found
  return `${sign}0.${'0'.repeat(Number(exponent) - 1)}${whole}${fraction}`
}
