import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type Line, LineCutter } from './lines.ts'
import { LONGEST_LINE } from './protocol.ts'

/** Lines that may wait for their turn. A client that is further ahead is not read from until it has been caught up with. */
const MOST_WAITING = 256

/** Why a request is given up: nobody is there to read its answer. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError'
}

/** Gives the line to send back. Rejects when the signal has aborted. */
export type Answerer = (line: Line, signal: AbortSignal) => Promise<string>

/**
 * The talk with one client. Its lines are answered one at a time, in the order in which they came, however many it sends without
 * waiting; other clients are served meanwhile. When it hangs up, the line that is being answered is given up and the others are
 * forgotten. Closing only its sending side is hanging up too: TCP does not tell the two apart.
 */
export class Conversation {
  /** Where the client is. */
  readonly address: string
  /** Settles when the socket is closed and no request runs any more. Never rejects. */
  readonly ended: Promise<void>
  readonly #socket: Socket
  readonly #answerer: Answerer
  readonly #cutter = new LineCutter(LONGEST_LINE)
  readonly #waiting: Line[] = []
  readonly #gone = new AbortController()
  #finishing = false
  #answering: Promise<void> | undefined

  constructor(socket: Socket, answerer: Answerer) {
    this.address = `${socket.remoteAddress}:${socket.remotePort}`
    this.#socket = socket
    this.#answerer = answerer
    this.ended = new Promise<void>((resolve) => socket.once('close', () => resolve())).then(() => this.#answering)
    socket.on('data', (chunk: Buffer) => this.#hear(chunk))
    socket.on('end', () => this.cut())
    socket.on('close', () => this.cut())
    socket.on('error', () => {}) // 'close' follows, and that is what counts
  }

  /** Reads no more, answers what has been read, and hangs up. */
  finish(): void {
    this.#finishing = true
    this.#socket.pause()
    if (this.#answering === undefined) this.#socket.destroySoon()
  }

  /** Hangs up at once: what is being answered is rolled back. */
  cut(): void {
    this.#gone.abort(new ClientGoneError('The client has hung up.'))
    this.#socket.destroy()
  }

  #hear(chunk: Buffer): void {
    for (const line of this.#cutter.cut(chunk)) this.#waiting.push(line)
    if (this.#waiting.length > MOST_WAITING) this.#socket.pause()
    if (this.#waiting.length > 0) this.#answering ??= this.#answerAll()
  }

  async #answerAll(): Promise<void> {
    const { signal } = this.#gone
    try {
      for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
        await this.#send(await this.#answerer(line, signal))
        if (this.#waiting.length === 0 && !this.#finishing) this.#socket.resume()
      }
      if (this.#finishing) this.#socket.destroySoon()
    } catch (error) {
      if (error !== signal.reason) throw error
    } finally {
      this.#answering = undefined
    }
  }

  /** Waits while the client does not read: its answers must not pile up here. */
  async #send(text: string): Promise<void> {
    const { signal } = this.#gone
    signal.throwIfAborted()
    if (!this.#socket.write(text)) await once(this.#socket, 'drain', { signal }).catch(() => signal.throwIfAborted())
  }
}
