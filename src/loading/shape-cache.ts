import { type StatementCache, statementName } from '../sql/index.ts'

/** A compiled text that serves every query of one shape; only the values differ. */
export interface CompiledShape {
  readonly sql: string
  /** Made from the text, so that one text has one name on every connection, and two texts never share one. */
  readonly name: string
}

/** The texts of one entity in one dialect, by shape: its part of the dialect's cache. */
export class ShapeCache {
  readonly #cache: StatementCache
  readonly #prefix: string

  constructor(cache: StatementCache) {
    this.#cache = cache
    this.#prefix = cache.prefix()
  }

  get(shape: string): CompiledShape | undefined {
    return this.#cache.get(this.#prefix + shape) as CompiledShape | undefined
  }

  add(shape: string, sql: string): CompiledShape {
    const compiled = { sql, name: statementName(sql) }
    this.#cache.add(this.#prefix + shape, compiled)
    return compiled
  }
}
