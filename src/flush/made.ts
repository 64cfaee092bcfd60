import type { InstanceState } from '../state/index.ts'
import type { PendingInsert } from './work.ts'

/** The rows that a flush has inserted so far, looked up by instance. Most flushes never look, so the index is made when one does. */
export class Made {
  #unindexed: (readonly PendingInsert[])[] = []
  #byState: Map<InstanceState, readonly unknown[]> | undefined

  add(inserts: readonly PendingInsert[]): void {
    this.#unindexed.push(inserts)
  }

  /** The values of an instance's row by column index, those that the database made included; undefined for one not inserted. */
  get(state: InstanceState): readonly unknown[] | undefined {
    this.#byState ??= new Map()
    for (const inserts of this.#unindexed) for (const row of inserts) this.#byState.set(row.state, row.values)
    this.#unindexed = []
    return this.#byState.get(state)
  }
}
