import { type ColumnModel, type EntityModel, isSqlExpression } from '../mapping/index.ts'
import type { DeleteStep, InsertStep, UpdateStep } from './steps.ts'
import type { PendingDelete, PendingInsert, PendingUpdate } from './work.ts'

/**
 * Only consecutive rows of one shape form a batch, so that rows are inserted in the order of `add`; none where it is turned off. Rows of a
 * family stay together: see `family-tables.ts`.
 *
 * @param written the columns that are looked at
 */
export function insertSteps(
  model: EntityModel,
  inserts: readonly PendingInsert[],
  written: readonly ColumnModel[] = model.columns,
): InsertStep[] {
  if (model.inheritance !== undefined) {
    return inserts.length === 0 ? [] : [{ kind: 'insert', model, columns: [], returning: [], inserts }]
  }
  const steps: { step: InsertStep; inserts: PendingInsert[]; shape: string }[] = []
  let last: (typeof steps)[number] | undefined
  for (const insert of inserts) {
    if (last !== undefined && model.batch && hasShape(insert, last.shape)) last.inserts.push(insert)
    else {
      last = startInsertStep(model, insert, insertShape(model, insert), written)
      steps.push(last)
    }
  }
  return steps.map(({ step }) => step)
}

function hasShape({ values }: PendingInsert, shape: string): boolean {
  for (let i = 0; i < shape.length; i++) {
    const value = values[i]
    // Plain values, which most are, without a look for what an expression has.
    const letter = typeof value === 'object' ? letterOf(value) : value === undefined ? '-' : 'v'
    if (shape[i] !== letter) return false
  }
  return true
}

/** One letter a column: left to the database, computed by an expression, or a value. */
function insertShape(model: EntityModel, { values }: PendingInsert): string {
  let shape = ''
  for (let i = 0; i < model.columns.length; i++) shape += values[i] === undefined ? '-' : letterOf(values[i])
  return shape
}

function letterOf(value: unknown): string {
  return isSqlExpression(value) ? 'x' : 'v'
}

function startInsertStep(model: EntityModel, insert: PendingInsert, shape: string, written: readonly ColumnModel[]) {
  const inserts = [insert]
  const columns = written.filter((column) => shape[column.index] !== '-')
  const returning = written.filter((column) => shape[column.index] !== 'v' && isReadAtOnce(model, column))
  const step: InsertStep = { kind: 'insert', model, columns, returning, inserts }
  return { step, inserts, shape }
}

/** Whether a value that the database makes is read by the flush: a key or a version has to be known, the others where it is wanted. */
export function isReadAtOnce({ eagerDefaults }: EntityModel, { primaryKey, version }: ColumnModel): boolean {
  return eagerDefaults || primaryKey || version
}

/** Updates of the same columns travel together. */
export function updateSteps(
  model: EntityModel,
  updates: readonly PendingUpdate[],
  match: readonly ColumnModel[] = matchOf(model),
): UpdateStep[] {
  if (model.inheritance !== undefined)
    return updates.length === 0 ? [] : [{ kind: 'update', model, set: [], match, updates }]
  if (!model.batch) return updates.map((update) => updateStep(model, [update], updateShape(model, update), match))
  let last = ''
  const groups = Map.groupBy(updates, (update) => {
    if (!hasChangesOf(update, last)) last = updateShape(model, update)
    return last
  })
  return [...groups].map(([shape, group]) => updateStep(model, group, shape, match))
}

function updateStep(
  model: EntityModel,
  updates: readonly PendingUpdate[],
  shape: string,
  match: readonly ColumnModel[],
): UpdateStep {
  return { kind: 'update', model, set: model.columns.filter(({ index }) => shape[index] !== '-'), match, updates }
}

/** Most rows of a flush change what the one before has changed. */
function hasChangesOf({ changes }: PendingUpdate, shape: string): boolean {
  let found = 0
  for (let index = 0; index < shape.length; index++) {
    if (shape[index] === '-') continue
    found++
    const value = changes.get(index)
    if ((value === undefined && !changes.has(index)) || letterOf(value) !== shape[index]) return false
  }
  return found > 0 && found === changes.size
}

function updateShape(model: EntityModel, { changes }: PendingUpdate): string {
  let shape = ''
  for (const { index } of model.columns) shape += changes.has(index) ? letterOf(changes.get(index)) : '-'
  return shape
}

/** Rows of one entity, together unless that is turned off. */
export function deleteSteps(model: EntityModel, deletes: readonly PendingDelete[]): DeleteStep[] {
  const match = matchOf(model)
  const groups = model.batch || model.inheritance !== undefined ? [deletes] : deletes.map((row) => [row])
  return groups.map((group) => ({ kind: 'delete', model, match, deletes: group }))
}

/** How a row is found: by its key, and by its version where it has one. */
export function matchOf(model: EntityModel): readonly ColumnModel[] {
  if (model.version === undefined) return model.key
  let match = matches.get(model)
  if (match === undefined) {
    match = [...model.key, model.version]
    matches.set(model, match)
  }
  return match
}

const matches = new WeakMap<EntityModel, readonly ColumnModel[]>()
