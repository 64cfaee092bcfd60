import type { ColumnModel } from '../mapping/index.ts'
import { tableSteps } from './family-tables.ts'
import type { FlushPlan, PlanStep } from './steps.ts'

/**
 * The plan as text, one line a batch:
 *
 * ```
 * insert users (name) 2 rows, id from the database
 * update users set name where id, 1 row
 * ```
 */
export function describePlan(plan: FlushPlan): string {
  return plan.flatMap(tableSteps).map(describeStep).join('\n')
}

function describeStep(step: PlanStep): string {
  switch (step.kind) {
    case 'insert': {
      const made = step.returning.length === 0 ? '' : `, ${names(step.returning)} from the database`
      return `insert ${step.model.table} (${names(step.columns)}) ${rows(step.inserts.length)}${made}`
    }
    case 'update':
      return `update ${step.model.table} set ${names(step.set)} where ${names(step.match)}, ${rows(step.updates.length)}`
    case 'delete':
      return `delete ${step.model.table} where ${names(step.match)}, ${rows(step.deletes.length)}`
    default: {
      const { table, columns } = step.table.model
      return step.kind === 'insert pairs'
        ? `insert ${table} (${names(columns)}) ${rows(step.rows.length)}`
        : `delete ${table} where ${names(columns)}, ${rows(step.rows.length)}`
    }
  }
}

function names(columns: readonly ColumnModel[]): string {
  return columns.map((column) => column.property).join(', ')
}

function rows(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`
}
