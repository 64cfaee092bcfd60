import type { Messages, Transport, WireStatus } from './postgres-protocol.ts'
import type { Collector, Field } from './postgres-rows.ts'

/** A message of the server, as PGlite's parser gives it. */
type Answer =
  | { readonly name: 'rowDescription'; readonly fields: readonly Field[] }
  | { readonly name: 'dataRow'; readonly fields: readonly (string | null)[] }
  | { readonly name: 'commandComplete'; readonly text: string }
  | { readonly name: 'readyForQuery'; readonly status: WireStatus }
  | { readonly name: 'portalSuspended' | 'error' }

/** The part of a PGlite instance that heddle uses. */
export interface PgliteServer {
  readonly closed: boolean
  execProtocolStream(
    message: Uint8Array,
    options: { readonly syncToFs: boolean; readonly throwOnError: boolean },
  ): Promise<readonly Answer[]>
  syncToFs(): Promise<void>
  close(): Promise<void>
}

/** PGlite's writers of messages, by the message's name. */
type Serialize = { readonly [Name in keyof Messages]: (...args: Parameters<Messages[Name]>) => Uint8Array }

export interface PgliteModule {
  readonly PGlite: { create(options: Readonly<Record<string, unknown>>): Promise<PgliteServer> }
  readonly protocol: { readonly serialize: Serialize }
}

/** Carries messages to a PGlite instance; a whole exchange is one call into it. */
export class PgliteTransport implements Transport {
  readonly pipelines = false
  readonly #server: PgliteServer
  readonly #serialize: Serialize
  #status: WireStatus = 'I'
  #brokenBy: unknown

  constructor(server: PgliteServer, serialize: Serialize) {
    this.#server = server
    this.#serialize = serialize
  }

  get status(): WireStatus {
    return this.#status
  }

  get brokenBy(): unknown {
    return this.#brokenBy
  }

  async exchange(send: (messages: Messages) => void, collector: Collector): Promise<void> {
    if (this.#brokenBy !== undefined) throw this.#brokenBy
    const error = await this.#call(packet(send, this.#serialize), collector)
    if (this.#status === 'I') await this.#server.syncToFs()
    if (error !== undefined) throw error
    if (collector.failure !== undefined) throw collector.failure
  }

  /** A statement holds the thread until it is done, so there is never one to cancel. */
  async cancel(): Promise<void> {}

  /** Leaves the database, which lives on in its driver, as another holder may find it. */
  async close(): Promise<void> {
    this.destroy()
  }

  destroy(): void {
    this.#brokenBy ??= new Error('Connection terminated')
  }

  /** The server's error, if there was one. */
  async #call(message: Uint8Array, collector: Collector): Promise<unknown> {
    try {
      const answers = await this.#server.execProtocolStream(message, { syncToFs: false, throwOnError: false })
      return this.#read(answers, collector)
    } catch (error) {
      this.#brokenBy ??= error
      throw error
    }
  }

  #read(answers: readonly Answer[], collector: Collector): unknown {
    let failure: unknown
    let ready = false
    for (const answer of answers) {
      if (answer.name === 'dataRow') collector.row(answer.fields)
      else if (answer.name === 'rowDescription') collector.fields(answer.fields)
      else if (answer.name === 'commandComplete') collector.complete(answer.text)
      else if (answer.name === 'portalSuspended') collector.suspended = true
      else if (answer.name === 'error') failure ??= answer
      else if (answer.name === 'readyForQuery') {
        ready = true
        this.#status = answer.status
      }
    }
    if (!ready) throw failure ?? new Error('Connection terminated: PGlite gave no answer')
    return failure
  }
}

/** The messages of one exchange, one behind the other. */
function packet(send: (messages: Messages) => void, serialize: Serialize): Uint8Array {
  const parts: Uint8Array[] = []
  send({
    query: (text) => void parts.push(serialize.query(text)),
    parse: (message) => void parts.push(serialize.parse(message)),
    bind: (message) => void parts.push(serialize.bind(message)),
    describe: (message) => void parts.push(serialize.describe(message)),
    execute: (message) => void parts.push(serialize.execute(message)),
    close: (message) => void parts.push(serialize.close(message)),
    sync: () => void parts.push(serialize.sync()),
  })
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts)
}
