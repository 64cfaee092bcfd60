import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CallHandler, DynamicModule, ExecutionContext, NestInterceptor } from '@nestjs/common'
import { APP_INTERCEPTOR } from '@nestjs/core'
import { lastValueFrom, Observable, of } from 'rxjs'
import type { ScopedSession, ScopedTransactionOptions, Session } from '../index.ts'
import { withSession } from '../index.ts'
import { anything, checkOptions } from '../support/index.ts'
import { methodAndPath, type RequestOptions, readRequestOptions, requestRules } from './options.ts'
import { ScopedRequests } from './requests.ts'

/** Options of the module; `skip` and `label` are given the request of the platform below (Express or Fastify). */
export interface HeddleModuleOptions<S extends Session = Session> extends RequestOptions<IncomingMessage> {
  /** The registry of sessions, as `scopedSession()` makes it. */
  readonly session: ScopedSession<S>
  /** Make the scope of every request, by an interceptor of the whole application. Default: true */
  readonly requests?: boolean
}

/** What providers ask for to be given the registry: `@Inject(SESSION) private readonly session: ScopedSession`. */
export const SESSION: unique symbol = Symbol.for('heddle.session')

/**
 * The module for NestJS 10 and later: gives the registry to providers by {@link SESSION}, and makes every request, message and
 * call of a resolver a scope with a session, which is committed before it is answered.
 *
 * ```ts
 * const modules = { imports: [HeddleModule.forRoot({ session: Session })] } // of the application's module
 * ```
 */
// biome-ignore lint/complexity/noStaticOnlyClass: NestJS knows modules as classes
export class HeddleModule {
  /** @throws ArgumentError for what is no registry, and for wrong options */
  static forRoot<S extends Session>(options: HeddleModuleOptions<S>): DynamicModule {
    const { requests = true, ...given } = options
    const interceptor = new SessionInterceptor<S>(given)
    return {
      module: HeddleModule,
      global: true,
      providers: [
        { provide: SESSION, useValue: options.session },
        ...(requests ? [{ provide: APP_INTERCEPTOR, useValue: interceptor }] : []),
      ],
      exports: [SESSION],
    }
  }
}

/**
 * An interceptor that makes what it surrounds a scope with a session: of a request over HTTP the response waits for the commit, and a
 * client that goes away cancels it; of messages and resolvers, the scope is the call. {@link HeddleModule} uses it for the
 * whole application; elsewhere `@UseInterceptors(new SessionInterceptor({ session: Session }))`.
 */
export class SessionInterceptor<S extends Session = Session> implements NestInterceptor {
  readonly #requests: ScopedRequests<IncomingMessage>
  readonly #session: ScopedSession<S>
  readonly #given: RequestOptions<IncomingMessage>

  /** @throws ArgumentError for what is no registry, and for wrong options */
  constructor(options: Omit<HeddleModuleOptions<S>, 'requests'>) {
    checkOptions('heddle/nestjs', options, { ...requestRules, session: anything })
    const { session, ...given } = options
    this.#session = session
    this.#given = given
    const label = ({ method, url }: IncomingMessage) => methodAndPath(method, url)
    this.#requests = new ScopedRequests(readRequestOptions('heddle/nestjs', session, given, label))
  }

  /** Called by NestJS: runs what it surrounds in a scope, and settles that before the result goes on. */
  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    return context.getType() === 'http' ? this.#request(context, next) : this.#call(context, next)
  }

  async #request(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const http = context.switchToHttp()
    const request = raw(http.getRequest<IncomingMessage & { readonly raw?: IncomingMessage }>())
    const response = raw(http.getResponse<ServerResponse & { readonly raw?: ServerResponse }>())
    if (this.#requests.find(request) !== undefined) return next.handle()
    const opened = this.#requests.open(request, request, response, (error) => response.destroy(error as Error))
    if (opened === undefined) return next.handle()
    const { scope, held } = opened
    // Events that are sent as they come: the response is held at its head and at its end.
    if (isEventStream(context)) {
      return new Observable((subscriber) => scope.run(() => next.handle().subscribe(subscriber)))
    }
    try {
      const result = await scope.run(() => lastValueFrom(next.handle(), { defaultValue: undefined }))
      // A file or stream, and what the handler has sent itself, is held until its own end.
      if (!response.headersSent) await held.settle(response.statusCode, streamOf(result))
      return of(result)
    } catch (error) {
      held.markFailed()
      await held.release()
      throw error
    }
  }

  async #call(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const { commit, options } = this.#given
    const handler = withSession(this.#session, () => lastValueFrom(next.handle(), { defaultValue: undefined }), {
      label: `${context.getClass().name}.${context.getHandler().name}`,
      ...(commit !== undefined && { commit }),
      ...(options !== undefined && { session: options }),
    })
    return of(await handler())
  }
}

/**
 * Has a method run in a transaction of the registry: takes part in the one of the request, or opens one where there is none; see
 * `Session.transaction()`. A decorator for methods, of both kinds: that of TypeScript's `experimentalDecorators`, which NestJS needs,
 * and the standard one.
 *
 * ```ts
 * const transactional = Transactional(Session, { propagation: 'nested' })
 * // class Accounts { @transactional async transfer(from: number, to: number) { … } }
 * ```
 */
export function Transactional<S extends Session>(
  registry: ScopedSession<S>,
  options: ScopedTransactionOptions = {},
): TransactionalDecorator {
  const wrap = (method: Method): Method => registry.transactional(method, options) as Method
  return ((target: unknown, _name: unknown, descriptor?: PropertyDescriptor) => {
    if (descriptor === undefined) return wrap(target as Method)
    descriptor.value = copyMetadata(descriptor.value as Method, wrap(descriptor.value as Method))
    return descriptor
  }) as TransactionalDecorator
}

type Method = (this: unknown, ...args: unknown[]) => Promise<unknown>

/** What {@link Transactional} gives. */
export interface TransactionalDecorator {
  /** The decorator of `experimentalDecorators`. */
  (target: object, name: string | symbol, descriptor: PropertyDescriptor): void
  /** The standard decorator. */
  <This, Args extends unknown[], T>(
    method: (this: This, ...args: Args) => Promise<T>,
    context: ClassMethodDecoratorContext,
  ): (this: This, ...args: Args) => Promise<T>
}

/** Other decorators of NestJS keep what they know on the function. */
function copyMetadata(from: Method, to: Method): Method {
  const reflect = Reflect as unknown as {
    getMetadataKeys?(target: object): unknown[]
    getMetadata(key: unknown, target: object): unknown
    defineMetadata(key: unknown, value: unknown, target: object): void
  }
  for (const key of reflect.getMetadataKeys?.(from) ?? []) {
    reflect.defineMetadata(key, reflect.getMetadata(key, from), to)
  }
  return Object.defineProperty(to, 'name', { value: from.name })
}

/** Whether the handler is one of `@Sse()`. */
function isEventStream(context: ExecutionContext): boolean {
  const { getMetadata } = Reflect as unknown as { getMetadata?(key: string, target: object): unknown }
  return getMetadata?.('__sse__', context.getHandler()) === true
}

/** The request or response of Node, below that of Fastify. */
function raw<T extends object>(seen: T & { readonly raw?: T }): T {
  return seen.raw ?? seen
}

/** What a handler's result is sent as: a StreamableFile has a stream inside. */
function streamOf(result: unknown): unknown {
  const file = result as { getStream?: () => unknown } | null | undefined
  return typeof file?.getStream === 'function' ? file.getStream() : result
}
