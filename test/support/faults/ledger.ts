import { setTimeout as pause } from 'node:timers/promises'
import { createAll, type Engine } from '../../../src/engine/index.ts'
import { CommitUnknownError } from '../../../src/errors.ts'
import { integer, varchar } from '../../../src/mapping/index.ts'
import { type Session, type Sessionmaker, sessionmaker } from '../../../src/session/index.ts'
import { entity } from '../../../src/state/index.ts'

/** What a request stores: one row, whose number says which request it was. */
export class Entry extends entity('entries', { id: integer().primaryKey(), worker: varchar(20) }) {}

/** What the books say of the requests that were made, compared with what is stored. */
export interface Verdict {
  /** Requests that were answered with a success and are not stored. */
  readonly lost: number
  /** Requests that were answered with a failure that promises that nothing was done, and are stored. */
  readonly unwanted: number
}

/**
 * Makes requests, and keeps books of what was answered: a success must be stored, a failure must not, and only a COMMIT whose answer
 * never came leaves it open.
 */
export class Ledger {
  /** The names of all errors that requests ended with. */
  readonly seen = new Set<string>()
  readonly #Sessions: Sessionmaker
  readonly #answered = new Set<number>()
  readonly #open = new Set<number>()
  #next = 1
  #isWorking = false
  #workers: Promise<unknown> = Promise.resolve()

  constructor(engine: Engine) {
    this.#Sessions = sessionmaker({ bind: engine })
  }

  /** One request: writes its entry, does what the fault wants, commits. Gives the error that the caller sees, if any. */
  async request(body: (session: Session) => Promise<unknown> = async () => {}, worker = 'request'): Promise<unknown> {
    const id = this.#next++
    try {
      await this.#Sessions.begin(async (session) => {
        session.add(new Entry({ id, worker }))
        await session.flush()
        await body(session)
      })
      this.#answered.add(id)
      return undefined
    } catch (error) {
      if (error instanceof CommitUnknownError) this.#open.add(id)
      this.note(error)
      return error
    }
  }

  /** Notes what the caller of a request of another kind has got. */
  note(error: unknown): void {
    if (error !== undefined) this.seen.add(error instanceof Error ? error.name : String(error))
  }

  /** Has so many workers make one request after another until {@link stop}. */
  start(workers: number): void {
    this.#isWorking = true
    this.#workers = Promise.all(Array.from({ length: workers }, (_, index) => this.#work(`worker ${index}`)))
  }

  /** Resolves when every worker has its last answer. */
  async stop(): Promise<void> {
    this.#isWorking = false
    await this.#workers
  }

  /** How many requests were answered with a success. */
  get answered(): number {
    return this.#answered.size
  }

  /** Compares the books with what an engine finds stored. */
  async compare(engine: Engine): Promise<Verdict> {
    const stored = await sessionmaker({ bind: engine }).begin(async (session) => session.query(Entry).all())
    const ids = new Set(stored.map((entry) => entry.id))
    const lost = [...this.#answered].filter((id) => !ids.has(id)).length
    const unwanted = [...ids].filter((id) => !this.#answered.has(id) && !this.#open.has(id)).length
    return { lost, unwanted }
  }

  static makeTable(engine: Engine): Promise<unknown> {
    return createAll(engine, [Entry])
  }

  async #work(worker: string): Promise<void> {
    while (this.#isWorking) {
      const error = await this.request(undefined, worker)
      await pause(error === undefined ? 1 : 20)
    }
  }
}
