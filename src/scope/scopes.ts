import { InvalidRequestError, NoScopeError } from '../errors.ts'
import type { Session, Sessionmaker, SessionOptions } from '../session/index.ts'
import { AsyncContext } from '../support/index.ts'
import { KeyedPlace, KeyedPlaces } from './keyed-places.ts'
import type { Place } from './place.ts'
import { runInScope, Scope, type ScopeTerms } from './scope.ts'

/**
 * The scopes of one registry. An asynchronous scope that was opened comes first; outside of those a function of the program
 * may tell scopes apart.
 */
export class Scopes<S extends Session> {
  readonly maker: Sessionmaker<S>
  readonly #context = new AsyncContext<Scope<S>>()
  readonly #keyed: KeyedPlaces<S> | undefined
  /** Scopes of {@link enter} that have not ended: who is outside of all of them may have lost one. */
  #entered = 0

  constructor(maker: Sessionmaker<S>, keyHere: (() => unknown) | undefined) {
    this.maker = maker
    this.#keyed = keyHere === undefined ? undefined : new KeyedPlaces(keyHere)
  }

  /** Runs `work` in a new asynchronous scope, which ends with it. */
  open<T>(label: string | undefined, work: (scope: Scope<S>) => Promise<T>): Promise<T> {
    return runInScope(this.#context, label, work)
  }

  /** A new asynchronous scope that is no single function: it lasts until {@link leave}. */
  enter(label: string | undefined, terms: ScopeTerms): Scope<S> {
    const scope = new Scope(this.#context, label, terms)
    this.#entered++
    return scope
  }

  /** Ends a scope of {@link enter}. */
  leave(scope: Scope<S>, by: string): Promise<void> {
    this.#entered--
    return scope.end(by)
  }

  /** Whether whoever opened the caller's scope commits what its session does. */
  commitsHere(): boolean {
    return this.#context.get()?.terms.commits === true
  }

  /**
   * The session of the caller's scope, made if there is none.
   *
   * @throws NoScopeError outside every scope, SessionClosedError in one that has ended
   * @throws InvalidRequestError for options where there is a session already
   */
  session(options?: SessionOptions): S {
    const place = this.#placeHere('Session()')
    const { session } = place
    if (session === undefined) return this.make(place, options ?? this.#context.get()?.terms.sessionOptions)
    if (options === undefined) return session
    throw new InvalidRequestError(
      `Session(): a session is already present in this scope (${session.label}), so options cannot be applied to it. ` +
        'Call remove() first, or open a scope inside.',
    )
  }

  /** Makes a session in a place that has none. */
  make(place: Place<S>, options?: SessionOptions): S {
    const session = this.maker(options)
    place.put(session)
    return session
  }

  /** The session of the caller's scope, if there is one; never makes any. */
  present(): S | undefined {
    return this.#placeIfAny()?.session
  }

  /** Whether the caller is in a scope that has not ended. */
  isInScope(): boolean {
    const scope = this.#context.get()
    if (scope !== undefined) return !scope.hasEnded
    return this.#keyed?.isInScope() === true
  }

  /** Keeps a session as the one of the caller's scope, which closes it at its end. @throws NoScopeError */
  put(session: S): void {
    this.#placeHere('set()').put(session)
  }

  /** Lets the session of the caller's scope go, as it is. */
  clear(): void {
    const place = this.#placeIfAny()
    if (place === undefined) return
    place.take()
    this.#forget(place)
  }

  /** Closes the session of the caller's scope, if there is one. */
  async remove(): Promise<void> {
    const place = this.#placeIfAny()
    if (place === undefined) return
    this.#forget(place)
    await place.close('remove() was called')
  }

  #forget(place: Place<S>): void {
    if (place instanceof KeyedPlace) this.#keyed?.forget(place)
  }

  #placeIfAny(): Place<S> | undefined {
    return this.#context.get() ?? this.#keyed?.find()
  }

  #placeHere(call: string): Place<S> {
    const scope = this.#context.get()
    scope?.requireOpen(call)
    const place = scope ?? this.#keyed?.findOrMake()
    if (place !== undefined) return place
    const why = this.#keyed === undefined ? 'no scope is open here' : 'the scope function gave no scope here'
    throw new NoScopeError(
      `${call}: ${why}. Open one with Session.run(async () => …) or Session.begin(async () => …), which lasts for all that is ` +
        `awaited inside; for a session that belongs to no scope call Session.sessionFactory().${this.#lossHint()}`,
    )
  }

  /** What is probably wrong where requests are under way, and the caller is in none of them. */
  #lossHint(): string {
    if (this.#entered === 0) return ''
    return (
      ' Scopes of requests are open, and this code is outside of them: a body parser or a callback of a library has probably lost ' +
      "the asynchronous context. Mount heddle's middleware once more behind it, which continues the scope of the request, or bind " +
      'the callback with AsyncResource.bind().'
    )
  }
}
