import type { EventEmitter } from 'node:events'
import type { MysqlClient, MysqlField } from './mysql-client.ts'

/** Rows thrown away before the server is asked to stop sending them. */
const patience = 5_000

/**
 * The rows of one statement as they come, with the connection paused while nobody takes them. MySQL answers one statement
 * at a time, so whoever wants to send another one first calls `readRest`, or the stream's reader leaves by `abandon`.
 */
export class MysqlStream {
  fields: readonly MysqlField[] = []
  readonly #client: MysqlClient
  readonly #batchSize: number
  readonly #stop: () => Promise<void>
  #rows: unknown[][] = []
  #use: 'batches' | 'everything' | 'nothing' = 'batches'
  #thrownAway = 0
  #stopping: Promise<void> | undefined
  #paused = false
  #ended = false
  #error: { readonly reason: unknown } | undefined
  #wake: (() => void) | undefined

  /** @param stop asks the server to stop the statement */
  constructor(client: MysqlClient, command: EventEmitter, batchSize: number, stop: () => Promise<void>) {
    this.#client = client
    this.#batchSize = batchSize
    this.#stop = stop
    command.on('fields', (fields) => {
      if (fields !== undefined) this.fields = fields
    })
    command.on('result', (row) => this.#receive(row))
    command.on('error', (error) => this.fail(error))
    command.on('end', () => this.#end())
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Whether rows are awaited, and not held back by its reader. */
  get isWaiting(): boolean {
    return this.#wake !== undefined && !this.#paused
  }

  /** The next rows, as many as a batch has, fewer at the end, then undefined. */
  async take(): Promise<unknown[][] | undefined> {
    while (this.#rows.length < this.#batchSize && !this.#ended) await this.#more()
    if (this.#rows.length > 0) return this.#rows.splice(0, this.#batchSize)
    if (this.#error !== undefined) throw this.#error.reason
    return undefined
  }

  /** Reads all that is still to come into memory, for the reader to take later. */
  async readRest(): Promise<void> {
    if (this.#use === 'batches') this.#use = 'everything'
    while (!this.#ended) await this.#more()
  }

  /** Throws away what is still to come; a long rest is stopped on the server. Never rejects. */
  async abandon(): Promise<void> {
    this.#use = 'nothing'
    this.#rows = []
    while (!this.#ended) await this.#more()
    await this.#stopping
  }

  /** Whether the server was asked to stop: it may still do so to the next statement. */
  get stopped(): boolean {
    return this.#stopping !== undefined
  }

  /** The statement, or the connection under it, failed. */
  fail(reason: unknown): void {
    this.#error ??= { reason }
    this.#end()
  }

  #receive(row: unknown): void {
    if (!Array.isArray(row)) return
    if (this.#use === 'nothing') this.#throwAway()
    else this.#keep(row)
  }

  #keep(row: unknown[]): void {
    this.#rows.push(row)
    if (this.#use === 'batches' && this.#rows.length >= this.#batchSize) {
      this.#paused = true
      this.#client.pause()
      this.#wakeUp()
    }
  }

  #throwAway(): void {
    if (++this.#thrownAway === patience) this.#stopping = this.#stop().catch(() => undefined)
  }

  #end(): void {
    this.#ended = true
    this.#wakeUp()
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      if (!this.#paused) return
      this.#paused = false
      this.#client.resume()
    })
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
