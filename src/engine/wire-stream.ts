import type { Statement } from '../drivers/index.ts'
import { ResourceClosedError } from '../errors.ts'
import type { Wire } from './wire.ts'

/** The rows of one statement, read in batches from the connection on which it was begun. */
export class WireStream {
  readonly #wire: Wire
  readonly #statement: Statement
  readonly #rows: AsyncIterator<readonly unknown[]>
  readonly #start = performance.now()
  #rowCount = 0
  #ended = false

  constructor(wire: Wire, given: Statement, batchSize: number) {
    this.#wire = wire
    this.#statement = wire.replaced(given)
    this.#rows = wire.driver.stream(this.#statement, batchSize)
  }

  /** The next batch, or undefined at the end. */
  async next(): Promise<readonly unknown[] | undefined> {
    if (this.#ended || this.#wire.isGone) {
      throw new ResourceClosedError('The stream cannot be read on: its connection was closed or lost')
    }
    this.#wire.lease.note(this.#statement.sql)
    let step: IteratorResult<readonly unknown[]>
    try {
      step = await this.#rows.next()
    } catch (error) {
      throw this.#settle(this.#wire.translate(error, this.#statement))
    }
    if (step.done === true) return this.#settle(undefined)
    this.#rowCount += step.value.length
    return step.value
  }

  /** Closes the cursor, if it is open. A connection that cannot do that is discarded. Never rejects. */
  async end(): Promise<void> {
    if (this.#ended) return
    this.#settle(undefined)
    if (this.#wire.isGone) return
    try {
      await this.#rows.return?.()
    } catch (error) {
      this.#wire.discard(this.#wire.translate(error, this.#statement))
    }
  }

  /** Tells the listeners of `query`, once. */
  #settle<Failure>(error: Failure): Failure {
    if (this.#ended) return error
    this.#ended = true
    const rowCount = error === undefined ? this.#rowCount : undefined
    this.#wire.tellQuery(this.#statement, this.#start, undefined, { rowCount, ...(error !== undefined && { error }) })
    return error
  }
}
