import type { ColumnKind, ColumnType, KeyPart } from './model.ts'

/** What one kind of column knows of its values. */
export interface Behaviour {
  readonly problem: (value: unknown) => string | undefined
  /** Whether two values that are not `===` are equal all the same. Sees values of every kind, null excepted. */
  readonly same?: (a: unknown, b: unknown) => boolean
  readonly keyOf?: (value: unknown) => KeyPart
}

type Facts = Omit<ColumnType, 'kind' | 'equals' | 'problem' | 'keyOf'>

/** Puts a frozen column type together. Without `same`, values are equal when they are the same primitive. */
export function columnType(kind: ColumnKind, { problem, same, keyOf }: Behaviour, facts: Facts = {}): ColumnType {
  const equals =
    same === undefined
      ? (a: unknown, b: unknown) => a === b
      : (a: unknown, b: unknown) => a === b || (present(a) && present(b) && same(a, b))
  return Object.freeze({ kind, ...facts, equals, problem, ...(keyOf === undefined ? {} : { keyOf }) })
}

function present(value: unknown): boolean {
  return value !== null && value !== undefined
}
