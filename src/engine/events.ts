import type { DriverConnection, IsolationLevel } from '../drivers/index.ts'
import type { PoolEvents } from '../pool/index.ts'
import { type EventHub, warn } from '../support/index.ts'
import type { ListenedConnection } from './listened-connection.ts'

/** A statement that is about to be sent, for listeners of `beforeExecute`. What they assign is sent instead. */
export interface ExecuteEvent {
  /** May be replaced. A statement with another text is not kept prepared. */
  sql: string
  /** May be replaced. For a batch, those of its first set, and replacing them has no effect. */
  parameters: readonly unknown[]
  /** How many sets of values a batch carries. */
  readonly batch?: number
  readonly connection: ListenedConnection
  /** Those of the statement, of its connection and of the engine, in this order. */
  readonly executionOptions: Readonly<Record<string, unknown>>
}

/** A statement has been run, or has failed. */
export interface QueryEvent {
  readonly sql: string
  /** The values sent; undefined with the option `hideParameters`. For a batch, those of its first set. */
  readonly parameters: readonly unknown[] | undefined
  /** Milliseconds from sending to the answer. */
  readonly durationMs: number
  /** Rows returned or matched; undefined when the statement failed or is still being streamed. */
  readonly rowCount: number | undefined
  readonly error?: unknown
  /** How many sets of values one batch carried. */
  readonly batch?: number
  readonly connection: ListenedConnection
  /** Those of the statement, of its connection and of the engine, in this order. */
  readonly executionOptions: Readonly<Record<string, unknown>>
}

/** A transaction begins or has ended on a connection. */
export interface TransactionEvent {
  readonly connection: ListenedConnection
  /** Only for `begin`. */
  readonly isolation?: IsolationLevel
  /** Only for `begin`. */
  readonly readOnly?: boolean
}

/** A step of a two-phase transaction was taken. */
export interface TwophaseEvent {
  readonly connection: ListenedConnection
  /** The transaction's name. */
  readonly xid: string
}

/** What the diagnostics channel `heddle:transaction` carries. */
export interface TransactionMessage extends TransactionEvent {
  readonly event: 'begin' | 'commit' | 'rollback'
  /** Milliseconds since it began; with `commit` and `rollback`. */
  readonly durationMs?: number
}

/** A savepoint was set, released, or rolled back to. */
export interface SavepointEvent {
  readonly connection: ListenedConnection
  readonly name: string
}

/**
 * Names and payloads of the events of an engine; `engine.on(name, listener)`. Those of its pool (`connect`, `firstConnect`,
 * `checkout`, `checkin`, `reset`, `invalidate`, `softInvalidate`, `close`, `detach`) carry the driver's connection as `resource`;
 * in `connect` and `firstConnect` statements may be run on it.
 */
export interface EngineEvents extends PoolEvents<DriverConnection> {
  /** A statement is about to be sent, and may be replaced; throwing refuses it. Costs nothing when nobody listens. */
  beforeExecute: ExecuteEvent
  /** A statement has been run or has failed. Costs nothing when nobody listens. */
  query: QueryEvent
  begin: TransactionEvent
  commit: TransactionEvent
  rollback: TransactionEvent
  savepoint: SavepointEvent
  releaseSavepoint: SavepointEvent
  rollbackSavepoint: SavepointEvent
  /** Beside `begin`. */
  beginTwophase: TwophaseEvent
  prepareTwophase: TwophaseEvent
  /** Beside `commit`. */
  commitTwophase: TwophaseEvent
  /** Beside `rollback`. */
  rollbackTwophase: TwophaseEvent
  /** A driver reported an error; a listener may replace it or call it a disconnect. */
  handleError: ErrorContext
}

const named: { readonly [Name in keyof EngineEvents]: true } = {
  firstConnect: true,
  connect: true,
  checkout: true,
  checkin: true,
  reset: true,
  invalidate: true,
  softInvalidate: true,
  close: true,
  detach: true,
  beforeExecute: true,
  query: true,
  begin: true,
  commit: true,
  rollback: true,
  savepoint: true,
  releaseSavepoint: true,
  rollbackSavepoint: true,
  beginTwophase: true,
  prepareTwophase: true,
  commitTwophase: true,
  rollbackTwophase: true,
  handleError: true,
}

/** The names of all events. */
export const eventNames: readonly string[] = Object.keys(named)

/**
 * A driver's error on its way to the caller, for listeners of `handleError`.
 *
 * @example
 * engine.on('handleError', (context) => {
 *   if (/proxy restarted/.test(String(context.original))) context.isDisconnect = true
 * })
 */
export class ErrorContext {
  /** What the driver threw. */
  readonly original: unknown
  /** What the caller will get, unless it is replaced. */
  readonly error: Error
  readonly sql: string | undefined
  /** The connection; undefined where the pool found the error in a ping. */
  readonly connection: ListenedConnection | undefined
  /** Whether the pool found the error while it asked an idle connection for an answer. */
  readonly isPing: boolean
  /** Whether the connection is unusable. May be set: then it is discarded, or kept. */
  isDisconnect: boolean
  /** Whether a disconnect also makes the pool replace all older connections. May be set. Default: true. */
  invalidatePool = true
  #replacement: unknown

  constructor(parts: Pick<ErrorContext, 'original' | 'error' | 'sql' | 'connection' | 'isPing' | 'isDisconnect'>) {
    this.original = parts.original
    this.error = parts.error
    this.sql = parts.sql
    this.connection = parts.connection
    this.isPing = parts.isPing
    this.isDisconnect = parts.isDisconnect
  }

  /** Has the caller get another error. Throwing from the listener does the same. */
  replaceWith(error: unknown): void {
    this.#replacement = error
  }

  /** What the caller gets. */
  get outcome(): unknown {
    return this.#replacement ?? this.error
  }
}

/** Lets the listeners of `handleError` judge an error. What a listener throws replaces it. */
export function emitError(events: EventHub<EngineEvents>, context: ErrorContext): void {
  try {
    events.emit('handleError', context)
  } catch (error) {
    context.replaceWith(error)
  }
}

/** Tells what has already happened. A listener that throws cannot undo it any more: that is warned of, and nothing else. */
export function tell<Name extends keyof EngineEvents>(
  events: EventHub<EngineEvents>,
  name: Name,
  payload: EngineEvents[Name],
): void {
  if (!events.has(name)) return
  try {
    events.emit(name, payload)
  } catch (error) {
    warn('HEDDLE_LISTENER', `A listener of the engine's '${name}' event failed: ${String(error)}`)
  }
}
