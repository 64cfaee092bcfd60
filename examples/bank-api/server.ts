import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { ClientGoneError, Conversation } from './conversation.ts'
import type { Line } from './lines.ts'
import { encode } from './protocol.ts'
import { answerLine } from './requests.ts'

/** Where to listen, and whom to tell. */
export interface ServerOptions {
  /** Default: one that is free. */
  readonly port?: number
  /** Default: 127.0.0.1, this machine only. */
  readonly host?: string
  /** Told of every error that is not the client's. Default: standard error. */
  readonly onFault?: (fault: unknown) => void
}

/** What a server has done so far. */
export interface ServerCounts {
  /** Lines read and begun with. */
  requests: number
  /** Times that a transaction was done again because of another one. */
  retries: number
  /** Requests that were rolled back, or not begun, because their client had vanished. */
  abandoned: number
  /** Answers with a code that means a fault of the bank. */
  faults: number
}

/** The bank on a port: one JSON object a line. Uses the sessions of session.ts, which must know their engine by then. */
export class BankServer {
  readonly counts: ServerCounts = { requests: 0, retries: 0, abandoned: 0, faults: 0 }
  /** Where it listens. */
  readonly port: number
  readonly #server: Server
  readonly #conversations = new Set<Conversation>()
  readonly #onFault: (fault: unknown) => void

  private constructor(server: Server, onFault: (fault: unknown) => void) {
    this.port = (server.address() as AddressInfo).port
    this.#server = server.on('connection', (socket: Socket) => this.#welcome(socket))
    this.#onFault = onFault
  }

  /** Listens. Rejects when it cannot, for example because the port is taken. */
  static async start(options: ServerOptions = {}): Promise<BankServer> {
    const { port = 0, host = '127.0.0.1', onFault = console.error } = options
    const server = createServer({ noDelay: true })
    server.listen({ port, host, backlog: 1024 })
    await once(server, 'listening')
    return new BankServer(server, onFault)
  }

  /** How many clients are connected. */
  get clients(): number {
    return this.#conversations.size
  }

  /**
   * Takes no more clients, answers what has been read, hangs up. Resolves when no request runs any more.
   *
   * @param patience milliseconds after which what still runs is rolled back instead
   */
  async close(patience = 5_000): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    const conversations = [...this.#conversations]
    for (const conversation of conversations) conversation.finish()
    const impatience = setTimeout(() => {
      for (const conversation of conversations) conversation.cut()
    }, patience)
    await Promise.all([closed, ...conversations.map(({ ended }) => ended)])
    clearTimeout(impatience)
  }

  #welcome(socket: Socket): void {
    const conversation: Conversation = new Conversation(socket, (line, signal) =>
      this.#answer(line, signal, conversation.address),
    )
    this.#conversations.add(conversation)
    conversation.ended.finally(() => this.#conversations.delete(conversation))
  }

  async #answer(line: Line, signal: AbortSignal, label: string): Promise<string> {
    this.counts.requests += 1
    try {
      const onRetry = () => {
        this.counts.retries += 1
      }
      const { answer, fault } = await answerLine(line, { signal, label, onRetry })
      if (fault !== undefined) this.#tell(fault)
      return encode(answer)
    } catch (error) {
      if (error instanceof ClientGoneError) this.counts.abandoned += 1
      throw error
    }
  }

  #tell(fault: unknown): void {
    this.counts.faults += 1
    this.#onFault(fault)
  }
}
