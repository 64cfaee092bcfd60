import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { LineCutter } from './lines.ts'
import type { Answer } from './protocol.ts'

/** Bytes of the longest answer: a page of history fits many times. */
const LONGEST_ANSWER = 1024 * 1024

interface Asked {
  readonly resolve: (answer: Answer) => void
  readonly reject: (reason: unknown) => void
}

/** A client of the bank: questions may overlap, each answer finds its own. */
export class BankClient {
  readonly #socket: Socket
  readonly #cutter = new LineCutter(LONGEST_ANSWER)
  readonly #asked = new Map<unknown, Asked>()
  #questions = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#hear(chunk))
    socket.on('error', (error) => this.#giveUp(error))
    socket.on('close', () => this.#giveUp(new Error('The connection to the bank is closed.')))
  }

  /** What the bank knows this client by. */
  get address(): string {
    return `${this.#socket.localAddress}:${this.#socket.localPort}`
  }

  /** Connects. Rejects when nobody listens there. */
  static async connect(port: number, host = '127.0.0.1'): Promise<BankClient> {
    const socket = createConnection({ port, host, noDelay: true })
    await once(socket, 'connect')
    return new BankClient(socket)
  }

  /** Asks, and gives the answer, be it a success or an error of the bank's. Rejects when the connection is lost before. */
  ask(op: string, args: object = {}): Promise<Answer> {
    const id = ++this.#questions
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      this.#socket.write(`${JSON.stringify({ id, op, ...args })}\n`)
    })
  }

  /** Hangs up. What is not answered yet is rejected here, and rolled back there. */
  async close(): Promise<void> {
    this.#socket.destroy()
    await this.#closed()
  }

  #closed(): Promise<void> {
    return new Promise((resolve) => (this.#socket.closed ? resolve() : this.#socket.once('close', () => resolve())))
  }

  #hear(chunk: Buffer): void {
    for (const line of this.#cutter.cut(chunk)) {
      const answer = JSON.parse(line.toString()) as Answer
      this.#asked.get(answer.id)?.resolve(answer)
      this.#asked.delete(answer.id)
    }
  }

  #giveUp(reason: unknown): void {
    for (const { reject } of this.#asked.values()) reject(reason)
    this.#asked.clear()
  }
}
