/**
 * What heddle asks of a driver. One small interface; one adapter file for each driver package. A driver knows
 * nothing of sessions or pools: it carries statements to one database connection and answers back.
 */

/** One statement for a driver: text with the dialect's own placeholders, and its values. */
export interface Statement {
  readonly sql: string
  readonly parameters: readonly unknown[]
  /**
   * A stable name of the statement's text. A named statement is kept prepared on the connection under it;
   * one without a name is used once (a driver may still keep a bounded cache by text).
   */
  readonly name?: string
  /** What a row is: an object by column name (the default), or an array in the order of the columns. */
  readonly rows?: 'object' | 'array'
  /**
   * The caller knows the column types and decodes the values by itself, so the driver leaves out everything it
   * would do to give raw callers uniform values (see {@link Outcome.rows}).
   */
  readonly typed?: boolean
  /** Only with `typed`: a selected integer may be beyond 2^53, so integers come as bigint where needed. */
  readonly wide?: boolean
  /** Only with `typed`: times come as milliseconds since 1970 instead of as Dates, for a caller who makes these when they are read. */
  readonly epochTimes?: boolean
  /** For those who listen for statements; the driver ignores it. */
  readonly executionOptions?: Readonly<Record<string, unknown>>
}

/** What a statement gave. */
export interface Outcome {
  /**
   * The rows, objects or arrays as the statement asked. Without `typed` the values are alike on every database as far as
   * the result itself tells types: timestamps are Date, 64-bit integers a number where safe and a bigint beyond, decimals
   * strings, dates 'YYYY-MM-DD' strings, bytes Uint8Array, booleans boolean, JSON parsed.
   */
  readonly rows: readonly unknown[]
  /** Rows returned by a query, rows matched by a write. */
  readonly rowCount: number
  /** The names of the columns, empty where the statement returns no rows. */
  readonly columns: readonly string[]
  /** The first key that the database generated, where it has no RETURNING. */
  readonly insertId?: number | bigint
}

export type IsolationLevel = 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable' | 'snapshot'

/** How a transaction is to begin. */
export interface BeginOptions {
  readonly isolation?: IsolationLevel
  /** The transaction will not write: it may be given cheaper locks, and a replica. */
  readonly readOnly?: boolean
  /** Gives up waiting (SQLite's queue of writers) when aborted. */
  readonly signal?: AbortSignal
  /** What the transaction calls itself where others are told that they wait for it (SQLite's queue of writers). */
  readonly label?: string
}

/**
 * What the driver knows of the transaction on its connection: `failed` is a transaction which the server has
 * aborted and that can only be rolled back; `unknown` where the protocol does not tell.
 */
export type TransactionStatus = 'idle' | 'open' | 'failed' | 'unknown'

/** Facts about the server that decide what it can do. */
export interface ServerInfo {
  /** 'sqlite', 'postgres', 'mysql' or 'mariadb'. */
  readonly product: string
  /** As the server tells it, for example '15.19' or '10.11.19'. */
  readonly version: string
  /** The step between generated keys, where it is not 1 (Galera). */
  readonly autoIncrementIncrement?: number
}

/** One open connection of a driver. Calls never overlap: the engine sends one at a time, except `cancel` and `destroy`. */
export interface DriverConnection {
  readonly server: ServerInfo
  /** Free to ask at any time; costs no round trip. */
  readonly transactionStatus: TransactionStatus
  /** Set once the connection is known to be unusable, with the reason; the driver never throws from an event. */
  readonly brokenBy: unknown
  run(statement: Statement): Promise<Outcome>
  /**
   * Only on synchronous drivers: runs the statement at once and returns what `run` would resolve to, or throws what it would
   * reject with. Undefined, with nothing done, when the statement has to wait for a lock: then call `run`.
   */
  runNow?(statement: Statement): Outcome | undefined
  /** The same text with several sets of values, in order; one batch. Stops at the first failure. */
  runEach(statement: Statement, parameterSets: readonly (readonly unknown[])[]): Promise<readonly Outcome[]>
  /**
   * Whether a statement may be sent before the one ahead of it is answered, and is then not run where that one fails: so inside a
   * transaction whose BEGIN is answered. Free to ask. Absent: never.
   */
  readonly canPipeline?: boolean
  /** Rows in batches through a cursor; ending the iteration early closes the cursor. Each batch is an array of rows. */
  stream(statement: Statement, batchSize: number): AsyncIterableIterator<readonly unknown[]>
  begin(options: BeginOptions): Promise<void>
  /**
   * Only where beginning may need no waiting: begins within the call and returns true, or returns false, with nothing done, when it
   * has to wait: then call `begin`. Throws what `begin` would reject with.
   */
  beginNow?(options: BeginOptions): boolean
  /** Resolves to 'committed', or to 'rolled back' where the server answered COMMIT by rolling back. */
  commit(): Promise<'committed' | 'rolled back'>
  /** Only on synchronous drivers: commits within the call. Undefined, with nothing done, when it has to wait: then call `commit`. */
  commitNow?(): 'committed' | 'rolled back' | undefined
  rollback(): Promise<void>
  /** Asks the server to stop the running statement; resolves when asked, the statement then fails by itself. */
  cancel(): Promise<void>
  /** Fails when the connection does not answer. */
  ping(): Promise<void>
  /**
   * Forgets what a holder left behind, apart from its transaction, which is already ended: session variables, temporary
   * tables, advisory locks, unread results; what the database cannot forget cheaply is left out and documented.
   */
  reset(): Promise<void>
  /** Whether a holder may have left anything behind that {@link reset} would forget. Absent: it always may have. */
  readonly needsReset?: boolean
  /** Ends the connection in order. Never rejects. */
  close(): Promise<void>
  /** Ends the connection at once, without a word to the server; for one that hangs. Never throws. */
  destroy(): void
}

/** A driver that is loaded and knows where to connect. */
export interface Driver {
  /** The driver's name as in a URL: 'node-sqlite', 'better-sqlite3', 'pg', 'pglite', 'mysql2'. */
  readonly name: string
  /** The database is one connection that all holders take in turns (an embedded server): a pool of it has one. */
  readonly singleConnection?: boolean
  connect(options: { readonly signal?: AbortSignal }): Promise<DriverConnection>
  /** Frees what the driver itself keeps beyond its connections (an embedded database). Never rejects. */
  dispose(): Promise<void>
}

/** Where and how to connect: a parsed URL. */
export interface DriverTarget {
  readonly host?: string
  readonly port?: number
  readonly user?: string
  readonly password?: string
  /** A database name, a file path, or undefined for an in-memory database. */
  readonly database?: string
  /** The URL's query parameters. */
  readonly query: Readonly<Record<string, string>>
  /** Given to the driver as they are; they win over everything else. */
  readonly connectArgs: Readonly<Record<string, unknown>>
}

/** Imports the driver's package (a missing one is a `DriverMissingError`) and gives the driver. */
export type OpenDriver = (target: DriverTarget) => Promise<Driver>
