import type { Connection } from '../engine/index.ts'
import { type EntityModel, isSqlExpression } from '../mapping/index.ts'
import type { InstanceState, RowEventName, UnitOfWork } from '../state/index.ts'
import { insertSteps, updateSteps } from './shapes.ts'
import type { DeleteStep, InsertStep, PlanStep, UpdateStep } from './steps.ts'
import type { PendingUpdate } from './work.ts'

/** Tells a program's listeners of rows that are about to be written, or have been. */
export interface RowListeners {
  hears(model: EntityModel, name: RowEventName): boolean
  tell(name: RowEventName, states: readonly InstanceState[], connection: Connection): Promise<void>
}

type RowStep = InsertStep | UpdateStep | DeleteStep

/** A value of a record that was replaced before its time. */
interface Replaced {
  readonly state: InstanceState
  readonly index: number
  readonly before: unknown
}

/**
 * The listeners around the statements of one flush. They see their targets with the values that the statement writes, and later with
 * those that the database made; what they set before the statement becomes a part of it. All of that is taken back when the flush
 * fails.
 */
export class RowHooks {
  readonly #unit: UnitOfWork
  readonly #listeners: RowListeners | undefined
  readonly #replaced: Replaced[] = []

  constructor(unit: UnitOfWork, listeners: RowListeners | undefined) {
    this.#unit = unit
    this.#listeners = listeners
  }

  /** Whether anybody listens to the rows of a step: asked once a step. */
  concern(step: PlanStep): step is RowStep {
    const listeners = this.#listeners
    if (listeners === undefined || !isRowStep(step)) return false
    return eventsOf(step).some((name) => listeners.hears(step.model, name))
  }

  /** Tells of rows about to be written, and gives the steps that write them with what the listeners have set. */
  async before(step: RowStep, connection: Connection): Promise<readonly PlanStep[]> {
    if (step.kind === 'delete') {
      await this.#tell('beforeDelete', statesOf(step), connection)
      return [step]
    }
    const rows = this.#rowsOf(step)
    for (const { state, values } of rows) this.#show(state, values)
    const held = rows.map(({ state }) => holdChanges(state))
    await this.#tellWritten('before', step, connection)
    rows.forEach(({ state, set }, i) => {
      this.#takeChanges(state, held[i], set)
    })
    return step.kind === 'insert'
      ? insertSteps(step.model, step.inserts)
      : updateSteps(step.model, step.updates, step.match)
  }

  /** Tells of rows that have been written. */
  async after(step: RowStep, connection: Connection): Promise<void> {
    if (step.kind === 'delete') return this.#tell('afterDelete', statesOf(step), connection)
    for (const { state, values } of this.#rowsOf(step)) this.#show(state, values)
    await this.#tellWritten('after', step, connection)
  }

  /** Takes back what was put into records, last first. What the program has changed since stays. */
  undo(): void {
    for (const { state, index, before } of this.#replaced.toReversed()) {
      if (state.originals?.has(index) === true) state.originals.set(index, before)
      else state.values[index] = before
    }
    this.#replaced.length = 0
  }

  /** A new instance that takes over the row of a deleted one is an insert to the program. */
  #tellWritten(when: 'before' | 'after', step: InsertStep | UpdateStep, connection: Connection): Promise<void> {
    if (step.kind === 'insert') return this.#tell(`${when}Insert`, statesOf(step), connection)
    const updates = step.updates.filter(isTold)
    const isNew = (update: PendingUpdate) => update.replaces !== undefined
    const state = (update: PendingUpdate) => update.state
    return this.#tell(`${when}Insert`, updates.filter(isNew).map(state), connection).then(() =>
      this.#tell(`${when}Update`, updates.filter((update) => !isNew(update)).map(state), connection),
    )
  }

  async #tell(name: RowEventName, states: readonly InstanceState[], connection: Connection): Promise<void> {
    const [first] = states
    if (first !== undefined && this.#listeners?.hears(first.model, name) === true)
      await this.#listeners.tell(name, states, connection)
  }

  #rowsOf(step: InsertStep | UpdateStep): Row[] {
    if (step.kind === 'insert') {
      return step.inserts.map(({ state, values }) => ({
        state,
        values: values.entries(),
        set: (index, value) => {
          values[index] = value
        },
      }))
    }
    const updates = step.updates.filter(isTold)
    return updates.map(({ state, changes }) => ({ state, values: changes, set: (i, value) => changes.set(i, value) }))
  }

  /** Puts the values of a row into its record, where the program has not set others meanwhile. */
  #show(state: InstanceState, values: Row['values']): void {
    for (const [index, value] of values) {
      const isKept = value === undefined || isSqlExpression(value) || state.originals?.has(index) === true
      if (!isKept && state.values[index] !== value) this.#replace(state, index, value)
    }
  }

  #replace(state: InstanceState, index: number, value: unknown): void {
    this.#replaced.push({ state, index, before: state.values[index] })
    state.values[index] = value
  }

  /** What the listeners have set is written by this flush; what was changed before them is left to the next. */
  #takeChanges(state: InstanceState, held: InstanceState['originals'], set: Row['set']): void {
    const taken = state.originals
    state.originals = held
    for (const [index, before] of taken ?? []) {
      this.#replaced.push({ state, index, before })
      set(index, state.values[index])
      held?.delete(index)
    }
    if (!state.isModified) this.#unit.dirty.delete(state)
  }
}

/** A row of a step: its values by column index, and how one is changed. */
interface Row {
  readonly state: InstanceState
  readonly values: Iterable<[index: number, value: unknown]>
  set(index: number, value: unknown): void
}

/** Changes of the program since the flush began, put aside: what is noted from now on comes from listeners. */
function holdChanges(state: InstanceState): InstanceState['originals'] {
  const held = state.originals
  state.originals = undefined
  return held
}

/** What is written aside is a second half of work that was told already. */
function isTold({ aside }: PendingUpdate): boolean {
  return aside === undefined
}

function isRowStep(step: PlanStep): step is RowStep {
  return step.kind === 'insert' || step.kind === 'update' || step.kind === 'delete'
}

function statesOf(step: RowStep): InstanceState[] {
  if (step.kind === 'insert') return step.inserts.map(({ state }) => state)
  return (step.kind === 'update' ? step.updates : step.deletes).map(({ state }) => state)
}

function eventsOf(step: RowStep): readonly RowEventName[] {
  if (step.kind === 'insert') return ['beforeInsert', 'afterInsert']
  if (step.kind === 'delete') return ['beforeDelete', 'afterDelete']
  return ['beforeUpdate', 'afterUpdate', 'beforeInsert', 'afterInsert']
}
