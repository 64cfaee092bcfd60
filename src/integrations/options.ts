import { ArgumentError } from '../errors.ts'
import { type OpenScope, openScope, type ScopedSession, type Session, type SessionOptions } from '../index.ts'
import { aFunction, anObject, checkOptions, describeValue, oneOf, type RulesOf } from '../support/index.ts'

/** How requests are scopes. `Request` is what the framework calls one. */
export interface RequestOptions<Request = unknown> {
  /**
   * `auto`: the session is committed before the answer is sent, where that is a success. `manual`: the program commits itself, and
   * what it has not committed is rolled back at the end. Default: `auto`
   */
  readonly commit?: 'auto' | 'manual'
  /** Whether an answer with this status is a success. Default: below 400 */
  readonly isSuccess?: (status: number) => boolean
  /** Requests that get no scope: health checks, files. Default: none */
  readonly skip?: (request: Request) => boolean
  /** What errors and `engine.pool.holders()` call the request. Default: its method and path */
  readonly label?: (request: Request) => string
  /** Options of the sessions. */
  readonly options?: SessionOptions
}

export const requestRules: RulesOf<RequestOptions> = {
  commit: oneOf('auto', 'manual'),
  isSuccess: aFunction,
  skip: aFunction,
  label: aFunction,
  options: anObject,
}

/** The options, checked, as the integrations use them. */
export interface RequestTerms<Request> {
  isSuccess(status: number): boolean
  skips(request: Request): boolean
  open(request: Request): OpenScope
}

/**
 * @param labelOf what a request is called where the options do not say
 * @throws ArgumentError for what is no registry, and for wrong options
 */
export function readRequestOptions<Request, S extends Session>(
  call: string,
  registry: ScopedSession<S>,
  given: RequestOptions<Request>,
  labelOf: (request: Request) => string,
): RequestTerms<Request> {
  if (typeof registry !== 'function' || !('registry' in registry)) {
    throw new ArgumentError(
      `${call}: the registry of sessions is needed, as scopedSession() makes it, not ${describeValue(registry)}.`,
    )
  }
  checkOptions(call, given, requestRules as RulesOf<RequestOptions<Request>>)
  const { commit = 'auto', isSuccess = isBelow400, skip, label = labelOf, options } = given
  return {
    isSuccess,
    skips: (request) => skip?.(request) === true,
    open: (request) =>
      openScope(registry, {
        commits: commit === 'auto',
        label: label(request),
        ...(options !== undefined && { session: options }),
      }) as unknown as OpenScope,
  }
}

function isBelow400(status: number): boolean {
  return status < 400
}

/** The path of a request, without what may be secret behind it. */
export function methodAndPath(method: string | undefined, url: string | undefined): string {
  return `${method ?? 'GET'} ${url?.split('?', 1)[0] ?? '/'}`
}
