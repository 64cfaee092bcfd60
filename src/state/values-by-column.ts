/** No column has this place. */
const NONE = -1

/**
 * Values by column index, as a Map has them. Two are kept in fields: nearly every row that is changed has one changed column, and its
 * version, and a Map for these takes several times as long to make.
 */
export class ValuesByColumn {
  #firstIndex = NONE
  #first: unknown = undefined
  #secondIndex = NONE
  #second: unknown = undefined
  #others: Map<number, unknown> | undefined = undefined

  constructor(entries?: Iterable<readonly [index: number, value: unknown]>) {
    if (entries !== undefined) for (const [index, value] of entries) this.set(index, value)
  }

  get size(): number {
    const others = this.#others === undefined ? 0 : this.#others.size
    return (this.#firstIndex === NONE ? 0 : 1) + (this.#secondIndex === NONE ? 0 : 1) + others
  }

  has(index: number): boolean {
    return index === this.#firstIndex || index === this.#secondIndex || this.#others?.has(index) === true
  }

  get(index: number): unknown {
    if (index === this.#firstIndex) return this.#first
    return index === this.#secondIndex ? this.#second : this.#others?.get(index)
  }

  set(index: number, value: unknown): this {
    const isNew = !this.has(index)
    if (index === this.#firstIndex || (isNew && this.#firstIndex === NONE)) {
      this.#firstIndex = index
      this.#first = value
    } else if (index === this.#secondIndex || (isNew && this.#secondIndex === NONE)) {
      this.#secondIndex = index
      this.#second = value
    } else {
      this.#others ??= new Map()
      this.#others.set(index, value)
    }
    return this
  }

  delete(index: number): boolean {
    if (index === this.#firstIndex) {
      this.#firstIndex = NONE
      this.#first = undefined
      return true
    }
    if (index === this.#secondIndex) {
      this.#secondIndex = NONE
      this.#second = undefined
      return true
    }
    return this.#others?.delete(index) === true
  }

  /** Calls back for each; what is set meanwhile may be left out. */
  each(visit: (index: number, value: unknown) => void): void {
    this.eachFor(visit, call)
  }

  /** The same with an argument that is handed on, so that no function has to be made for it. */
  eachFor<Context>(context: Context, visit: (context: Context, index: number, value: unknown) => void): void {
    const second = this.#secondIndex
    if (this.#firstIndex !== NONE) visit(context, this.#firstIndex, this.#first)
    if (second !== NONE && second === this.#secondIndex) visit(context, second, this.#second)
    if (this.#others !== undefined) for (const [index, value] of this.#others) visit(context, index, value)
  }

  /** Whether any value meets a test. */
  some(test: (value: unknown) => boolean): boolean {
    if (this.#firstIndex !== NONE && test(this.#first)) return true
    if (this.#secondIndex !== NONE && test(this.#second)) return true
    if (this.#others !== undefined) for (const value of this.#others.values()) if (test(value)) return true
    return false
  }

  /** All of them, as a list of their own. */
  [Symbol.iterator](): IterableIterator<[index: number, value: unknown]> {
    const entries: [number, unknown][] = []
    this.each((index, value) => entries.push([index, value]))
    return entries.values()
  }
}

function call(visit: (index: number, value: unknown) => void, index: number, value: unknown): void {
  visit(index, value)
}
