import { ArgumentError } from '../errors.ts'
import type { RowShape } from './postgres-rows.ts'

/** A statement that is kept prepared on a connection. */
export interface Prepared {
  readonly name: string
  readonly text: string
  /** Whether the server has it, as far as is known: it was sent, and no error came back. */
  parsed: boolean
  /** Whether the server may have another under the name, which must be closed first. */
  suspect: boolean
  /** Whether its columns are known, so that the server need not describe them again. */
  described: boolean
  /** Its columns; undefined where it returns no rows. */
  shape: RowShape | undefined
}

/** The statements that one connection keeps prepared, a bounded number of them; the oldest goes first. */
export class PreparedStatements {
  readonly #limit: number
  readonly #entries = new Map<string, Prepared>()
  readonly #evicted: string[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /**
   * The statement of a name, which always has one text.
   * @throws ArgumentError where the name was used for another text
   */
  get(name: string, text: string): Prepared {
    const known = this.#entries.get(name)
    if (known === undefined) return this.#add(name, text)
    if (known.text !== text) {
      throw new ArgumentError(`The statement name '${name}' stands for two different texts; a name has one text.`)
    }
    return known
  }

  /** The names to close on the server, since they were dropped here. */
  takeEvicted(): readonly string[] {
    return this.#evicted.splice(0)
  }

  /** Has the statement prepared anew at its next use: it failed, or the server no longer has it. */
  doubt(statement: Prepared): void {
    statement.parsed = false
    statement.described = false
    statement.suspect = true
  }

  /** The same for all: something may have deallocated them. */
  doubtAll(): void {
    for (const statement of this.#entries.values()) this.doubt(statement)
  }

  #add(name: string, text: string): Prepared {
    if (this.#entries.size >= this.#limit) {
      const oldest = this.#entries.keys().next().value as string
      this.#entries.delete(oldest)
      this.#evicted.push(oldest)
    }
    const statement = { name, text, parsed: false, suspect: false, described: false, shape: undefined }
    this.#entries.set(name, statement)
    return statement
  }
}
