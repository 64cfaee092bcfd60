import { MappingError } from '../errors.ts'
import { columnType } from './column-type.ts'
import { found } from './found.ts'
import type { ColumnType } from './model.ts'

const LOWEST_BIGINT = -(2n ** 63n)
const HIGHEST_BIGINT = 2n ** 63n - 1n

/** Whole numbers that a JavaScript number holds exactly. */
export const INTEGER: ColumnType = columnType('integer', {
  problem: (value) => {
    if (Number.isSafeInteger(value)) return undefined
    if (Number.isInteger(value))
      return `expected an integer within ±(2^53 − 1), got ${found(value)}; use bigint() for it`
    return `expected an integer, got ${found(value)}`
  },
})

/** Whole numbers of 64 bits. */
export const BIGINT: ColumnType = columnType('bigint', {
  problem: (value) => {
    if (typeof value !== 'bigint') {
      const hint = Number.isSafeInteger(value) ? `; write ${value}n` : ''
      return `expected a bigint, got ${found(value)}${hint}`
    }
    if (value >= LOWEST_BIGINT && value <= HIGHEST_BIGINT) return undefined
    return `expected a bigint of 64 bits, got ${found(value)}`
  },
})

/** Floating point numbers that are finite. */
export const REAL: ColumnType = columnType('real', {
  problem: (value) => (Number.isFinite(value) ? undefined : `expected a finite number, got ${found(value)}`),
  same: Object.is,
})

/** The type of exact decimals: strings, compared by what they are worth. */
export function decimalType(precision: number, scale: number): ColumnType {
  const whole = (value: number, least: number) => Number.isSafeInteger(value) && value >= least
  if (!whole(precision, 1) || !whole(scale, 0) || scale > precision) {
    throw new MappingError(
      `decimal(${String(precision)}, ${String(scale)}): precision must be an integer of at least 1, and scale an ` +
        'integer from 0 to the precision; for example decimal(15, 2).',
    )
  }
  const problem = (value: unknown) => decimalProblem(value, precision, scale)
  return columnType('decimal', { problem, same: sameDecimal, keyOf: canonicalDecimal }, { precision, scale })
}

function decimalProblem(value: unknown, precision: number, scale: number): string | undefined {
  if (typeof value !== 'string') {
    const hint =
      typeof value === 'number' || typeof value === 'bigint' ? `; write '${value}', numbers are not exact` : ''
    return `expected a decimal as a string, got ${found(value)}${hint}`
  }
  const parts = decimalParts(value)
  if (parts === undefined) return `expected a decimal such as '12.50', got ${found(value)}`
  if (parts.fraction.length > scale) return `expected at most ${scale} digits after the point, got ${found(value)}`
  if (parts.whole.length <= precision - scale) return undefined
  return `expected at most ${precision - scale} digits before the point, got ${found(value)}`
}

interface DecimalParts {
  readonly negative: boolean
  /** Without leading zeros: '' for nothing. */
  readonly whole: string
  /** Without trailing zeros. */
  readonly fraction: string
}

function decimalParts(text: string): DecimalParts | undefined {
  if (!/^-?\d+(?:\.\d+)?$/.test(text)) return undefined
  const negative = text.startsWith('-')
  const [whole = '', fraction = ''] = (negative ? text.slice(1) : text).split('.')
  let end = fraction.length
  while (fraction[end - 1] === '0') end -= 1
  return { negative, whole: whole.replace(/^0+/, ''), fraction: fraction.slice(0, end) }
}

/** '-01.50' and '-1.5' give '-1.5', '-0.0' gives '0'. What is no decimal is left as it is. */
function canonicalDecimal(value: unknown): string {
  const text = String(value)
  const parts = decimalParts(text)
  if (parts === undefined) return text
  const amount = `${parts.whole || '0'}${parts.fraction === '' ? '' : `.${parts.fraction}`}`
  return parts.negative && amount !== '0' ? `-${amount}` : amount
}

function sameDecimal(a: unknown, b: unknown): boolean {
  return typeof a === 'string' && typeof b === 'string' && canonicalDecimal(a) === canonicalDecimal(b)
}
