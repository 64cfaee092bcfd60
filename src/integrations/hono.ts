import type { Context, MiddlewareHandler } from 'hono'
import type { ScopedSession, Session } from '../index.ts'
import { attachSuppressed } from '../support/index.ts'
import { type RequestOptions, readRequestOptions } from './options.ts'

/** Options of the middleware for Hono; `skip` and `label` are given the context. */
export type HonoOptions = RequestOptions<Context>

/**
 * A middleware for Hono 4, on every runtime that it runs on: every request is a scope with a session, in all that is used behind it. The
 * session is committed before the answer leaves the middleware, where that is a success; it is rolled back where a handler throws,
 * the answer is an error, or the client goes away. A commit that fails goes to `app.onError`. A body that streams keeps its scope until
 * its last chunk.
 *
 * ```ts
 * app.use(heddle(Session))
 * app.post('/users', async (c) => {
 *   Session().add(new User(await c.req.json()))
 *   return c.json({ ok: true }, 201)
 * })
 * ```
 *
 * @throws ArgumentError for what is no registry, and for wrong options
 */
export function heddle<S extends Session>(registry: ScopedSession<S>, options: HonoOptions = {}): MiddlewareHandler {
  const terms = readRequestOptions('heddle/hono', registry, options, (c: Context) => `${c.req.method} ${c.req.path}`)
  return async (c, next) => {
    if (terms.skips(c)) return next()
    const scope = terms.open(c)
    const { signal } = c.req.raw
    const gaveUp = () => void scope.cancel(signal.reason).catch(() => {})
    signal.addEventListener('abort', gaveUp, { once: true })
    if (signal.aborted) gaveUp()
    try {
      await scope.run(next)
      // A handler's error does not reject: Hono has made its answer already.
      if (c.error !== undefined || !terms.isSuccess(c.res.status)) await scope.end('its response is an error')
      else replaceResponse(c, await scope.answer(c.res))
    } catch (error) {
      await scope.end('its handler failed').catch((failure: unknown) => attachSuppressed(error, failure))
      throw error
    }
  }
}

/** Without taking the headers of the one before twice. */
function replaceResponse(c: Context, response: Response): void {
  if (c.res === response) return
  c.res = undefined
  c.res = response
}

export { heddle as default }
