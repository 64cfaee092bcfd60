import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { checkBooks } from '../../../examples/bank-api/books.ts'
import { dropDatabase, openDatabase } from '../../../examples/bank-api/database.ts'
import { OperationalError } from '../../../examples/bank-api/heddle.ts'
import { drive, type Tally } from '../../../examples/bank-api/load.ts'
import { Meter } from '../../../examples/bank-api/meter.ts'
import { BankServer } from '../../../examples/bank-api/server.ts'
import { createEngine, type Engine } from '../../../src/engine/index.ts'
import type { Product } from './products.ts'

/** How long, and how hard. */
export interface ChaosOptions {
  readonly url: string
  readonly product: Product
  readonly seconds: number
  readonly clients: number
}

/** What came of it. */
export interface ChaosReport {
  readonly requests: number
  readonly killed: number
  readonly commits: number
  /** What clients were told beside successes, and how often. */
  readonly told: ReadonlyMap<string, number>
  readonly leaked: number
  /** What must not be; nothing when all is well. */
  readonly problems: readonly string[]
}

/** What the bank may answer while its database is being harmed. */
const excuses = ['unavailable', 'outcome_unknown', 'busy', 'conflict']

/**
 * Serves the bank of `examples/bank-api` to many clients while backends of its database are killed at random, then looks into the
 * books: whatever was confirmed is there, whatever was refused is not, and no money was made or lost.
 */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const engine = await openDatabase(options.url, { prefix: 'chaos_' })
  try {
    return await inChaos(engine, options)
  } finally {
    await dropDatabase(engine).finally(() => engine.dispose())
  }
}

async function inChaos(engine: Engine, options: ChaosOptions): Promise<ChaosReport> {
  const meter = new Meter(engine)
  const faults: unknown[] = []
  const bank = await BankServer.start({ onFault: (fault) => faults.push(fault) })
  const killer = new Killer(options)
  let tally: Tally
  try {
    tally = await loadWhile(killer, bank, options)
  } finally {
    await bank.close()
    await killer.end()
  }
  const { commits } = meter
  const leaked = meter.taken
  const { transfers, vanished, openTransfers, deposited, openDeposited } = tally
  const books = await checkBooks({
    total: deposited,
    openTotal: openDeposited,
    transfers,
    open: vanished + openTransfers,
  })
  const problems = [...books.problems, ...inexcusable(tally, faults)]
  if (leaked > 0) problems.push(`${leaked} connections leaked: ${meter.holders.join(', ')}`)
  if (transfers === 0 || killer.killed === 0) problems.push('Nothing has happened.')
  return { requests: tally.requests, killed: killer.killed, commits, told: tally.unexpected, leaked, problems }
}

function loadWhile(killer: Killer, bank: BankServer, { seconds, clients }: ChaosOptions): Promise<Tally> {
  let endsAt = Number.POSITIVE_INFINITY
  return drive({
    port: bank.port,
    clients,
    requests: 10_000_000,
    accounts: 20,
    signal: new AbortController().signal,
    // The accounts are open by the first call.
    onProgress: () => {
      if (endsAt !== Number.POSITIVE_INFINITY) return
      endsAt = performance.now() + seconds * 1_000
      killer.start()
    },
    isEnough: () => performance.now() > endsAt,
  })
}

/** Only a lost connection excuses a failure. */
function inexcusable({ unexpected }: Tally, faults: readonly unknown[]): string[] {
  const answers = [...unexpected].filter(([code]) => !excuses.includes(code))
  const others = faults.filter((fault) => !(fault instanceof OperationalError))
  return [...answers.map(([code, times]) => `${times} requests were answered with ${code}`), ...others.map(String)]
}

/** Kills backends of a database at random, one at a time, and now and then all of them. */
class Killer {
  killed = 0
  readonly #engine: Engine
  readonly #product: Product
  readonly #database: string
  #isKilling = false
  #work: Promise<void> = Promise.resolve()

  constructor({ url, product }: ChaosOptions) {
    this.#engine = createEngine(url, { pool: { size: 1, maxOverflow: 0 }, isolation: 'autocommit' })
    this.#product = product
    this.#database = new URL(url).pathname.slice(1)
  }

  start(): void {
    this.#isKilling = true
    this.#work = this.#killOn()
  }

  async end(): Promise<void> {
    this.#isKilling = false
    await this.#work
    await this.#engine.dispose()
  }

  async #killOn(): Promise<void> {
    await using connection = await this.#engine.connect({ label: 'killer' })
    for (let round = 1; this.#isKilling; round++) {
      await pause(20 + Math.random() * 130)
      const backends = (await connection.execute(sql.raw(this.#product.backends(this.#database)))).rows
      const chosen = round % 20 === 0 ? backends : backends.filter((_, index) => index === round % backends.length)
      for (const { id } of chosen as { id: number | bigint }[]) {
        const isGone = () => undefined
        await connection.execute(sql.raw(this.#product.kill(Number(id)))).then(() => this.killed++, isGone)
      }
    }
  }
}
