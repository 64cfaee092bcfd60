import type { ColumnModel } from '../mapping/index.ts'
import { emitInstanceEvent, type InstanceState, isHeard } from '../state/index.ts'
import { isReadAtOnce } from './shapes.ts'
import type { FlushPlan, PlanStep } from './steps.ts'

/** Tells the listeners of instances into which the flush has put what the database made: keys, defaults, computed columns. */
export function tellRefreshed(plan: FlushPlan): void {
  for (const step of plan) {
    if (!('model' in step) || step.kind === 'delete' || !isHeard(step.model, 'refreshFlush')) continue
    const { columns, states } = madeIn(step)
    const properties = columns.map(({ property }) => property)
    if (properties.length > 0) for (const state of states) emitInstanceEvent(state, 'refreshFlush', { properties })
  }
}

function madeIn(step: Extract<PlanStep, { kind: 'insert' | 'update' }>): {
  readonly columns: readonly ColumnModel[]
  readonly states: readonly InstanceState[]
} {
  if (step.kind === 'insert') return { columns: step.returning, states: step.inserts.map(({ state }) => state) }
  const { model, updates } = step
  return {
    columns: model.changing.filter((column) => isReadAtOnce(model, column)),
    states: updates.map(({ state }) => state),
  }
}
