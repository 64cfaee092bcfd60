import type { Connection } from '../engine/index.ts'
import { StaleDataError } from '../errors.ts'
import type { EntityModel } from '../mapping/index.ts'
import type { Runner } from '../sql/index.ts'
import { type InstanceState, keyValuesOf, type ValuesByColumn } from '../state/index.ts'
import { allInOrder, warn } from '../support/index.ts'
import { resolveChanges, resolveValues } from './deferred-key.ts'
import { type FamilyStep, isOfFamily } from './family-tables.ts'
import { Made } from './made.ts'
import { readChanged } from './read-changed.ts'
import type { RowHooks } from './row-hooks.ts'
import { deleteFamily, insertFamily, type TableWriter, updateFamily } from './run-family.ts'
import type { DeleteStep, FlushPlan, InsertStep, PairStep, PlanStep, UpdateStep } from './steps.ts'
import { countTogether } from './together.ts'
import type { PendingDelete, PendingInsert, PendingUpdate } from './work.ts'

/** Gives the connection that serves an entity, inside the session's transaction. */
export type ConnectionFor = (model: EntityModel) => Promise<Connection>

/**
 * Executes the plan, step by step, each on the connection of its entity. The values that the database makes are filled into the
 * work's own rows, and into those that refer to them.
 *
 * @throws StaleDataError when rows to be updated, or versioned rows to be deleted, are not there as they were read.
 */
export async function runPlan(plan: FlushPlan, connectionFor: ConnectionFor, hooks: RowHooks): Promise<void> {
  const made = new Made()
  for (let at = 0; at < plan.length; at++) {
    const step = plan[at] as PlanStep
    const connection = await connectionFor(modelOf(step))
    const group = connection.canPipeline ? await groupFrom(plan, at, connection, connectionFor, hooks) : []
    if (group.length > 1) {
      await runTogether(group, connection, made)
      at += group.length - 1
    } else await runOne(step, connection, made, hooks)
  }
}

/** Steps from one on that one connection can run without waiting between them, and that nobody listens to. */
async function groupFrom(
  plan: FlushPlan,
  from: number,
  connection: Connection,
  connectionFor: ConnectionFor,
  hooks: RowHooks,
): Promise<readonly PlanStep[]> {
  const group: PlanStep[] = []
  const count = countTogether(plan, from, (step) => !hooks.concern(step))
  for (const step of plan.slice(from, from + count)) {
    if ((await connectionFor(modelOf(step))) !== connection) break
    group.push(step)
  }
  return group
}

async function runOne(step: PlanStep, connection: Connection, made: Made, hooks: RowHooks): Promise<void> {
  resolveStep(step, made)
  if (!hooks.concern(step)) return runStep(step, connection, made)
  for (const part of await hooks.before(step, connection)) await runStep(part, connection, made)
  await hooks.after(step, connection)
}

/** The steps leave in their order, one behind the other. The first that fails is what is told; the server runs none behind it. */
async function runTogether(steps: readonly PlanStep[], connection: Connection, made: Made): Promise<void> {
  for (const step of steps) resolveStep(step, made)
  await connection.together((runner) => allInOrder(steps.map((step) => runStep(step, connection, made, runner))))
}

/** Fills in the keys of rows that earlier steps have made. */
function resolveStep(step: PlanStep, made: Made): void {
  if (step.kind === 'insert') resolveInserts(step.inserts, made)
  else if (step.kind === 'update') for (const { changes } of step.updates) resolveChanges(changes, made)
  else if (step.kind !== 'delete') for (const { values } of step.rows) resolveValues(values, made)
}

function resolveInserts(inserts: readonly PendingInsert[], made: Made): void {
  for (const { values, isLinked } of inserts) if (isLinked) resolveValues(values, made)
}

/** A table of pairs is where the first of its two entities is. */
function modelOf(step: PlanStep): EntityModel {
  if ('model' in step) return step.model
  return (step.rows[0] as PairStep['rows'][number]).between[0].model
}

function runStep(step: PlanStep, connection: Connection, made: Made, runner: Runner = connection): Promise<void> {
  if (isOfFamily(step)) return runFamily(step, connection, made)
  switch (step.kind) {
    case 'insert':
      return runInserts(step, connection, made, runner)
    case 'update':
      return runUpdates(step, connection, made, runner)
    case 'delete':
      return runDeletes(step, connection, runner)
    default:
      return runPairs(step, connection, runner)
  }
}

/** Rows of a family are written table by table, each like rows of an entity alone. */
async function runFamily(step: FamilyStep, connection: Connection, made: Made): Promise<void> {
  const writer: TableWriter = {
    insert: (part) => runInserts(part, connection, new Made(), connection),
    update: (part) => runUpdates(part, connection, made, connection),
    delete: (part) => runDeletes(part, connection, connection),
  }
  if (step.kind === 'update') return updateFamily(step, made, writer)
  if (step.kind === 'delete') return deleteFamily(step, connection, writer)
  await insertFamily(step, writer)
  made.add(step.inserts)
}

/** As many rows at a time as the database takes: what was made to send them is forgotten before the next are prepared. */
async function runInserts(step: InsertStep, { statements }: Connection, made: Made, runner: Runner): Promise<void> {
  const { model, columns, returning, inserts } = step
  const places = columns.map(({ index }) => index)
  const filled = returning.map(({ index }) => index)
  const size = statements.rowsAtOnce(columns)
  for (let start = 0; start < inserts.length; start += size) {
    const part = inserts.length <= size ? inserts : inserts.slice(start, start + size)
    const rows = part.map(({ values }) => pick(values, places))
    const generated = await statements.insertRows(runner, model, columns, returning, rows)
    for (let row = 0; row < part.length; row++) fill((part[row] as PendingInsert).values, filled, generated[row] ?? [])
  }
  made.add(inserts)
}

/** What the database made. */
function fill(values: unknown[], places: readonly number[], generated: readonly unknown[]): void {
  for (let i = 0; i < places.length; i++) values[places[i] as number] = generated[i]
}

function pick(values: readonly unknown[], places: readonly number[]): unknown[] {
  const picked = new Array<unknown>(places.length)
  for (let i = 0; i < places.length; i++) picked[i] = values[places[i] as number]
  return picked
}

async function runUpdates(step: UpdateStep, connection: Connection, made: Made, runner: Runner): Promise<void> {
  const places = step.set.map(({ index }) => index)
  const rows = step.updates.map((update) => ({
    set: changed(update.changes, places),
    match: matchValues(step, update, made),
  }))
  const missed = await connection.statements.updateRows(runner, step.model, step.set, step.match, rows)
  if (missed.length === 0)
    return readChanged(
      step,
      connection,
      rows.map(({ match }) => match),
    )
  const states = missed.map((i) => step.updates[i]?.state)
  throw staleRows('Updating', step.model, states, rows.length)
}

function changed(changes: ValuesByColumn, places: readonly number[]): unknown[] {
  const values = new Array<unknown>(places.length)
  for (let i = 0; i < places.length; i++) values[i] = changes.get(places[i] as number)
  return values
}

function matchValues(
  step: UpdateStep | DeleteStep,
  row: PendingUpdate | PendingDelete,
  made: Made,
): readonly unknown[] {
  const key = row.storedKey ?? keyValuesOf(step.model, made.get(row.state) as readonly unknown[])
  return step.match.length > key.length ? key.concat([row.storedVersion]) : key
}

async function runDeletes(step: DeleteStep, { statements }: Connection, runner: Runner): Promise<void> {
  const rows = step.deletes.map((row) => matchValues(step, row, new Made()))
  const missed = await statements.deleteRows(runner, step.model, step.match, rows)
  if (missed.length === 0) return
  const states = missed.map((i) => step.deletes[i]?.state)
  if (step.model.version !== undefined) throw staleRows('Deleting', step.model, states, rows.length)
  if (!step.model.confirmDeletedRows) return
  warn(
    'HEDDLE_DELETE_MISSED',
    `Deleting rows of ${step.model.name}: ${describe(states)} of ${rows.length} were already gone.`,
  )
}

async function runPairs(step: PairStep, { statements }: Connection, runner: Runner): Promise<void> {
  const { model } = step.table
  const rows = step.rows.map(({ values }) => values)
  if (step.kind === 'insert pairs') {
    await statements.insertRows(runner, model, model.columns, [], rows)
    return
  }
  const missed = await statements.deleteRows(runner, model, model.columns, rows)
  if (missed.length === 0) return
  const pairs = missed.map((i) => step.rows[i]?.between.map((state) => state.describe()).join(' and '))
  throw new StaleDataError(
    `Deleting ${rows.length} row(s) of ${model.table}: ${pairs.join(', ')} are not paired any more, so somebody else has changed ` +
      'them since they were read; roll back, read them again and repeat the change.',
    { identities: pairs.map(String) },
  )
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
  return states.length > shown.length
    ? `${shown.join(', ')} and ${states.length - shown.length} more`
    : shown.join(', ')
}
