import type { Statement } from './driver.ts'
import type { SqliteDatabase } from './sqlite-library.ts'
import { Prepared } from './sqlite-prepared.ts'
import type { StatementText } from './sqlite-text.ts'

/** The prepared statements of one connection: named ones by name, others by text, of which the least recently used make room. */
export class PreparedStatements {
  readonly #database: SqliteDatabase
  readonly #limit: number
  readonly #byName = new Map<string, Prepared>()
  /** In the order of use: the first is the one to go. */
  readonly #byText = new Map<string, Prepared>()

  /** @param limit how many unnamed statements are kept */
  constructor(database: SqliteDatabase, limit: number) {
    this.#database = database
    this.#limit = limit
  }

  /** How many are kept, named and unnamed. */
  get size(): number {
    return this.#byName.size + this.#byText.size
  }

  /** The statement if it is ready, even while it is busy. */
  find({ name, sql }: Statement): Prepared | undefined {
    if (name !== undefined) {
      const named = this.#byName.get(name)
      return named?.sql === sql ? named : undefined
    }
    const found = this.#byText.get(sql)
    if (found === undefined) return undefined
    // Moving one costs more than finding it, and while there is room enough none has to go.
    if (this.#byText.size > this.#limit / 2) {
      this.#byText.delete(sql)
      this.#byText.set(sql, found)
    }
    return found
  }

  /** Prepares the statement and keeps it, unless one of its text is kept and busy, or its kind must be prepared each time. */
  prepare({ name, sql }: Statement, text: StatementText): Prepared {
    const prepared = new Prepared(this.#database, sql, text)
    if (!isReusable(text)) return prepared
    if (name !== undefined) this.#keepByName(name, prepared)
    else this.#keepByText(sql, prepared)
    return prepared
  }

  /** Forgets all of them. Those that are in use go on working. */
  clear(): void {
    this.#byName.clear()
    this.#byText.clear()
  }

  #keepByName(name: string, prepared: Prepared): void {
    const kept = this.#byName.get(name)
    if (kept?.isBusy === true && kept.sql === prepared.sql) return
    this.#byName.set(name, prepared)
  }

  #keepByText(sql: string, prepared: Prepared): void {
    if (this.#limit === 0 || this.#byText.has(sql)) return
    if (this.#byText.size >= this.#limit) this.#byText.delete(this.#byText.keys().next().value as string)
    this.#byText.set(sql, prepared)
  }
}

/** A PRAGMA does its work while it is prepared, and remembers its answer: prepared once, it would do and tell old things. */
function isReusable({ kind, verb }: StatementText): boolean {
  return verb !== 'pragma' && (kind === 'read' || kind === 'write' || kind === 'savepoint')
}
