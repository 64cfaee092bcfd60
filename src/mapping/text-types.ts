import { MappingError } from '../errors.ts'
import { nearest } from '../support/index.ts'
import { columnType } from './column-type.ts'
import { found, listed } from './found.ts'
import type { ColumnType } from './model.ts'

/** Text of any length. */
export const TEXT: ColumnType = columnType('text', { problem: textProblem })

/** Text of at most `length` characters. Databases count code points, and so does this. */
export function varcharType(length: number): ColumnType {
  if (!Number.isSafeInteger(length) || length < 1) {
    throw new MappingError(
      `varchar(${length === undefined ? '' : String(length)}): the length must be an integer of at least 1, for example ` +
        'varchar(200); text() has no limit.',
    )
  }
  const problem = (value: unknown) => textProblem(value) ?? lengthProblem(value as string, length)
  return columnType('varchar', { problem }, { length })
}

/**
 * What is text but wrong is not quoted: it may be a password. Half a surrogate pair has no form in UTF-8: on its way to the database it would turn into another character, without a
 * word. That is refused here.
 */
function textProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return `expected a string, got ${found(value)}`
  if ((value as string & { isWellFormed(): boolean }).isWellFormed()) return undefined
  return 'expected well-formed text, got half of a surrogate pair'
}

function lengthProblem(value: string, length: number): string | undefined {
  if (value.length <= length) return undefined
  let characters = 0
  for (const _ of value) characters += 1
  return characters <= length ? undefined : `expected at most ${length} characters, got ${characters}`
}

const UUID_FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** UUIDs in either case. */
export const UUID: ColumnType = columnType('uuid', {
  problem: (value) => {
    if (typeof value === 'string' && UUID_FORM.test(value)) return undefined
    return `expected a UUID such as '0b5f8f9e-6d3c-4a55-9d52-0f5f8d0a7c11', got ${found(value)}`
  },
  same: (a, b) => typeof a === 'string' && typeof b === 'string' && a.toLowerCase() === b.toLowerCase(),
  keyOf: (value) => String(value).toLowerCase(),
})

/** One of a fixed set of texts. */
export function enumerationType(values: readonly string[]): ColumnType {
  checkEnumeration(values)
  const allowed = new Set(values)
  const problem = (value: unknown) => {
    if (allowed.has(value as string)) return undefined
    const close = typeof value === 'string' ? nearest(value, allowed) : undefined
    return `expected one of ${listed(values)}, got ${found(value)}${close === undefined ? '' : `; did you mean '${close}'?`}`
  }
  return columnType('enumeration', { problem }, { values: Object.freeze([...values]) })
}

function checkEnumeration(values: readonly unknown[]): void {
  const example = "for example enumeration('open', 'closed')"
  if (values.length === 0) throw new MappingError(`enumeration(): at least one value is needed, ${example}.`)
  const seen = new Set<unknown>()
  for (const value of values) {
    if (typeof value !== 'string' || value === '') {
      throw new MappingError(
        `enumeration(…): the values must be texts that are not empty, got ${found(value)}; ${example}.`,
      )
    }
    if (seen.has(value)) throw new MappingError(`enumeration(…): ${found(value)} is given twice; remove one of them.`)
    seen.add(value)
  }
}
