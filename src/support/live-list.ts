/** Objects that may be wanted once more at the end, weakly: one that is dropped does not stay in memory for this list. */
export class LiveList<T extends object> {
  readonly #entries = new Set<WeakRef<T>>()
  /** How large the list may grow before dropped ones are swept out of it. */
  #sweepAt = 1_024

  /** Lists an object until {@link remove}. */
  add(object: T): WeakRef<T> {
    if (this.#entries.size >= this.#sweepAt) this.#sweep()
    const entry = new WeakRef(object)
    this.#entries.add(entry)
    return entry
  }

  remove(entry: WeakRef<T>): void {
    this.#entries.delete(entry)
  }

  /**
   * Ends each, all at once.
   *
   * @param what they are, for the error: 'session(s) could not be closed'
   * @throws AggregateError when some could not be ended; the others are all the same
   */
  async endAll(end: (object: T) => Promise<unknown>, what: string): Promise<void> {
    const objects = [...this.#entries].flatMap((entry) => entry.deref() ?? [])
    const results = await Promise.allSettled(objects.map(end))
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} ${what}.`)
  }

  #sweep(): void {
    for (const entry of this.#entries) if (entry.deref() === undefined) this.#entries.delete(entry)
    this.#sweepAt = Math.max(1_024, this.#entries.size * 2)
  }
}
