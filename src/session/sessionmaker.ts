import { ArgumentError } from '../errors.ts'
import { EventHub, type Listener, type ListenOptions } from '../support/index.ts'
import { runBlockAndClose } from './block.ts'
import type { SessionEvents } from './events.ts'
import { combineOptions, resolveSessionOptions, type SessionOptions } from './options.ts'
import { Session } from './session.ts'

/** A class of sessions: `Session` itself, or one that extends it. */
export type SessionClass<S extends Session = Session> = new (
  options?: SessionOptions,
  events?: EventHub<SessionEvents<Session>>,
) => S

/** Options of a {@link sessionmaker}: those of its sessions, and their class. */
export interface SessionmakerOptions<S extends Session = Session> extends SessionOptions {
  /** A class that extends Session. Default: Session. */
  readonly class?: SessionClass<S>
}

/** Makes sessions that are configured alike. Called, it gives a new one. */
export interface Sessionmaker<S extends Session = Session> {
  /** A new session; its own options win over the maker's, `info` is merged. */
  (options?: SessionOptions): S
  /** Changes the options of sessions made from now on. @throws ArgumentError */
  configure(options: SessionOptions): void
  /**
   * A managed block with a session of its own: begins, runs the function, commits; rolls back when it rejects and throws the same
   * error on. In every case the connection is back in the pool before the promise settles, and the session is closed for good.
   *
   * ```ts
   * await Sessions.begin(async (session) => { session.add(new User({ name: 'ed' })) })
   * ```
   *
   * @throws ConcurrentUseError when the function has left operations that it did not await; nothing is committed then
   */
  begin<T>(body: (session: S) => Promise<T> | T, options?: SessionOptions): Promise<T>
  /** Listens on every session of this maker; gives a function that stops it. */
  on<Name extends keyof SessionEvents<S>>(
    name: Name,
    listener: Listener<SessionEvents<S>[Name]>,
    options?: ListenOptions,
  ): () => void
  /** Stops a listener. */
  off<Name extends keyof SessionEvents<S>>(name: Name, listener: Listener<SessionEvents<S>[Name]>): void
  /** What new sessions are made with. */
  readonly options: SessionOptions
  /** @internal */
  readonly [MAKER]: true
}

const MAKER: unique symbol = Symbol('heddle.sessionmaker')

/**
 * Makes a factory of sessions: one for a program, made where the engine is.
 *
 * ```ts
 * const Sessions = sessionmaker({ bind: engine })
 * await Sessions.begin(async (session) => { … })   // a session, a transaction, and their end
 * await using session = Sessions()                 // by hand
 * ```
 *
 * @param options of its sessions, see {@link SessionOptions}
 * @throws ArgumentError for unknown options and wrong values
 * @see https://docs.sqlalchemy.org/en/20/orm/session_api.html#sqlalchemy.orm.sessionmaker
 */
export function sessionmaker<S extends Session = Session>(options: SessionmakerOptions<S> = {}): Sessionmaker<S> {
  const { class: sessionClass = Session as unknown as SessionClass<S>, ...given } = options
  checkClass(sessionClass)
  let resolved = resolveSessionOptions('sessionmaker()', given)
  const events = new EventHub<SessionEvents<S>>()
  let current: SessionOptions = given
  const make = (own?: SessionOptions): S => {
    const its = own === undefined ? resolved : combineOptions('new Session()', resolved, own)
    return new sessionClass(its, events as unknown as EventHub<SessionEvents<Session>>)
  }
  const maker = Object.assign(make, {
    configure(changes: SessionOptions): void {
      resolved = combineOptions('sessionmaker.configure()', resolved, changes)
      current = combine(current, changes)
    },
    begin<T>(body: (session: S) => Promise<T> | T, own?: SessionOptions): Promise<T> {
      if (typeof body !== 'function')
        return Promise.reject(new ArgumentError('Sessions.begin(): a function is needed.'))
      const session = make(own)
      return runBlockAndClose(session.core, () => body(session))
    },
    on: events.on.bind(events) as EventHub<SessionEvents<S>>['on'],
    off: events.off.bind(events) as EventHub<SessionEvents<S>>['off'],
    [MAKER]: true as const,
  })
  return Object.defineProperty(maker, 'options', { get: () => current }) as unknown as Sessionmaker<S>
}

/** Whether a value is what {@link sessionmaker} gives. */
export function isSessionmaker(value: unknown): value is Sessionmaker {
  return typeof value === 'function' && MAKER in value
}

function combine(options: SessionOptions, own: SessionOptions): SessionOptions {
  const criteria = [...(options.criteria ?? []), ...(own.criteria ?? [])]
  return {
    ...options,
    ...own,
    ...(own.info === undefined ? {} : { info: { ...options.info, ...own.info } }),
    ...(criteria.length === 0 ? {} : { criteria }),
  }
}

function checkClass(sessionClass: unknown): void {
  if (sessionClass === Session) return
  if (typeof sessionClass === 'function' && sessionClass.prototype instanceof Session) return
  throw new ArgumentError("sessionmaker() option 'class': a class that extends Session is needed.")
}
