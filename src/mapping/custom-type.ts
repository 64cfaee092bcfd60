import { MappingError } from '../errors.ts'
import { isColumn, SPEC } from './column.ts'
import { columnType } from './column-type.ts'
import { found } from './found.ts'
import type { ColumnType } from './model.ts'
import { checkOptionNames } from './option-names.ts'

/** The directions of a custom column, without their types. */
export interface Directions {
  readonly toDatabase: (value: unknown) => unknown
  readonly fromDatabase: (stored: unknown) => unknown
  readonly equals?: (a: unknown, b: unknown) => boolean
}

/** Checks the options of `custom` and gives the type of its storage. */
export function storageType(options: unknown): ColumnType {
  checkOptionNames('custom(…)', options, ['storage', 'toDatabase', 'fromDatabase', 'equals'])
  const { storage, toDatabase, fromDatabase, equals } = options as Record<string, unknown>
  for (const [name, given] of Object.entries({ toDatabase, fromDatabase, equals })) {
    if (typeof given === 'function' || (name === 'equals' && given === undefined)) continue
    throw new MappingError(`custom(…): ${name} must be a function, got ${found(given)}.`)
  }
  if (!isColumn(storage)) {
    throw new MappingError(`custom(…): storage must be a column such as text(), got ${found(storage)}.`)
  }
  const { type, ...chained } = storage[SPEC]
  if (Object.values(chained).every((setting) => setting === undefined || setting === false)) return type
  throw new MappingError(
    'custom(…): storage must be a column without anything chained to it; chain nullable(), default() and the like to custom(…).',
  )
}

/** A type whose values are converted to those of another, which may be converted itself. */
export function customType(storage: ColumnType, { toDatabase, fromDatabase, equals }: Directions): ColumnType {
  const inner = storage.convert
  const toStored = inner === undefined ? toDatabase : (value: unknown) => inner.toStored(toDatabase(value))
  const fromStored = inner === undefined ? fromDatabase : (stored: unknown) => fromDatabase(inner.fromStored(stored))
  const same = equals ?? ((a: unknown, b: unknown) => storage.equals(toDatabase(a), toDatabase(b)))
  const keyOf = (value: unknown) => keyOfStored(storage, toDatabase(value))
  const { kind, equals: _equals, problem: _problem, keyOf: _keyOf, ...facts } = storage
  const convert = Object.freeze({ toStored, fromStored })
  const problem = (value: unknown) => customProblem(storage, toDatabase, value)
  return columnType(kind, { problem, same, keyOf }, { ...facts, convert })
}

function keyOfStored(storage: ColumnType, stored: unknown) {
  return storage.keyOf === undefined ? (stored as string | number | bigint | boolean) : storage.keyOf(stored)
}

/** toDatabase sees wrong values here first: what it throws is the reason why the value does not fit. */
function customProblem(storage: ColumnType, toDatabase: Directions['toDatabase'], value: unknown): string | undefined {
  let stored: unknown
  try {
    stored = toDatabase(value)
  } catch (error) {
    return `toDatabase refused ${found(value)}: ${error instanceof Error ? error.message : String(error)}`
  }
  if (stored === null || stored === undefined) return `toDatabase made ${String(stored)} of ${found(value)}`
  const problem = storage.problem(stored)
  return problem === undefined ? undefined : `toDatabase made a wrong value of ${found(value)}: ${problem}`
}
