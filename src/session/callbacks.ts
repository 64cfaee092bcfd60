/** What is to be done once after a transaction has ended in one way or the other. */
export class Callbacks {
  readonly #after = { commit: [] as (() => unknown)[], rollback: [] as (() => unknown)[] }

  add(end: 'commit' | 'rollback', callback: () => unknown): void {
    this.#after[end].push(callback)
  }

  /** A released savepoint hands its own to the enclosing transaction. */
  mergeInto(outer: Callbacks | undefined): void {
    if (outer === undefined) return
    outer.#after.commit.push(...this.#after.commit)
    outer.#after.rollback.push(...this.#after.rollback)
  }

  /** Runs all of them, in order, even where some fail; then throws the first failure. */
  async run(end: 'commit' | 'rollback'): Promise<void> {
    const failures: unknown[] = []
    for (const callback of this.#after[end]) {
      try {
        await callback()
      } catch (failure) {
        failures.push(failure)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
