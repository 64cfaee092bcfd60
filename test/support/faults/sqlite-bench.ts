import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { createEngine, type Engine } from '../../../src/engine/index.ts'
import { Ledger } from './ledger.ts'

/** Another process that has written to the file and has not committed. */
export interface Intruder {
  /** Ends its transaction. */
  commit(): Promise<void>
  /** Ends it in the middle of that. */
  kill(): Promise<void>
}

/** Where one fault is tried on SQLite: a file of its own. */
export class SqliteBench {
  readonly file: string
  readonly engine: Engine
  readonly ledger: Ledger
  /** Set: new connections may use no more pages than so many. */
  mostPages: number | undefined
  readonly #folder: string
  readonly #scheme: string

  private constructor(folder: string, scheme: string) {
    this.#folder = folder
    this.#scheme = scheme
    this.file = join(folder, 'faults.db')
    this.engine = createEngine(this.url('busyTimeout=300'), { pool: { size: 3, maxOverflow: 1, timeout: 5_000 } })
    this.engine.on('connect', async ({ resource }) => {
      if (this.mostPages === undefined) return
      await resource.run({ sql: `pragma max_page_count = ${this.mostPages}`, parameters: [] })
    })
    this.ledger = new Ledger(this.engine)
  }

  static async open(parent: string, scheme: string): Promise<SqliteBench> {
    const bench = new SqliteBench(mkdtempSync(join(parent, 'sqlite-')), scheme)
    await Ledger.makeTable(bench.engine)
    return bench
  }

  url(query: string, file = this.file): string {
    return `${this.#scheme}:///${file}?${query}`
  }

  /** Starts another process, which writes and does not commit. */
  async intruder(): Promise<Intruder> {
    const child = spawn(process.execPath, ['--input-type=module', '-e', intrusion, this.file], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const ended = once(child, 'close')
    await once(child.stdout, 'data')
    return {
      commit: async () => {
        child.stdin.end()
        await ended
      },
      kill: async () => {
        child.kill('SIGKILL')
        await ended
      },
    }
  }

  /** Connections that are still out when all is over. */
  async leaked(): Promise<number> {
    const out = this.engine.pool.status().checkedOut
    await this.engine.dispose()
    return out
  }

  async compare() {
    await using engine = createEngine(this.url('mode=ro'))
    return await this.ledger.compare(engine)
  }

  async close(): Promise<void> {
    await this.engine.dispose()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const intrusion = `
import { DatabaseSync } from 'node:sqlite'
const database = new DatabaseSync(process.argv[1])
database.exec("begin immediate; insert into entries (id, worker) values (-1, 'intruder'); delete from entries where id = -1")
process.stdin.resume().on('end', () => { database.exec('commit'); database.close() })
console.log('written')
`
