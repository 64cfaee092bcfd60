import type { EntityModel } from '../mapping/index.ts'
import type { InstanceState } from '../state/index.ts'
import { rowLevels } from './components.ts'
import { DeferredKey } from './deferred-key.ts'
import { deleteRounds } from './delete-order.ts'
import type { PairWork } from './pairs.ts'
import { insertSteps, updateSteps } from './shapes.ts'
import type { FlushPlan, InsertStep, PairStep, PlanStep, UpdateStep } from './steps.ts'
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
  const inserts = Map.groupBy(work.inserts, ({ state }) => state.model)
  const updates = Map.groupBy(work.updates, ({ state }) => state.model)
  const late = new LateUpdates(work)
  const orders = new Map(
    groups
      .flat()
      .map((model) => [model, new UniqueOrder(model, work, inserts.get(model) ?? [], updates.get(model) ?? [])]),
  )
  const steps: PlanStep[] = []
  const split: SplitUpdates = (some) => late.split(some, steps)
  for (const group of groups) {
    for (const model of group) steps.push(...(orders.get(model)?.before(split) ?? []))
    steps.push(...groupInserts(group, inserts, late))
    for (const model of group) steps.push(...(orders.get(model)?.updates(split) ?? []))
  }
  steps.push(...late.steps())
  for (const pairs of work.pairs) steps.push(...pairSteps(pairs, 'insert pairs'))
  for (const pairs of work.pairs) steps.push(...pairSteps(pairs, 'delete pairs'))
  const removed = new Set([...orders.values()].flatMap((order) => [...order.removed]))
  const deletes = work.deletes.filter((row) => !removed.has(row))
  for (const group of groups.toReversed()) steps.push(...deleteRounds(group, deletes))
  for (const order of orders.values()) steps.push(...order.after(split))
  return steps
}

function modelsOf(work: FlushWork): EntityModel[] {
  const models = new Set<EntityModel>()
  for (const { state } of [...work.inserts, ...work.updates, ...work.deletes]) models.add(state.model)
  return [...models]
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
  const dependencies = (row: PendingInsert) => deferredStates(row).flatMap((state) => byState.get(state) ?? [])
  const { levels, broken } = rowLevels(rows, dependencies, canWait)
  const placed = new Set<InstanceState>()
  return levels.flatMap((level) => {
    for (const row of level) if (broken.has(row)) late.withhold(row, placed)
    for (const row of level) placed.add(row.state)
    const byModel = Map.groupBy(level, ({ state }) => state.model)
    return [...byModel].flatMap(([model, some]) => insertSteps(model, some))
  })
}

function deferredStates({ values }: PendingInsert): InstanceState[] {
  return values.flatMap((value) => (value instanceof DeferredKey ? [value.state] : []))
}

/** Whether the foreign keys of a row may be null at first. */
function canWait({ state, values }: PendingInsert): boolean {
  return values.every(
    (value, index) => !(value instanceof DeferredKey) || state.model.columns[index]?.nullable === true,
  )
}

/** Foreign keys that are written by an UPDATE of their own, after all rows have been inserted. */
class LateUpdates {
  readonly #late: Map<InstanceState, Map<number, unknown>>
  readonly #inserted: ReadonlySet<InstanceState>

  constructor({ late, inserts }: FlushWork) {
    this.#late = new Map([...late].map(([state, values]) => [state, new Map(values)]))
    this.#inserted = new Set(inserts.map(({ state }) => state))
  }

  /** The row goes in with nulls where what it refers to is not there yet. */
  withhold(row: PendingInsert, placed: ReadonlySet<InstanceState>): void {
    row.values.forEach((value, index) => {
      if (!(value instanceof DeferredKey) || placed.has(value.state)) return
      this.#add(row.state, index, value)
      row.values[index] = null
    })
  }

  /** A row that refers to itself: at once where its key is known, later where the database makes it. */
  withholdItself({ state, values }: PendingInsert): void {
    values.forEach((value, index) => {
      if (!(value instanceof DeferredKey) || value.state !== state) return
      const own = values[value.column.index]
      if (own === undefined || own instanceof DeferredKey) this.#add(state, index, value)
      values[index] = own === undefined || own instanceof DeferredKey ? null : own
    })
  }

  #add(state: InstanceState, index: number, value: unknown): void {
    const columns = this.#late.get(state) ?? new Map<number, unknown>()
    this.#late.set(state, columns.set(index, value))
  }

  /** Updates that can run now; foreign keys to rows that are inserted later are left for the end. */
  split(updates: readonly PendingUpdate[], before: readonly PlanStep[]): PendingUpdate[] {
    const placed = new Set(
      before.flatMap((step) => (step.kind === 'insert' ? step.inserts.map(({ state }) => state) : [])),
    )
    for (const { state, changes } of updates) {
      for (const [index, value] of changes) {
        if (!(value instanceof DeferredKey) || placed.has(value.state) || !this.#inserted.has(value.state)) continue
        this.#add(state, index, value)
        changes.delete(index)
      }
    }
    return updates.filter(({ changes }) => changes.size > 0)
  }

  steps(): UpdateStep[] {
    const updates = [...this.#late].map(([state, changes]): PendingUpdate => {
      const storedKey = this.#inserted.has(state) ? undefined : state.storedKey
      return { state, changes, originals: new Map(), storedKey, storedVersion: undefined, replaces: undefined }
    })
    const byModel = Map.groupBy(updates, ({ state }) => state.model)
    return [...byModel].flatMap(([model, rows]) => updateSteps(model, rows, model.key))
  }
}

function pairSteps({ table, inserts, deletes }: PairWork, kind: PairStep['kind']): PairStep[] {
  const rows = kind === 'insert pairs' ? inserts : deletes
  return rows.length === 0 ? [] : [{ kind, table, rows }]
}
