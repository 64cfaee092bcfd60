import type { Connection } from '../engine/index.ts'
import { StaleDataError } from '../errors.ts'
import type { EntityModel } from '../mapping/index.ts'
import type { InstanceState } from '../state/index.ts'
import { warn } from '../support/index.ts'
import { type DeleteStep, type FlushPlan, type InsertStep, matchValues, type PlanStep, type UpdateStep } from './plan.ts'

/** Gives the connection that serves an entity, inside the session's transaction. */
export type ConnectionFor = (model: EntityModel) => Promise<Connection>

/** The values that the database made for each row of an insert step, in the order of its rows; empty for other steps. */
export type StepResult = readonly (readonly unknown[])[]

/**
 * Executes the plan, step by step, each on the connection of its entity.
 *
 * @throws StaleDataError when rows to be updated, or versioned rows to be deleted, are not there as they were read.
 */
export async function runPlan(plan: FlushPlan, connectionFor: ConnectionFor): Promise<StepResult[]> {
  const results: StepResult[] = []
  for (const step of plan) results.push(await runStep(step, await connectionFor(step.model)))
  return results
}

function runStep(step: PlanStep, connection: Connection): Promise<StepResult> {
  if (step.kind === 'insert') return runInserts(step, connection)
  if (step.kind === 'update') return runUpdates(step, connection)
  return runDeletes(step, connection)
}

function runInserts(step: InsertStep, connection: Connection): Promise<StepResult> {
  const rows = step.inserts.map(({ values }) => step.columns.map((column) => values[column.index]))
  return connection.statements.insertRows(connection, step.model, step.columns, step.returning, rows)
}

async function runUpdates(step: UpdateStep, connection: Connection): Promise<StepResult> {
  const rows = step.updates.map((update) => ({
    set: step.set.map((column) => update.changes.get(column.index)),
    match: matchValues(update),
  }))
  const missed = await connection.statements.updateRows(connection, step.model, step.set, step.match, rows)
  if (missed.length > 0) throw staleRows('Updating', step.model, missed.map((i) => step.updates[i]?.state), rows.length)
  return []
}

async function runDeletes(step: DeleteStep, connection: Connection): Promise<StepResult> {
  const rows = step.deletes.map(matchValues)
  const missed = await connection.statements.deleteRows(connection, step.model, step.match, rows)
  if (missed.length === 0) return []
  const states = missed.map((i) => step.deletes[i]?.state)
  if (step.model.version !== undefined) throw staleRows('Deleting', step.model, states, rows.length)
  warn(
    'HEDDLE_DELETE_MISSED',
    `Deleting rows of ${step.model.name}: ${describe(states)} of ${rows.length} were already gone.`,
  )
  return []
}

function staleRows(
  what: string,
  model: EntityModel,
  states: readonly (InstanceState | undefined)[],
  total: number,
): StaleDataError {
  const identities = states.flatMap((state) => (state === undefined ? [] : [state.describe()]))
  const found = model.version === undefined ? 'are gone' : 'are gone or have another version'
  return new StaleDataError(
    `${what} ${total} row(s) of ${model.name}: ${describe(states)} ${found}, so somebody else has changed them since they ` +
      'were read; roll back, read them again and repeat the change.',
    { identities },
  )
}

function describe(states: readonly (InstanceState | undefined)[]): string {
  const shown = states.slice(0, 10).map((state) => state?.describe() ?? 'a row')
  return states.length > shown.length ? `${shown.join(', ')} and ${states.length - shown.length} more` : shown.join(', ')
}
