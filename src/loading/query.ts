import type { Expression, ExpressionBuilder, SelectQueryBuilder, SqlBool } from 'kysely'
import { ArgumentError, InvalidRequestError } from '../errors.ts'
import {
  type ColumnNamed,
  type ColumnsOf,
  type EntityModel,
  type Loaded,
  modelOf,
  type Paths,
  type RelationNamed,
  type RelationsOf,
} from '../mapping/index.ts'
import type { LockOptions } from '../sql/index.ts'
import { anInteger, anything, checkOptions } from '../support/index.ts'
import { oncePerCriteria } from './condition.ts'
import { type EntityTable, entityTable } from './entity-table.ts'
import { readJoin } from './joins.ts'
import { afterCursor, cursorAt, type KeysetPage, keysetOrder } from './keyset.ts'
import { dependsOnServer, type RowLockOptions, readLock } from './locks.ts'
import { modifySelect, selectFrom } from './modify.ts'
import { QueryBulk } from './query-bulk.ts'
import { freshState, type QueryState, reachedBy } from './query-state.ts'
import type { QueryTarget } from './query-target.ts'
import type {
  Joins,
  LastOf,
  NoJoins,
  PropertyAt,
  PropertyReference,
  Queryable,
  TableNames,
  Tables,
} from './query-types.ts'
import { readPaths } from './relation-paths.ts'
import { RowQuery } from './row-query.ts'
import { entitySelect } from './select.ts'
import { type RowOf, readSelection, type Selectable, type SelectTools } from './selection.ts'
import type { LoadPlan } from './strategies/load-plan.ts'
import { applyOptions, type LoaderOption } from './strategies/loader-options.ts'

/** How a stream reads. */
export interface StreamOptions {
  /** Rows that are read, and held, at a time. Default: 500. */
  readonly batch?: number
}

/** The paths that a query joins along: relations of its entity, and of those that it has joined. */
export type JoinPaths<Entity, Joined> =
  | Paths<Entity>
  | { [Name in keyof Joined & string]: `${Name}.${RelationsOf<NonNullable<Joined[Name]>>}` }[keyof Joined & string]

/** How an entity is joined. */
export interface JoinOptions<Entity, Table extends string, Joined, Alias extends string> {
  /** The name of the joined entity in this query. Default: the relation's. */
  readonly as?: Alias
  /** A condition that a row must meet to be joined. Default: the relation alone decides. */
  readonly on?: (eb: ExpressionBuilder<Tables<Entity, Table, Joined>, TableNames<Table, Joined>>) => Expression<SqlBool>
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
export class Query<Entity, Result = Entity, Table extends string = string, Joined = NoJoins>
  extends QueryBulk<Entity, Result, Table, Joined>
  implements AsyncIterable<Result>
{
  /**
   * Sessions make queries: `session.query(User)`.
   *
   * @throws MappingError when the class is no entity
   */
  constructor(target: QueryTarget, entityClass: Queryable<Entity, Table>)
  /** @internal */
  constructor(target: QueryTarget, table: EntityTable, state: QueryState)
  constructor(target: QueryTarget, about: Queryable<Entity, Table> | EntityTable, state?: QueryState) {
    super(target, state === undefined ? tableOf(target, about) : (about as EntityTable), state ?? freshState)
  }

  protected override derive(changes: Partial<QueryState>): this {
    return new Query(this.target, this.table, { ...this.state, ...changes }) as this
  }

  // ---------------------------------------------------------------------------------------------------- joins

  /**
   * Joins the entity at the other end of a relation, under the relation's name or another; its properties can then be named behind
   * that name. A path joins what it passes, too. An instance comes once for each row: `distinct()` where that is too often, or
   * {@link whereHas} where only a condition is needed. What is joined is not loaded: see {@link with}.
   *
   * @throws ArgumentError for a path that names no relation, and for a name that is taken
   * @example
   * query.join('addresses').where('addresses.email', 'like', '%@x.org')
   * query.join('addresses.city').orderBy('city.name')
   * query.join('manager', { as: 'boss', on: (eb) => eb('boss.active', '=', true) })
   */
  join<Path extends JoinPaths<Entity, Joined>, Alias extends string = LastOf<Path>>(
    path: Path,
    options?: JoinOptions<Entity, Table, Joined & Joins<Entity, Joined, Path, Alias, never>, Alias>,
  ): Query<Entity, Result, Table, Joined & Joins<Entity, Joined, Path, Alias, never>> {
    return this.derive({ joins: readJoin(this.table, this.state, 'join()', path, options) }) as never
  }

  /**
   * Joins likewise, and keeps the rows that have no related one: the joined properties are null there. SQLAlchemy calls it
   * `outerjoin()`.
   *
   * @throws ArgumentError as {@link join}
   * @example
   * query.leftJoin('profile').where('profile.id', 'is', null)
   */
  leftJoin<Path extends JoinPaths<Entity, Joined>, Alias extends string = LastOf<Path>>(
    path: Path,
    options?: JoinOptions<Entity, Table, Joined & Joins<Entity, Joined, Path, Alias, null>, Alias>,
  ): Query<Entity, Result, Table, Joined & Joins<Entity, Joined, Path, Alias, null>> {
    return this.derive({ joins: readJoin(this.table, this.state, 'leftJoin()', path, options) }) as never
  }

  /**
   * Asks for plain rows instead of instances: properties, also of what is joined, aggregates, expressions, and instances beside them.
   *
   * @throws ArgumentError for unknown properties, and for what cannot be selected
   * @example
   * query.select('id', 'name')                                                          // { id, name }
   * query.select({ who: 'name', upper: sql<string>`upper(name)` })
   * query.join('orders').select(({ sum, entity }) => ({ user: entity(), total: sum('orders.total') })).groupBy('id')
   */
  select<const Names extends readonly PropertyReference<Entity, Table, Joined>[]>(
    ...names: Names
  ): RowQuery<Entity, { [Name in Names[number] as LastOf<Name>]: PropertyAt<Entity, Name, Joined> }, Table, Joined>
  select<const Shape extends Readonly<Record<string, Selectable<Entity, Table, Joined>>>>(
    shape: Shape | ((tools: SelectTools<Entity, Table, Joined>) => Shape),
  ): RowQuery<Entity, RowOf<Entity, Joined, Shape>, Table, Joined>
  select(...args: readonly unknown[]): unknown {
    const { modified } = this.state
    if (modified !== undefined)
      throw new ArgumentError('select() comes before modify(): that may not change what is selected.')
    return new RowQuery(this.target, this.table, { ...this.state, selection: readSelection(this.scope, args) })
  }

  /**
   * Changes the select with Kysely's own builder, for all that this class has no method for. Tables and columns are named as
   * the program names them; what is selected stays the entity's columns. The callback runs at once, and again for each run of the query
   * where criteria hold.
   *
   * @throws ArgumentError when the callback gives no builder, or one that selects something else
   * @example
   * query.modify((qb) => qb.innerJoin('addresses', 'addresses.userId', 'users.id').where('addresses.city', '=', 'Oslo'))
   */
  modify(
    change: (
      builder: SelectQueryBuilder<Tables<Entity, Table, Joined>, TableNames<Table, Joined>, ColumnsOf<Entity>>,
      // biome-ignore lint/suspicious/noExplicitAny: joins change the builder's types in every way
    ) => SelectQueryBuilder<any, any, any>,
  ): this {
    const { table, state } = this
    const modified = modifySelect(table, state, change)
    const modifiedUnder = oncePerCriteria((criteria) => modifySelect(table, reachedBy(criteria, state), change))
    return this.derive({ modified, modifiedUnder, conditions: [], groups: [], havings: [], orderings: [] })
  }

  /**
   * Reads the rows from a statement of your own instead of the table: recursive ones, set operations, functions. Its columns have the
   * names of the database. Conditions, joins, order and ends go on from there.
   *
   * @throws ArgumentError for anything but an expression, and after conditions
   * @example
   * session.query(Topic).fromSql(sql`with recursive t as (…) select * from t`).orderBy('name')
   */
  fromSql(source: Expression<unknown>): this {
    const { conditions, joins, modified } = this.state
    if (conditions.length > 0 || joins.length > 0 || modified !== undefined) {
      throw new ArgumentError('fromSql() comes first: conditions and joins go on from its rows.')
    }
    return this.derive({ modified: selectFrom(this.table, source) })
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
  forUpdate(options?: RowLockOptions): this {
    return this.#lock('forUpdate()', 'update', options)
  }

  /** Locks the rows against writers, not against others that share them; otherwise like {@link forUpdate}. */
  forShare(options?: RowLockOptions): this {
    return this.#lock('forShare()', 'share', options)
  }

  /** Like {@link forUpdate}, but rows that refer to these can still be added (PostgreSQL; elsewhere it is `forUpdate`). */
  forNoKeyUpdate(options?: RowLockOptions): this {
    return this.#lock('forNoKeyUpdate()', 'no key update', options)
  }

  /** Keeps only the keys of the rows from changing (PostgreSQL; elsewhere it is `forShare`). */
  forKeyShare(options?: RowLockOptions): this {
    return this.#lock('forKeyShare()', 'key share', options)
  }

  /**
   * The next part of a result by a cursor: as fast at the millionth row as at the first, and steady while rows come and go. The order
   * must be by properties of the entity that are never null; its key is added behind them.
   *
   * @throws ArgumentError for another order, and for a cursor that is none of it
   * @example
   * const { items, next } = await query.orderBy('createdAt', 'desc').page({ size: 50, after: request.cursor })
   */
  page(options: { readonly size?: number; readonly after?: string | null } = {}): Promise<KeysetPage<Result>> {
    checkOptions(this.label('page'), options, { size: anInteger(1), after: anything })
    return this.followed(this.#page(options.size ?? 20, options.after ?? null))
  }

  async #page(size: number, after: string | null): Promise<KeysetPage<Result>> {
    const orderings = keysetOrder(this.table, this.state)
    const columns = orderings.map(({ keyset }) => keyset)
    const conditions = after === null ? [] : [afterCursor(this.table, columns, after)]
    const state = { ...this.state, orderings, conditions: [...this.state.conditions, ...conditions], limit: size + 1 }
    const found = await this.load(state, 'page')
    const items = found.slice(0, size)
    return { items, next: found.length > size ? cursorAt(this.table, columns, items.at(-1)) : null }
  }

  // ------------------------------------------------------------------------------------------ instances

  /**
   * Loads relations with the instances: one statement for each relation of each level, whatever the number of instances.
   *
   * @throws ArgumentError for a path that names no relation
   * @example
   * const users = await session.query(User).with('groups', 'addresses.city').all()
   */
  with<Path extends Paths<Entity>>(
    ...paths: readonly Path[]
  ): Query<Entity, Loaded<Entity, Path> & Result, Table, Joined> {
    const plan = readPaths(this.label('with'), this.table.model, paths, this.state.plan)
    return new Query(this.target, this.table, { ...this.state, plan })
  }

  /**
   * Says how relations and columns are loaded: see `selectin`, `joined`, `immediate`, `lazy`, `raise`, `containsEager`,
   * `defaultload`, `defer`, `undefer`, `undeferGroup`, `loadOnly` and `criteria`. A later option replaces an earlier one of the same name, and an
   * option wins over `with()` and over the mapping. What is loaded has the types of loaded relations.
   *
   * @throws ArgumentError for a name that the entity does not have; it names the choices
   * @example
   * query.options(selectin('addresses'), joined('group'), raise('*'), defer('body'))
   */
  options<Relations extends string, Columns extends string, Loads extends string>(
    ...options: readonly LoaderOption<
      Relations & RelationNamed<Entity, Relations>,
      Columns & ColumnNamed<Entity, Columns>,
      Loads
    >[]
  ): Query<Entity, Loaded<Entity, Loads> & Result, Table, Joined> {
    const plan = applyOptions(this.label('options'), this.table.model, options, this.state.plan)
    return new Query(this.target, this.table, { ...this.state, plan })
  }

  /** Overwrites the loaded values of instances that are in the session with what the rows hold now. */
  populateExisting(): this {
    return this.derive({ populateExisting: true })
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
    checkOptions(this.label('stream'), options, { batch: anInteger(1) })
    refuseInStream(this.label('stream'), this.table.model, this.state.plan)
    const batch = options.batch ?? 500
    return this.#dependsOnServer() ? this.#streamLater(batch) : this.#streamFrom(this.table, batch)
  }

  /** `for await (const user of query)`: {@link stream} with its defaults. */
  [Symbol.asyncIterator](): AsyncIterator<Result> {
    return this.stream()[Symbol.asyncIterator]()
  }

  // ---------------------------------------------------------------------------------------------- internals

  #lock(call: string, mode: LockOptions['mode'], options: RowLockOptions | undefined): this {
    return this.derive({ lock: readLock(this.table.dialect, call, mode, options) })
  }

  protected override async load(state: QueryState, end: string): Promise<Result[]> {
    const table = this.#dependsOnServer() ? await this.#meetServer(end) : this.table
    return this.target.loadEntities(entitySelect(table, this.ruled(state, table)), this.label(end)) as Promise<Result[]>
  }

  #streamFrom(table: EntityTable, batch: number): AsyncIterable<Result> {
    return this.target.streamEntities(
      entitySelect(table, this.ruled(this.state, table), true),
      batch,
      this.label('stream'),
    ) as AsyncIterable<Result>
  }

  async *#streamLater(batch: number): AsyncIterable<Result> {
    yield* this.#streamFrom(await this.#meetServer('stream'), batch)
  }

  #dependsOnServer(): boolean {
    return dependsOnServer(this.table.dialect, this.state.lock)
  }

  /** Lets the session connect, once in an engine's life, where the text of a lock depends on the server's version. */
  async #meetServer(end: string): Promise<EntityTable> {
    const { model } = this.table
    const known = entityTable(this.target.dialectFor(model), model)
    if (!dependsOnServer(known.dialect, this.state.lock)) return known
    await this.target.runFor(model, { sql: 'select 1', parameters: [] }, this.label(end), { autoflush: false })
    return entityTable(this.target.dialectFor(model), model)
  }
}

/** A collection in the rows of the query would be torn apart by the batches. */
function refuseInStream(call: string, model: EntityModel, plan: LoadPlan, path = ''): void {
  for (const [link, { strategy }] of plan.relations) {
    const name = `${path}${link.property}`
    if (link.toMany && (strategy === 'joined' || strategy === 'containsEager')) {
      throw new InvalidRequestError(
        `${call}: ${model.name}.${name} cannot be loaded by ${strategy} in a stream, whose batches would hold a part of it; use ` +
          `selectin('${name}'), which takes one statement for each batch.`,
      )
    }
    refuseInStream(call, model, plan.relations.get(link)?.below ?? plan, `${name}.`)
  }
}

function tableOf(target: QueryTarget, entityClass: unknown): EntityTable {
  const model = modelOf(entityClass)
  return entityTable(target.dialectFor(model), model)
}
