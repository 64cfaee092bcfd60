import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import process from 'node:process'
import { OperationalError } from '../errors.ts'
import type { Messages, Transport, WireStatus } from './postgres-protocol.ts'
import type { Collector, Field } from './postgres-rows.ts'
import { Silence } from './server-silence.ts'

/** pg's connection: the protocol's messages over a socket. */
export interface PgWire extends EventEmitter, Messages {
  readonly stream: Socket
  connect(port: number | string, host?: string): void
  cancel(processId: number, secretKey: number): void
}

/** The part of pg's client that heddle uses. */
export interface PgClient extends EventEmitter {
  readonly connection: PgWire
  readonly pipeline: boolean
  readonly host: string
  readonly port: number
  readonly ssl: unknown
  readonly sslNegotiation?: string
  readonly processID: number | null
  readonly secretKey: number | null
  connect(): Promise<unknown>
  end(): Promise<void>
  query(submittable: object): unknown
  getTransactionStatus(): WireStatus | null
  getStartupConf(): Record<string, string>
}

/** pg's own query, whose place in the client's queue ours take. */
export type PgQueryClass = new (text: string) => object

/** Makes the messages of one exchange out of a function, and gives what comes back to a collector. */
export type ExchangeClass = new (send: (messages: Messages) => void, collector: Collector, settle: Settle) => object

interface Settle {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * A query class that lets heddle write the messages and read the answers by itself: BEGIN ahead of a statement within
 * one Sync, portals, columns that are described once. It extends pg's class because a pipelining client takes no other.
 */
export function exchangeClass(Query: PgQueryClass): ExchangeClass {
  return class Exchange extends Query {
    readonly #send: (messages: Messages) => void
    readonly #collector: Collector
    readonly #settle: Settle

    constructor(send: (messages: Messages) => void, collector: Collector, settle: Settle) {
      super('')
      this.#send = send
      this.#collector = collector
      this.#settle = settle
    }

    /** Half an exchange would put all later answers in the wrong place. */
    submit(wire: PgWire): Error | null {
      try {
        this.#send(wire)
        return null
      } catch (error) {
        wire.stream.destroy(error as Error)
        return error as Error
      }
    }

    handleRowDescription(message: { readonly fields: readonly Field[] }): void {
      this.#collector.fields(message.fields)
    }

    handleDataRow(message: { readonly fields: readonly (string | null)[] }): void {
      this.#collector.row(message.fields)
    }

    handleCommandComplete(message: { readonly text: string }): void {
      this.#collector.complete(message.text)
    }

    handlePortalSuspended(): void {
      this.#collector.suspended = true
    }

    handleEmptyQuery(): void {}

    handleReadyForQuery(): void {
      if (this.#collector.failure === undefined) this.#settle.resolve()
      else this.#settle.reject(this.#collector.failure)
    }

    /** The server's errors arrive before it is ready again, and only then is the state of the transaction known. */
    handleError(error: unknown, wire: PgWire): void {
      if (!isServerError(error)) {
        this.#settle.reject(error)
        return
      }
      const settle = () => {
        wire.removeListener('readyForQuery', settle)
        wire.removeListener('end', settle)
        this.#settle.reject(error)
      }
      wire.once('readyForQuery', settle)
      wire.once('end', settle)
    }
  }
}

function isServerError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'severity' in error && 'routine' in error
}

/** Taken once: a test that puts a fake in its place later must not keep what is sent from leaving. */
const soon = process.nextTick

/** How long a server may take to close a connection in order, or to take a request to cancel, in milliseconds. */
const patience = 5_000

/** Carries messages through a connected client of pg. */
export class PgTransport implements Transport {
  readonly pipelines = true
  readonly #client: PgClient
  readonly #Exchange: ExchangeClass
  readonly #openWire: () => PgWire
  #silence: Silence | undefined
  /** The socket while it holds back what is sent. */
  #gathering: Socket | undefined
  /** Exchanges that are not answered. */
  #asked = 0
  #brokenBy: unknown

  /** @param openWire makes an unconnected wire to the same server, for a request to cancel */
  constructor(client: PgClient, Exchange: ExchangeClass, openWire: () => PgWire) {
    this.#client = client
    this.#Exchange = Exchange
    this.#openWire = openWire
    client.on('error', (error) => this.#break(error))
    client.on('end', () => this.#break(new Error('Connection terminated')))
  }

  get status(): WireStatus {
    return this.#client.getTransactionStatus() ?? 'I'
  }

  get brokenBy(): unknown {
    return this.#brokenBy
  }

  /** To be called once the client is connected: its socket may be another before. */
  watch(socketTimeout: number): void {
    const { stream } = this.#client.connection
    const giveUp = (error: Error) => {
      this.#break(error)
      stream.destroy(error)
    }
    this.#silence = new Silence({ socket: stream, limit: socketTimeout, isAsked: () => this.#asked > 0, giveUp })
  }

  exchange(send: (messages: Messages) => void, collector: Collector, patience?: number): Promise<void> {
    if (patience === undefined || this.#silence === undefined) return this.#exchange(send, collector)
    return this.#silence.within(patience, () => this.#exchange(send, collector))
  }

  #exchange(send: (messages: Messages) => void, collector: Collector): Promise<void> {
    this.#gather()
    this.#asked++
    return new Promise((resolve, reject) => {
      const settle = {
        resolve: () => {
          this.#asked--
          resolve()
        },
        reject: (error: unknown) => {
          this.#asked--
          reject(error)
        },
      }
      this.#client.query(new this.#Exchange(send, collector, settle))
    })
  }

  /** What is sent now, be it one exchange or many that do not wait for each other, leaves in one packet: each costs a call of the system. */
  #gather(): void {
    const { stream } = this.#client.connection
    if (this.#gathering !== undefined) return
    this.#gathering = stream
    stream.cork()
    soon(this.#letGo)
  }

  readonly #letGo = (): void => {
    this.#gathering?.uncork()
    this.#gathering = undefined
  }

  /** A request of its own connection, as the protocol has it; the server closes that connection when it has acted. */
  cancel(): Promise<void> {
    const { processID, secretKey, host, port, ssl, sslNegotiation } = this.#client
    if (processID === null || secretKey === null) {
      throw new OperationalError('The statement cannot be cancelled: the server gave no key for it.')
    }
    const wire = this.#openWire()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => wire.stream.destroy(new Error('the request to cancel got no answer')), patience)
      const request = () => wire.cancel(processID, secretKey)
      wire.on('connect', () => {
        if (!ssl) request()
        else if (sslNegotiation !== 'direct') (wire as unknown as { requestSsl(): void }).requestSsl()
      })
      wire.on('sslconnect', request)
      wire.on('error', reject)
      wire.on('end', () => {
        clearTimeout(timer)
        resolve()
      })
      if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`)
      else wire.connect(port, host)
    })
  }

  async close(): Promise<void> {
    if (this.#brokenBy !== undefined) return this.destroy()
    const timer = setTimeout(() => this.destroy(), patience)
    try {
      await this.#client.end()
    } catch (error) {
      this.#break(error)
    } finally {
      clearTimeout(timer)
      this.#break(new Error('Connection terminated'))
    }
  }

  destroy(): void {
    this.#break(new Error('Connection terminated'))
    this.#client.connection.stream.destroy()
  }

  #break(error: unknown): void {
    this.#brokenBy ??= error
  }
}
