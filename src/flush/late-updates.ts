import { rootOf } from '../mapping/index.ts'
import { type InstanceState, ValuesByColumn } from '../state/index.ts'
import { DeferredKey, isDeferred } from './deferred-key.ts'
import { updateSteps } from './shapes.ts'
import type { PlanStep, UpdateStep } from './steps.ts'
import {
  addAutomaticChanges,
  type FlushWork,
  type PendingInsert,
  type PendingUpdate,
  storedVersionOf,
  updateAside,
} from './work.ts'

/**
 * Foreign keys that are written by an UPDATE of their own, after all rows have been inserted. Where that is the only one of a stored row,
 * it is an update like any other: told to listeners, and with the version. A row that this flush has inserted or updated before is not
 * told, and not counted, twice.
 */
export class LateUpdates {
  readonly #late: Map<InstanceState, ValuesByColumn>
  readonly #work: FlushWork
  #insertedStates: ReadonlySet<InstanceState> | undefined
  #updateOfState: ReadonlyMap<InstanceState, PendingUpdate> | undefined

  constructor(work: FlushWork) {
    this.#work = work
    this.#late = new Map()
    for (const [state, values] of work.late) this.#late.set(state, new ValuesByColumn(values))
  }

  get #inserted(): ReadonlySet<InstanceState> {
    this.#insertedStates ??= new Set(this.#work.inserts.map(({ state }) => state))
    return this.#insertedStates
  }

  get #updates(): ReadonlyMap<InstanceState, PendingUpdate> {
    this.#updateOfState ??= new Map(this.#work.updates.map((update) => [update.state, update]))
    return this.#updateOfState
  }

  /** The row goes in with nulls where what it refers to is not there yet. */
  withhold(row: PendingInsert, isMissing: (other: InstanceState) => boolean): void {
    row.values.forEach((value, index) => {
      if (!(value instanceof DeferredKey) || !isMissing(value.state)) return
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
    const columns = this.#late.get(state) ?? new ValuesByColumn()
    this.#late.set(state, columns.set(index, value))
  }

  /** Updates that can run now; foreign keys to rows that are inserted later are left for the end. */
  split(updates: readonly PendingUpdate[], before: readonly PlanStep[]): readonly PendingUpdate[] {
    let placed: ReadonlySet<InstanceState> | undefined
    let isAnyEmpty = false
    for (const update of updates) {
      if (update.changes.some(isDeferred)) {
        placed ??= statesInserted(before)
        this.#takeLate(update, placed)
      }
      if (update.changes.size === 0) isAnyEmpty = true
    }
    return isAnyEmpty ? updates.filter(({ changes }) => changes.size > 0) : updates
  }

  #takeLate({ state, changes }: PendingUpdate, placed: ReadonlySet<InstanceState>): void {
    for (const [index, value] of changes) {
      if (!isDeferred(value) || placed.has(value.state) || !this.#inserted.has(value.state)) continue
      this.#add(state, index, value)
      changes.delete(index)
    }
  }

  steps(): UpdateStep[] {
    if (this.#late.size === 0) return []
    const updates = [...this.#late].map(([state, changes]) => this.#updateOf(state, changes))
    const byModel = Map.groupBy(updates, ({ state }) => rootOf(state.model))
    return [...byModel].flatMap(([model, rows]) => [
      ...updateSteps(
        model,
        rows.filter(({ aside }) => aside === undefined),
      ),
      ...updateSteps(
        model,
        rows.filter(({ aside }) => aside !== undefined),
        model.key,
      ),
    ])
  }

  #updateOf(state: InstanceState, changes: ValuesByColumn): PendingUpdate {
    if (this.#inserted.has(state)) return updateAside('rest', state, changes, undefined)
    const first = this.#updates.get(state)
    if (first !== undefined && first.changes.size > 0) return updateAside('rest', state, changes, keyAfter(first))
    addAutomaticChanges(state, changes)
    const [originals, storedVersion] = [new ValuesByColumn(), storedVersionOf(state)]
    return { state, changes, originals, storedKey: state.storedKey, storedVersion, replaces: undefined }
  }
}

function statesInserted(steps: readonly PlanStep[]): Set<InstanceState> {
  return new Set(steps.flatMap((step) => (step.kind === 'insert' ? step.inserts.map(({ state }) => state) : [])))
}

/** The key by which a row is found once it has been updated. */
function keyAfter({ state, changes, storedKey }: PendingUpdate): readonly unknown[] {
  return state.model.key.map(({ index }, i) => (changes.has(index) ? changes.get(index) : storedKey?.[i]))
}
