import type { Outcome } from './driver.ts'
import { type OtherParsers, type Parser, parserOf, type ValueMode } from './postgres-types.ts'

/** A column as the server describes it. */
export interface Field {
  readonly name: string
  readonly dataTypeID: number
}

/** The columns of a statement's rows, with their parsers; kept with a prepared statement, whose columns never change. */
export class RowShape {
  readonly names: readonly string[]
  readonly template: Readonly<Record<string, unknown>>
  readonly #types: readonly number[]
  readonly #other: OtherParsers | undefined
  readonly #parsers = new Map<ValueMode, readonly Parser[]>()

  constructor(fields: readonly Field[], other: OtherParsers | undefined) {
    this.names = fields.map((field) => field.name)
    this.template = Object.fromEntries(this.names.map((name) => [name, null]))
    this.#types = fields.map((field) => field.dataTypeID)
    this.#other = other
  }

  parsers(mode: ValueMode): readonly Parser[] {
    let parsers = this.#parsers.get(mode)
    if (parsers === undefined) {
      parsers = this.#types.map((type) => parserOf(type, mode, this.#other))
      this.#parsers.set(mode, parsers)
    }
    return parsers
  }
}

/** How the rows of a statement are wanted. */
export interface RowWish {
  readonly rows: 'object' | 'array'
  readonly mode: ValueMode
}

/** Collects what the server answers to one exchange: columns, rows, command tags. Knows nothing of how it travels. */
export class Collector {
  /** The columns, described by the server or known before. */
  shape: RowShape | undefined
  /** The command tags, in order, for example 'INSERT 0 3'. */
  readonly tags: string[] = []
  /** Set where a portal has more rows to give. */
  suspended = false
  /** Why a row could not be read; the server has done its work all the same. */
  failure: unknown
  readonly #wish: RowWish
  readonly #other: OtherParsers | undefined
  readonly #leading: number
  #rows: unknown[] = []
  #parsers: readonly Parser[] = []

  /** @param leading how many commands were sent ahead of the statement (a BEGIN); their answers are not its rows */
  constructor(wish: RowWish, shape: RowShape | undefined, leading: number, other: OtherParsers | undefined) {
    this.#wish = wish
    this.#leading = leading
    this.#other = other
    if (shape !== undefined) this.#use(shape)
  }

  /** Whether the commands ahead of the statement have been executed. */
  get begun(): boolean {
    return this.tags.length >= this.#leading
  }

  fields(fields: readonly Field[]): void {
    this.#use(new RowShape(fields, this.#other))
    this.#rows = []
  }

  row(values: readonly (string | null)[]): void {
    try {
      this.#rows.push(this.#wish.rows === 'array' ? this.#array(values) : this.#object(values))
    } catch (error) {
      this.failure ??= error
    }
  }

  complete(tag: string): void {
    this.tags.push(tag)
  }

  /** The answer of the last command. */
  outcome(): Outcome {
    const tag = this.tags.at(-1) ?? ''
    const count = Number(tag.slice(tag.lastIndexOf(' ') + 1))
    return { rows: this.#rows, rowCount: Number.isNaN(count) ? 0 : count, columns: this.shape?.names ?? [] }
  }

  /** Hands over the rows so far. */
  takeRows(): readonly unknown[] {
    const rows = this.#rows
    this.#rows = []
    return rows
  }

  #use(shape: RowShape): void {
    this.shape = shape
    this.#parsers = shape.parsers(this.#wish.mode)
  }

  #array(values: readonly (string | null)[]): unknown[] {
    const parsers = this.#checked(values)
    const row = new Array<unknown>(values.length)
    for (let at = 0; at < values.length; at++) {
      const text = values[at] ?? null
      const parse = parsers[at]
      row[at] = text === null || parse === undefined ? text : parse(text)
    }
    return row
  }

  #object(values: readonly (string | null)[]): Record<string, unknown> {
    const parsers = this.#checked(values)
    const { names, template } = this.shape as RowShape
    const row: Record<string, unknown> = { ...template }
    for (let at = 0; at < values.length; at++) {
      const text = values[at] ?? null
      const parse = parsers[at]
      const value = text === null || parse === undefined ? text : parse(text)
      const name = names[at] as string
      if (name === '__proto__') Object.defineProperty(row, name, { value, enumerable: true, configurable: true })
      else row[name] = value
    }
    return row
  }

  #checked(values: readonly unknown[]): readonly Parser[] {
    if (values.length !== this.#parsers.length) {
      throw new Error(`A row of ${values.length} values came where ${this.#parsers.length} columns were described.`)
    }
    return this.#parsers
  }
}
