import { inspect } from 'node:util'
import type { DriverConnection } from '../drivers/index.ts'
import { ArgumentError } from '../errors.ts'
import type { Pool, PoolStatus } from '../pool/index.ts'
import type { Dialect, StatementCacheStatus } from '../sql/index.ts'
import { keepInThread, type Listener, type ListenOptions } from '../support/index.ts'
import { Connection } from './connection.ts'
import type { EngineCore } from './core.ts'
import { Enclosure, type EnclosureOptions } from './enclosure.ts'
import { type EngineEvents, eventNames } from './events.ts'
import { type ConnectOptions, checkConnectOptions, type ExecutionOptions, mergeExecutionOptions } from './options.ts'
import { disposeParts, type EngineParts } from './parts.ts'
import type { EngineUrl } from './url.ts'

/**
 * A database and the pool of connections to it: made once by `createEngine`, shared by all, disposed of at the end. Connects lazily.
 *
 * @example
 * const engine = createEngine('sqlite:///app.db')
 * await engine.begin(async (connection) => connection.execute(sql`insert into t values (1)`))
 * await engine.dispose()
 */
export class Engine implements AsyncDisposable {
  readonly #parts: EngineParts
  readonly #options: ExecutionOptions
  /** The same for what only reads, and for what says that it does not, made once: a connection a request takes them. */
  #readingOptions: ExecutionOptions | undefined
  #writingOptions: ExecutionOptions | undefined

  /** @internal Made by `createEngine`. */
  constructor(parts: EngineParts, options: ExecutionOptions) {
    this.#parts = parts
    this.#options = options
    keepInThread(this)
  }

  /** Where the database is. Prints with the password masked. */
  get url(): EngineUrl {
    return this.#parts.primary.url
  }

  /** The dialect: of the product, and from the first connection on of the server that answered last. */
  get dialect(): Dialect {
    return this.#parts.primary.dialect
  }

  /** The dialect's name. */
  get name(): string {
    return this.dialect.name
  }

  /** The driver's name: 'node-sqlite', 'better-sqlite3', 'pg', 'pglite' or 'mysql2'. */
  get driver(): string {
    return this.url.driver
  }

  /** The pool as it is now (`dispose()` puts a new one in its place): `status()` and `holders()` tell who has what. */
  get pool(): Pool<DriverConnection> {
    return this.#parts.primary.pool
  }

  /** How the cache of compiled statements does: hits, misses, size and limit. Its size is the option `statementCache`. */
  get statementCache(): StatementCacheStatus {
    return this.dialect.cache.status
  }

  get executionOptions(): ExecutionOptions {
    return this.#options
  }

  /**
   * Takes a connection from the pool; give it back with `close()`, best by `await using`. With `readOnly`, and with replicas, it is a
   * connection to the next replica.
   *
   * @throws PoolTimeoutError when none became free in time; it names who holds them
   * @throws OperationalError when the database cannot be reached; DriverMissingError when the driver's package is not installed
   * @throws ArgumentError for unknown options
   * @example await using connection = await engine.connect({ label: 'nightly report' })
   */
  async connect(options: ConnectOptions = {}): Promise<Connection> {
    checkConnectOptions(options, 'engine.connect()')
    const { label = 'connection', signal, timeout, isolation, readOnly } = options
    signal?.throwIfAborted()
    const merged = this.#optionsWith(isolation, readOnly)
    const core = merged.readOnly === true ? this.#nextReplica() : this.#parts.primary
    const lease = core.pool.tryAcquire({ label }) ?? (await core.acquire({ label, signal, timeout }))
    return new Connection(core, lease, label, merged)
  }

  /** @internal A connection to the database itself beside the pool, which `close()` ends for real. */
  async connectApart(label: string, signal: AbortSignal | undefined): Promise<Connection> {
    const core = this.#parts.primary
    const lease = await core.acquireApart({ label, signal })
    return new Connection(core, lease, label, this.#optionsWith(undefined, false))
  }

  /** @internal A connection that is free at this moment, for {@link connect} to be asked for where there is none. */
  tryConnect(label: string, readOnly: boolean | undefined): Connection | undefined {
    const merged = this.#optionsWith(undefined, readOnly)
    const core = merged.readOnly === true ? this.#nextReplica() : this.#parts.primary
    const lease = core.pool.tryAcquire({ label })
    return lease === undefined ? undefined : new Connection(core, lease, label, merged)
  }

  /**
   * Runs `block` in a transaction: commits when it resolves, rolls back and rejects with the same error object when it rejects, and
   * gives the connection back before the returned promise settles. After the end nothing runs on the connection any more.
   *
   * @throws what `block` throws; a rollback that fails too is in its `suppressed`
   * @throws ConcurrentUseError when `block` leaves a call on the connection unawaited; nothing is stored then
   * @throws PendingRollbackError when `block` swallowed an error after which the database can store nothing
   * @throws CommitUnknownError when the connection was lost before COMMIT was answered
   * @example const rows = await engine.begin(async (connection) => connection.execute(sql`select 1`))
   */
  async begin<T>(block: (connection: Connection) => Promise<T> | T, options: ConnectOptions = {}): Promise<T> {
    if (typeof block !== 'function')
      throw new ArgumentError('engine.begin() takes the function to run in the transaction')
    const connection = await this.connect(options)
    try {
      return await connection.runBlock(options.signal ? { signal: options.signal } : {}, block)
    } finally {
      await connection.close()
    }
  }

  /**
   * Adds a listener, and gives a function that takes it away. Listeners of 'connect', 'checkout', 'checkin' and 'reset' may be
   * asynchronous; what other listeners return is not awaited. See {@link EngineEvents}.
   *
   * @throws ArgumentError for an unknown event
   * @example engine.on('query', ({ sql, durationMs }) => console.log(sql, durationMs))
   */
  on<Name extends keyof EngineEvents>(
    name: Name,
    listener: Listener<EngineEvents[Name]>,
    options: ListenOptions = {},
  ): () => void {
    checkListener(name, listener)
    return this.#parts.primary.events.on(name, listener, options)
  }

  /** Takes a listener away. */
  off<Name extends keyof EngineEvents>(name: Name, listener: Listener<EngineEvents[Name]>): void {
    checkListener(name, listener)
    this.#parts.primary.events.off(name, listener)
  }

  /**
   * An engine with other execution options, over the same pool and with the same listeners.
   *
   * @throws ArgumentError for wrong values
   * @example const reports = engine.withOptions({ isolation: 'repeatable read', readOnly: true })
   */
  withOptions(options: ExecutionOptions): Engine {
    return new Engine(this.#parts, mergeExecutionOptions(this.#options, options, 'engine.withOptions()'))
  }

  /**
   * Puts everything that the engine does from now on, for whomever, into one transaction that is rolled back at the end: for tests, see
   * `rollbackPerTest()` of `heddle/testing`. What is committed meanwhile becomes a released savepoint, so the code under test may
   * commit and roll back as it likes. There is one connection: holders take turns.
   *
   * Values of sequences are not taken back; isolation levels and `readOnly` have no effect; two-phase transactions are refused.
   *
   * @throws InvalidRequestError when the engine is enclosed already; ArgumentError for wrong options
   * @example
   * await using enclosure = await engine.enclose()
   */
  enclose(options: EnclosureOptions = {}): Promise<Enclosure> {
    return Enclosure.open(this.#parts.primary, options)
  }

  /**
   * Closes the idle connections, refuses who waits for one, and has those that are out closed when they come back. The engine can
   * be used again afterwards, with a new pool.
   *
   * @param options.close false leaves idle connections open and forgets them: for a process that shares them with its parent
   */
  async dispose(options: { readonly close?: boolean } = {}): Promise<void> {
    await disposeParts(this.#parts, options.close ?? true)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  /** The URL, with the password masked. */
  toString(): string {
    return `Engine(${this.url})`
  }

  /** What `JSON.stringify` shows: the URL, with the password masked, and the pool's numbers. */
  toJSON(): { readonly url: string; readonly pool: PoolStatus } {
    return { url: String(this.url), pool: this.pool.status() }
  }

  [inspect.custom](): string {
    return this.toString()
  }

  #optionsWith(isolation: ConnectOptions['isolation'], readOnly: boolean | undefined): ExecutionOptions {
    if (isolation !== undefined)
      return Object.freeze({ ...this.#options, isolation, ...(readOnly !== undefined && { readOnly }) })
    if (readOnly === undefined) return this.#options
    this.#readingOptions ??= Object.freeze({ ...this.#options, readOnly: true })
    this.#writingOptions ??= Object.freeze({ ...this.#options, readOnly: false })
    return readOnly ? this.#readingOptions : this.#writingOptions
  }

  #nextReplica(): EngineCore {
    const { primary, replicas } = this.#parts
    if (replicas.length === 0 || primary.isEnclosed) return primary
    return replicas[this.#parts.replicaTurns++ % replicas.length] ?? primary
  }
}

function checkListener(name: string, listener: unknown): void {
  if (!eventNames.includes(name)) {
    throw new ArgumentError(`An engine has no event '${name}'; its events are ${eventNames.join(', ')}`)
  }
  if (typeof listener !== 'function') throw new ArgumentError(`The listener of '${name}' must be a function`)
}
