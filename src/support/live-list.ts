import { TurnEnd } from './turn-end.ts'

/** The place of an object in a {@link LiveList}. */
export interface Listed<T extends object> {
  /** While the turn of the event loop lasts in which it was listed. */
  object: T | undefined
  /** From then on. */
  weakly: WeakRef<T> | undefined
}

/**
 * Objects that may be wanted once more at the end, weakly: one that is dropped does not stay in memory for this list.
 *
 * A weak reference costs more than all else here, and holds its object to the end of the turn anyway; one that is removed before that,
 * as most are where the database answers at once, needs none.
 */
export class LiveList<T extends object> {
  readonly #fresh = new Set<Listed<T>>()
  readonly #weak = new Set<Listed<T>>()
  readonly #turnEnd = new TurnEnd(() => this.#weaken())
  /** How large the list may grow before dropped ones are swept out of it. */
  #sweepAt = 1_024

  /** Lists an object until {@link remove}. */
  add(object: T): Listed<T> {
    const entry = { object, weakly: undefined }
    this.#fresh.add(entry)
    this.#turnEnd.ask()
    return entry
  }

  remove(entry: Listed<T>): void {
    if (!this.#fresh.delete(entry)) this.#weak.delete(entry)
  }

  /**
   * Ends each, all at once.
   *
   * @param what they are, for the error: 'session(s) could not be closed'
   * @throws AggregateError when some could not be ended; the others are all the same
   */
  async endAll(end: (object: T) => Promise<unknown>, what: string): Promise<void> {
    const objects = [...this.#weak, ...this.#fresh].flatMap((entry) => entry.object ?? entry.weakly?.deref() ?? [])
    const results = await Promise.allSettled(objects.map(end))
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} ${what}.`)
  }

  #weaken(): void {
    for (const entry of this.#fresh) {
      entry.weakly = new WeakRef(entry.object as T)
      entry.object = undefined
      this.#weak.add(entry)
    }
    this.#fresh.clear()
    if (this.#weak.size >= this.#sweepAt) this.#sweep()
  }

  #sweep(): void {
    for (const entry of this.#weak) if (entry.weakly?.deref() === undefined) this.#weak.delete(entry)
    this.#sweepAt = Math.max(1_024, this.#weak.size * 2)
  }
}
