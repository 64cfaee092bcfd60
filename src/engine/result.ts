import type { Outcome } from '../drivers/index.ts'
import { MultipleResultsError, NoResultError } from '../errors.ts'

/** What a statement gave: all of its rows, in memory. */
export class Result<Row = Record<string, unknown>> implements Iterable<Row> {
  /** The rows, objects by column name; empty for a statement that returns none. */
  readonly rows: readonly Row[]
  /** Rows returned by a query, rows matched by a write. */
  readonly rowCount: number
  /** The names of the columns in order; empty for a statement that returns no rows. */
  readonly columns: readonly string[]
  /** The first key that the database generated, where it has no RETURNING. */
  readonly insertId: number | bigint | undefined

  constructor(outcome: Outcome) {
    this.rows = outcome.rows as readonly Row[]
    this.rowCount = outcome.rowCount
    this.columns = outcome.columns
    this.insertId = outcome.insertId
  }

  /** All rows, as an array of the caller's own. */
  all(): Row[] {
    return [...this.rows]
  }

  /** The first row, or null when there is none; further rows are ignored. */
  first(): Row | null {
    return this.rows[0] ?? null
  }

  /**
   * The only row.
   * @throws NoResultError when there is none, MultipleResultsError when there are several
   */
  one(): Row {
    const row = this.oneOrNull()
    if (row === null) throw new NoResultError('one() found no row; use first() or oneOrNull() where none is fine')
    return row
  }

  /**
   * The only row, or null when there is none.
   * @throws MultipleResultsError when there are several
   */
  oneOrNull(): Row | null {
    if (this.rows.length > 1) {
      throw new MultipleResultsError(
        `One row was expected and ${this.rows.length} were found; use first(), or narrow the query`,
      )
    }
    return this.rows[0] ?? null
  }

  /** The first column of the first row, or null when there is no row. */
  scalar<Value = unknown>(): Value | null {
    const row = this.first()
    return row === null ? null : this.#firstColumn<Value>(row)
  }

  /**
   * The first column of the only row.
   * @throws NoResultError, MultipleResultsError as {@link one}
   */
  scalarOne<Value = unknown>(): Value {
    return this.#firstColumn<Value>(this.one())
  }

  /**
   * The first column of the only row, or null when there is none.
   * @throws MultipleResultsError when there are several
   */
  scalarOneOrNull<Value = unknown>(): Value | null {
    const row = this.oneOrNull()
    return row === null ? null : this.#firstColumn<Value>(row)
  }

  /** The first column of every row. */
  scalars<Value = unknown>(): Value[] {
    return this.rows.map((row) => this.#firstColumn<Value>(row))
  }

  [Symbol.iterator](): Iterator<Row> {
    return this.rows[Symbol.iterator]()
  }

  #firstColumn<Value>(row: Row): Value {
    const [name] = this.columns
    if (name === undefined) throw new NoResultError('The statement returned rows without columns: there is no scalar')
    return (row as Record<string, Value>)[name] as Value
  }
}
