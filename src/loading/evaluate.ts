import type { Capabilities } from '../sql/index.ts'
import type { Located } from './scope.ts'

/** Whether a condition holds: null where SQL would say unknown, undefined where a value that it needs is not there. */
export type Verdict = boolean | null | undefined

/** Decides a condition for one instance; `read` gives the value of a column by its index, undefined where it is not loaded. */
export type Evaluate = (read: (index: number) => unknown) => Verdict

const equal = new Set(['=', '=='])
const unequal = new Set(['!=', '<>'])
const ordered: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}
/** Kinds whose values JavaScript puts into the order in which databases do. */
const comparable = new Set(['integer', 'bigint', 'real', 'timestamp', 'boolean'])
/** Kinds whose values are the same exactly when JavaScript says so. */
const exact = new Set(['integer', 'bigint', 'timestamp', 'boolean', 'date', 'uuid', 'decimal'])
const textual = new Set(['text', 'varchar', 'enumeration'])

/** How a comparison of a column of the query's own entity is decided in memory; undefined where only the database can. */
export function evaluatorOf(
  { textEquality }: Capabilities,
  { column: { model } }: Located,
  operator: string,
  value: unknown,
): Evaluate | undefined {
  const { type, index } = model
  if (type.convert !== undefined) return undefined
  const isExact = exact.has(type.kind) || (textual.has(type.kind) && textEquality === 'exact')
  const same = (a: unknown, b: unknown) => type.equals(a, b)
  if (
    operator === 'is' ||
    operator === 'is not' ||
    (value === null && (equal.has(operator) || unequal.has(operator)))
  ) {
    return nullTest(index, value, operator === 'is' || equal.has(operator))
  }
  if (equal.has(operator) && isExact) return known(index, (found) => same(found, value))
  if (unequal.has(operator) && isExact) return known(index, (found) => !same(found, value))
  if (operator === 'in' && isExact) return membership(index, value as readonly unknown[], same, true)
  if (operator === 'not in' && isExact) return membership(index, value as readonly unknown[], same, false)
  const test = ordered[operator]
  if (test === undefined || !comparable.has(type.kind)) return undefined
  return known(index, (found) => test(found as number, value as number))
}

/** Null is neither equal to anything nor unequal. */
function known(index: number, test: (found: unknown) => boolean): Evaluate {
  return (read) => {
    const found = read(index)
    return found === undefined ? undefined : found === null ? null : test(found)
  }
}

function nullTest(index: number, value: unknown, positive: boolean): Evaluate | undefined {
  if (value !== null) return undefined
  return (read) => {
    const found = read(index)
    return found === undefined ? undefined : (found === null) === positive
  }
}

function membership(
  index: number,
  values: readonly unknown[],
  same: (a: unknown, b: unknown) => boolean,
  positive: boolean,
): Evaluate {
  if (values.length === 0) return () => !positive
  const primitives = new Set(values)
  const present = values.filter((value) => value !== null)
  const holds = (found: unknown) =>
    typeof found === 'object' ? present.some((value) => same(found, value)) : primitives.has(found)
  return known(index, (found) => holds(found) === positive)
}

/** All must hold: one that does not decides, whatever else is not known. */
export function allHold(evaluators: readonly Evaluate[]): Evaluate {
  return (read) => {
    let verdict: Verdict = true
    for (const evaluate of evaluators) {
      const one = evaluate(read)
      if (one === false || one === null) return false
      if (one === undefined) verdict = undefined
    }
    return verdict
  }
}
