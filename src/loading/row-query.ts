import type { EntityTable } from './entity-table.ts'
import { QueryEnds } from './query-ends.ts'
import type { QueryState } from './query-state.ts'
import type { QueryTarget } from './query-target.ts'
import type { NoJoins } from './query-types.ts'
import { rowSelect } from './select.ts'

/**
 * A question for plain rows: what `select()` makes of a query. Immutable, and with the same conditions, order and ends; the rows are
 * objects of their own, which no session knows, though they may hold instances.
 *
 * @example
 * const perCity = await session.query(User).join('addresses')
 *   .select(({ count }) => ({ city: 'addresses.city', users: count() }))
 *   .groupBy('addresses.city').orderBy('users', 'desc').all()
 */
export class RowQuery<Entity, Row, Table extends string = string, Joined = NoJoins> extends QueryEnds<
  Entity,
  Row,
  Table,
  Joined,
  keyof Row & string
> {
  /** @internal Queries make them: `query.select(…)`. */
  constructor(target: QueryTarget, table: EntityTable, state: QueryState) {
    super(target, table, state)
  }

  protected override derive(changes: Partial<QueryState>): this {
    return new RowQuery(this.target, this.table, { ...this.state, ...changes }) as this
  }

  protected override load(state: QueryState, end: string): Promise<Row[]> {
    return this.target.loadRows(rowSelect(this.table, this.ruled(state)), this.label(end)) as Promise<Row[]>
  }

  /** The first property of every row. */
  scalars(): Promise<Row[keyof Row][]> {
    return this.followed(this.#first(this.state, 'scalars'))
  }

  /** The first property of the first row; null where there is no row. */
  scalar(): Promise<Row[keyof Row] | null> {
    const limit = Math.min(this.state.limit ?? 1, 1)
    return this.followed(this.#first({ ...this.state, limit }, 'scalar').then((values) => values.at(0) ?? null))
  }

  async #first(state: QueryState, end: string): Promise<Row[keyof Row][]> {
    const rows = await this.load(state, end)
    return rows.map((row) => Object.values(row as object)[0] as Row[keyof Row])
  }
}
