import { isSqlExpression } from '../mapping/index.ts'
import type { InstanceState } from '../state/index.ts'
import { DeferredKey } from './deferred-key.ts'
import { isOfFamily } from './family-tables.ts'
import type { PlanStep } from './steps.ts'

/** Rows in a step at most for it to be sent before the one ahead of it is answered. */
const ROWS = 100

/** Characters or bytes of a value at most, so that the step is one statement. */
const LENGTH = 10_000

/**
 * How many steps, from one on, can be sent without waiting for each other's answers: small ones, each of a single statement, whose values
 * are all known. What a later one refers to by a key that the database makes has to be answered first.
 *
 * @param mayFollow whether a step may be sent together with the first at all
 */
export function countTogether(plan: readonly PlanStep[], from: number, mayFollow: (step: PlanStep) => boolean): number {
  const inserted = new Set<InstanceState>()
  let end = from
  for (let step = plan[end]; step !== undefined && end - from < ROWS; step = plan[++end]) {
    if (!isOneStatement(step) || !mayFollow(step) || waitsFor(step, inserted)) break
    if (step.kind === 'insert') for (const { state } of step.inserts) inserted.add(state)
  }
  return end - from
}

function isOneStatement(step: PlanStep): boolean {
  if (isOfFamily(step)) return false
  const rows = valuesIn(step)
  if (rows.length > ROWS || !rows.every((row) => row.every(isShort))) return false
  // A row without a key in reach, and one that is read again afterwards, take a second statement.
  if (step.kind === 'update') return step.model.changing.length === 0 && step.updates.every(isFound)
  return (
    step.kind !== 'insert' || step.inserts.length === 1 || step.model.key.every(({ autoincrement }) => autoincrement)
  )
}

function isFound({ storedKey }: { readonly storedKey: readonly unknown[] | undefined }): boolean {
  return storedKey !== undefined
}

function isShort(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= LENGTH
  if (value instanceof Uint8Array) return value.byteLength <= LENGTH
  return !isSqlExpression(value)
}

/** Whether a value of the step is a key of a row that is not answered yet. */
function waitsFor(step: PlanStep, inserted: ReadonlySet<InstanceState>): boolean {
  if (inserted.size === 0) return false
  return valuesIn(step).some((row) => row.some((value) => value instanceof DeferredKey && inserted.has(value.state)))
}

function valuesIn(step: PlanStep): readonly (readonly unknown[])[] {
  if (step.kind === 'insert') return step.inserts.map(({ values }) => values)
  if (step.kind === 'update') return step.updates.map(({ changes }) => [...changes].map(([, value]) => value))
  return step.kind === 'delete' ? step.deletes.map(({ storedKey }) => storedKey) : step.rows.map(({ values }) => values)
}
