import type { IncomingMessage, ServerResponse } from 'node:http'
import type { OpenScope } from '../index.ts'
import { HeldResponse } from './held-response.ts'
import type { RequestTerms } from './options.ts'

/** The scope of a request, and its response. */
export interface ScopedRequest {
  readonly scope: OpenScope
  readonly held: HeldResponse
}

/** The requests of one registry that are under way: a middleware that is mounted twice continues the first one's scope. */
export class ScopedRequests<Request> {
  readonly #terms: RequestTerms<Request>
  readonly #open = new WeakMap<IncomingMessage, ScopedRequest>()

  constructor(terms: RequestTerms<Request>) {
    this.#terms = terms
  }

  /** The scope of a request that has one. */
  find(request: IncomingMessage): ScopedRequest | undefined {
    return this.#open.get(request)
  }

  /** Opens the scope of a request; undefined where it gets none. */
  open(
    seen: Request,
    request: IncomingMessage,
    response: ServerResponse,
    fail: (error: unknown) => void,
  ): ScopedRequest | undefined {
    if (this.#terms.skips(seen)) return undefined
    const scope = this.#terms.open(seen)
    const { isSuccess } = this.#terms
    const opened = { scope, held: new HeldResponse({ scope, request, response, isSuccess, fail }) }
    this.#open.set(request, opened)
    return opened
  }
}
