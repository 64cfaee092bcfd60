import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import { isExpression } from '../state/index.ts'
import { type Edge, sortOrCycle } from '../support/index.ts'
import type { FlushWork, PendingDelete, PendingInsert, PendingUpdate } from './cascade.ts'

/** Rows of one shape, inserted together in the order of `add`. */
export interface InsertStep {
  readonly kind: 'insert'
  readonly model: EntityModel
  readonly columns: readonly ColumnModel[]
  /** Columns whose values the database makes. */
  readonly returning: readonly ColumnModel[]
  readonly inserts: readonly PendingInsert[]
}

/** Rows of one shape, updated together. */
export interface UpdateStep {
  readonly kind: 'update'
  readonly model: EntityModel
  readonly set: readonly ColumnModel[]
  readonly match: readonly ColumnModel[]
  readonly updates: readonly PendingUpdate[]
}

/** Rows of one entity, deleted together. */
export interface DeleteStep {
  readonly kind: 'delete'
  readonly model: EntityModel
  readonly match: readonly ColumnModel[]
  readonly deletes: readonly PendingDelete[]
}

export type PlanStep = InsertStep | UpdateStep | DeleteStep

/** The ordered batches of one flush. */
export type FlushPlan = readonly PlanStep[]

/**
 * Orders the work: tables that others refer to are inserted first and deleted last; within a table rows keep their order, and rows of
 * one shape travel together. Pure: no database, no change of any record.
 */
export function planFlush(work: FlushWork): FlushPlan {
  const models = orderModels(work)
  const inserts = groupByModel(work.inserts)
  const updates = groupByModel(work.updates)
  const deletes = groupByModel(work.deletes)
  const steps: PlanStep[] = []
  for (const model of models) {
    steps.push(...insertSteps(model, inserts.get(model) ?? []))
    steps.push(...updateSteps(model, updates.get(model) ?? []))
  }
  for (const model of models.toReversed()) steps.push(...deleteSteps(model, deletes.get(model) ?? []))
  return steps
}

function orderModels(work: FlushWork): EntityModel[] {
  const models = new Set<EntityModel>()
  for (const { state } of [...work.inserts, ...work.updates, ...work.deletes]) models.add(state.model)
  if (models.size < 2) return [...models]
  return sortModels([...models])
}

/** Tables that refer to each other in a circle have no order: the edges of the circle are left out. */
function sortModels(models: readonly EntityModel[]): EntityModel[] {
  let edges = referenceEdges(models)
  for (;;) {
    const outcome = sortOrCycle(models, edges)
    if (outcome.order !== undefined) return [...outcome.order]
    const cycle = outcome.cycle
    edges = edges.filter(([a, b]) => !cycle.some(([c, d]) => a === c && b === d))
  }
}

function referenceEdges(models: readonly EntityModel[]): Edge<EntityModel>[] {
  const byTable = new Map(models.map((model) => [model.table, model]))
  const edges: Edge<EntityModel>[] = []
  for (const model of models) {
    for (const { references } of model.columns) {
      const target = references === undefined ? undefined : byTable.get(references.table)
      if (target !== undefined && target !== model) edges.push([target, model])
    }
  }
  return edges
}

function groupByModel<T extends { readonly state: { readonly model: EntityModel } }>(rows: readonly T[]): Map<EntityModel, T[]> {
  return Map.groupBy(rows, ({ state }) => state.model)
}

/** Only consecutive rows of one shape form a batch, so that rows are inserted in the order of `add`. */
function insertSteps(model: EntityModel, inserts: readonly PendingInsert[]): InsertStep[] {
  const steps: { step: InsertStep; inserts: PendingInsert[]; shape: string }[] = []
  for (const insert of inserts) {
    const shape = insertShape(model, insert)
    const last = steps.at(-1)
    if (last?.shape === shape) last.inserts.push(insert)
    else steps.push(startInsertStep(model, insert, shape))
  }
  return steps.map(({ step }) => step)
}

function insertShape(model: EntityModel, { values }: PendingInsert): string {
  let shape = ''
  for (let i = 0; i < model.columns.length; i++) shape += values[i] === undefined ? '-' : isExpression(values[i]) ? 'x' : 'v'
  return shape
}

function startInsertStep(model: EntityModel, insert: PendingInsert, shape: string) {
  const inserts = [insert]
  const columns = model.columns.filter((column) => shape[column.index] !== '-')
  const returning = model.columns.filter((column) => shape[column.index] !== 'v')
  const step: InsertStep = { kind: 'insert', model, columns, returning, inserts }
  return { step, inserts, shape }
}

function updateSteps(model: EntityModel, updates: readonly PendingUpdate[]): UpdateStep[] {
  const withChanges = updates.filter((update) => update.changes.size > 0)
  const groups = Map.groupBy(withChanges, (update) => updateShape(model, update))
  return [...groups].map(([shape, group]) => ({
    kind: 'update',
    model,
    set: model.columns.filter((column) => shape[column.index] !== '-'),
    match: matchOf(model),
    updates: group,
  }))
}

function updateShape(model: EntityModel, { changes }: PendingUpdate): string {
  let shape = ''
  for (const { index } of model.columns) shape += !changes.has(index) ? '-' : isExpression(changes.get(index)) ? 'x' : 'v'
  return shape
}

function deleteSteps(model: EntityModel, deletes: readonly PendingDelete[]): DeleteStep[] {
  return deletes.length === 0 ? [] : [{ kind: 'delete', model, match: matchOf(model), deletes }]
}

/** How a row is found: by its key, and by its version where it has one. */
function matchOf(model: EntityModel): readonly ColumnModel[] {
  return model.version === undefined ? model.key : [...model.key, model.version]
}

/** The values for `match`, of an update or a delete. */
export function matchValues(row: PendingUpdate | PendingDelete): readonly unknown[] {
  return row.state.model.version === undefined ? row.storedKey : [...row.storedKey, row.storedVersion]
}

/**
 * The plan as text, one line a batch:
 *
 * ```
 * insert users (name) 2 rows, id from the database
 * update users set name where id, 1 row
 * ```
 */
export function describePlan(plan: FlushPlan): string {
  return plan.map(describeStep).join('\n')
}

function describeStep(step: PlanStep): string {
  const table = step.model.table
  if (step.kind === 'insert') {
    const made = step.returning.length === 0 ? '' : `, ${names(step.returning)} from the database`
    return `insert ${table} (${names(step.columns)}) ${rows(step.inserts.length)}${made}`
  }
  if (step.kind === 'update') {
    return `update ${table} set ${names(step.set)} where ${names(step.match)}, ${rows(step.updates.length)}`
  }
  return `delete ${table} where ${names(step.match)}, ${rows(step.deletes.length)}`
}

function names(columns: readonly ColumnModel[]): string {
  return columns.map((column) => column.property).join(', ')
}

function rows(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`
}
