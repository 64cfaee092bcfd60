import { statementName } from '../sql/index.ts'

/** A compiled text that serves every query of one shape; only the values differ. */
export interface CompiledShape {
  readonly sql: string
  /** Made from the text, so that one text has one name on every connection, and two texts never share one. */
  readonly name: string
}

/** The texts of one entity in one dialect, by shape. When it is full, the shape that was not used for longest goes. */
export class ShapeCache {
  readonly #limit: number
  /** In the order of their last use: a Map keeps the order of insertion. */
  readonly #shapes = new Map<string, CompiledShape>()

  constructor(limit = 200) {
    this.#limit = limit
  }

  get size(): number {
    return this.#shapes.size
  }

  get(shape: string): CompiledShape | undefined {
    const found = this.#shapes.get(shape)
    if (found === undefined) return undefined
    // Moving an entry costs more than finding it, so nothing moves before the cache is full enough for it to matter.
    if (this.#shapes.size > this.#limit / 2) {
      this.#shapes.delete(shape)
      this.#shapes.set(shape, found)
    }
    return found
  }

  add(shape: string, sql: string): CompiledShape {
    const compiled = { sql, name: statementName(sql) }
    this.#shapes.set(shape, compiled)
    if (this.#shapes.size > this.#limit) {
      const oldest = this.#shapes.keys().next().value
      if (oldest !== undefined) this.#shapes.delete(oldest)
    }
    return compiled
  }
}
