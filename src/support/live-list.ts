import { TurnEnd } from './turn-end.ts'

/** The place of an object in a {@link LiveList}. */
export interface Listed<T extends object> {
  /** While the turn of the event loop lasts in which it was listed. */
  object: T | undefined
  /** From then on. */
  weakly: WeakRef<T> | undefined
  /** Its place in the list that has it. */
  place: number
}

/**
 * Objects that may be wanted once more at the end, weakly: one that is dropped does not stay in memory for this list.
 *
 * A weak reference costs more than all else here, and holds its object to the end of the turn anyway; one that is removed before that,
 * as most are where the database answers at once, needs none.
 */
export class LiveList<T extends object> {
  readonly #fresh = new Places<T>()
  readonly #weak = new Places<T>()
  readonly #turnEnd = new TurnEnd(() => this.#weaken())
  /** How large the list may grow before dropped ones are swept out of it. */
  #sweepAt = 1_024

  /** Lists an object until {@link remove}. */
  add(object: T): Listed<T> {
    const entry = { object, weakly: undefined, place: 0 }
    this.#fresh.add(entry)
    this.#turnEnd.ask()
    return entry
  }

  remove(entry: Listed<T>): void {
    const list = entry.weakly === undefined ? this.#fresh : this.#weak
    list.remove(entry)
    entry.object = undefined
  }

  /**
   * Ends each, all at once.
   *
   * @param what they are, for the error: 'session(s) could not be closed'
   * @throws AggregateError when some could not be ended; the others are all the same
   */
  async endAll(end: (object: T) => Promise<unknown>, what: string): Promise<void> {
    const entries = [...this.#weak.all(), ...this.#fresh.all()]
    const objects = entries.flatMap((entry) => entry.object ?? entry.weakly?.deref() ?? [])
    const results = await Promise.allSettled(objects.map(end))
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} ${what}.`)
  }

  #weaken(): void {
    for (const entry of this.#fresh.all()) {
      this.#fresh.remove(entry)
      entry.weakly = new WeakRef(entry.object as T)
      entry.object = undefined
      this.#weak.add(entry)
    }
    if (this.#weak.size >= this.#sweepAt) this.#sweep()
  }

  #sweep(): void {
    for (const entry of this.#weak.all()) if (entry.weakly?.deref() === undefined) this.#weak.remove(entry)
    this.#sweepAt = Math.max(1_024, this.#weak.size * 2)
  }
}

/**
 * A list in no order, from which any is removed at once. Not a Set: one that things come to and leave makes a new table again and
 * again, each old table leads on to the next, and once an old one has been moved out of the young objects' space, the collector keeps
 * all that follow.
 */
class Places<T extends object> {
  readonly #entries: (Listed<T> | undefined)[] = []
  #count = 0

  get size(): number {
    return this.#count
  }

  all(): Listed<T>[] {
    return this.#entries.slice(0, this.#count) as Listed<T>[]
  }

  add(entry: Listed<T>): void {
    entry.place = this.#count
    this.#entries[this.#count++] = entry
  }

  /** Does nothing the second time. */
  remove(entry: Listed<T>): void {
    const { place } = entry
    if (this.#entries[place] !== entry) return
    const last = this.#entries[--this.#count] as Listed<T>
    this.#entries[this.#count] = undefined
    if (last === entry) return
    last.place = place
    this.#entries[place] = last
  }
}
