import { type Driver, type DriverConnection, type DriverTarget, openDriver } from '../drivers/index.ts'
import { ArgumentError, PoolTimeoutError } from '../errors.ts'
import { namingOf } from '../mapping/index.ts'
import {
  createPool,
  type Lease,
  type Pool,
  type PoolEvents,
  type PoolOptions,
  type ResetMode,
  readPoolOptions,
} from '../pool/index.ts'
import { createDialect, type Dialect, StatementCache } from '../sql/index.ts'
import { type EventHub, warn } from '../support/index.ts'
import { echoTo } from './echo.ts'
import { type EngineEvents, ErrorContext, emitError } from './events.ts'
import { type ConnectChanges, type EngineOptions, poolOptionsOf } from './options.ts'
import { SharedDriverConnection } from './shared-driver-connection.ts'
import { translateError } from './translate.ts'
import type { EngineUrl } from './url.ts'

/** Who asks for a connection, and how long it waits. */
export interface LeaseRequest {
  readonly label: string
  readonly signal?: AbortSignal | undefined
  readonly timeout?: number | undefined
}

/**
 * What an engine is made of, shared by all that is derived from it: where the database is, the driver, the pool, the dialect, the
 * listeners. One for the database itself and one for each replica.
 */
export class EngineCore {
  readonly url: EngineUrl
  readonly events: EventHub<EngineEvents>
  readonly hideParameters: boolean
  /** As refined for the server that answered last; before the first connection, the product alone. */
  dialect: Dialect
  readonly #baseDialect: Dialect
  /** Whether several holders have one connection at the same time. */
  readonly #isShared: boolean
  readonly #connectArgs: Readonly<Record<string, unknown>>
  readonly #creator: EngineOptions['creator']
  #pool: Pool<DriverConnection>
  /** Opened with the first connection; forgotten when that fails, and by {@link dispose}. */
  #driver: Promise<Driver> | undefined
  /** The engine's own pool, while connections of an enclosure are lent in its stead. */
  #ownPool: Pool<DriverConnection> | undefined

  constructor(url: EngineUrl, options: EngineOptions, events: EventHub<EngineEvents>) {
    this.url = url
    this.events = events
    this.hideParameters = options.hideParameters ?? false
    this.#connectArgs = options.connectArgs ?? {}
    this.#creator = options.creator
    this.#baseDialect = createDialect(
      url.dialect,
      namingOf(options.naming ?? 'asWritten'),
      new StatementCache(options.statementCache),
    )
    this.dialect = this.#baseDialect
    this.#isShared = poolOptionsOf(options.pool).kind === 'static'
    const poolEvents = events as unknown as EventHub<PoolEvents<DriverConnection>>
    const setting = { events: poolEvents, resourceName: 'connection' }
    this.#pool = createPool(this.#keeper(), poolOptionsFor(url, options.pool), setting)
    echoTo(events, options.echo ?? false, `[${url.scheme}]`)
  }

  get pool(): Pool<DriverConnection> {
    return this.#pool
  }

  /** @throws PoolTimeoutError, PoolClosedError, what the driver throws when it cannot connect */
  async acquire(request: LeaseRequest): Promise<Lease<DriverConnection>> {
    const lease = this.#pool.tryAcquire(request)
    if (lease) return lease
    try {
      return await this.#pool.acquire(request)
    } catch (error) {
      throw error instanceof PoolTimeoutError && this.url.singleConnection ? heldByOther(error) : error
    }
  }

  /** A connection beside the pool: it waits for nobody, counts for nothing there, and is closed when it is given back. */
  acquireApart(request: LeaseRequest): Promise<Lease<DriverConnection>> {
    const events = this.events as unknown as EventHub<PoolEvents<DriverConnection>>
    return createPool(this.#keeper(), { kind: 'null' }, { events, resourceName: 'connection' }).acquire(request)
  }

  /** Whether all connections are those of one transaction around them. */
  get isEnclosed(): boolean {
    return this.#ownPool !== undefined
  }

  /** Lends one connection of `make` at a time, instead of those of the pool, until {@link takeBack}. */
  lend(make: () => DriverConnection, timeout: number): void {
    const events = this.events as unknown as EventHub<PoolEvents<DriverConnection>>
    const keeper = { ...this.#keeper(), open: async () => make() }
    this.#ownPool = this.#pool
    this.#pool = createPool(keeper, { size: 1, maxOverflow: 0, timeout }, { events, resourceName: 'connection' })
  }

  /** The pool is the engine's own again. */
  async takeBack(): Promise<void> {
    const lent = this.#pool
    if (this.#ownPool === undefined) return
    this.#pool = this.#ownPool
    this.#ownPool = undefined
    await lent.dispose()
  }

  /** Closes the pool and begins a new, empty one. */
  async dispose(close: boolean): Promise<void> {
    if (this.isEnclosed) {
      const lent = this.#pool
      this.#pool = lent.recreate()
      return lent.dispose({ close })
    }
    const pool = this.#pool
    const driver = this.#driver
    this.#pool = pool.recreate()
    this.#driver = undefined
    await pool.dispose({ close })
    if (driver && close) await this.#disposeWhenDrained(pool, driver)
  }

  /** The driver of a disposed pool may go only when nobody holds one of its connections any more. */
  async #disposeWhenDrained(pool: Pool<DriverConnection>, driver: Promise<Driver>): Promise<void> {
    const end = () => driver.then((opened) => opened.dispose()).catch(() => {})
    if (pool.status().checkedOut === 0) return end()
    const off = this.events.on('close', () => {
      queueMicrotask(() => {
        if (pool.status().checkedOut > 0) return
        off()
        end()
      })
    })
  }

  #keeper() {
    return {
      open: async (options: { readonly signal?: AbortSignal }) => {
        const connection = await this.#connect(options)
        this.dialect = this.#baseDialect.forServer(connection.server)
        return this.#isShared ? new SharedDriverConnection(connection) : connection
      },
      reset,
      needsReset: (connection: DriverConnection) => connection.needsReset ?? true,
      ping: (connection: DriverConnection) => this.#ping(connection),
      close: (connection: DriverConnection) => connection.close(),
      destroy: (connection: DriverConnection) => connection.destroy(),
      brokenBy: (connection: DriverConnection) => connection.brokenBy,
    }
  }

  /** By the driver, or by what the program has put in its place. */
  async #connect(options: { readonly signal?: AbortSignal }): Promise<DriverConnection> {
    const creator = this.#creator
    if (creator === undefined) return (await this.#openDriver()).connect(options)
    const connection: unknown = await creator({
      ...options,
      connect: async (changes) => (await this.#driverWith(changes)).connect(options),
    })
    if (typeof (connection as DriverConnection | undefined)?.run === 'function') return connection as DriverConnection
    throw new ArgumentError("createEngine() creator: it must return what the 'connect()' that it is given has given")
  }

  #driverWith(changes: ConnectChanges | undefined): Promise<Driver> {
    if (changes === undefined) return this.#openDriver()
    return openDriver(this.url.driver)({ ...targetOf(this.url, this.#connectArgs), ...changes })
  }

  #openDriver(): Promise<Driver> {
    if (this.#driver) return this.#driver
    const opening = openDriver(this.url.driver)(targetOf(this.url, this.#connectArgs))
    this.#driver = opening
    opening.catch(() => {
      if (this.#driver === opening) this.#driver = undefined
    })
    return opening
  }

  /** A listener of `handleError` may call a connection well that failed its ping. */
  async #ping(connection: DriverConnection): Promise<void> {
    try {
      await connection.ping()
    } catch (original) {
      const error = translateError(this.dialect, original, undefined, true)
      const context = new ErrorContext({
        original,
        error,
        sql: undefined,
        connection: undefined,
        isPing: true,
        isDisconnect: true,
      })
      emitError(this.events, context)
      if (context.isDisconnect || connection.brokenBy !== undefined) throw context.outcome
    }
  }
}

/** Ends what transaction is left, then has the driver forget the rest. */
async function reset(connection: DriverConnection, mode: ResetMode): Promise<void> {
  if (connection.transactionStatus !== 'idle') {
    if (mode === 'commit') await connection.commit()
    else await connection.rollback()
  }
  await connection.reset()
}

function targetOf(url: EngineUrl, connectArgs: Readonly<Record<string, unknown>>): DriverTarget {
  const { host, port, user, password, database, query } = url
  return {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    query,
    connectArgs,
  }
}

/** A database that is one connection has a pool of exactly one, which is kept for as long as the engine. */
function poolOptionsFor(url: EngineUrl, given: EngineOptions['pool']): PoolOptions {
  const asked = poolOptionsOf(given)
  const options = readPoolOptions(asked, 'createEngine() pool')
  if (!url.singleConnection) return asked
  if (options.kind === 'null') {
    throw new ArgumentError(
      `createEngine() pool: the database '${url}' lives in its one connection, which the kind 'null' would close after every use. ` +
        "Leave the pool's kind out, or use 'static'",
    )
  }
  if (options.kind !== 'queue') return asked
  const { size, maxOverflow } = asked
  if ((size ?? 1) !== 1 || (maxOverflow ?? 0) !== 0) {
    const code = 'HEDDLE_SINGLE_CONNECTION'
    warn(code, `The database '${url}' is one connection: size and maxOverflow have no effect, holders take turns`)
  }
  return { ...options, size: 1, maxOverflow: 0, recycle: -1 }
}

function heldByOther(error: PoolTimeoutError): PoolTimeoutError {
  return new PoolTimeoutError(
    `This database has one connection, which all take in turns, and it did not become free. ${error.message} ` +
      'Somebody who holds it may be waiting for itself: work inside a transaction must use the connection that it has',
    { cause: error, waited: error.waited, holders: error.holders },
  )
}
