/** How a cache of statements does. */
export interface StatementCacheStatus {
  /** Texts that were found. */
  readonly hits: number
  /** Texts that had to be compiled. */
  readonly misses: number
  /** Texts that are kept now. */
  readonly size: number
  /** The most that are kept; the one that was not used for longest goes first. */
  readonly limit: number
}

/** Statements that an engine keeps unless it is told another number. */
export const STATEMENTS_KEPT = 1_000

/**
 * What an engine has compiled, by shape: one cache for everything, so that one number bounds it. When it is full, what was not used for
 * longest goes.
 */
export class StatementCache {
  readonly #limit: number
  /** In the order of their last use: a Map keeps the order of insertion. */
  readonly #entries = new Map<string, unknown>()
  #hits = 0
  #misses = 0
  #owners = 0

  constructor(limit = STATEMENTS_KEPT) {
    this.#limit = limit
  }

  /** A prefix for the keys of one user of the cache, so that no two users share an entry. */
  prefix(): string {
    this.#owners++
    return `${this.#owners} `
  }

  get(key: string): unknown {
    const found = this.#entries.get(key)
    if (found === undefined) {
      this.#misses++
      return undefined
    }
    this.#hits++
    // Moving an entry costs more than finding it, so nothing moves before the cache is full enough for it to matter.
    if (this.#entries.size > this.#limit / 2) {
      this.#entries.delete(key)
      this.#entries.set(key, found)
    }
    return found
  }

  add(key: string, value: object): void {
    if (this.#limit === 0) return
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#limit) return
    const oldest = this.#entries.keys().next().value
    if (oldest !== undefined) this.#entries.delete(oldest)
  }

  get status(): StatementCacheStatus {
    return { hits: this.#hits, misses: this.#misses, size: this.#entries.size, limit: this.#limit }
  }
}
