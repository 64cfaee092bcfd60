/** What is to be done once after a transaction has ended in one way or the other. */
export class Callbacks {
  readonly #after: Record<'commit' | 'rollback', (() => unknown)[] | undefined> = {
    commit: undefined,
    rollback: undefined,
  }

  /** Whether there is anything to run. */
  has(end: 'commit' | 'rollback'): boolean {
    return this.#after[end] !== undefined
  }

  add(end: 'commit' | 'rollback', callback: () => unknown): void {
    this.#after[end] ??= []
    this.#after[end].push(callback)
  }

  /** A released savepoint hands its own to the enclosing transaction. */
  mergeInto(outer: Callbacks | undefined): void {
    if (outer === undefined) return
    for (const end of ['commit', 'rollback'] as const)
      for (const callback of this.#after[end] ?? []) outer.add(end, callback)
  }

  /** Runs all of them, in order, even where some fail; then throws the first failure. */
  async run(end: 'commit' | 'rollback'): Promise<void> {
    const failures: unknown[] = []
    for (const callback of this.#after[end] ?? []) {
      try {
        await callback()
      } catch (failure) {
        failures.push(failure)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
