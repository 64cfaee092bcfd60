/**
 * Every error that heddle throws. All of them extend {@link HeddleError}, carry a stable `code`, keep
 * the original error as `cause`, and say what was attempted, what was found and what to do.
 */

/** The name of the method that says what `console.log` and `util.inspect` show. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** What every heddle error can be made with beside its message. */
export interface HeddleErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown
  /** A stable code that replaces the class's own. */
  readonly code?: string
}

/** The root of all errors of heddle: catch this to catch them all. */
export class HeddleError extends Error {
  /** Stable across releases; safe to compare and to log. */
  readonly code: string
  /** Failures that happened while this error was being handled (a rollback that failed too). */
  suppressed?: unknown[]

  constructor(message: string, options: HeddleErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    const own = new.target as unknown as { readonly code?: string }
    this.code = options.code ?? own.code ?? 'HEDDLE_ERROR'
    Object.defineProperty(this, 'name', { value: new.target.name, configurable: true, writable: true })
  }
}

// ---------------------------------------------------------------------------------------------- database

/** What a database error knows about the statement and the place that failed. */
export interface DatabaseErrorOptions extends HeddleErrorOptions {
  /** The SQL text that was sent, without its values. */
  readonly sql?: string
  /** The values sent with it. They are never part of the message. */
  readonly parameters?: readonly unknown[]
  readonly constraint?: string
  readonly table?: string
  readonly column?: string
  /** The database's own code: SQLSTATE on PostgreSQL, the error number's name on MySQL, the result code on SQLite. */
  readonly databaseCode?: string
  /** Whether the connection was found to be unusable and was discarded. */
  readonly connectionInvalidated?: boolean
}

/** An error that the database, or the driver on its behalf, reported. */
export class DatabaseError extends HeddleError {
  static readonly code: string = 'HEDDLE_DATABASE'
  readonly sql: string | undefined
  readonly constraint: string | undefined
  readonly table: string | undefined
  readonly column: string | undefined
  readonly databaseCode: string | undefined
  readonly connectionInvalidated: boolean
  readonly #parameters: readonly unknown[] | undefined

  constructor(message: string, options: DatabaseErrorOptions = {}) {
    super(message, options)
    this.sql = options.sql
    this.constraint = options.constraint
    this.table = options.table
    this.column = options.column
    this.databaseCode = options.databaseCode
    this.connectionInvalidated = options.connectionInvalidated ?? false
    this.#parameters = options.parameters
  }

  /** The values of the failed statement. A getter, so that printing or logging the error never shows them. */
  get parameters(): readonly unknown[] | undefined {
    return this.#parameters
  }

  /** What `console.log` shows: drivers' own errors quote values, so the one in `cause` is only named. */
  [INSPECT](depth: number, options: object, inspect: (value: unknown, options: object) => string): string {
    if (depth < 0) return `[${this.name}]`
    const known = Object.entries(this).filter(([, value]) => value !== undefined)
    const { cause } = this
    if (cause instanceof HeddleError) known.push(['[cause]', cause])
    else if (cause !== undefined)
      known.push(['[cause]', 'the error of the driver, which may quote values; read .cause'])
    return `${this.stack ?? `${this.name}: ${this.message}`} ${inspect(Object.fromEntries(known), options)}`
  }
}

/** A constraint of the schema was violated. */
export class IntegrityError extends DatabaseError {
  static override readonly code: string = 'HEDDLE_INTEGRITY'
}
/** A unique constraint or a primary key was violated. */
export class UniqueViolationError extends IntegrityError {
  static override readonly code: string = 'HEDDLE_UNIQUE_VIOLATION'
}
/** A foreign key was violated, from either side. */
export class ForeignKeyViolationError extends IntegrityError {
  static override readonly code: string = 'HEDDLE_FOREIGN_KEY_VIOLATION'
}
/** A null was given for a column that forbids it. */
export class NotNullViolationError extends IntegrityError {
  static override readonly code: string = 'HEDDLE_NOT_NULL_VIOLATION'
}
/** A check constraint was violated. */
export class CheckViolationError extends IntegrityError {
  static override readonly code: string = 'HEDDLE_CHECK_VIOLATION'
}

/** The database could not do its work for reasons outside the statement: locks, connections, resources. */
export class OperationalError extends DatabaseError {
  static override readonly code: string = 'HEDDLE_OPERATIONAL'
}
/** The connection is gone: closed by the server, cut, or killed. The pool has discarded it. */
export class DisconnectionError extends OperationalError {
  static override readonly code: string = 'HEDDLE_DISCONNECTED'
  /** Thrown by a `checkout` listener with `invalidatePool: true`, it marks every older connection as stale. */
  readonly invalidatePool: boolean
  constructor(message: string, options: DatabaseErrorOptions & { readonly invalidatePool?: boolean } = {}) {
    super(message, options)
    this.invalidatePool = options.invalidatePool ?? false
  }
}
/** COMMIT was sent and no answer came back: the transaction may or may not have been stored. Never retried. */
export class CommitUnknownError extends OperationalError {
  static override readonly code: string = 'HEDDLE_COMMIT_UNKNOWN'
}
/** A lock was not available: NOWAIT, a lock timeout, or a busy database file. */
export class LockNotAvailableError extends OperationalError {
  static override readonly code: string = 'HEDDLE_LOCK_NOT_AVAILABLE'
}
/** An exclusive lock was lost while its work ran: its connection is gone. Somebody else may have begun the same work since. */
export class LockLostError extends OperationalError {
  static override readonly code: string = 'HEDDLE_LOCK_LOST'
}
/** The database chose this transaction as the victim of a deadlock. Safe to run again as a whole. */
export class DeadlockError extends OperationalError {
  static override readonly code: string = 'HEDDLE_DEADLOCK'
}
/** The transaction could not be serialized with others. Safe to run again as a whole. */
export class SerializationError extends OperationalError {
  static override readonly code: string = 'HEDDLE_SERIALIZATION'
}
/** The statement was cancelled because it ran longer than allowed, or because its caller gave up. */
export class StatementTimeoutError extends OperationalError {
  static override readonly code: string = 'HEDDLE_STATEMENT_TIMEOUT'
}
/** The statement itself is wrong: syntax, an unknown table or column, missing rights. */
export class ProgrammingError extends DatabaseError {
  static override readonly code: string = 'HEDDLE_PROGRAMMING'
}
/** A value does not fit its column: out of range, too long, of the wrong form. */
export class DataError extends DatabaseError {
  static override readonly code: string = 'HEDDLE_DATA'
}

// -------------------------------------------------------------------------------------------------- pool

/** Who holds a resource of a pool, as its errors and `holders()` tell it. */
export interface Holder {
  /** What the holder calls itself, for example the scope's label. */
  readonly label: string
  /** When it was checked out, in milliseconds since the epoch. */
  readonly since: number
  /** Where it was checked out; only with tracing on. */
  readonly stack?: string
}

/** No connection became free in time. Names who holds the connections. */
export class PoolTimeoutError extends HeddleError {
  static readonly code: string = 'HEDDLE_POOL_TIMEOUT'
  /** How long the caller waited, in milliseconds. */
  readonly waited: number
  readonly holders: readonly Holder[]
  constructor(
    message: string,
    options: HeddleErrorOptions & { readonly waited?: number; readonly holders?: readonly Holder[] } = {},
  ) {
    super(message, options)
    this.waited = options.waited ?? 0
    this.holders = options.holders ?? []
  }
}
/** The pool, or the engine it belongs to, was disposed of. */
export class PoolClosedError extends HeddleError {
  static readonly code: string = 'HEDDLE_POOL_CLOSED'
}

// ----------------------------------------------------------------------------------------------- session

/** A call that makes no sense in the state in which its object is. */
export class InvalidRequestError extends HeddleError {
  static readonly code: string = 'HEDDLE_INVALID_REQUEST'
}
/** A row of entities that inherit has a discriminator that stands for no class. */
export class UnknownDiscriminatorError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_UNKNOWN_DISCRIMINATOR'
  /** The property that tells the class. */
  readonly property: string
  /** What the row holds there. */
  readonly value: unknown

  constructor(
    message: string,
    options: HeddleErrorOptions & { readonly property?: string; readonly value?: unknown } = {},
  ) {
    super(message, options)
    this.property = options.property ?? ''
    this.value = options.value
  }
}
/** A status was asked to move where it may not go, or two calls moved it at once; names both calls. */
export class IllegalStateChangeError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_ILLEGAL_STATE_CHANGE'
}
/** An earlier failure ended the transaction: call `rollback()` first. The first failure is the `cause`. */
export class PendingRollbackError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_PENDING_ROLLBACK'
}
/** A closed transaction, connection or result was used. */
export class ResourceClosedError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_RESOURCE_CLOSED'
}
/** The session has ended; nothing runs on it any more. */
export class SessionClosedError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_SESSION_CLOSED'
}
/** Two calls used one session at once in a way that would tear work in two; names both. */
export class ConcurrentUseError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_CONCURRENT_USE'
  /** The calls that met, first the one that was under way. */
  readonly calls: readonly string[]
  constructor(message: string, options: HeddleErrorOptions & { readonly calls?: readonly string[] } = {}) {
    super(message, options)
    this.calls = options.calls ?? []
  }
}
/** `flush()` was called while the session is flushing. */
export class SessionAlreadyFlushingError extends ConcurrentUseError {
  static override readonly code: string = 'HEDDLE_ALREADY_FLUSHING'
}
/** The unit of work cannot be written as it stands. */
export class FlushError extends HeddleError {
  static readonly code: string = 'HEDDLE_FLUSH'
}
/** Rows to be inserted refer to each other in a circle of keys that may not be null, so that none of them can be the first. */
export class CircularDependencyError extends FlushError {
  static override readonly code: string = 'HEDDLE_CIRCULAR_DEPENDENCY'
  /** The relations of the circle, as `Entity.property` of the foreign keys, in order. */
  readonly circle: readonly string[]
  constructor(message: string, options: HeddleErrorOptions & { readonly circle?: readonly string[] } = {}) {
    super(message, options)
    this.circle = options.circle ?? []
  }
}
/** Rows that were to be updated or deleted are gone, or have another version. */
export class StaleDataError extends HeddleError {
  static readonly code: string = 'HEDDLE_STALE_DATA'
  /** The identities of the rows, as `Entity#key`. */
  readonly identities: readonly string[]
  constructor(message: string, options: HeddleErrorOptions & { readonly identities?: readonly string[] } = {}) {
    super(message, options)
    this.identities = options.identities ?? []
  }
}
/** The row of an instance was found to be gone when it was to be read again. */
export class ObjectDeletedError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_OBJECT_DELETED'
}
/** A detached instance was asked for something that only a session can load. */
export class DetachedInstanceError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_DETACHED_INSTANCE'
}
/** A property was read whose value is not loaded; the message says what to await. */
export class NotLoadedError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_NOT_LOADED'
}
/** One row was required and none was found. */
export class NoResultError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_NO_RESULT'
}
/** One row was required and several were found. */
export class MultipleResultsError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_MULTIPLE_RESULTS'
}
/** A value that is no instance of an entity class was given where one is needed. */
export class UnmappedInstanceError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_UNMAPPED_INSTANCE'
}
/** No engine is configured for what was to be executed. */
export class UnboundExecutionError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_UNBOUND_EXECUTION'
}

// ------------------------------------------------------------------------------------------------- scope

/** A scoped session was asked for outside every scope. */
export class NoScopeError extends HeddleError {
  static readonly code: string = 'HEDDLE_NO_SCOPE'
}
/** A scoped session was used from a scope that is neither its own nor inside it. */
export class ScopeMismatchError extends HeddleError {
  static readonly code: string = 'HEDDLE_SCOPE_MISMATCH'
}
/** The managed module was used before `initEngine` or `initSessionFactory`. */
export class NotInitializedError extends HeddleError {
  static readonly code: string = 'HEDDLE_NOT_INITIALIZED'
}

// ----------------------------------------------------------------------------------------------- threads

/** What belongs to one thread was to be sent to another: an instance, a session, an engine, a connection. Says where it was found. */
export class UnsendableError extends InvalidRequestError {
  static override readonly code: string = 'HEDDLE_UNSENDABLE'
  /** The way to it in what was to be sent: `item.orders[3].customer`. */
  readonly path: string
  constructor(message: string, options: HeddleErrorOptions & { readonly path?: string } = {}) {
    super(message, options)
    this.path = options.path ?? ''
  }
}
/** A worker thread ended before it had answered: an error that nobody caught, `process.exit()`, too little memory. */
export class ThreadEndedError extends HeddleError {
  static readonly code: string = 'HEDDLE_THREAD_ENDED'
}

// ------------------------------------------------------------------------------------------------ set-up

/** An argument or an option is wrong. */
export class ArgumentError extends HeddleError {
  static readonly code: string = 'HEDDLE_ARGUMENT'
}
/** A database URL cannot be understood. */
export class UrlError extends ArgumentError {
  static override readonly code: string = 'HEDDLE_URL'
}
/** The package of a driver, or of worker threads, is not installed; the message says which one to install. */
export class DriverMissingError extends HeddleError {
  static readonly code: string = 'HEDDLE_DRIVER_MISSING'
}
/** An entity is declared in a way that cannot work. */
export class MappingError extends ArgumentError {
  static override readonly code: string = 'HEDDLE_MAPPING'
}
