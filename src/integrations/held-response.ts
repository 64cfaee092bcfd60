import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { OpenScope } from '../index.ts'

type Name = 'writeHead' | 'write' | 'end' | 'flushHeaders'
type Call = (...args: never[]) => unknown

interface Held {
  readonly name: Name
  readonly args: readonly unknown[]
}

/** What surrounds a held response. */
export interface HeldResponseParts {
  readonly scope: OpenScope
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly isSuccess: (status: number) => boolean
  /** Has the framework answer with an error instead; nothing of the answer before has been sent. */
  readonly fail: (error: unknown) => void
}

/**
 * - `open`: nothing of the answer has been given
 * - `settling`: given, and held until its commit is known
 * - `streaming`: the head is sent; the end will be held
 * - `done`: the scope has ended, or is given up; nothing is held any more
 */
type Phase = 'open' | 'settling' | 'streaming' | 'done'

/**
 * A response of Node whose head and end wait for the scope of its request: what was written is committed before a success is sent, and the
 * connection is back in the pool before the response ends. Works beneath every framework, and for what writes to the response itself.
 */
export class HeldResponse {
  readonly #parts: HeldResponseParts
  readonly #real: Readonly<Record<Name, Call>>
  #phase: Phase = 'open'
  #held: Held[] = []
  /** Somebody was told to wait for 'drain'. */
  #owesDrain = false
  /** A commit has failed after others had begun to write: what they still write belongs to an answer that was taken back. */
  #wasTakenBack = false
  #hasFailed = false
  readonly #sources = new Set<Readable>()
  /** Those that were there before the handler. */
  readonly #headersBefore: OutgoingHttpHeaders

  constructor(parts: HeldResponseParts) {
    const { request, response, scope } = parts
    this.#parts = parts
    this.#real = {
      writeHead: response.writeHead.bind(response) as Call,
      write: response.write.bind(response) as Call,
      end: response.end.bind(response) as Call,
      flushHeaders: response.flushHeaders.bind(response) as Call,
    }
    for (const name of ['writeHead', 'write', 'end', 'flushHeaders'] as const) {
      Object.defineProperty(response, name, {
        configurable: true,
        writable: true,
        value: (...args: unknown[]) => this.#call(name, args),
      })
    }
    this.#headersBefore = { ...response.getHeaders() }
    response.on('pipe', (source: Readable) => this.#sources.add(source))
    response.on('unpipe', (source: Readable) => this.#sources.delete(source))
    response.once('close', () => this.#closed())
    keepContext(request, scope)
    keepContext(response, scope)
    if (response.destroyed) this.#closed()
  }

  /** The work has failed, whatever the status of the answer will be. */
  markFailed(): void {
    this.#hasFailed = true
  }

  /**
   * For frameworks that have a place of their own before an answer is sent: commits what is to be sent as a success, and ends the scope
   * unless a stream follows.
   *
   * @throws what the commit throws; the scope has then ended, and nothing is stored
   */
  async settle(status: number, body: unknown): Promise<void> {
    if (this.#phase !== 'open') return
    const isStream = comesInPieces(body)
    if (body instanceof Readable) keepSource(body, this.#parts.scope)
    this.#phase = 'settling'
    try {
      if (isStream) await this.#settleHead(status)
      else await this.#settleEnd(status)
    } catch (error) {
      this.#phase = 'done'
      throw error
    }
    this.#goOn(isStream ? 'streaming' : 'done')
  }

  /** Ends the scope, as nothing of it is answered here: rolls back. */
  async release(): Promise<void> {
    this.#phase = 'done'
    await this.#parts.scope.end('its handler failed')
  }

  #call(name: Name, args: readonly unknown[]): unknown {
    const { response } = this.#parts
    if (this.#wasTakenBack && (response.writableEnded || response.destroyed)) return name === 'write' ? false : response
    if (this.#mayPass(name)) return this.#reallyCall(name, args)
    this.#held.push({ name, args })
    if (name === 'writeHead') {
      response.statusCode = args[0] as number
      return response
    }
    if (this.#phase !== 'settling') void this.#settleHeld(name === 'end')
    if (name !== 'write') return response
    this.#owesDrain = true
    return false
  }

  #mayPass(name: Name): boolean {
    if (this.#phase === 'settling') return false
    if (this.#phase === 'done') return true
    const { scope } = this.#parts
    if (this.#phase === 'streaming' && name !== 'end') return true
    if (scope.session !== undefined) return false
    if (name === 'writeHead') return false
    // Nobody has used the database: there is nothing to wait for.
    if (name === 'end') {
      this.#phase = 'done'
      void scope.end('its response is complete')
    } else this.#phase = 'streaming'
    this.#replay()
    return true
  }

  /** The answer was given by itself: there is nobody to throw at. */
  async #settleHeld(isEnd: boolean): Promise<void> {
    const { response, fail } = this.#parts
    const isHeadSent = this.#phase === 'streaming'
    this.#phase = 'settling'
    try {
      if (isEnd) await this.#settleEnd(response.statusCode)
      else await this.#settleHead(response.statusCode)
    } catch (error) {
      this.#phase = 'done'
      if (isHeadSent || response.headersSent) response.destroy(error as Error)
      else this.#takeBack(error, fail)
      return
    }
    this.#goOn(isEnd ? 'done' : 'streaming')
  }

  async #settleHead(status: number): Promise<void> {
    const { scope } = this.#parts
    if (!this.#isSuccess(status)) await scope.end('its response is an error')
    else if (scope.commits && scope.hasChanges) await this.#commit({ wait: true })
  }

  async #settleEnd(status: number): Promise<void> {
    const { scope } = this.#parts
    if (scope.hasEnded) return scope.end()
    if (this.#isSuccess(status) && scope.commits) await this.#commit()
    await scope.end('its response is complete')
  }

  #isSuccess(status: number): boolean {
    return !this.#hasFailed && this.#parts.isSuccess(status)
  }

  async #commit(options?: { readonly wait?: boolean }): Promise<void> {
    const { scope } = this.#parts
    try {
      await scope.commit(options)
    } catch (error) {
      await scope.end('its commit failed').catch(() => {})
      throw error
    }
  }

  /** What was held is sent now. The client may have gone while the commit was waited for. */
  #goOn(phase: 'streaming' | 'done'): void {
    this.#phase = phase
    this.#replay()
    if (this.#parts.response.destroyed) this.#closed()
  }

  #replay(): void {
    const { response, scope } = this.#parts
    let isFull = false
    for (let next = this.#held.shift(); next !== undefined; next = this.#held.shift()) {
      if (this.#phase === 'streaming' && next.name === 'end') {
        this.#held.unshift(next)
        void this.#settleHeld(true)
        return
      }
      if (this.#reallyCall(next.name, next.args) === false) isFull = true
    }
    if (!this.#owesDrain) return
    this.#owesDrain = false
    if (!isFull) scope.run(() => response.emit('drain'))
  }

  #reallyCall(name: Name, args: readonly unknown[]): unknown {
    return this.#real[name](...(args as never[]))
  }

  /** Nothing was sent yet: the answer is forgotten, and the framework is asked for that of the error. */
  #takeBack(error: unknown, fail: (error: unknown) => void): void {
    const { response } = this.#parts
    this.#held = []
    this.#wasTakenBack = true
    for (const source of this.#sources) {
      source.unpipe(response)
      source.destroy()
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    for (const [name, value] of Object.entries(this.#headersBefore)) {
      if (value !== undefined) response.setHeader(name, value)
    }
    response.statusCode = 500
    response.statusMessage = ''
    fail(error)
  }

  #closed(): void {
    if (this.#phase === 'settling' || this.#phase === 'done') return
    this.#phase = 'done'
    this.#held = []
    this.#parts.scope.cancel(new DOMException('the client has closed the connection', 'AbortError')).catch(() => {})
  }
}

/**
 * What listens to a request or a response runs in its scope: body parsers call on from there, and streams are resumed from there.
 */
function keepContext(emitter: NodeJS.EventEmitter, scope: OpenScope): void {
  const emit = emitter.emit
  Object.defineProperty(emitter, 'emit', {
    configurable: true,
    writable: true,
    value: (...args: Parameters<typeof emit>) => scope.run(() => emit.apply(emitter, args)),
  })
}

/** A stream runs in the scope too, whoever reads it and whenever. */
function keepSource(source: Readable, scope: OpenScope): void {
  keepContext(source, scope)
  const read = source._read
  source._read = (size) => scope.run(() => read.call(source, size))
}

/** Whether the body of an answer is a stream. */
function comesInPieces(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false
  return 'pipe' in body || 'getReader' in body || body instanceof Response
}
