import { ArgumentError } from '../errors.ts'
import { isSessionmaker, Session, type Sessionmaker, type SessionOptions } from '../session/index.ts'
import { aFunction, checkOptions, describeValue, warn } from '../support/index.ts'
import { forwardMembers } from './forwarding.ts'
import { Scopes } from './scopes.ts'
import { openTransaction, runTransaction } from './transaction.ts'
import { readTransactionOptions, type ScopedTransactionOptions } from './transaction-options.ts'

/** How a registry tells scopes apart. */
export interface ScopedSessionOptions {
  /**
   * Tells scopes apart: sessions are kept by what it returns, objects weakly, until `remove()` is called in the same scope. `undefined`
   * and `null` say that the caller is in no scope. Inside `run` and `begin` their own scope comes first. Default: only those
   */
  readonly scope?: () => unknown
}

/** The registry itself, as a callable: which session the caller's scope has. */
export interface SessionRegistry<S extends Session = Session> {
  /** The session of this scope, made if there is none. */
  (options?: SessionOptions): S
  /** Whether this scope has one. Never makes any. */
  has(): boolean
  /** Makes a session that of this scope. The one before is let go, not closed; the new one is closed at the end of the scope. */
  set(session: S): void
  /** Lets the session of this scope go, without closing it. */
  clear(): void
}

/** What a registry of sessions does by itself; everything else of a session is forwarded to that of the scope. */
export interface SessionScopes<S extends Session = Session> {
  /**
   * The session of this asynchronous scope: made by the maker at first use, the same one from anywhere in the scope.
   *
   * @param options for the session that is made
   * @throws NoScopeError outside every scope; SessionClosedError in a branch that has outlived its scope
   * @throws InvalidRequestError for options where a session is present already
   */
  (options?: SessionOptions): S
  /**
   * Runs a function in a scope of its own, without a transaction of its own: commits nothing by itself. At its end the session, if one
   * was made, is rolled back and closed for good, before the promise settles.
   *
   * @param options for the session of the scope; with them it is made at once
   */
  run<T>(body: () => Promise<T> | T, options?: SessionOptions): Promise<T>
  /**
   * Runs a function in a scope and a transaction of its own: commits when it resolves; rolls back when it rejects, and rejects with the
   * same error. In every case the session is closed for good and its connection given back before the promise settles.
   *
   * ```ts
   * await Session.begin(async () => { Session().add(new User({ name: 'ed' })) })
   * ```
   *
   * @throws ConcurrentUseError when the function has left calls that it did not await; nothing is committed then
   */
  begin<T>(body: (session: S) => Promise<T> | T, options?: SessionOptions): Promise<T>
  /**
   * Runs a function in the transaction of the scope, or in one of its own; see {@link ScopedTransactionOptions}.
   *
   * A function that takes part in a transaction and fails leaves it unusable until it is rolled back: PendingRollbackError.
   *
   * ```ts
   * await Session.transaction(async () => { … }, { isolation: 'serializable', retries: 3, timeout: 5_000 })
   * ```
   *
   * @throws StatementTimeoutError when the timeout is over; the signal's reason when it aborts
   * @throws InvalidRequestError where the propagation does not allow what there is; ArgumentError for wrong options
   */
  transaction<T>(body: (session: S) => Promise<T> | T, options?: ScopedTransactionOptions): Promise<T>
  /**
   * The same for a function that is called again and again: gives one with the same arguments, which runs in a transaction.
   *
   * ```ts
   * const transfer = Session.transactional(async (from: number, to: number, amount: number) => { … }, { retries: 5 })
   * ```
   */
  transactional<This, Args extends unknown[], T>(
    fn: (this: This, ...args: Args) => Promise<T> | T,
    options?: ScopedTransactionOptions,
  ): (this: This, ...args: Args) => Promise<T>
  /** Whether this scope has a session. Never makes any. */
  has(): boolean
  /** Whether an instance is pending or persistent in the session of this scope. */
  has(instance: object): boolean
  /** Closes the session of this scope for good: rolled back, its connection given back. The next use makes a new one. */
  remove(): Promise<void>
  /** Changes the options of sessions that are made from now on. Warns where this scope has one already: that one stays as it is. */
  configure(options: SessionOptions): void
  /** A session that belongs to no scope: whoever asks for it closes it. */
  sessionFactory(options?: SessionOptions): S
  /** Which session this scope has, and to change that by hand. */
  readonly registry: SessionRegistry<S>
  /** Listens on every session of the maker. */
  readonly on: Sessionmaker<S>['on']
  /** Stops a listener. */
  readonly off: Sessionmaker<S>['off']
}

/**
 * What {@link scopedSession} gives: a registry with one session for each scope. Every method, getter and setter of the session can be
 * used on it, and acts on the session of the caller's scope.
 */
export type ScopedSession<S extends Session = Session> = SessionScopes<S> &
  Omit<S, keyof SessionScopes<S> | 'core' | typeof Symbol.asyncDispose>

/** The scopes behind each registry, for what opens scopes on its behalf. */
const scopesOfRegistry = new WeakMap<object, Scopes<Session>>()

/** The scopes of a registry; undefined for anything else. */
export function scopesOf<S extends Session>(value: object): Scopes<S> | undefined {
  return scopesOfRegistry.get(value) as Scopes<S> | undefined
}

/**
 * A registry with one session for each asynchronous scope: made where the sessionmaker is, and imported wherever the database is used,
 * so that no function has to be given a session.
 *
 * ```ts
 * const Session = scopedSession(sessionmaker({ bind: engine }))
 * await Session.begin(async () => {
 *   Session().add(new User({ name: 'ed' }))
 *   await Session.query(User).all()
 * })
 * ```
 *
 * @throws ArgumentError for anything but a sessionmaker
 * @see https://docs.sqlalchemy.org/en/20/orm/contextual.html
 */
export function scopedSession<S extends Session>(
  maker: Sessionmaker<S>,
  options: ScopedSessionOptions = {},
): ScopedSession<S> {
  if (!isSessionmaker(maker)) {
    throw new ArgumentError(
      `scopedSession(): a sessionmaker is needed, as sessionmaker() makes it, not ${describeValue(maker)}.`,
    )
  }
  checkOptions('scopedSession()', options, { scope: aFunction })
  const scopes = new Scopes<S>(maker, options.scope)
  const current = (own?: SessionOptions): S => scopes.session(own)
  // Made to be looked at: the members of a session are those of its class, which the maker knows, and the fields that it gets.
  forwardMembers(current, maker(), () => scopes.session())
  Object.defineProperties(current, Object.getOwnPropertyDescriptors(ownMembers(scopes)))
  scopesOfRegistry.set(current, scopes as unknown as Scopes<Session>)
  return current as unknown as ScopedSession<S>
}

function ownMembers<S extends Session>(scopes: Scopes<S>): Record<string, unknown> {
  const { maker } = scopes
  return {
    ...blocks(scopes),
    has: (...instance: [] | [object]) =>
      instance.length === 0 ? scopes.present() !== undefined : scopes.session().has(instance[0]),
    remove: () => scopes.remove(),
    configure(options: SessionOptions) {
      warnIfPresent(scopes.present())
      maker.configure(options)
    },
    sessionFactory: (options?: SessionOptions) => maker(options),
    registry: registryOf(scopes),
    on: maker.on,
    off: maker.off,
  }
}

function blocks<S extends Session>(scopes: Scopes<S>) {
  const transaction = async <T>(body: (session: S) => Promise<T> | T, options: ScopedTransactionOptions = {}) => {
    requireFunction('Session.transaction()', body)
    return runTransaction(scopes, body, readTransactionOptions('Session.transaction()', options))
  }
  return {
    transaction,
    run: async <T>(body: () => Promise<T> | T, options?: SessionOptions) => {
      requireFunction('Session.run()', body)
      return scopes.open(options?.label, async (scope) => {
        if (options !== undefined) scopes.make(scope, options)
        return body()
      })
    },
    begin: async <T>(body: (session: S) => Promise<T> | T, options: SessionOptions = {}) => {
      requireFunction('Session.begin()', body, ' To begin by hand in the scope that is open, call Session().begin().')
      return openTransaction(scopes, body, options)
    },
    transactional: <Args extends unknown[], T>(
      fn: (...args: Args) => Promise<T> | T,
      options: ScopedTransactionOptions = {},
    ) => {
      requireFunction('Session.transactional()', fn)
      readTransactionOptions('Session.transactional()', options)
      return function (this: unknown, ...args: Args): Promise<T> {
        return transaction(() => fn.apply(this, args), options)
      }
    },
  }
}

function registryOf<S extends Session>(scopes: Scopes<S>): SessionRegistry<S> {
  return Object.assign((options?: SessionOptions) => scopes.session(options), {
    has: () => scopes.present() !== undefined,
    set(session: S) {
      if (!(session instanceof Session)) {
        throw new ArgumentError(`Session.registry.set(): a session is needed, not ${describeValue(session)}.`)
      }
      scopes.put(session)
    },
    clear: () => scopes.clear(),
  })
}

function requireFunction(call: string, body: unknown, hint = ''): void {
  if (typeof body === 'function') return
  throw new ArgumentError(`${call}: a function is needed, not ${describeValue(body)}.${hint}`)
}

function warnIfPresent(session: Session | undefined): void {
  if (session === undefined) return
  warn(
    'HEDDLE_SESSION_PRESENT',
    `Session.configure() was called in a scope that has a session already (${session.label}), which stays as it is.`,
  )
}
