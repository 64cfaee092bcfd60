import { type ColumnModel, type EntityModel, rootOf } from '../mapping/index.ts'
import type { InstanceState } from '../state/index.ts'
import { circularDependency } from './circular-dependency.ts'
import { rowLevels } from './components.ts'
import { DeferredKey } from './deferred-key.ts'
import { deleteRounds } from './delete-order.ts'
import { LateUpdates } from './late-updates.ts'
import type { PairWork } from './pairs.ts'
import { insertSteps, updateSteps } from './shapes.ts'
import type { FlushPlan, InsertStep, PairStep, PlanStep } from './steps.ts'
import { isSelfReferring, modelGroups } from './table-order.ts'
import { type SplitUpdates, UniqueOrder } from './unique-order.ts'
import type { FlushWork, PendingInsert, PendingUpdate } from './work.ts'

/**
 * Orders the work: tables that others refer to are inserted first and deleted last; within a table rows keep their order, unless one
 * refers to another; rows of one shape travel together. A circle of rows is broken by a second UPDATE. Pure: no database, no change
 * of any record.
 */
export function planFlush(work: FlushWork): FlushPlan {
  const groups = modelGroups(modelsOf(work))
  const inserts = byRoot(work.inserts)
  const updates = byRoot(work.updates)
  const late = new LateUpdates(work)
  const orders = uniqueOrders(groups, work, inserts, updates)
  const steps: PlanStep[] = []
  const split: SplitUpdates = (some) => late.split(some, steps)
  for (const group of groups) {
    if (orders.size > 0) for (const model of group) steps.push(...(orders.get(model)?.before(split) ?? []))
    steps.push(...groupInserts(group, inserts, late))
    for (const model of group) {
      const some = updates.get(model)
      if (some !== undefined) steps.push(...(orders.get(model)?.updates(split) ?? updateSteps(model, split(some))))
    }
  }
  steps.push(...late.steps())
  for (const pairs of work.pairs) steps.push(...pairSteps(pairs, 'insert pairs'))
  for (const pairs of work.pairs) steps.push(...pairSteps(pairs, 'delete pairs'))
  if (work.deletes.length > 0) steps.push(...deletesAfterAll(groups, work, orders))
  for (const order of orders.values()) steps.push(...order.after(split))
  return steps
}

/** Of the entities of which more than one row is written: among those a unique value may pass from one to another. */
function uniqueOrders(
  groups: readonly (readonly EntityModel[])[],
  work: FlushWork,
  inserts: ReadonlyMap<EntityModel, readonly PendingInsert[]>,
  updates: ReadonlyMap<EntityModel, readonly PendingUpdate[]>,
): Map<EntityModel, UniqueOrder> {
  const orders = new Map<EntityModel, UniqueOrder>()
  for (const group of groups) {
    for (const model of group) {
      const [taking, changed] = [inserts.get(model) ?? [], updates.get(model) ?? []]
      const isAlone = work.deletes.length === 0 && (changed.length === 0 || taking.length + changed.length === 1)
      if (!isAlone) orders.set(model, new UniqueOrder(model, work, taking, changed))
    }
  }
  return orders
}

/** The deletes that nothing else waits for. */
function deletesAfterAll(
  groups: readonly (readonly EntityModel[])[],
  work: FlushWork,
  orders: ReadonlyMap<EntityModel, UniqueOrder>,
): PlanStep[] {
  const removed = new Set([...orders.values()].flatMap((order) => [...order.removed]))
  const deletes = work.deletes.filter((row) => !removed.has(row))
  return groups.toReversed().flatMap((group) => deleteRounds(group, deletes))
}

/** The entities whose rows are written; the classes of a family are one. */
function modelsOf(work: FlushWork): EntityModel[] {
  const models = new Set<EntityModel>()
  for (const rows of [work.inserts, work.updates, work.deletes]) {
    let last: EntityModel | undefined
    for (const { state } of rows) {
      if (state.model === last) continue
      last = state.model
      models.add(rootOf(last))
    }
  }
  return [...models]
}

/** Rows by their entity. Most flushes have many of one. */
function byRoot<Row extends { readonly state: InstanceState }>(rows: readonly Row[]): Map<EntityModel, readonly Row[]> {
  const model = rows[0]?.state.model
  if (model === undefined) return new Map()
  if (rows.every(({ state }) => state.model === model)) return new Map([[rootOf(model), rows]])
  return Map.groupBy(rows, ({ state }) => rootOf(state.model))
}

/** The rows of tables in a circle are ordered one by one; those of a table alone only where they refer to each other. */
function groupInserts(
  group: readonly EntityModel[],
  inserts: ReadonlyMap<EntityModel, readonly PendingInsert[]>,
  late: LateUpdates,
): InsertStep[] {
  const [only] = group
  if (group.length === 1 && only !== undefined && !isSelfReferring(only))
    return insertSteps(only, inserts.get(only) ?? [])
  const rows = group.flatMap((model) => inserts.get(model) ?? [])
  for (const row of rows) late.withholdItself(row)
  const byState = new Map(rows.map((row) => [row.state, row]))
  const { levels, broken } = rowLevels(rows, {
    dependenciesOf: (row) => deferredStates(row).flatMap((state) => byState.get(state) ?? []),
    canPrecede: (row, other) => keysTo(row, other).every((column) => column.nullable && !column.primaryKey),
    onClosedCircle: (circle) => {
      throw circularDependency(circle, keysTo)
    },
  })
  const placed = new Set<InstanceState>()
  const isMissing = (state: InstanceState) => byState.has(state) && !placed.has(state)
  return levels.flatMap((level) => {
    for (const row of level) if (broken.has(row)) late.withhold(row, isMissing)
    for (const row of level) placed.add(row.state)
    const byModel = Map.groupBy(level, ({ state }) => rootOf(state.model))
    return [...byModel].flatMap(([model, some]) => insertSteps(model, some))
  })
}

function deferredStates({ values }: PendingInsert): InstanceState[] {
  return values.flatMap((value) => (value instanceof DeferredKey ? [value.state] : []))
}

/** The foreign keys of a row that are to hold the key of another one. */
function keysTo({ state, values }: PendingInsert, other: PendingInsert): ColumnModel[] {
  return state.model.columns.filter(({ index }) => {
    const value = values[index]
    return value instanceof DeferredKey && value.state === other.state
  })
}

function pairSteps({ table, inserts, deletes }: PairWork, kind: PairStep['kind']): PairStep[] {
  const rows = kind === 'insert pairs' ? inserts : deletes
  return rows.length === 0 ? [] : [{ kind, table, rows }]
}
