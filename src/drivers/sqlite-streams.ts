import { ResourceClosedError } from '../errors.ts'
import type { Statement } from './driver.ts'
import type { SqliteValue } from './sqlite-library.ts'
import type { Prepared, SchemaVersion } from './sqlite-prepared.ts'

/** The rows of one statement while they are read in batches. Holds its prepared statement until the last row or the end. */
export class RowSource {
  readonly #prepared: Prepared
  readonly #statement: Statement
  readonly #version: SchemaVersion
  readonly #streams: OpenStreams
  /** Undefined once the statement has given its last row or was let go of. */
  #rows: Iterator<unknown> | undefined
  /** Rows that were read before they were asked for. */
  #ahead: unknown[] = []
  #endedBy: Error | undefined

  constructor(
    streams: OpenStreams,
    source: { prepared: Prepared; statement: Statement; values: readonly SqliteValue[]; version: SchemaVersion },
  ) {
    this.#streams = streams
    this.#prepared = source.prepared
    this.#statement = source.statement
    this.#version = source.version
    this.#rows = source.prepared.iterate(source.statement, source.values, source.version)
    this.#prepared.isBusy = true
    streams.add(this)
  }

  /** Reads on until `count` rows are there, so that the next `take` cannot meet a lock. */
  fill(count: number): void {
    if (this.#ahead.length < count) this.#ahead.push(...this.#pull(count - this.#ahead.length))
  }

  /** The next rows, `count` at most; none at the end. */
  take(count: number): unknown[] {
    if (this.#endedBy !== undefined) throw this.#endedBy
    this.fill(count)
    if (this.#ahead.length > count) return this.#ahead.splice(0, count)
    const batch = this.#ahead
    this.#ahead = []
    return batch
  }

  /** Reads all remaining rows into memory and lets go of the statement: whatever happens now cannot change them. */
  detach(): void {
    const rest = this.#pull(Number.POSITIVE_INFINITY)
    this.#ahead = this.#ahead.length === 0 ? rest : this.#ahead.concat(rest)
  }

  /** Lets go of the statement. Calling it again does nothing. */
  close(): void {
    this.#letGo()?.return?.()
  }

  /** Closes it; whoever asks for more rows gets this error. */
  end(reason: Error): void {
    this.#endedBy = reason
    this.#ahead = []
    this.close()
  }

  #pull(count: number): unknown[] {
    const rows: unknown[] = []
    try {
      while (rows.length < count && this.#rows !== undefined) {
        const next = this.#rows.next()
        if (next.done === true) this.#letGo()
        else rows.push(next.value)
      }
    } catch (error) {
      this.#letGo()
      throw error
    }
    return this.#prepared.shape(rows, this.#statement, this.#version)
  }

  #letGo(): Iterator<unknown> | undefined {
    const rows = this.#rows
    if (rows === undefined) return undefined
    this.#rows = undefined
    this.#prepared.isBusy = false
    this.#streams.delete(this)
    return rows
  }
}

/** The sources of one connection whose statements are in use. */
export class OpenStreams {
  readonly #sources = new Set<RowSource>()

  get isAnyOpen(): boolean {
    return this.#sources.size > 0
  }

  add(source: RowSource): void {
    this.#sources.add(source)
  }

  delete(source: RowSource): void {
    this.#sources.delete(source)
  }

  /** Before anything changes rows under them: see {@link RowSource.detach}. */
  detachAll(): void {
    for (const source of this.#sources) source.detach()
  }

  /** Before the transaction in which they read ends. */
  endAll(reason: () => Error): void {
    for (const source of this.#sources) source.end(reason())
  }
}

/** Why a stream ends that was opened in a transaction. */
export function transactionOver(): Error {
  return new ResourceClosedError(
    'The stream ended with the transaction in which it was opened. Read it to its end before.',
  )
}

/** Rows that are there already, as a stream gives them. */
export function* inBatches(rows: readonly unknown[], batchSize: number): Generator<readonly unknown[]> {
  for (let start = 0; start < rows.length; start += batchSize) yield rows.slice(start, start + batchSize)
}
