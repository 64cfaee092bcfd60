import type { Kysely } from 'kysely'
import { type Executable, kyselyOver, type Result } from '../engine/index.ts'
import { NoResultError } from '../errors.ts'
import { Query, type Queryable, type QueryTarget, readLock } from '../loading/index.ts'
import {
  type ColumnNames,
  type EntityModel,
  type KeyOf,
  type Loaded,
  modelOf,
  type Paths,
  type RelationsOf,
} from '../mapping/index.ts'
import type { LockOptions } from '../sql/index.ts'
import { type InstanceState, readKey, stateOf } from '../state/index.ts'
import {
  aBoolean,
  checkOptions,
  type EventHub,
  keepInThread,
  type Listener,
  type ListenOptions,
} from '../support/index.ts'
import { SessionCore } from './core.ts'
import { endsOf } from './ends.ts'
import type { SessionEvents } from './events.ts'
import { getNow } from './get-now.ts'
import { type ForUpdate, type GetOptions, type GetWithOptions, getRules, readPlan } from './get-options.ts'
import { propertiesOf } from './instances.ts'
import { SessionLoader } from './loader.ts'
import { mergeInstances } from './merge.ts'
import type { AnyEntityClass, Bind, ResolvedSessionOptions, SessionOptions } from './options.ts'
import { resolveSessionOptions } from './options.ts'
import type { ReadOptions } from './read-by-key.ts'
import { SessionRelated } from './related.ts'
import { SessionRows } from './session-rows.ts'
import { type ExecuteOptions, executeIn, runnerOf } from './statements.ts'

let sessionsMade = 0

/**
 * A unit of work on a database: holds the instances it has loaded, one for each row, notices their changes, and writes them
 * together, in one transaction. Short-lived, and one at a time: one for each request, job, or item.
 *
 * Made by a sessionmaker. Calls that overlap wait for their turn; an end is refused while others are under way.
 *
 * ```ts
 * await using session = Sessions()
 * const user = await session.getOne(User, 1)
 * user.name = 'ed'
 * await session.commit()
 * ```
 *
 * @see https://docs.sqlalchemy.org/en/20/orm/session_basics.html
 */
export class Session extends SessionRows {
  readonly #core: SessionCore
  /** Free for the program. */
  readonly info: Record<string, unknown>
  readonly #loader: SessionLoader
  // biome-ignore lint/suspicious/noExplicitAny: see the getter
  #db: Kysely<any> | undefined

  /**
   * @param options see {@link SessionOptions}
   * @param events listeners of the maker that made the session
   * @throws ArgumentError for unknown options and wrong values
   */
  constructor(options: SessionOptions = {}, events?: EventHub<SessionEvents<Session>>) {
    super()
    const resolved: ResolvedSessionOptions = resolveSessionOptions('new Session()', options)
    const label = resolved.label ?? `session ${++sessionsMade}`
    this.#core = new SessionCore(
      this,
      label,
      resolved,
      events as EventHub<SessionEvents<object>> | undefined,
      (core) => ({ ends: endsOf(core), related: new SessionRelated(core) }),
    )
    this.info = this.#core.info
    this.#loader = new SessionLoader(this.core)
    keepInThread(this)
  }

  /** @internal On the prototype, out of the sight of JSON.stringify and console.log. */
  override get core(): SessionCore {
    return this.#core
  }

  /** The engine or connection for what has no bind of its own. */
  get bind(): Bind | undefined {
    return this.core.binds.own
  }

  /** What the session gives to every statement it runs. */
  get executionOptions(): Readonly<Record<string, unknown>> {
    return this.core.options.executionOptions ?? {}
  }

  /** What errors and `engine.pool.holders()` call the session. */
  get label(): string {
    return this.core.label
  }

  // -------------------------------------------------------------------------------------------------- reading

  /**
   * The instance of a key: from the identity map without any SQL when the session holds it, else by one SELECT; null when there
   * is no such row.
   *
   * ```ts
   * await session.get(User, 1)
   * await session.get(User, 1, { forUpdate: { nowait: true } })
   * ```
   *
   * @param key the value of the key column; for several an array, or an object by property
   * @throws ArgumentError when the key does not fit the entity
   */
  get<Entity extends object, Path extends Paths<Entity>>(
    entityClass: Queryable<Entity>,
    key: KeyOf<Entity>,
    options: GetWithOptions<Path>,
  ): Promise<Loaded<Entity, Path> | null>
  get<Entity extends object>(
    entityClass: Queryable<Entity>,
    key: KeyOf<Entity>,
    options?: GetOptions,
  ): Promise<Entity | null>
  get<Entity extends object>(
    entityClass: Queryable<Entity>,
    key: KeyOf<Entity>,
    options?: GetOptions & { readonly with?: readonly string[] },
  ): Promise<Entity | null> {
    const model = modelOf(entityClass)
    return this.#find<Entity, null>(model, readKey(model, key), `get(${model.name})`, options, nothing)
  }

  /** @param absent what is given, or thrown, where there is no such row */
  #find<Entity, Absent>(
    model: EntityModel,
    key: readonly unknown[],
    label: string,
    options: (GetOptions & { readonly with?: readonly string[] }) | undefined,
    absent: (model: EntityModel, key: readonly unknown[]) => Absent,
  ): Promise<Entity | Absent> {
    const how = options === undefined ? plainly : this.#readOptions(model, label, options)
    if (how === plainly) {
      const present = this.#loader.present(model, key)
      if (present !== undefined) return this.#present<Entity>(label, present)
    }
    const instanceOf = (state: InstanceState | null) =>
      state === null ? absent(model, key) : (state.instance as Entity)
    return this.core.gate.run(label, () => {
      const now = how === plainly ? getNow(this.core, model, key, label) : undefined
      return now === undefined ? this.#loader.get(model, key, label, how).then(instanceOf) : instanceOf(now)
    })
  }

  #readOptions(
    model: EntityModel,
    label: string,
    options: GetOptions & { readonly with?: readonly string[] },
  ): ReadOptions {
    checkOptions(label, options, getRules)
    const lock = this.#lockOf(model, label, options.forUpdate)
    const populateExisting = options.populateExisting === true || lock !== undefined
    const plan = readPlan(label, model, options)
    if (!populateExisting && plan === undefined) return plainly
    return { populateExisting, lock, ...(plan === undefined ? {} : { plan }) }
  }

  /** What is there needs no turn in the lane; a session that has ended gives nothing any more. */
  #present<Entity>(label: string, state: InstanceState): Promise<Entity> {
    const { instance } = state
    if (this.core.gate.refusalOf(label) === undefined) return Promise.resolve(instance as Entity)
    return this.core.gate.run(label, async () => instance as Entity)
  }

  /** Like `get`. @throws NoResultError when there is no such row */
  getOne<Entity extends object, Path extends Paths<Entity>>(
    entityClass: Queryable<Entity>,
    key: KeyOf<Entity>,
    options: GetWithOptions<Path>,
  ): Promise<Loaded<Entity, Path>>
  getOne<Entity extends object>(
    entityClass: Queryable<Entity>,
    key: KeyOf<Entity>,
    options?: GetOptions,
  ): Promise<Entity>
  getOne<Entity extends object>(
    entityClass: Queryable<Entity>,
    key: KeyOf<Entity>,
    options?: GetOptions & { readonly with?: readonly string[] },
  ): Promise<Entity> {
    const model = modelOf(entityClass)
    return this.#find<Entity, never>(model, readKey(model, key), `getOne(${model.name})`, options, refuseAbsent)
  }

  /**
   * Reads an instance again, or the named properties of it; unflushed changes are flushed first, where autoflush is on. Without names
   * its relations are dropped, to be loaded when they are awaited, and those that cascade `refresh-expire` are followed; relations
   * that are named are loaded.
   *
   * @throws InvalidRequestError when it is not persistent here, or its row is gone
   */
  refresh(
    instance: object,
    properties?: readonly string[],
    options: { readonly forUpdate?: ForUpdate } = {},
  ): Promise<void> {
    return this.core.gate.run('refresh()', async () => {
      const state = this.core.unit.persistentStateOf(instance, 'refresh')
      checkOptions('refresh()', options, { forUpdate: getRules.forUpdate })
      const lock = this.#lockOf(state.model, 'refresh()', options.forUpdate)
      if (properties === undefined) await this.#loader.refresh(state, state.readColumns(), lock)
      else await this.#refreshProperties(state, properties, lock)
    })
  }

  async #refreshProperties(state: InstanceState, properties: readonly string[], lock: LockOptions | undefined) {
    const { columns, links } = propertiesOf(state, properties)
    if (columns.length > 0 || lock !== undefined) await this.#loader.refresh(state, columns, lock)
    else await this.core.autoflushNow('refresh()')
    for (const link of links) await this.core.related.reload(state, link, 'refresh()')
  }

  /**
   * Loads what is not there of the named properties: columns that are deferred, left out or expired, and relations; for all instances
   * that came from the same query, in one statement each. A deferred column brings the others of its group. Nothing that is there is
   * overwritten, and no change is flushed for columns.
   *
   * ```ts
   * for (const page of pages) {
   *   await session.load(page, 'body') // the first time for all pages
   *   print(page.body)
   * }
   * ```
   *
   * @throws ArgumentError for a name that is no property; InvalidRequestError when the instance is not persistent here
   * @throws ObjectDeletedError when its row is gone
   */
  load<Entity extends object>(
    instance: Entity,
    ...properties: readonly (ColumnNames<Entity> | RelationsOf<Entity>)[]
  ): Promise<void> {
    return this.core.gate.run('load()', async () => {
      const state = this.core.unit.persistentStateOf(instance, 'load')
      const { columns, links } = propertiesOf(state, properties)
      if (columns.length > 0) await this.#loader.fill(state, columns)
      for (const link of links) await this.core.related.load(state, link, 'load()')
    })
  }

  #lockOf(model: EntityModel, call: string, forUpdate: ForUpdate | undefined): LockOptions | undefined {
    if (forUpdate === undefined || forUpdate === false) return undefined
    const { read = false, keyShare = false, ...rest } = forUpdate === true ? {} : forUpdate
    const mode = read ? (keyShare ? 'key share' : 'share') : keyShare ? 'no key update' : 'update'
    return readLock(this.#loader.dialectFor(model), call, mode, rest)
  }

  /**
   * A query for instances of an entity.
   *
   * ```ts
   * await session.query(User).where('age', '>', 18).orderBy('name').all()
   * ```
   */
  query<Entity extends object, Table extends string>(
    entityClass: Queryable<Entity, Table>,
  ): Query<Entity, Entity, Table> {
    return new Query<Entity, Entity, Table>(this.#loader, entityClass)
  }

  /** @internal What prepared queries run on. */
  get queryTarget(): QueryTarget {
    return this.#loader
  }

  // ------------------------------------------------------------------------------------------------ executing

  /**
   * Runs a statement in the session's transaction, after an autoflush: an `sql` template, a Kysely builder or a CompiledQuery.
   *
   * @throws ArgumentError for a plain string; the database's error
   */
  execute<Row = Record<string, unknown>>(query: Executable, options: ExecuteOptions = {}): Promise<Result<Row>> {
    return this.core.gate.run('execute()', () => executeIn<Row>(this.core, query, options))
  }

  /** The first column of the first row, or null. */
  scalar<Value = unknown>(query: Executable, options: ExecuteOptions = {}): Promise<Value | null> {
    return this.core.gate.follow(this.execute(query, options).then((result) => result.scalar<Value>()))
  }

  /** The first column of every row. */
  scalars<Value = unknown>(query: Executable, options: ExecuteOptions = {}): Promise<Value[]> {
    return this.core.gate.follow(this.execute(query, options).then((result) => result.scalars<Value>()))
  }

  /**
   * Kysely, bound to this session and its transaction: everything it runs goes through the session's lane and autoflush.
   *
   * ```ts
   * await session.db.selectFrom('users').select('name').execute()
   * ```
   */
  // biome-ignore lint/suspicious/noExplicitAny: the tables of a session's database are the program's to say
  get db(): Kysely<any> {
    const bind = this.core.binds.forStatement()
    const db = this.#db ?? kyselyOver(bind.dialect, runnerOf(this.core, bind), 'session')
    this.#db = db
    return db
  }

  /**
   * Copies an instance of any origin onto this session's instance of the same key, which is loaded or made, and gives that one. The
   * given one is never attached.
   *
   * @throws StaleDataError when its version is not the stored one; InvalidRequestError for a transient source with `load: false`
   */
  merge<Entity extends object>(instance: Entity, options: { readonly load?: boolean } = {}): Promise<Entity> {
    return this.core.gate.run('merge()', async () => (await this.#merge([instance], options))[0] as Entity)
  }

  /** `merge` for each, all of them together: rows are read by one statement for each entity. */
  mergeAll<Entity extends object>(
    instances: Iterable<Entity>,
    options: { readonly load?: boolean } = {},
  ): Promise<Entity[]> {
    return this.core.gate.run('mergeAll()', () => this.#merge([...instances], options))
  }

  async #merge<Entity extends object>(
    instances: readonly Entity[],
    options: { readonly load?: boolean },
  ): Promise<Entity[]> {
    this.core.rows.refuseBetween('merge()')
    checkOptions('merge()', options, { load: aBoolean })
    const merged = await mergeInstances(this.core, instances.map(stateOf), options.load ?? true)
    return merged.map(({ instance }) => instance as Entity)
  }

  // ---------------------------------------------------------------------------------------- binds and events

  /** The engine or connection that serves an entity class, or statements without one. */
  getBind(entityClass?: AnyEntityClass): Bind {
    return entityClass === undefined ? this.core.binds.forStatement() : this.core.binds.forModel(modelOf(entityClass))
  }

  /** Binds an entity class, and those that extend it, to an engine from now on. */
  bindEntity(entityClass: AnyEntityClass, bind: Bind): void {
    this.core.binds.add(entityClass, bind)
  }

  /** Listens on this session alone; gives a function that stops it. See {@link SessionEvents}. */
  on<Name extends keyof SessionEvents<Session>>(
    name: Name,
    listener: Listener<SessionEvents<Session>[Name]>,
    options?: ListenOptions,
  ): () => void {
    return this.core.events.on(name, listener as Listener<object>, options)
  }

  /** Stops a listener of this session. */
  off<Name extends keyof SessionEvents<Session>>(name: Name, listener: Listener<SessionEvents<Session>[Name]>): void {
    this.core.events.off(name, listener as Listener<object>)
  }
}

/** How a row is read by its key where nothing special was asked for. */
const plainly: ReadOptions = { populateExisting: false, lock: undefined }

function nothing(): null {
  return null
}

function refuseAbsent(model: EntityModel, key: readonly unknown[]): never {
  throw new NoResultError(`getOne(${model.name}): there is no row with the key ${key.map(String).join(', ')}.`)
}

/** The session that an instance is attached to, or undefined. */
export function objectSession(instance: object): Session | undefined {
  const owner = stateOf(instance).owner as { readonly session?: Session } | undefined
  return owner?.session
}
