import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ScopedSession, Session } from '../index.ts'
import { attachSuppressed } from '../support/index.ts'
import { methodAndPath, type RequestOptions, readRequestOptions } from './options.ts'
import { ScopedRequests } from './requests.ts'

/** What the middleware uses of a context of Koa. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly method: string
  readonly originalUrl: string
  readonly status: number
  readonly body: unknown
  readonly respond?: boolean | undefined
}

/** Options of the middleware for Koa; `skip` and `label` are given the context. */
export type KoaOptions = RequestOptions<KoaContext>

/** A middleware of Koa. */
export type KoaMiddleware = (context: KoaContext, next: () => Promise<unknown>) => Promise<void>

/**
 * A middleware for Koa 2 and 3: every request is a scope with a session, in all that is used behind it. The session is committed after
 * those, before Koa answers, where the status is a success; it is rolled back where one of them throws, the answer is an error, or
 * the client goes away. A commit that fails is thrown, as if the last of them had done so.
 *
 * ```ts
 * app.use(heddle(Session))
 * app.use(async (context) => {
 *   Session().add(new User(context.request.body))
 *   context.status = 201
 * })
 * ```
 *
 * @throws ArgumentError for what is no registry, and for wrong options
 */
export function heddle<S extends Session>(registry: ScopedSession<S>, options: KoaOptions = {}): KoaMiddleware {
  const requests = new ScopedRequests(
    readRequestOptions('heddle/koa', registry, options, ({ method, originalUrl }: KoaContext) =>
      methodAndPath(method, originalUrl),
    ),
  )
  return async (context, next) => {
    const before = requests.find(context.req)
    if (before !== undefined) return void (await before.scope.run(next))
    const opened = requests.open(context, context.req, context.res, (error) => context.res.destroy(error as Error))
    if (opened === undefined) return void (await next())
    const { scope, held } = opened
    try {
      await scope.run(next)
      if (context.respond === false) return
      await held.settle(context.status, context.body)
    } catch (error) {
      await held.release().catch((failure: unknown) => attachSuppressed(error, failure))
      throw error
    }
  }
}

export { heddle as default }
