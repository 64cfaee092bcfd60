import type { IsolationLevel } from '../drivers/index.ts'
import type { Connection, Engine } from '../engine/index.ts'
import { LoaderCriteria } from '../loading/index.ts'
import { aBoolean, anObject, aString, checkOptions, oneOf, type RulesOf, readOptions, rule } from '../support/index.ts'
import type { Concurrency } from './gate.ts'

/** Where statements go: an engine, or a connection that the caller keeps and may have begun a transaction on. */
export type Bind = Engine | Connection

/**
 * How a session treats the transaction that is already open on a connection it was bound to.
 *
 * - `conditional_savepoint`: works in a savepoint where the connection is in one, else as `rollback_only`
 * - `rollback_only`: its rollback rolls the outer transaction back; its commit and close leave it open
 * - `control_fully`: its commit, rollback and close end the outer transaction
 * - `create_savepoint`: works in a savepoint of its own, so the outer transaction survives all three
 */
export type JoinTransactionMode = 'conditional_savepoint' | 'rollback_only' | 'control_fully' | 'create_savepoint'

/** Any class that `entity()` made, or that extends one. */
export type AnyEntityClass = abstract new (...args: never[]) => object

/** How a session behaves. Every option can be set on the sessionmaker and overridden for one session. */
export interface SessionOptions {
  /** Used for everything that has no more specific bind. */
  readonly bind?: Bind
  /** Engines for entity classes and the classes that extend them; the most derived wins. */
  readonly binds?: ReadonlyMap<AnyEntityClass, Bind>
  /** Flush before queries, so that they see what was changed. Default: true. */
  readonly autoflush?: boolean
  /** Expire every instance at the outermost commit, so that it is read again. Default: false. */
  readonly expireOnCommit?: boolean
  /** Begin a transaction at first use. With false every use needs `begin()` first. Default: true. */
  readonly autobegin?: boolean
  /** Prepare every connection before committing any, where several databases take part; not on SQLite. Default: false. */
  readonly twophase?: boolean
  /** Default: `conditional_savepoint`. */
  readonly joinTransactionMode?: JoinTransactionMode
  /** Whether `close()` leaves the session usable. With false it is closed for good. Default: true. */
  readonly closeResetsOnly?: boolean
  /** Calls that overlap wait for their turn (`serialize`, the default), or are refused (`raise`). */
  readonly concurrency?: Concurrency
  /** What holds for rows wherever they are read: see {@link criteria}. Those of a session are added to those of its maker. */
  readonly criteria?: readonly LoaderCriteria[]
  /** Free for the program; copied into each session. */
  readonly info?: Readonly<Record<string, unknown>>
  /** Given to every statement; the statement's own win, and those of the call win over both. */
  readonly executionOptions?: Readonly<Record<string, unknown>>
  /** What the session calls itself in errors and in `engine.pool.holders()`. Default: `session n`. */
  readonly label?: string
  /** Of the session's transactions. Default: the engine's. */
  readonly isolation?: IsolationLevel
  /** The session's transactions do not write: they may use a replica, and on SQLite they never wait for a writer. */
  readonly readOnly?: boolean
}

/** The options with their defaults filled in. */
export interface ResolvedSessionOptions extends SessionOptions {
  readonly autoflush: boolean
  readonly expireOnCommit: boolean
  readonly autobegin: boolean
  readonly twophase: boolean
  readonly joinTransactionMode: JoinTransactionMode
  readonly closeResetsOnly: boolean
  readonly concurrency: Concurrency
}

const joinModes = ['conditional_savepoint', 'rollback_only', 'control_fully', 'create_savepoint'] as const
const levels = ['read uncommitted', 'read committed', 'repeatable read', 'serializable', 'snapshot'] as const

const rules = {
  bind: anObject,
  binds: rule('a Map of entity classes to engines', (value) => value instanceof Map),
  autoflush: aBoolean,
  expireOnCommit: aBoolean,
  autobegin: aBoolean,
  twophase: aBoolean,
  joinTransactionMode: oneOf(...joinModes),
  closeResetsOnly: aBoolean,
  concurrency: oneOf('serialize', 'raise'),
  criteria: rule(
    'an array of criteria(…)',
    (value) => Array.isArray(value) && value.every((one) => one instanceof LoaderCriteria),
  ),
  info: anObject,
  executionOptions: anObject,
  label: aString,
  isolation: oneOf(...levels),
  readOnly: aBoolean,
} satisfies RulesOf<SessionOptions>

const defaults = {
  autoflush: true,
  expireOnCommit: false,
  autobegin: true,
  twophase: false,
  joinTransactionMode: 'conditional_savepoint',
  closeResetsOnly: true,
  concurrency: 'serialize',
} as const

export function checkSessionOptions(owner: string, options: unknown): void {
  checkOptions(owner, options, rules)
}

/** Options that are checked and complete: those of a maker serve all of its sessions. Told by their class, which a copy does not have. */
class Resolved {}

export function resolveSessionOptions(owner: string, options: SessionOptions): ResolvedSessionOptions {
  if (options instanceof Resolved) return options as ResolvedSessionOptions
  return Object.assign(new Resolved(), readOptions(owner, options, rules, defaults)) as ResolvedSessionOptions
}

/** The options of one session: its own win over those of its maker; `info` is merged, `criteria` are added. @throws ArgumentError */
export function combineOptions(
  owner: string,
  options: ResolvedSessionOptions,
  own: SessionOptions,
): ResolvedSessionOptions {
  checkSessionOptions(owner, own)
  if (Object.keys(own).length === 0) return options
  const combined = Object.assign(new Resolved(), options) as unknown as Record<string, unknown>
  for (const [name, value] of Object.entries(own)) if (value !== undefined) combined[name] = value
  if (own.info !== undefined) combined['info'] = { ...options.info, ...own.info }
  if (own.criteria !== undefined) combined['criteria'] = [...(options.criteria ?? []), ...own.criteria]
  return combined as unknown as ResolvedSessionOptions
}
