import type { Outcome, Statement } from '../drivers/index.ts'
import { InvalidRequestError, ObjectDeletedError, SessionClosedError } from '../errors.ts'
import {
  type BulkWrite,
  criteriaOf,
  type EntitySelect,
  type HydratedJoins,
  type HydratedSelect,
  hasKinds,
  hasRelationsToLoad,
  hydrateJoined,
  hydrateRows,
  hydrationOf,
  instancesIn,
  type LoadPlan,
  noPlan,
  notePlan,
  planOf,
  type QueryTarget,
  type Reader,
  type RowSelect,
  readBeyond,
  readByKeys,
  readRows,
  type SessionCriteria,
  selectOfKey,
  settled,
  type TreeOptions,
} from '../loading/index.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import type { Dialect, LockOptions } from '../sql/index.ts'
import { type InstanceState, identityOf, setLoadStyle } from '../state/index.ts'
import { warn } from '../support/index.ts'
import { type BulkResult, runBulk } from './bulk.ts'
import type { SessionCore } from './core.ts'
import type { ReadByKey, ReadOptions } from './read-by-key.ts'
import { readerFor, readerNow, runOrm, streamOrm } from './run-orm.ts'

/** Everything of a session that reads rows into instances. */
export class SessionLoader implements QueryTarget {
  readonly #core: SessionCore

  constructor(core: SessionCore) {
    this.#core = core
  }

  dialectFor(model: EntityModel): Dialect {
    return this.#core.binds.forModel(model).dialect
  }

  get criteria(): SessionCriteria | undefined {
    return this.#core.criteria
  }

  follow<T>(promise: Promise<T>): Promise<T> {
    return this.#core.gate.follow(promise)
  }

  // ------------------------------------------------------------------------------------------------ by key

  /** The instance that the session holds and that needs no reading, or undefined. */
  present(model: EntityModel, key: readonly unknown[]): InstanceState | undefined {
    const state = this.#held(model, key)
    return state === undefined || state.expired ? undefined : state
  }

  /** Reads one row by its key inside an operation; null when there is none. */
  async get(
    model: EntityModel,
    key: readonly unknown[],
    what: string,
    options: ReadOptions,
  ): Promise<InstanceState | null> {
    const core = this.#core
    if (key.every(isNull)) warnOfNullKey(model)
    if (core.unit.hasWork) await core.autoflushNow(what)
    const reread = options.populateExisting || options.lock !== undefined
    const held = this.#held(model, key)
    if (held !== undefined && !held.expired && !reread)
      return this.#withRelations(held, options.plan ?? noPlan, what, options)
    const plan = options.plan ?? (held === undefined ? noPlan : planOf(held))
    // An expired instance is read again, whatever holds for others: it was given before.
    const hides = held?.expired !== true
    const how = { ...options, plan, hides }
    const { state, joined } = await this.#readByKey(model, plan.columnsOf(model), key, what, how)
    if (state !== null) return this.#withRelations(state, plan, what, { ...options, joined })
    this.#loseRow(held)
    return null
  }

  /** The instance; at once where nothing is to be loaded with it. */
  #withRelations(
    state: InstanceState,
    plan: LoadPlan,
    what: string,
    options: TreeOptions,
  ): InstanceState | Promise<InstanceState> {
    const { model } = state
    if (!options.populateExisting && !hasRelationsToLoad(model, plan)) return state
    return this.loadTree(model, [state], plan, what, options).then(() => state)
  }

  #held(model: EntityModel, key: readonly unknown[]): InstanceState | undefined {
    const identity = identityOf(model, key)
    return identity === undefined ? undefined : this.#core.unit.find(model, identity)
  }

  async #readByKey(
    model: EntityModel,
    columns: readonly ColumnModel[],
    key: readonly unknown[],
    what: string,
    { populateExisting, lock, plan, renew, hides = false }: ReadOptions,
  ): Promise<ReadByKey> {
    const { unit } = this.#core
    const subject = { call: what, model, isColumnLoad: what === 'refresh()' }
    const reader = readerNow(this.#core, subject) ?? (await readerFor(this.#core, subject))
    const select = plan && this.#selectOf(reader, model, columns, key, plan, { populateExisting, lock, hides })
    const statement = select ? statementOf(select) : reader.statements.selectByKey(model, columns, lock)(key)
    const { rows } = await reader.run(statement)
    if (renew !== undefined && rows.length > 0) unit.expireRelations(renew)
    const read = select ?? { model, columns, populateExisting, plan: plan ?? noPlan }
    const states = this.#hydrate(read, reader, rows, populateExisting ? new Set() : undefined)
    if (hasKinds(model)) await this.#readBeyond(model, states, what, read)
    return { state: states[0] ?? null, joined: select?.joined }
  }

  /** Rows of classes that inherit from an entity have more columns than it. */
  async #readBeyond(
    model: EntityModel,
    states: readonly (InstanceState | null)[],
    what: string,
    { populateExisting, plan }: { readonly populateExisting: boolean; readonly plan?: LoadPlan },
  ): Promise<void> {
    const core = this.#core
    const source = {
      unit: core.unit,
      populateExisting,
      connectionFor: (one: EntityModel) => readerFor(core, { call: what, model: one, isColumnLoad: true }),
    }
    await readBeyond(source, model, states, plan)
  }

  /** The select where it is more than that of a row by its key: with what is joined to come along, or with criteria. */
  #selectOf(
    { dialect }: Reader,
    model: EntityModel,
    columns: readonly ColumnModel[],
    key: readonly unknown[],
    plan: LoadPlan,
    how: { readonly populateExisting: boolean; readonly lock: LockOptions | undefined; readonly hides: boolean },
  ): EntitySelect | undefined {
    const criteria = criteriaOf(this, plan, how.hides ? 'query' : 'relations')
    if (criteria === undefined && model.relations.length === 0) return undefined
    if (!isSameList(columns, plan.columnsOf(model))) return undefined
    return selectOfKey(dialect, model, key, { ...how, plan, criteria })
  }

  /** The row of an expired instance is gone: the instance leaves, until a rollback brings it back. */
  #loseRow(state: InstanceState | undefined): void {
    if (state?.expired === true) this.#core.unit.loseRow(state)
  }

  /**
   * Reads columns of an instance again, inside an operation; where all are read, its relations too that come along by the mapping or by
   * the query that it came from.
   *
   * @throws ObjectDeletedError when its row is gone
   */
  async refresh(state: InstanceState, columns: readonly ColumnModel[], lock: LockOptions | undefined): Promise<void> {
    const { unit } = this.#core
    await this.#core.autoflushNow('refresh()')
    this.#refuseUnflushedKey(state)
    const { model } = state
    const read = [...new Set([...model.key, ...columns])]
    const key = state.storedKey as readonly unknown[]
    const plan = planOf(state)
    const isWhole = columns.length >= model.loaded.length
    const { state: found, joined } = await this.#readByKey(
      model,
      columns === model.loaded ? model.loaded : read,
      key,
      'refresh()',
      {
        populateExisting: true,
        lock,
        ...(isWhole ? { plan: plan.withColumns(undefined), renew: state } : {}),
      },
    )
    if (found === state) {
      if (!plan.isEmpty) setLoadStyle(state.siblings ?? [], plan)
      if (!isWhole) return
      return this.loadTree(model, [state], plan, 'refresh()', { populateExisting: false, joined })
    }
    if (found !== null) throw new InvalidRequestError(`Refreshing ${state.describe()}: it left the session meanwhile.`)
    unit.dirty.delete(state)
    throw new ObjectDeletedError(
      `Could not refresh ${state.describe()}: its row is gone; somebody has deleted it. Expunge the instance.`,
    )
  }

  /** Reads columns that are not there, of an instance and of all that came with it, inside an operation; the others of a group too. */
  async fill(state: InstanceState, columns: readonly ColumnModel[]): Promise<void> {
    const { unit } = this.#core
    const groups = new Set(columns.flatMap(({ deferredGroup }) => deferredGroup ?? []))
    const wanted = state.model.columns.filter(
      (column) => columns.includes(column) || (column.deferredGroup !== undefined && groups.has(column.deferredGroup)),
    )
    const lacks = ({ values }: InstanceState) => wanted.some(({ index }) => values[index] === undefined)
    const isHere = (other: InstanceState) => other.owner === unit && other.status === 'persistent' && lacks(other)
    const lacking = [...new Set([state, ...(state.siblings ?? [])])].filter(isThere).filter(isHere)
    if (lacking.length === 0) return
    const keys = lacking.map(({ storedKey }) => storedKey as readonly unknown[])
    const source = { unit, connectionFor: (model: EntityModel) => this.#core.connectionFor(model, 'load()') }
    await readByKeys(source, state.model, keys, wanted)
    if (lacks(state))
      throw new ObjectDeletedError(`Loading ${state.describe()}: its row is gone; somebody has deleted it.`)
  }

  #refuseUnflushedKey(state: InstanceState): void {
    const changed = state.model.key.find((column) => state.originals?.has(column.index) === true)
    if (changed === undefined) return
    throw new InvalidRequestError(
      `Refreshing ${state.describe()}: its key ${changed.property} was changed and is not flushed, so there is no row to ` +
        'read; flush first.',
    )
  }

  // --------------------------------------------------------------------------------------------- by a query

  loadEntities(select: EntitySelect, label: string): Promise<object[]> {
    return this.#core.gate.run(label, async () => {
      await this.#core.autoflushNow(label, select.autoflush)
      const connection = await this.#core.connectionFor(select.model, label)
      const { rows } = await runOrm(this.#core, connection, statementOf(select), { call: label, model: select.model })
      return this.#instancesOf(select, connection, rows, label)
    })
  }

  writeBulk(write: BulkWrite, label: string): Promise<BulkResult> {
    return this.#core.gate.run(label, () => runBulk(this.#core, write, label))
  }

  loadRows(select: RowSelect, label: string): Promise<object[]> {
    return this.#core.gate.run(label, async () => {
      await this.#core.autoflushNow(label, select.autoflush)
      const connection = await this.#core.connectionFor(select.model, label)
      const { rows } = await runOrm(this.#core, connection, statementOf(select), { call: label, model: select.model })
      const read = readRows(this.#core.unit, connection.dialect, select, rows)
      for (const { model, states } of instancesIn(select, read)) {
        if (hasKinds(model)) await this.#readBeyond(model, states, label, select)
      }
      return read
    })
  }

  async #instancesOf(
    select: EntitySelect,
    connection: Reader,
    rows: readonly unknown[],
    label: string,
  ): Promise<object[]> {
    const renewed = select.populateExisting ? new Set<InstanceState>() : undefined
    const states = this.#hydrate(select, connection, rows, renewed)
    if (hasKinds(select.model)) await this.#readBeyond(select.model, states, label, select)
    if (select.populateExisting || hasRelationsToLoad(select.model, select.plan)) {
      await this.loadTree(select.model, states.filter(isThere), select.plan, label, { ...select, renewed })
    }
    return instancesOf(states)
  }

  #hydrate(
    select: HydratedSelect,
    { dialect }: Reader,
    rows: readonly unknown[],
    renewed: Set<InstanceState> | undefined,
  ): (InstanceState | null)[] {
    const { unit } = this.#core
    if (hasJoined(select)) return hydrateJoined(unit, dialect, select, rows, renewed)
    const found = hydrateRows(unit, hydrationOf(dialect, select.model, select.columns), rows, select)
    notePlan(found, select.plan)
    return found
  }

  /** Loads the relations that were asked for with instances, and those that are declared to come along. */
  async loadTree(
    model: EntityModel,
    states: readonly InstanceState[],
    plan: LoadPlan,
    label: string,
    options: TreeOptions,
  ): Promise<void> {
    if (states.length === 0 || !(options.populateExisting || hasRelationsToLoad(model, plan))) return
    await this.#core.related.loadTree(model, [...new Set(states)], plan, label, options)
  }

  runFor(
    model: EntityModel,
    statement: Statement,
    label: string,
    options: { readonly autoflush?: boolean } = {},
  ): Promise<Outcome> {
    return this.#core.gate.run(label, async () => {
      await this.#core.autoflushNow(label, options.autoflush)
      const connection = await this.#core.connectionFor(model, label)
      return runOrm(this.#core, connection, settled(statement), { call: label, model })
    })
  }

  async *streamEntities(select: EntitySelect, batchSize: number, label: string): AsyncGenerator<object> {
    const core = this.#core
    const { connection, batches } = await core.gate.run(label, async () => {
      await core.autoflushNow(label, select.autoflush)
      const connection = await core.connectionFor(select.model, label)
      const subject = { call: label, model: select.model }
      return { connection, batches: await streamOrm(core, connection, statementOf(select), subject, batchSize) }
    })
    const transaction = core.transaction
    try {
      for (;;) {
        if (core.transaction === undefined || core.transaction !== transaction) throw streamLost(label)
        const batch = await core.gate.run(label, () => batches.next())
        if (batch.done === true) return
        const present = new Set(this.#heldOf(select))
        yield* await core.gate.run(label, () => this.#instancesOf(select, connection, batch.value, label))
        this.#letGo(select, present)
      }
    } finally {
      await batches.return()
    }
  }

  /** Unmodified instances that the last batch brought leave the session, so that any number of rows can pass. */
  #letGo(select: EntitySelect, present: ReadonlySet<InstanceState>): void {
    const { unit } = this.#core
    for (const state of [...this.#heldOf(select)]) {
      const isFree = state.owner === unit && !present.has(state) && !state.isModified && !unit.doomed.has(state)
      if (isFree) unit.expunge(state)
    }
  }

  /** What the session holds of the entities that a select brings. */
  #heldOf({ model, plan }: EntitySelect): Iterable<InstanceState> {
    const { map } = this.#core.unit
    return hasRelationsToLoad(model, plan) ? map.states() : map.of(model).values()
  }
}

function isThere(state: InstanceState | null): state is InstanceState {
  return state !== null
}

/** The instances of rows that have one. */
function instancesOf(states: readonly (InstanceState | null)[]): object[] {
  const instances: object[] = []
  for (const state of states) if (state !== null) instances.push(state.instance)
  return instances
}

function statementOf({ statement, executionOptions }: Pick<EntitySelect, 'statement' | 'executionOptions'>): Statement {
  const ready = settled(statement)
  return executionOptions === undefined ? ready : { ...ready, executionOptions }
}

function isNull(value: unknown): boolean {
  return value === null
}

function hasJoined(select: HydratedSelect): select is HydratedJoins {
  return select.joined !== undefined
}

function isSameList(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one === other || (one.length === other.length && one.every((item, i) => item === other[i]))
}

function warnOfNullKey(model: EntityModel): void {
  warn('HEDDLE_NULL_KEY', `get(${model.name}) was called with an entirely null key; no row has one.`)
}

function streamLost(label: string): SessionClosedError {
  return new SessionClosedError(
    `${label}: the session's transaction ended while rows were still to be read from its cursor.`,
  )
}
