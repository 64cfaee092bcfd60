import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ScopedSession, Session } from '../index.ts'
import { methodAndPath, type RequestOptions, readRequestOptions } from './options.ts'
import { ScopedRequests } from './requests.ts'

/** Calls what is mounted next; with an error, the next error handler. */
export type Next = (error?: unknown) => void

/** Options of the middleware for Express; `skip` and `label` are given the request. */
export type ExpressOptions = RequestOptions<IncomingMessage>

/** A middleware of Express, and of everything that takes `(request, response, next)`. */
export interface ExpressMiddleware {
  (request: IncomingMessage, response: ServerResponse, next: Next): void
  /**
   * An error handler that has the request rolled back, whatever status its answer will have, and passes the error on. Mount it before
   * error handlers that answer with a success. Others need it not: an error response is rolled back anyway.
   */
  readonly failed: (error: unknown, request: IncomingMessage, response: ServerResponse, next: Next) => void
}

/**
 * A middleware for Express 5 (and 4): every request is a scope with a session, in all that is mounted behind it. The session is committed
 * before the first byte of a success is sent, and rolled back where the answer is an error or the client goes away. A commit that
 * fails goes to the error handlers of the app.
 *
 * ```ts
 * app.use(heddle(Session))
 * app.post('/users', async (request, response) => {
 *   Session().add(new User(request.body))
 *   response.status(201).json({ ok: true }) // sent when it is committed
 * })
 * ```
 *
 * Mounted once more, for example behind a body parser that has lost the asynchronous context, it continues the scope of the request.
 *
 * @throws ArgumentError for what is no registry, and for wrong options
 */
export function heddle<S extends Session>(registry: ScopedSession<S>, options: ExpressOptions = {}): ExpressMiddleware {
  const requests = new ScopedRequests(
    readRequestOptions('heddle/express', registry, options, (request: IncomingMessage) => {
      const { originalUrl = request.url } = request as { readonly originalUrl?: string }
      return methodAndPath(request.method, originalUrl)
    }),
  )
  const middleware = (request: IncomingMessage, response: ServerResponse, next: Next): void => {
    const opened = requests.find(request) ?? requests.open(request, request, response, next)
    if (opened === undefined) next()
    else opened.scope.run(next)
  }
  const failed: ExpressMiddleware['failed'] = (error, request, _response, next) => {
    requests.find(request)?.held.markFailed()
    next(error)
  }
  return Object.assign(middleware, { failed })
}

export { heddle as default }
