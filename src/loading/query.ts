import type { ExpressionOrFactory, ReferenceExpression, SelectQueryBuilder, SqlBool } from 'kysely'
import { ArgumentError, MultipleResultsError, NoResultError } from '../errors.ts'
import { type ColumnsOf, type Loaded, modelOf, nameOf, type Paths } from '../mapping/index.ts'
import type { LockOptions } from '../sql/index.ts'
import { aBoolean, anInteger, checkOptions, describeValue } from '../support/index.ts'
import { readFilters, readWhere, readWhereRef } from './conditions.ts'
import { type EntityTable, entityTable } from './entity-table.ts'
import { dependsOnServer, type RowLockOptions, readLock } from './locks.ts'
import { modifySelect } from './modify.ts'
import { readOrderBy } from './orderings.ts'
import { freshState, type QueryState } from './query-state.ts'
import type { QueryTarget } from './query-target.ts'
import type {
  ConditionOperator,
  FilterValues,
  LeftExpression,
  Operand,
  OrderModifiers,
  PropertyAt,
  PropertyReference,
  Queryable,
  Tables,
} from './query-types.ts'
import { readPaths } from './relation-paths.ts'
import { compileRows, countStatement, entitySelect, existsStatement } from './select.ts'

/** How a stream reads. */
export interface StreamOptions {
  /** Rows that are read, and held, at a time. Default: 500. */
  readonly batch?: number
}

/**
 * A question for instances of an entity. Immutable: every method that adds to it gives a new query, so that one can be kept and
 * continued in several ways. Nothing runs before one of its ends is called: `all`, `first`, `one`, `oneOrNull`, `count`,
 * `exists`, `stream`.
 *
 * A query is no promise: `await` on the query itself gives back the query, and runs nothing.
 *
 * @example
 * const adults = session.query(User).where('age', '>=', 18)
 * const page = await adults.orderBy('name').limit(20).all()
 * const total = await adults.count()
 */
export class Query<Entity, Result = Entity, Table extends string = string> implements AsyncIterable<Result> {
  readonly #target: QueryTarget
  readonly #table: EntityTable
  readonly #state: QueryState

  /**
   * Sessions make queries: `session.query(User)`.
   *
   * @throws MappingError when the class is no entity
   */
  constructor(target: QueryTarget, entityClass: Queryable<Entity, Table>)
  /** @internal */
  constructor(target: QueryTarget, table: EntityTable, state: QueryState)
  constructor(target: QueryTarget, about: Queryable<Entity, Table> | EntityTable, state?: QueryState) {
    this.#target = target
    this.#table = state === undefined ? tableOf(target, about) : (about as EntityTable)
    this.#state = state ?? freshState
  }

  // ------------------------------------------------------------------------------------------- conditions

  /**
   * Adds a condition; several must all hold. Takes what Kysely's `where()` takes, with properties in the place of columns.
   *
   * Values are checked against the property's type and stored as its column stores them. `= null` is `is null`, and `in` an
   * empty list matches nothing.
   *
   * @throws ArgumentError for an unknown property or operator, and for a value that does not fit the property
   * @example
   * query.where('id', 'in', [1, 2, 3])
   * query.where((eb) => eb.or([eb('name', '=', 'ed'), eb('nickname', 'is', null)]))
   * query.where(sql`length(name) > 3`)
   */
  where<Reference extends PropertyReference<Entity, Table>, Operator extends ConditionOperator>(
    property: Reference,
    operator: Operator,
    value: Operand<Entity, Table, PropertyAt<Entity, Reference>, Operator>,
  ): Query<Entity, Result, Table>
  where<Value>(
    left: LeftExpression<Entity, Table, Value>,
    operator: ConditionOperator,
    value: Value | readonly Value[] | ExpressionOrFactory<Tables<Entity, Table>, Table, Value>,
  ): Query<Entity, Result, Table>
  where(condition: ExpressionOrFactory<Tables<Entity, Table>, Table, SqlBool>): Query<Entity, Result, Table>
  where(...args: readonly unknown[]): Query<Entity, Result, Table> {
    return this.#with({ conditions: [...this.#state.conditions, readWhere(this.#table, args)] })
  }

  /**
   * Adds a condition that compares two columns.
   *
   * @throws ArgumentError for an unknown property or operator
   * @example
   * query.whereRef('updatedAt', '>', 'createdAt')
   */
  whereRef<Left extends ReferenceExpression<Tables<Entity, Table>, Table>>(
    left: Left,
    operator: ConditionOperator,
    right: ReferenceExpression<Tables<Entity, Table>, Table>,
  ): Query<Entity, Result, Table> {
    return this.#with({ conditions: [...this.#state.conditions, readWhereRef(this.#table, left, operator, right)] })
  }

  /**
   * Adds an equality condition for each property of an object; null asks for rows without a value.
   *
   * @throws ArgumentError for an unknown property, for undefined, and for a value that does not fit its property
   * @example
   * query.filterBy({ name: 'ed', nickname: null })
   */
  filterBy(values: FilterValues<Entity>): Query<Entity, Result, Table> {
    return this.#with({ conditions: [...this.#state.conditions, ...readFilters(this.#table, values)] })
  }

  // ------------------------------------------------------------------------------------ order and extent

  /**
   * Adds a sort key, after those that are there.
   *
   * @throws ArgumentError for an unknown property, direction or option
   * @example
   * query.orderBy('id', 'desc')
   * query.orderBy('nickname', { direction: 'desc', nulls: 'last' })
   * query.orderBy(sql`lower(name)`)
   */
  orderBy(
    key: PropertyReference<Entity, Table> | ExpressionOrFactory<Tables<Entity, Table>, Table, unknown>,
    modifiers?: OrderModifiers,
  ): Query<Entity, Result, Table> {
    return this.#with({ orderings: [...this.#state.orderings, readOrderBy(this.#table, key, modifiers)] })
  }

  /**
   * Gives at most so many rows; a later call replaces an earlier one.
   *
   * @throws ArgumentError unless it is a whole number, 0 or more
   */
  limit(rows: number): Query<Entity, Result, Table> {
    return this.#with({ limit: wholeNumber('limit()', rows) })
  }

  /**
   * Leaves out so many rows at the beginning; a later call replaces an earlier one.
   *
   * @throws ArgumentError unless it is a whole number, 0 or more
   */
  offset(rows: number): Query<Entity, Result, Table> {
    return this.#with({ offset: wholeNumber('offset()', rows) })
  }

  /** Gives equal rows once: of use after `modify()` has joined other tables. */
  distinct(): Query<Entity, Result, Table> {
    return this.#with({ distinct: true })
  }

  /**
   * Changes the select with Kysely's own builder, for all that this class has no method for. Tables and columns are named as
   * the program names them; what is selected stays the entity's columns. The callback runs at once.
   *
   * @throws ArgumentError when the callback gives no builder, or one that selects something else
   * @example
   * query.modify((qb) => qb.innerJoin('addresses', 'addresses.userId', 'users.id').where('addresses.city', '=', 'Oslo'))
   */
  modify(
    change: (
      builder: SelectQueryBuilder<Tables<Entity, Table>, Table, ColumnsOf<Entity>>,
      // biome-ignore lint/suspicious/noExplicitAny: joins change the builder's types in every way
    ) => SelectQueryBuilder<any, any, any>,
  ): Query<Entity, Result, Table> {
    const modified = modifySelect(this.#table, this.#state, change)
    return this.#with({ modified, conditions: [], orderings: [] })
  }

  // ------------------------------------------------------------------------------------------------ locks

  /**
   * Locks the rows against other writers and lockers until the transaction ends. A database without row locks (SQLite) has
   * nothing to lock: there its single writer keeps others out, and this changes nothing.
   *
   * An instance that is in the session keeps its loaded values; add `populateExisting()` to see what the lock protects.
   *
   * @throws ArgumentError for options that are unknown, contradict each other, or that the server lacks
   * @example
   * const job = await session.query(Job).filterBy({ state: 'ready' }).forUpdate({ skipLocked: true }).first()
   */
  forUpdate(options?: RowLockOptions): Query<Entity, Result, Table> {
    return this.#lock('forUpdate()', 'update', options)
  }

  /** Locks the rows against writers, not against others that share them; otherwise like {@link forUpdate}. */
  forShare(options?: RowLockOptions): Query<Entity, Result, Table> {
    return this.#lock('forShare()', 'share', options)
  }

  /** Like {@link forUpdate}, but rows that refer to these can still be added (PostgreSQL; elsewhere it is `forUpdate`). */
  forNoKeyUpdate(options?: RowLockOptions): Query<Entity, Result, Table> {
    return this.#lock('forNoKeyUpdate()', 'no key update', options)
  }

  /** Keeps only the keys of the rows from changing (PostgreSQL; elsewhere it is `forShare`). */
  forKeyShare(options?: RowLockOptions): Query<Entity, Result, Table> {
    return this.#lock('forKeyShare()', 'key share', options)
  }

  // ---------------------------------------------------------------------------------------------- settings

  /**
   * Loads relations with the instances: one statement for each relation of each level, whatever the number of instances.
   *
   * @throws ArgumentError for a path that names no relation
   * @example
   * const users = await session.query(User).with('groups', 'addresses.city').all()
   */
  with<Path extends Paths<Entity>>(...paths: readonly Path[]): Query<Entity, Loaded<Entity, Path> & Result, Table> {
    const relations = readPaths(this.#label('with'), this.#table.model, paths, this.#state.relations)
    return new Query(this.#target, this.#table, { ...this.#state, relations })
  }

  /** Overwrites the loaded values of instances that are in the session with what the rows hold now. */
  populateExisting(): Query<Entity, Result, Table> {
    return this.#with({ populateExisting: true })
  }

  /** Whether pending changes are flushed before this query runs, whatever the session does by itself. */
  autoflush(enabled: boolean): Query<Entity, Result, Table> {
    if (!aBoolean.accepts(enabled)) {
      throw new ArgumentError(`autoflush() takes true or false, not ${describeValue(enabled)}.`)
    }
    return this.#with({ autoflush: enabled })
  }

  /** Adds options for the execution of this query; a later value replaces an earlier one of the same name. */
  executionOptions(options: Readonly<Record<string, unknown>>): Query<Entity, Result, Table> {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      throw new ArgumentError(`executionOptions() takes an object, not ${describeValue(options)}.`)
    }
    return this.#with({ executionOptions: { ...this.#state.executionOptions, ...options } })
  }

  // -------------------------------------------------------------------------------------------------- ends

  /** All instances, in the order of the rows. */
  all(): Promise<Result[]> {
    return this.#followed(this.#load(this.#state, 'all'))
  }

  /** The first instance, or null where there is none. Reads one row. */
  first(): Promise<Result | null> {
    const found = this.#load({ ...this.#state, limit: Math.min(this.#state.limit ?? 1, 1) }, 'first')
    return this.#followed(found.then(([first]) => first ?? null))
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
      throw new NoResultError(`${this.#label('one')} found no row; oneOrNull() or first() give null instead.`)
    })
    return this.#followed(found)
  }

  /**
   * The one instance that the query means, or null where there is none.
   *
   * @throws MultipleResultsError when there are several
   */
  oneOrNull(): Promise<Result | null> {
    return this.#followed(this.#atMostOne('oneOrNull').then((one) => one ?? null))
  }

  /** How many rows `all()` would give: limit, offset and distinct count. */
  count(): Promise<number> {
    const counted = this.#run(countStatement(this.#table, this.#state), 'count')
    return this.#followed(counted.then((rows) => Number((rows as readonly (readonly unknown[])[])[0]?.[0])))
  }

  /** Whether `all()` would give any row. */
  exists(): Promise<boolean> {
    const found = this.#run(existsStatement(this.#table, this.#state), 'exists')
    return this.#followed(found.then((rows) => rows.length > 0))
  }

  /**
   * Instances as they are read, in batches, for results that do not fit into memory: unchanged instances of a batch leave the
   * session before the next one.
   *
   * @throws ArgumentError for options that are unknown or no whole number of at least 1
   * @example
   * for await (const user of session.query(User).stream({ batch: 1_000 })) { … }
   */
  stream(options: StreamOptions = {}): AsyncIterable<Result> {
    checkOptions(this.#label('stream'), options, { batch: anInteger(1) })
    const batch = options.batch ?? 500
    return this.#dependsOnServer() ? this.#streamLater(batch) : this.#streamFrom(this.#table, batch)
  }

  /** `for await (const user of query)`: {@link stream} with its defaults. */
  [Symbol.asyncIterator](): AsyncIterator<Result> {
    return this.stream()[Symbol.asyncIterator]()
  }

  /** The SQL that `all()` would run and its values, as the driver gets them. Runs nothing. */
  toSql(): { readonly sql: string; readonly parameters: readonly unknown[] } {
    const { sql, parameters } = compileRows(this.#table, this.#state)
    return { sql, parameters }
  }

  /** The same as {@link toSql}, under Kysely's name for it. */
  compile(): { readonly sql: string; readonly parameters: readonly unknown[] } {
    return this.toSql()
  }

  // ---------------------------------------------------------------------------------------------- internals

  #with(changes: Partial<QueryState>): Query<Entity, Result, Table> {
    return new Query(this.#target, this.#table, { ...this.#state, ...changes })
  }

  #lock(call: string, mode: LockOptions['mode'], options: RowLockOptions | undefined): Query<Entity, Result, Table> {
    return this.#with({ lock: readLock(this.#table.dialect, call, mode, options) })
  }

  #followed<T>(promise: Promise<T>): Promise<T> {
    return this.#target.follow?.(promise) ?? promise
  }

  #label(end: string): string {
    return `query(${nameOf(this.#table.model)}).${end}()`
  }

  async #load(state: QueryState, end: string): Promise<Result[]> {
    const table = this.#dependsOnServer() ? await this.#meetServer(end) : this.#table
    return this.#target.loadEntities(entitySelect(table, state), this.#label(end)) as Promise<Result[]>
  }

  #streamFrom(table: EntityTable, batch: number): AsyncIterable<Result> {
    return this.#target.streamEntities(
      entitySelect(table, this.#state),
      batch,
      this.#label('stream'),
    ) as AsyncIterable<Result>
  }

  async *#streamLater(batch: number): AsyncIterable<Result> {
    yield* this.#streamFrom(await this.#meetServer('stream'), batch)
  }

  #dependsOnServer(): boolean {
    return dependsOnServer(this.#table.dialect, this.#state.lock)
  }

  /** Lets the session connect, once in an engine's life, where the text of a lock depends on the server's version. */
  async #meetServer(end: string): Promise<EntityTable> {
    const { model } = this.#table
    const known = entityTable(this.#target.dialectFor(model), model)
    if (!dependsOnServer(known.dialect, this.#state.lock)) return known
    await this.#target.runFor(model, { sql: 'select 1', parameters: [] }, this.#label(end), { autoflush: false })
    return entityTable(this.#target.dialectFor(model), model)
  }

  async #run(statement: ReturnType<typeof countStatement>, end: string): Promise<readonly unknown[]> {
    const { autoflush } = this.#state
    const options = autoflush === undefined ? {} : { autoflush }
    const { rows } = await this.#target.runFor(this.#table.model, statement, this.#label(end), options)
    return rows
  }

  async #atMostOne(end: string): Promise<Result | undefined> {
    const { limit, modified } = this.#state
    const isLimited = limit !== undefined || modified?.limit !== undefined
    const found = await this.#load(isLimited ? this.#state : { ...this.#state, limit: 2 }, end)
    if (found.length <= 1) return found[0]
    const number = isLimited ? `${found.length} rows` : 'at least 2 rows'
    throw new MultipleResultsError(
      `${this.#label(end)} found ${number} where one is expected; narrow the conditions, or use first().`,
    )
  }
}

function tableOf(target: QueryTarget, entityClass: unknown): EntityTable {
  const model = modelOf(entityClass)
  return entityTable(target.dialectFor(model), model)
}

function wholeNumber(call: string, value: unknown): number {
  if (anInteger(0).accepts(value)) return value as number
  throw new ArgumentError(`${call} takes a whole number, 0 or more, not ${describeValue(value)}.`)
}
