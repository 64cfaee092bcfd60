import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { ScopedSession } from '../index.ts'
import { anything, checkOptions } from '../support/index.ts'
import { methodAndPath, type RequestOptions, type RequestTerms, readRequestOptions, requestRules } from './options.ts'
import { type ScopedRequest, ScopedRequests } from './requests.ts'

/** Options of the plugin for Fastify; `skip` and `label` are given the request. */
export interface FastifyOptions extends RequestOptions<FastifyRequest> {
  /** The registry of sessions, as `scopedSession()` makes it. */
  // biome-ignore lint/suspicious/noExplicitAny: the registry of any class of sessions
  readonly session: ScopedSession<any>
}

/** What one route says by `config: { heddle: … }`: other options for it, or that it gets no scope. */
export type RouteConfig = false | Omit<RequestOptions<FastifyRequest>, 'skip'>

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of heddle's plugin, for this route: other options, or `false` for no scope. */
    heddle?: RouteConfig
  }
}

/**
 * A plugin for Fastify 5: every request is a scope with a session, in hooks and handlers of all routes that are registered after it. The
 * session is committed before a success is sent, and rolled back where the handler throws, the answer is an error, or the client
 * goes away. A commit that fails goes to the error handler. Streams keep their scope until the last chunk.
 *
 * ```ts
 * await app.register(heddle, { session: Session })
 * app.post('/users', async (request, reply) => {
 *   Session().add(new User(request.body))
 *   return reply.status(201).send({ ok: true }) // sent when it is committed
 * })
 * ```
 *
 * A route has options of its own by `config: { heddle: { commit: 'manual' } }`, or no scope by `config: { heddle: false }`.
 *
 * @throws ArgumentError for what is no registry, and for wrong options
 */
export const heddle: FastifyPluginCallback<FastifyOptions> = (fastify, options, done) => {
  checkOptions('heddle/fastify', options, { ...requestRules, session: anything, prefix: anything, logLevel: anything })
  const { session, commit, isSuccess, skip, label, options: sessionOptions } = options
  const given = defined({ commit, isSuccess, skip, label, options: sessionOptions })
  const routes = new RouteRequests(session, given)
  fastify.addHook('onRequest', (request, reply, next) => {
    const opened = routes.open(request, reply)
    if (opened === undefined) next()
    else opened.scope.run(next)
  })
  // Parsers of bodies call back from where the request's data comes.
  for (const hook of ['preValidation', 'preHandler'] as const) continueIn(fastify, hook, routes)
  fastify.addHook('onRoute', (route) => noteFailures(route, routes))
  fastify.addHook('onSend', async (request, reply, payload) => {
    await routes.find(request)?.held.settle(reply.statusCode, payload)
    return payload
  })
  done()
}

Object.assign(heddle, {
  // What the package fastify-plugin sets: the hooks are those of the instance on which the plugin is registered.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'heddle',
  [Symbol.for('plugin-meta')]: { name: 'heddle', fastify: '5.x' },
})

/** The requests under way, with the options of their routes. */
class RouteRequests {
  readonly #session: FastifyOptions['session']
  readonly #given: RequestOptions<FastifyRequest>
  readonly #usual: ScopedRequests<FastifyRequest>
  readonly #byConfig = new Map<object, ScopedRequests<FastifyRequest>>()
  readonly #opened = new WeakMap<object, ScopedRequest>()

  constructor(session: FastifyOptions['session'], given: RequestOptions<FastifyRequest>) {
    this.#session = session
    this.#given = given
    this.#usual = new ScopedRequests(this.#termsOf('heddle/fastify', given))
  }

  find({ raw }: FastifyRequest): ScopedRequest | undefined {
    return this.#opened.get(raw)
  }

  open(request: FastifyRequest, reply: FastifyReply): ScopedRequest | undefined {
    const config = request.routeOptions.config.heddle
    if (config === false) return undefined
    const requests = config === undefined ? this.#usual : this.#of(config)
    const fail = (error: unknown) => void reply.send(error)
    const opened = requests.open(request, request.raw, reply.raw, fail)
    if (opened !== undefined) this.#opened.set(request.raw, opened)
    return opened
  }

  /** @throws ArgumentError for wrong options of a route */
  check(route: RouteOptions): void {
    const config = route.config?.heddle
    if (config !== undefined && config !== false) this.#of(config, `heddle/fastify, route ${route.url}`)
  }

  #of(config: object, call = 'heddle/fastify'): ScopedRequests<FastifyRequest> {
    const known = this.#byConfig.get(config)
    if (known !== undefined) return known
    const made = new ScopedRequests(this.#termsOf(call, config, this.#given))
    this.#byConfig.set(config, made)
    return made
  }

  #termsOf(call: string, given: object, usual: object = {}): RequestTerms<FastifyRequest> {
    const label = ({ method, url }: FastifyRequest) => methodAndPath(method, url)
    return readRequestOptions(call, this.#session, { ...usual, ...given }, label)
  }
}

function continueIn(fastify: FastifyInstance, hook: 'preValidation' | 'preHandler', routes: RouteRequests): void {
  fastify.addHook(hook as 'preHandler', (request, _reply, next) => {
    const opened = routes.find(request)
    if (opened === undefined) next()
    else opened.scope.run(next)
  })
}

/** An error handler of the app may answer an error with a success; the work has failed all the same. */
function noteFailures(route: RouteOptions, routes: RouteRequests): void {
  routes.check(route)
  const { handler } = route
  route.handler = function (request, reply) {
    const failed = (error: unknown): never => {
      routes.find(request)?.held.markFailed()
      throw error
    }
    try {
      const result: unknown = handler.call(this, request, reply)
      return result instanceof Promise ? result.catch(failed) : result
    } catch (error) {
      return failed(error)
    }
  }
}

function defined<T extends object>(options: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}

export { heddle as default }
