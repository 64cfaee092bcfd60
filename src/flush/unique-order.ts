import { classesOf, type EntityModel, isKindOf, rootOf } from '../mapping/index.ts'
import { ValuesByColumn } from '../state/index.ts'
import { rowLevels } from './components.ts'
import { deleteSteps, updateSteps } from './shapes.ts'
import type { PlanStep } from './steps.ts'
import { refersTo } from './table-order.ts'
import { freedBy, parkingValue, takenBy, type UniqueColumns, uniquesOf } from './unique-values.ts'
import { type FlushWork, type PendingDelete, type PendingInsert, type PendingUpdate, updateAside } from './work.ts'

type Freer = PendingUpdate | PendingDelete
type Taker = PendingInsert | PendingUpdate

/** Leaves out of updates what cannot be written yet. */
export type SplitUpdates = (updates: readonly PendingUpdate[]) => readonly PendingUpdate[]

/**
 * The order among rows of one entity that a unique value passes between: it is given up before it is taken. Without such rows it
 * changes nothing. In a circle (two rows swap their values) one row first gives its value up for null, or for a value that nobody has.
 */
export class UniqueOrder {
  readonly #model: EntityModel
  readonly #updates: readonly PendingUpdate[]
  /** For each row that takes a value: who holds it so far. */
  readonly #holders = new Map<Taker, Set<Freer>>()
  /** The unique columns of a row that somebody waits for. */
  readonly #wanted = new Map<Freer, Set<UniqueColumns>>()
  /** Updates that must come before the inserts. */
  readonly #early: ReadonlySet<PendingUpdate>
  /** Updates that wait for deletes which cannot be brought forward. */
  readonly #last = new Set<PendingUpdate>()
  /** Rows that are deleted before the inserts. */
  readonly removed = new Set<PendingDelete>()
  readonly #parked: PendingDelete[] = []

  constructor(
    model: EntityModel,
    work: FlushWork,
    inserts: readonly PendingInsert[],
    updates: readonly PendingUpdate[],
  ) {
    this.#model = model
    this.#updates = updates
    const deletes = work.deletes.filter(({ state }) => rootOf(state.model) === model)
    for (const one of updates.length + deletes.length === 0 ? [] : classesOf(model)) {
      const isOf = ({ state }: Freer | Taker) => one === model || isKindOf(state.model, one)
      const [taking, rows] = [inserts.filter(isOf), [...updates, ...deletes].filter(isOf)]
      for (const columns of uniquesOf(one)) this.#find(columns, taking, rows)
    }
    this.#early = this.#earlyUpdates(inserts)
    this.#placeDeletes(deletes, inserts, work)
  }

  #find(columns: UniqueColumns, inserts: readonly PendingInsert[], rows: readonly Freer[]): void {
    // Most flushes give no unique value away.
    if (inserts.length === 0 && !rows.some((row) => isUpdate(row) && changesAny(row, columns))) return
    if (rows.length === 0) return
    const takers = [...inserts, ...rows.filter(isUpdate)]
    const byName = new Map<string, Taker[]>()
    for (const taker of takers) {
      const name = takenBy(taker, columns)
      if (name !== undefined) byName.set(name, [...(byName.get(name) ?? []), taker])
    }
    if (byName.size === 0) return
    for (const freer of rows) {
      const name = freedBy(freer, columns)
      for (const taker of name === undefined ? [] : (byName.get(name) ?? [])) {
        if (taker === freer) continue
        addTo(this.#holders, taker, freer)
        addTo(this.#wanted, freer, columns)
      }
    }
  }

  /** What an INSERT waits for, and what that waits for. */
  #earlyUpdates(inserts: readonly PendingInsert[]): Set<PendingUpdate> {
    if (this.#holders.size === 0) return new Set()
    const early = new Set(inserts.flatMap((insert) => this.#holdersOf(insert).filter(isUpdate)))
    for (const update of early) for (const next of this.#holdersOf(update).filter(isUpdate)) early.add(next)
    return early
  }

  #holdersOf(taker: Taker): Freer[] {
    return [...(this.#holders.get(taker) ?? [])]
  }

  /** A row that nothing else of the flush refers to is deleted first; of another one only the value is taken away. */
  #placeDeletes(deletes: readonly PendingDelete[], inserts: readonly PendingInsert[], work: FlushWork): void {
    const wanted = deletes.filter((row) => this.#wanted.has(row))
    if (wanted.length === 0) return
    const isSafe = !isReferredTo(this.#model, work)
    for (const row of wanted) {
      if (isSafe) this.removed.add(row)
      else if (this.#canPark(row)) this.#parked.push(row)
      // Its key is for a new row of another class, which cannot come in before it is gone.
      else if (inserts.some((insert) => this.#holders.get(insert)?.has(row) === true)) this.removed.add(row)
      else for (const update of this.#updates) if (this.#holders.get(update)?.has(row) === true) this.#last.add(update)
    }
  }

  /** The key of a row that others may refer to cannot be given up. */
  #canPark(row: PendingDelete): boolean {
    const wanted = [...(this.#wanted.get(row) ?? [])]
    return wanted.every((columns) => columns !== this.#model.key && parkingValue(this.#model, columns) !== undefined)
  }

  /** What comes before the inserts of the entity. */
  before(split: SplitUpdates): PlanStep[] {
    const steps: PlanStep[] = this.#parked.flatMap((row) => this.#park(row))
    if (this.removed.size > 0) steps.push(...deleteSteps(this.#model, [...this.removed]))
    return [...steps, ...this.#inOrder(split([...this.#early].filter((update) => !this.#last.has(update))))]
  }

  /** The other updates. */
  updates(split: SplitUpdates): PlanStep[] {
    const isOther = (update: PendingUpdate) => !this.#early.has(update) && !this.#last.has(update)
    const others = this.#early.size + this.#last.size === 0 ? this.#updates : this.#updates.filter(isOther)
    return this.#inOrder(split(others))
  }

  /** What comes after all deletes. */
  after(split: SplitUpdates): PlanStep[] {
    return this.#inOrder(split([...this.#last]))
  }

  #inOrder(updates: readonly PendingUpdate[]): PlanStep[] {
    if (this.#holders.size === 0) return updateSteps(this.#model, updates)
    const among = new Set<Freer>(updates)
    const holders = (update: PendingUpdate) =>
      this.#holdersOf(update).filter((row) => among.has(row)) as PendingUpdate[]
    const { levels, broken } = rowLevels<PendingUpdate>(updates, {
      dependenciesOf: holders,
      canPrecede: () => true,
      onClosedCircle: ([first]) => first as PendingUpdate,
    })
    const steps = levels.flatMap((level): PlanStep[] => {
      const whole = level.filter((row) => !broken.has(row))
      const parked = level.filter((row) => broken.has(row)).flatMap((row) => this.#park(row))
      return [...parked, ...updateSteps(this.#model, whole)]
    })
    return [...steps, ...updateSteps(this.#model, [...broken])]
  }

  /** The row gives its unique values up, by an UPDATE of its own. */
  #park(row: Freer): PlanStep[] {
    const changes = new ValuesByColumn()
    for (const columns of this.#wanted.get(row) ?? []) {
      const parking = parkingValue(this.#model, columns)
      if (parking !== undefined) changes.set(parking.column.index, parking.value)
    }
    const { state, storedKey } = row
    const { key } = this.#model
    const parking = updateAside('parking', state, changes, storedKey)
    if (key.some(({ index }) => changes.has(index))) {
      row.storedKey = key.map(({ index }, i) => (changes.has(index) ? changes.get(index) : storedKey?.[i]))
    }
    return changes.size === 0 ? [] : updateSteps(this.#model, [parking], key)
  }
}

function changesAny({ changes }: PendingUpdate, columns: UniqueColumns): boolean {
  for (const { index } of columns) if (changes.has(index)) return true
  return false
}

function isUpdate(row: Freer): row is PendingUpdate {
  return 'changes' in row
}

/** Whether the flush writes rows that may refer to rows of the entity: those have to be written before any of it is deleted. */
function isReferredTo(model: EntityModel, work: FlushWork): boolean {
  const written = new Set([...work.updates, ...work.deletes].map(({ state }) => state.model))
  if (
    work.pairs.some(({ deletes }) =>
      deletes.some(({ between }) => between.some((side) => rootOf(side.model) === model)),
    )
  )
    return true
  return [...written].some((other) => refersTo(other, model))
}

function addTo<Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}
