import { ArgumentError } from '../errors.ts'
import { commitAll, type Session, type SessionOptions } from '../session/index.ts'
import { aBoolean, anObject, aString, checkOptions, describeValue, type RulesOf } from '../support/index.ts'
import { interrupt } from './interruption.ts'
import type { Scope } from './scope.ts'
import { type ScopedSession, scopesOf } from './scoped-session.ts'
import type { Scopes } from './scopes.ts'
import { settleWith } from './web-answer.ts'

/** How a scope that is no single function is opened. */
export interface OpenScopeOptions {
  /**
   * Whoever opens the scope will call `commit()`. `Session.transaction()` inside then takes part in the transaction of the scope's
   * session, however that began, instead of opening one of its own. With false `answer()` commits nothing. Default: true
   */
  readonly commits?: boolean
  /** Options of the session, which is made at first use. */
  readonly session?: SessionOptions
  /** What errors call the scope, and its session. Default: `scope n` */
  readonly label?: string
}

const rules: RulesOf<OpenScopeOptions> = { commits: aBoolean, session: anObject, label: aString }

/**
 * Opens a scope that is no single function, for what is called in several pieces: hooks of a web framework, a consumer of messages.
 * Where one function is the whole, `Session.begin()`, `Session.run()` and `withSession()` do the same and cannot be forgotten.
 *
 * ```ts
 * const scope = openScope(Session, { label: 'GET /users' })
 * try {
 *   await scope.run(() => handle(request))
 *   await scope.commit()
 * } finally {
 *   await scope.end()
 * }
 * ```
 *
 * @throws ArgumentError for what is no registry, and for wrong options
 * @see https://docs.sqlalchemy.org/en/20/orm/contextual.html#using-custom-created-scopes
 */
export function openScope<S extends Session>(registry: ScopedSession<S>, options: OpenScopeOptions = {}): OpenScope<S> {
  const scopes = scopesOfRegistry(registry, 'openScope()')
  checkOptions('openScope()', options, rules)
  const { commits = true, label } = options
  const sessionOptions = { ...(label !== undefined && { label }), ...options.session }
  return new OpenScope(scopes, scopes.enter(label, { commits, sessionOptions }))
}

/** The scopes of a registry. @throws ArgumentError for anything else */
export function scopesOfRegistry<S extends Session>(registry: ScopedSession<S>, call: string): Scopes<S> {
  const scopes = typeof registry === 'function' ? scopesOf<S>(registry) : undefined
  if (scopes !== undefined) return scopes
  throw new ArgumentError(`${call}: a registry is needed, as scopedSession() makes it, not ${describeValue(registry)}.`)
}

/** A scope that {@link openScope} has opened, until `end()`, `cancel()` or `answer()` ends it. */
export class OpenScope<S extends Session = Session> {
  readonly #scopes: Scopes<S>
  readonly #scope: Scope<S>
  #ending: Promise<void> | undefined
  #committing: Promise<void> | undefined

  /** @internal Made by {@link openScope}. */
  constructor(scopes: Scopes<S>, scope: Scope<S>) {
    this.#scopes = scopes
    this.#scope = scope
  }

  /** Whether `answer()` commits. */
  get commits(): boolean {
    return this.#scope.terms.commits === true
  }

  /** What errors call it. */
  get label(): string {
    return this.#scope.label
  }

  /** The session, where one was made. */
  get session(): S | undefined {
    return this.#scope.session
  }

  /** Whether it has ended, or is ending. */
  get hasEnded(): boolean {
    return this.#ending !== undefined
  }

  /** Whether the session has written something, or has something to write, that is not committed. */
  get hasChanges(): boolean {
    const core = this.#scope.session?.core
    if (core === undefined) return false
    if (core.unit.hasWork || core.transaction?.isActive === false) return true
    for (let level = core.transaction; level !== undefined; level = level.parent) if (level.snapshot.wrote) return true
    return false
  }

  /** Calls a function inside the scope: `Session()` in it, and in all that it awaits or starts, is the scope's session. */
  run<T>(work: () => T): T {
    return this.#scope.run(work)
  }

  /**
   * Commits what the session has done. It stays usable: what comes later is another transaction. Without a session, or with
   * nothing begun, it does nothing.
   *
   * @param options.wait take a turn among operations that have not ended, instead of refusing: for a stream that has begun already
   * @throws ConcurrentUseError when an operation of the session has not ended; PendingRollbackError after a failed flush, and where a
   * part of the work failed; what the database says
   */
  async commit(options: { readonly wait?: boolean } = {}): Promise<void> {
    const { session } = this.#scope
    if (session?.inTransaction() !== true) return
    const { gate } = session.core
    this.#committing = this.run(() =>
      options.wait === true ? gate.run('commit()', () => commitAll(session.core)) : session.commit(),
    )
    await this.#committing
  }

  /** Ends the scope: rolls back what is not committed, closes the session for good, gives its connection back. Once is enough. */
  end(why = 'its scope has ended'): Promise<void> {
    this.#ending ??= this.#scopes.leave(this.#scope, why)
    return this.#ending
  }

  /**
   * Gives the scope up: cancels the statement that runs, refuses what waits and what comes, rolls back and ends the scope. For a client
   * that has gone; the code that is still inside gets errors from the session, and can end in order.
   */
  cancel(reason: unknown): Promise<void> {
    this.#ending ??= this.#interruptAndLeave(reason)
    return this.#ending
  }

  async #interruptAndLeave(reason: unknown): Promise<void> {
    const { session } = this.#scope
    // Only the answer to a COMMIT tells what has become of the work; the flush before it can be given up.
    if (session?.core.transaction?.isCommitting === true) await this.#committing?.catch(() => {})
    if (session !== undefined) await interrupt(session, reason)
    await this.#scopes.leave(
      this.#scope,
      `it was given up: ${reason instanceof Error ? reason.message : String(reason)}`,
    )
  }

  /**
   * Ends the scope with a web Response, and gives the one to send: commits where the status is below 400, else rolls back. Where the
   * body is a stream, what was written is committed first, the scope lasts until the last chunk, and ends early when the reader cancels.
   *
   * @throws what `commit()` throws; the scope has then ended, and nothing is stored
   */
  answer(response: Response): Promise<Response> {
    return settleWith(this, response, response.status < 400)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end()
  }
}
