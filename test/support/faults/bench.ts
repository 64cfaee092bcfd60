import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { createEngine, type Engine, type EngineOptions } from '../../../src/engine/index.ts'
import { Network } from '../network.ts'
import type { LocalServer } from '../servers/local-server.ts'
import { Ledger } from './ledger.ts'
import type { Product, Victim } from './products.ts'

/** Where one fault is tried: a database of its own, the network to it, an engine over that, and an administrator beside it. */
export class Bench {
  readonly product: Product
  readonly network: Network
  readonly engine: Engine
  readonly ledger: Ledger
  readonly database: string
  readonly #victim: Victim
  readonly #admin: Engine

  private constructor(victim: Victim, database: string, network: Network, options: EngineOptions & { query?: string }) {
    const { query, ...engineOptions } = options
    this.product = victim.product
    this.database = database
    this.network = network
    this.#victim = victim
    this.#admin = createEngine(`${victim.server.url}/${database}`, { isolation: 'autocommit', pool: 'null' })
    const pool = { size: 3, maxOverflow: 1, timeout: 5_000, ...(engineOptions.pool as object) }
    this.engine = createEngine(query === undefined ? network.url : `${network.url}?${query}`, {
      ...engineOptions,
      pool,
    })
    this.ledger = new Ledger(this.engine)
  }

  static async open(victim: Victim, options: EngineOptions & { query?: string } = {}): Promise<Bench> {
    const database = `faults_${randomBytes(4).toString('hex')}`
    await asAdmin(victim, [`create database ${database}`])
    const bench = new Bench(victim, database, await Network.open(`${victim.server.url}/${database}`), options)
    await Ledger.makeTable(bench.#admin)
    return bench
  }

  /** Runs statements beside the engine, as the administrator. */
  async admin(...statements: readonly string[]): Promise<readonly Record<string, unknown>[]> {
    return await this.#admin.begin(async (connection) => {
      let rows: readonly Record<string, unknown>[] = []
      for (const statement of statements) ({ rows } = await connection.execute(sql.raw(statement)))
      return rows
    })
  }

  /** A connection of the administrator's, for the caller to close. */
  adminConnection() {
    return this.#admin.connect({ label: 'administrator', isolation: 'autocommit' })
  }

  /** Backends that serve the database. */
  async backends(): Promise<number[]> {
    return (await this.admin(this.product.backends(this.database))).map((row) => Number(row['id']))
  }

  async kill(backend: number): Promise<void> {
    await this.admin(this.product.kill(backend))
  }

  /** Stops the server and starts it again, with `meanwhile` between the two. */
  async restart(signal?: NodeJS.Signals, meanwhile: () => Promise<unknown> = async () => {}): Promise<void> {
    await running(this.#victim).stop(signal)
    await meanwhile()
    servers.set(this.#victim, await this.#victim.server.start())
  }

  /** What was leaked: connections that are still out, and backends that outlive the pool. */
  async leaked(): Promise<number> {
    const out = this.engine.pool.status().checkedOut
    await this.engine.dispose()
    let left = await this.backends()
    for (let round = 0; round < 60 && left.length > 0; round++) {
      await pause(50)
      left = await this.backends()
    }
    return out + left.length
  }

  compare() {
    return this.ledger.compare(this.#admin)
  }

  async close(): Promise<void> {
    this.network.close()
    await this.engine.dispose()
    await this.#admin.dispose()
    const force = this.product.name === 'PostgreSQL' ? ' with (force)' : ''
    await asAdmin(this.#victim, [`drop database if exists ${this.database}${force}`])
  }
}

/** The processes of the servers, which faults may replace. */
const servers = new Map<Victim, LocalServer>()

/** Starts a server that faults will be tried on. */
export async function startVictim(victim: Victim): Promise<void> {
  servers.set(victim, await victim.server.start())
  const [row] = await asAdmin(victim, [...victim.product.makeUser, 'select version() as version'])
  victim.version = /\d+\.\d+(?:\.\d+)?/.exec(String(row?.['version']))?.[0] ?? ''
}

/** Stops it for good. */
export async function stopVictim(victim: Victim): Promise<void> {
  await servers.get(victim)?.stop()
  servers.delete(victim)
}

function running(victim: Victim): LocalServer {
  const server = servers.get(victim)
  if (server === undefined) throw new Error('The server is not running.')
  return server
}

async function asAdmin(victim: Victim, statements: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const database = victim.product.name === 'PostgreSQL' ? 'postgres' : 'mysql'
  const engine = createEngine(`${victim.server.url}/${database}`, { isolation: 'autocommit', pool: 'null' })
  await using connection = await engine.connect()
  let rows: readonly Record<string, unknown>[] = []
  for (const statement of statements) ({ rows } = await connection.execute(sql.raw(statement)))
  return rows
}
