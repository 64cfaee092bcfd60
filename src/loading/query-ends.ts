import { MultipleResultsError, NoResultError } from '../errors.ts'
import { aBoolean, anInteger, checkOptions } from '../support/index.ts'
import { criteriaOf } from './criteria.ts'
import { Page, type PaginateOptions } from './page.ts'
import { QueryExtent } from './query-extent.ts'
import { type QueryState, ruledBy } from './query-state.ts'
import type { NoJoins } from './query-types.ts'
import { compileRows, countStatement, existsStatement } from './select.ts'

/** What runs a query, and what it gives. The third layer of every query. */
export abstract class QueryEnds<
  Entity,
  Result,
  Table extends string,
  Joined = NoJoins,
  Selected extends string = never,
> extends QueryExtent<Entity, Table, Joined, Selected> {
  /** Runs the select of a state. */
  protected abstract load(state: QueryState, end: string): Promise<Result[]>

  /** All instances, in the order of the rows. */
  all(): Promise<Result[]> {
    return this.followed(this.load(this.state, 'all'))
  }

  /** The first instance, or null where there is none. Reads one row. */
  first(): Promise<Result | null> {
    const found = this.load({ ...this.state, limit: Math.min(this.state.limit ?? 1, 1) }, 'first')
    return this.followed(found.then(([first]) => first ?? null))
  }

  /**
   * The one instance that the query means.
   *
   * @throws NoResultError when there is none
   * @throws MultipleResultsError when there are several
   */
  one(): Promise<Result> {
    const found = this.#atMostOne('one').then((one) => {
      if (one !== undefined) return one
      throw new NoResultError(`${this.label('one')} found no row; oneOrNull() or first() give null instead.`)
    })
    return this.followed(found)
  }

  /**
   * The one instance that the query means, or null where there is none.
   *
   * @throws MultipleResultsError when there are several
   */
  oneOrNull(): Promise<Result | null> {
    return this.followed(this.#atMostOne('oneOrNull').then((one) => one ?? null))
  }

  /** How many rows `all()` would give: limit, offset and distinct count. */
  count(): Promise<number> {
    const counted = this.run(() => countStatement(this.table, this.ruled(this.state)), 'count')
    return this.followed(counted.then((rows) => Number((rows as readonly (readonly unknown[])[])[0]?.[0])))
  }

  /** Whether `all()` would give any row. */
  exists(): Promise<boolean> {
    const found = this.run(() => existsStatement(this.table, this.ruled(this.state)), 'exists')
    return this.followed(found.then((rows) => rows.length > 0))
  }

  /**
   * One page by its number: rows are skipped and counted, so deep pages cost more; see {@link Query.page} for pages by cursor.
   *
   * @throws NoResultError for a page beyond the last, unless `errorOut` is false; ArgumentError for wrong options
   * @example
   * const page = await query.orderBy('name').paginate({ page: 2, perPage: 50 })
   */
  paginate(options: PaginateOptions = {}): Promise<Page<Result>> {
    checkOptions(this.label('paginate'), options, pageRules)
    return this.followed(this.#paginate(options))
  }

  async #paginate(options: PaginateOptions): Promise<Page<Result>> {
    const { page = 1, maxPerPage = 100, count = true, errorOut = true } = options
    const perPage = Math.min(options.perPage ?? 20, maxPerPage)
    const offset = (page - 1) * perPage
    const items = await this.load({ ...this.state, limit: perPage, offset }, 'paginate')
    if (items.length === 0 && page > 1 && errorOut) {
      throw new NoResultError(
        `${this.label('paginate')}: page ${page} is beyond the last one; { errorOut: false } gives an empty page.`,
      )
    }
    const total = count ? await this.count() : undefined
    return new Page({ items, page, perPage, total }, (other) => this.paginate({ ...options, page: other }))
  }

  /** The SQL that `all()` would run and its values, as the driver gets them. Runs nothing. */
  toSql(): { readonly sql: string; readonly parameters: readonly unknown[] } {
    const { sql, parameters } = compileRows(this.table, this.ruled(this.state))
    return { sql, parameters }
  }

  /** The same as {@link toSql}, under Kysely's name for it. */
  compile(): { readonly sql: string; readonly parameters: readonly unknown[] } {
    return this.toSql()
  }

  /** The query as it runs: with the criteria that hold for it. */
  protected ruled(state: QueryState, table = this.table): QueryState {
    return ruledBy(criteriaOf(this.target, state.plan, 'query'), table, state)
  }

  protected async run(statement: () => ReturnType<typeof countStatement>, end: string): Promise<readonly unknown[]> {
    const { autoflush } = this.state
    const options = autoflush === undefined ? {} : { autoflush }
    const { rows } = await this.target.runFor(this.table.model, statement(), this.label(end), options)
    return rows
  }

  async #atMostOne(end: string): Promise<Result | undefined> {
    const { limit, modified } = this.state
    const isLimited = limit !== undefined || modified?.limit !== undefined
    const found = await this.load(isLimited ? this.state : { ...this.state, limit: 2 }, end)
    if (found.length <= 1) return found[0]
    const number = isLimited ? `${found.length} rows` : 'at least 2 rows'
    throw new MultipleResultsError(
      `${this.label(end)} found ${number} where one is expected; narrow the conditions, or use first().`,
    )
  }
}

const pageRules = {
  page: anInteger(1),
  perPage: anInteger(1),
  maxPerPage: anInteger(1),
  count: aBoolean,
  errorOut: aBoolean,
}
