import type { DriverConnection, IsolationLevel } from '../drivers/index.ts'
import { ArgumentError } from '../errors.ts'
import type { NamingChoice } from '../mapping/index.ts'
import type { PoolClass, PoolOptions } from '../pool/index.ts'
import type { Dialect } from '../sql/index.ts'
import {
  aBoolean,
  aFunction,
  anAbortSignal,
  anInteger,
  anObject,
  anything,
  aString,
  checkOptions,
  either,
  milliseconds,
  nearest,
  oneOf,
  type Rule,
  type RulesOf,
  rule,
} from '../support/index.ts'
import type { Echo } from './echo.ts'
import type { EngineUrl } from './url.ts'

/** How statements are kept apart from others', or `'autocommit'`: no transaction is begun unless `begin()` is called. */
export type Isolation = IsolationLevel | 'autocommit'

/** What applies to every statement of an engine or a connection. Other names may be added, for the program's own listeners. */
export interface ExecutionOptions {
  /** For transactions that begin from now on. Default: the database's own. */
  readonly isolation?: Isolation
  /** Transactions do not write: they begin as such, which is cheaper. Default: false */
  readonly readOnly?: boolean
  /** Rows that a stream fetches at a time. Default: 500 */
  readonly batch?: number
  readonly [own: string]: unknown
}

/** The options of {@link createEngine}. */
export interface EngineOptions {
  /** The pool's options, or its kind alone: 'queue' (the default), 'null', 'static', 'assertion', or a class. */
  readonly pool?: PoolOptions | 'queue' | 'null' | 'static' | 'assertion' | PoolClass
  /** Default: the database's own. `'autocommit'`: no transaction unless `begin()` is called. */
  readonly isolation?: Isolation
  /** Prints the statements; see {@link Echo}. Default: false */
  readonly echo?: Echo
  /** How properties and tables are called in the database: 'asWritten' (the default), 'camelToSnake', or functions. */
  readonly naming?: NamingChoice
  /** Given to the driver's connect as they are; they win over the URL. */
  readonly connectArgs?: Readonly<Record<string, unknown>>
  /**
   * Opens each connection of the engine instead of the driver alone: for credentials that change, tunnels, retries. It calls
   * `connect()` of what it is given, and returns what that gives.
   */
  readonly creator?: (attempt: ConnectAttempt) => Promise<DriverConnection>
  /** For all connections; what a connection is given by itself wins. */
  readonly executionOptions?: ExecutionOptions
  /** Keeps the values of statements out of logs and of the event 'query'. Default: false */
  readonly hideParameters?: boolean
  /** Compiled texts that are kept; 0 keeps none. See `engine.statementCache`. Default: 1000 */
  readonly statementCache?: number
  /** URLs of read-only copies of the database: connections with `readOnly` go there in turn. */
  readonly replicas?: readonly (string | EngineUrl)[]
}

/** What `creator` is given. */
export interface ConnectAttempt {
  /** Aborts when nobody waits for the connection any more. */
  readonly signal?: AbortSignal
  /** Connects as the engine would by itself, with these parts of its URL replaced. */
  connect(changes?: ConnectChanges): Promise<DriverConnection>
}

/** Parts of an engine's URL, for one connection. */
export interface ConnectChanges {
  readonly host?: string
  readonly port?: number
  readonly user?: string
  readonly password?: string
  readonly database?: string
}

/** How a connection is taken. */
export interface ConnectOptions {
  /** What the holder calls itself in errors and in `engine.pool.holders()`. */
  readonly label?: string | undefined
  /** Gives up waiting for a connection. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds to wait for a connection. Default: the pool's `timeout` */
  readonly timeout?: number | undefined
  /** It will not write: it may be of a replica. Default: the engine's */
  readonly readOnly?: boolean | undefined
  /** For this connection's transactions. Default: the engine's */
  readonly isolation?: Isolation | undefined
}

/** How a transaction begins. */
export interface TransactionOptions {
  readonly isolation?: IsolationLevel | undefined
  /** It will not write. */
  readonly readOnly?: boolean | undefined
  /** Gives up waiting for the permission to write, where the database has one writer at a time. */
  readonly signal?: AbortSignal | undefined
  /** What it calls itself to those who wait for it. Default: the label of its connection */
  readonly label?: string | undefined
}

/** How a query is streamed. */
export interface StreamOptions {
  /** Rows fetched at a time. Default: 500 */
  readonly batch?: number | undefined
}

const LEVELS = ['read uncommitted', 'read committed', 'repeatable read', 'serializable', 'snapshot'] as const
const isolation = oneOf(...LEVELS, 'autocommit')
const urls = rule('an array of URLs', (value) => Array.isArray(value))

const engineRules: RulesOf<EngineOptions> = {
  pool: either(oneOf('queue', 'null', 'static', 'assertion'), rule('a pool class', isFunction), anObject),
  isolation,
  echo: either(aBoolean, oneOf('debug'), aFunction),
  naming: anything,
  connectArgs: anObject,
  creator: aFunction,
  executionOptions: anObject,
  hideParameters: aBoolean,
  statementCache: anInteger(0),
  replicas: urls,
}

const connectRules: RulesOf<ConnectOptions> = {
  label: aString,
  signal: anAbortSignal,
  timeout: milliseconds,
  readOnly: aBoolean,
  isolation,
}

const transactionRules: RulesOf<TransactionOptions> = {
  isolation: oneOf(...LEVELS),
  readOnly: aBoolean,
  signal: anAbortSignal,
  label: aString,
}

const executionRules: Readonly<Record<string, Rule>> = { isolation, readOnly: aBoolean, batch: anInteger(1) }

/** @throws ArgumentError for unknown options and wrong values; those of the pool, of naming and of drivers are checked by them */
export function checkEngineOptions(options: unknown): void {
  checkOptions('createEngine()', options, engineRules as Readonly<Record<string, Rule>>)
}

/** @throws ArgumentError for unknown options and wrong values */
export function checkConnectOptions(options: ConnectOptions, owner: string): void {
  checkOptions(owner, options, connectRules as Readonly<Record<string, Rule>>)
}

/** @throws ArgumentError for unknown options and wrong values */
export function checkTransactionOptions(options: TransactionOptions, owner: string): void {
  checkOptions(owner, options, transactionRules as Readonly<Record<string, Rule>>)
}

/** @throws ArgumentError for wrong values */
export function checkStreamOptions(options: StreamOptions): void {
  checkOptions('stream()', options, { batch: anInteger(1) })
}

/**
 * Execution options, checked. Names that are not known are the program's own, unless they look like a slip.
 *
 * @throws ArgumentError for wrong values, and for a name that is almost a known one
 */
export function mergeExecutionOptions(
  before: ExecutionOptions,
  given: ExecutionOptions | undefined,
  owner: string,
): ExecutionOptions {
  if (given === undefined) return before
  const known = Object.keys(executionRules)
  const slip = Object.keys(given).find((name) => !known.includes(name) && nearest(name, known) !== undefined)
  if (slip !== undefined) {
    throw new ArgumentError(`${owner}: unknown option '${slip}'. Did you mean '${nearest(slip, known)}'?`)
  }
  const own = Object.keys(given).filter((name) => !known.includes(name))
  checkOptions(owner, given, { ...executionRules, ...Object.fromEntries(own.map((name) => [name, anything])) })
  const chosen = Object.entries(given).filter(([, value]) => value !== undefined)
  return Object.freeze({ ...before, ...Object.fromEntries(chosen) })
}

/** The options of the pool, whichever way they were given. */
export function poolOptionsOf(pool: EngineOptions['pool']): PoolOptions {
  return typeof pool === 'string' || typeof pool === 'function' ? { kind: pool } : (pool ?? {})
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

/**
 * @param what what asks for the level, for the message
 * @throws ArgumentError for a level that the database does not have
 */
export function checkIsolation(dialect: Dialect, isolation: Isolation | undefined, what: string): void {
  const levels = dialect.capabilities.isolationLevels
  if (isolation === undefined || isolation === 'autocommit' || levels.includes(isolation)) return
  throw new ArgumentError(`${what}: there is no isolation level '${isolation}' here, only ${levels.join(', ')}`)
}
