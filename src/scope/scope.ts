import { ScopeMismatchError, SessionClosedError } from '../errors.ts'
import type { Session, SessionOptions } from '../session/index.ts'
import { type AsyncContext, attachSuppressed, channels, type ScopeMessage } from '../support/index.ts'
import { Place } from './place.ts'

let scopesOpened = 0

/** What a scope that is no single function is opened with. */
export interface ScopeTerms {
  /** What its session is made with, at first use. */
  readonly sessionOptions?: SessionOptions | undefined
  /** Whoever opened it commits what its session has done, so that transactions inside take part in that. */
  readonly commits?: boolean
}

/** An asynchronous scope: everything that is awaited or started in one call of {@link runInScope}. */
export class Scope<S extends Session> extends Place<S> {
  readonly label: string
  readonly terms: ScopeTerms
  readonly #context: AsyncContext<Scope<S>>
  /** The scope around this one. Never one that had ended before: a chain of timers must not become a chain of scopes. */
  #outer: Scope<S> | undefined
  #endedBy: string | undefined
  /** Where somebody wants to know. */
  #openedAt: number | undefined

  constructor(context: AsyncContext<Scope<S>>, label: string | undefined, terms: ScopeTerms = {}) {
    super()
    this.terms = terms
    this.label = label ?? `scope ${++scopesOpened}`
    this.#context = context
    this.#outer = context.get()?.nearestOpen
    if (!channels.scope.hasSubscribers) return
    this.#openedAt = performance.now()
    channels.scope.publish({ event: 'open', label: this.label } satisfies ScopeMessage)
  }

  /** This scope, or the innermost around it that has not ended. */
  get nearestOpen(): Scope<S> | undefined {
    this.#outer = this.#outer?.nearestOpen
    return this.#endedBy === undefined ? this : this.#outer
  }

  get hasEnded(): boolean {
    return this.#endedBy !== undefined
  }

  /** @throws SessionClosedError when the scope has ended */
  requireOpen(call: string): void {
    if (this.#endedBy === undefined) return
    throw new SessionClosedError(
      `${call} was called after ${this.label} had ended (${this.#endedBy}), so it has no session any more: an await is ` +
        'missing, or a timer has outlived it. Await everything inside the scope, or open one of its own for what goes on.',
    )
  }

  /** Calls `work` inside the scope. */
  run<T>(work: () => T): T {
    return this.#context.run(this, work)
  }

  /** Ends the scope: its session is closed for good, and whoever is left over in it gets no other. */
  end(by: string): Promise<void> {
    this.#endedBy = by
    return channels.scope.hasSubscribers ? this.#endAndTell(by) : this.close(by)
  }

  async #endAndTell(why: string): Promise<void> {
    try {
      await this.close(why)
    } finally {
      const durationMs = performance.now() - (this.#openedAt ?? performance.now())
      channels.scope.publish({ event: 'end', label: this.label, durationMs, why } satisfies ScopeMessage)
    }
  }

  /**
   * Callers in this scope and inside it may use the session. So may those that are in no scope at all: callbacks of sockets and
   * streams are called from where the socket was made, and a response that is streamed goes on there.
   */
  protected override refusal(session: S, call: string): Error | undefined {
    const here = this.#context.get()
    for (let scope = here; scope !== undefined; scope = scope.#outer) if (scope === this) return undefined
    if (here === undefined || here.hasEnded) return undefined
    return new ScopeMismatchError(
      `${call} was called in ${here.label} on ${session.label}, which belongs to ${this.label}. A session is used in its own ` +
        'scope and inside that only: ask the registry for the session of this scope, and merge() or get() what it needs.',
    )
  }
}

/**
 * Runs `work` in a new scope, and ends the scope before the promise settles. An end that fails after an error is kept with that
 * error.
 */
export async function runInScope<S extends Session, T>(
  context: AsyncContext<Scope<S>>,
  label: string | undefined,
  work: (scope: Scope<S>) => Promise<T>,
): Promise<T> {
  const scope = new Scope(context, label)
  let result: T
  try {
    result = await scope.run(() => work(scope))
  } catch (error) {
    await scope.end('its scope failed').catch((failure: unknown) => attachSuppressed(error, failure))
    throw error
  }
  await scope.end('its scope has ended')
  return result
}
