import { ArgumentError } from '../errors.ts'
import type { Session, SessionOptions } from '../session/index.ts'
import {
  aFunction,
  anAbortSignal,
  anObject,
  aString,
  attachSuppressed,
  checkOptions,
  describeValue,
  either,
  oneOf,
  type RulesOf,
} from '../support/index.ts'
import { type OpenScope, openScope, scopesOfRegistry } from './open-scope.ts'
import type { ScopedSession } from './scoped-session.ts'
import { commitAndEnd } from './web-answer.ts'

/** How a handler runs that {@link withSession} makes. */
export interface WithSessionOptions<Args extends readonly unknown[] = readonly unknown[], T = unknown> {
  /** `auto`: when the handler succeeds. `manual`: the handler commits itself, and what it has not committed is rolled back. Default: `auto` */
  readonly commit?: 'auto' | 'manual'
  /** Whether a result means failure, so that nothing is committed. Default: a Response with a status of 400 or more */
  readonly isFailure?: (result: T) => boolean
  /** Gives the work up when it aborts. Default: that of the first argument, where it is a Request */
  readonly signal?: AbortSignal | ((...args: Args) => AbortSignal | undefined)
  /** What errors and `engine.pool.holders()` call it. Default: method and path of a Request, else the handler's name */
  readonly label?: string | ((...args: Args) => string)
  /** Options of the session. */
  readonly session?: SessionOptions
}

const rules: RulesOf<WithSessionOptions> = {
  commit: oneOf('auto', 'manual'),
  isFailure: aFunction,
  signal: either(anAbortSignal, aFunction),
  label: either(aString, aFunction),
  session: anObject,
}

/**
 * Makes a handler that runs in a scope of its own, for anything that is one function a request: route handlers that take a Request and
 * give a Response, jobs of a queue, procedures of a batch. Commits before its promise resolves, when the handler resolves; rolls
 * back when it rejects, gives an error response, or its signal aborts. Where the Response streams, the scope lasts until the last chunk.
 *
 * ```ts
 * export const POST = withSession(Session, async (request: Request) => {
 *   Session().add(new User(await request.json()))
 *   return Response.json({ ok: true }, { status: 201 })
 * })
 * ```
 *
 * @throws ArgumentError for what is no registry or no function, and for wrong options
 */
export function withSession<S extends Session, This, Args extends unknown[], T>(
  registry: ScopedSession<S>,
  handler: (this: This, ...args: Args) => Promise<T> | T,
  options: WithSessionOptions<Args, Awaited<T>> = {},
): (this: This, ...args: Args) => Promise<Awaited<T>> {
  scopesOfRegistry(registry, 'withSession()')
  if (typeof handler !== 'function') {
    throw new ArgumentError(`withSession(): a function is needed, not ${describeValue(handler)}.`)
  }
  checkOptions('withSession()', options, rules as RulesOf<WithSessionOptions<Args, Awaited<T>>>)
  const { commit = 'auto', isFailure = isErrorResponse, session } = options
  return async function (this: This, ...args: Args): Promise<Awaited<T>> {
    const signal = signalOf(options, args)
    signal?.throwIfAborted()
    const label = labelOf(options, args, handler.name)
    const commits = commit === 'auto'
    const scope = openScope(registry, { commits, label, ...(session !== undefined && { session }) })
    const gaveUp = () => void scope.cancel(signal?.reason).catch(() => {})
    signal?.addEventListener('abort', gaveUp, { once: true })
    try {
      const result = await scope.run(async () => await handler.apply(this, args))
      signal?.throwIfAborted()
      return (await settle(scope, result, !isFailure(result))) as Awaited<T>
    } catch (error) {
      await scope.end('its handler failed').catch((failure: unknown) => attachSuppressed(error, failure))
      throw error
    } finally {
      if (scope.hasEnded) signal?.removeEventListener('abort', gaveUp)
    }
  }
}

async function settle(scope: OpenScope, result: unknown, isSuccess: boolean): Promise<unknown> {
  if (result instanceof Response && isSuccess) return scope.answer(result)
  if (isSuccess) await commitAndEnd(scope)
  else await scope.end('its handler has ended')
  return result
}

function isErrorResponse(result: unknown): boolean {
  return result instanceof Response && result.status >= 400
}

function signalOf<Args extends readonly unknown[], T>(
  { signal }: WithSessionOptions<Args, T>,
  args: Args,
): AbortSignal | undefined {
  if (typeof signal === 'function') return signal(...args)
  return signal ?? (args[0] instanceof Request ? args[0].signal : undefined)
}

function labelOf<Args extends readonly unknown[], T>(
  { label }: WithSessionOptions<Args, T>,
  args: Args,
  name: string,
): string {
  if (typeof label === 'function') return label(...args)
  if (label !== undefined) return label
  const [first] = args
  return first instanceof Request ? `${first.method} ${new URL(first.url).pathname}` : name || 'handler'
}
