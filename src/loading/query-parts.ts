import { nameOf } from '../mapping/index.ts'
import type { EntityTable } from './entity-table.ts'
import type { QueryState } from './query-state.ts'
import type { QueryTarget } from './query-target.ts'

/** What a query is made of. Not for programs: it is the ground under every query's methods. */
export abstract class QueryParts {
  readonly #target: QueryTarget
  readonly #table: EntityTable
  readonly #state: QueryState

  constructor(target: QueryTarget, table: EntityTable, state: QueryState) {
    this.#target = target
    this.#table = table
    this.#state = state
  }

  /** Where it runs. */
  protected get target(): QueryTarget {
    return this.#target
  }

  /** The entity that it is about, in the dialect of its database. */
  protected get table(): EntityTable {
    return this.#table
  }

  /** All that it was told. */
  protected get state(): QueryState {
    return this.#state
  }

  /** A query of the same kind that was told more. */
  protected abstract derive(changes: Partial<QueryState>): this

  /** What messages call one of its methods. */
  protected label(end: string): string {
    return `query(${nameOf(this.#table.model)}).${end}()`
  }

  /** Has the session watch a promise that was made from one of its own. */
  protected followed<T>(promise: Promise<T>): Promise<T> {
    return this.#target.follow?.(promise) ?? promise
  }
}
