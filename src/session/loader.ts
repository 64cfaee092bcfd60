import type { Outcome, Statement } from '../drivers/index.ts'
import type { Connection } from '../engine/index.ts'
import { InvalidRequestError, SessionClosedError } from '../errors.ts'
import { type EntitySelect, hydrateRows, hydrationOf, type QueryTarget } from '../loading/index.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import type { Dialect, LockOptions } from '../sql/index.ts'
import { type InstanceState, identityOf } from '../state/index.ts'
import { warn } from '../support/index.ts'
import type { SessionCore } from './core.ts'

/** How one instance is read by its key. */
export interface ReadOptions {
  readonly populateExisting: boolean
  readonly lock: LockOptions | undefined
}

/** Everything of a session that reads rows into instances. */
export class SessionLoader implements QueryTarget {
  readonly #core: SessionCore

  constructor(core: SessionCore) {
    this.#core = core
  }

  dialectFor(model: EntityModel): Dialect {
    return this.#core.binds.forModel(model).dialect
  }

  follow<T>(promise: Promise<T>): Promise<T> {
    return this.#core.gate.follow(promise)
  }

  // ------------------------------------------------------------------------------------------------ by key

  /** The instance that the session holds and that needs no reading, or undefined. */
  present(model: EntityModel, key: readonly unknown[]): InstanceState | undefined {
    const identity = identityOf(model, key)
    const state = identity === undefined ? undefined : this.#core.unit.find(model, identity)
    return state === undefined || state.expired ? undefined : state
  }

  /** Reads one row by its key inside an operation; null when there is none. */
  async get(
    model: EntityModel,
    key: readonly unknown[],
    what: string,
    options: ReadOptions,
  ): Promise<InstanceState | null> {
    if (key.every((part) => part === null)) warnOfNullKey(model)
    await this.#core.autoflushNow(what)
    const reread = options.populateExisting || options.lock !== undefined
    const present = reread ? undefined : this.present(model, key)
    if (present !== undefined) return present
    const state = await this.#readByKey(model, model.columns, key, what, options)
    if (state === null) this.#loseRow(model, key)
    return state
  }

  async #readByKey(
    model: EntityModel,
    columns: readonly ColumnModel[],
    key: readonly unknown[],
    what: string,
    { populateExisting, lock }: ReadOptions,
  ): Promise<InstanceState | null> {
    const { unit } = this.#core
    const connection = await this.#core.connectionFor(model, what)
    const statement = connection.statements.selectByKey(model, columns, lock)(key)
    const { rows } = await connection.run(statement)
    const hydration = hydrationOf(connection.dialect, model, columns)
    return hydrateRows(unit, hydration, rows, { populateExisting })[0] ?? null
  }

  /** The row of an expired instance is gone: the instance leaves, until a rollback brings it back. */
  #loseRow(model: EntityModel, key: readonly unknown[]): void {
    const identity = identityOf(model, key)
    const state = identity === undefined ? undefined : this.#core.unit.find(model, identity)
    if (state?.expired === true) this.#core.unit.loseRow(state)
  }

  /** Reads columns of an instance again, inside an operation. @throws InvalidRequestError when its row is gone */
  async refresh(state: InstanceState, columns: readonly ColumnModel[], lock: LockOptions | undefined): Promise<void> {
    const { unit } = this.#core
    await this.#core.autoflushNow('refresh()')
    this.#refuseUnflushedKey(state)
    const { model } = state
    const read = [...new Set([...model.key, ...columns])]
    const key = state.storedKey as readonly unknown[]
    const found = await this.#readByKey(
      model,
      columns.length === model.columns.length ? model.columns : read,
      key,
      'refresh()',
      {
        populateExisting: true,
        lock,
      },
    )
    if (found === state) {
      if (columns.length === model.columns.length) unit.expireRelations(state)
      return
    }
    if (found !== null) throw new InvalidRequestError(`Refreshing ${state.describe()}: it left the session meanwhile.`)
    unit.dirty.delete(state)
    throw new InvalidRequestError(
      `Could not refresh ${state.describe()}: its row is gone; somebody has deleted it. Expunge the instance.`,
    )
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
      const { rows } = await connection.run(statementOf(select))
      return this.#instancesOf(select, connection, rows)
    })
  }

  #instancesOf(select: EntitySelect, connection: Connection, rows: readonly unknown[]): object[] {
    const hydration = hydrationOf(connection.dialect, select.model, select.columns)
    const states = hydrateRows(this.#core.unit, hydration, rows, select)
    const instances: object[] = []
    for (const state of states) if (state !== null) instances.push(state.instance)
    return instances
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
      return connection.run(statement)
    })
  }

  async *streamEntities(select: EntitySelect, batchSize: number, label: string): AsyncGenerator<object> {
    const core = this.#core
    const { connection, batches } = await core.gate.run(label, async () => {
      await core.autoflushNow(label, select.autoflush)
      const connection = await core.connectionFor(select.model, label)
      return { connection, batches: connection.streamBatches(statementOf(select), batchSize) }
    })
    const transaction = core.transaction
    try {
      for (;;) {
        if (core.transaction === undefined || core.transaction !== transaction) throw streamLost(label)
        const batch = await core.gate.run(label, () => batches.next())
        if (batch.done === true) return
        const present = new Set(core.unit.map.of(select.model).values())
        const instances = this.#instancesOf(select, connection, batch.value)
        yield* instances
        this.#letGo(select.model, present)
      }
    } finally {
      await batches.return()
    }
  }

  /** Unmodified instances that the last batch brought leave the session, so that any number of rows can pass. */
  #letGo(model: EntityModel, present: ReadonlySet<InstanceState>): void {
    const { unit } = this.#core
    for (const state of [...unit.map.of(model).values()]) {
      if (!present.has(state) && !state.isModified && !unit.doomed.has(state)) unit.expunge(state)
    }
  }
}

function statementOf({ statement, executionOptions }: EntitySelect): Statement {
  return executionOptions === undefined ? statement : { ...statement, executionOptions }
}

function warnOfNullKey(model: EntityModel): void {
  warn('HEDDLE_NULL_KEY', `get(${model.name}) was called with an entirely null key; no row has one.`)
}

function streamLost(label: string): SessionClosedError {
  return new SessionClosedError(
    `${label}: the session's transaction ended while rows were still to be read from its cursor.`,
  )
}
