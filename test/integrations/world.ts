import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { Engine } from '../../src/index.ts'
import {
  createAll,
  dropAll,
  entity,
  integer,
  type ScopedSession,
  scopedSession,
  sessionmaker,
  sql,
  varchar,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import type { TestDatabase } from '../support/index.ts'

export class Note extends entity('notes', { id: integer().primaryKey(), text: varchar(100).unique() }) {}

/** What the routes of every app do: the same for all frameworks. They only call `Session()`. */
export class World {
  readonly engine: Engine
  readonly Session: ScopedSession
  /** What ended, in order: handlers and streams. */
  readonly ended: string[] = []
  /** Whether the database can be told to wait. */
  readonly canSleep: boolean
  #started = Promise.withResolvers<void>()
  #mayGoOn = Promise.withResolvers<void>()

  constructor(engine: Engine, Session: ScopedSession, canSleep: boolean) {
    this.engine = engine
    this.Session = Session
    this.canSleep = canSleep
  }

  /** Resolves when a slow handler has begun. */
  get started(): Promise<void> {
    return this.#started.promise
  }

  /** Lets slow handlers go on. */
  goOn(): void {
    this.#mayGoOn.resolve()
  }

  add(text: string): void {
    const session = this.Session()
    session.add(new Note({ text }))
    session.info['refused'] ||= text.startsWith('refused')
  }

  async count(): Promise<number> {
    return this.Session.query(Note).count()
  }

  /** Writes, and then takes very long. */
  async slow(text: string): Promise<void> {
    try {
      this.add(text)
      await this.Session.flush()
      this.#started.resolve()
      if (this.canSleep) await this.Session.execute(sql`select pg_sleep(60)`)
      else await this.#mayGoOn.promise
      await this.count()
      this.ended.push('slow: in order')
    } catch (error) {
      this.ended.push(`slow: ${(error as Error).name}`)
      throw error
    }
  }

  /** Lines that each need the session, long enough for the socket to become full; `fail` breaks it off in the middle. */
  async *lines(count: number, fail = false): AsyncGenerator<string> {
    try {
      for (let line = 0; line < count; line++) {
        if (fail && line === 3) throw new Error('the stream has failed')
        const notes = await this.count()
        if (line === 0) this.#started.resolve()
        yield `${line} ${notes} ${'x'.repeat(50_000)}\n`
        if (line % 5 === 0) await sleep(1)
      }
      this.add(`streamed ${count}`)
    } finally {
      this.ended.push('stream')
    }
  }

  /** What is stored, seen from outside of every request. */
  async stored(): Promise<string[]> {
    await using connection = await this.engine.connect({ label: 'looking' })
    const { rows } = await connection.execute<{ text: string }>(sql`select text from notes order by id`)
    return rows.map(({ text }) => text)
  }

  get out(): number {
    return this.engine.pool.status().checkedOut
  }
}

/** Makes an app of one framework that listens. */
export type OpenApp = (world: World) => Promise<Server>

/** Where a client finds an app, and what is behind it. */
export interface Running {
  readonly world: World
  readonly url: string
  readonly port: number
}

/** A running app on an empty table; it is ended with the test. */
export async function run(open: OpenApp, database: TestDatabase): Promise<Running> {
  const engine = openEngine(database, { pool: { size: 5, maxOverflow: 0 } })
  await dropAll(engine, [Note])
  await createAll(engine, [Note])
  const Sessions = sessionmaker({ bind: engine })
  const world = new World(engine, scopedSession(Sessions), database.name === 'postgres')
  Sessions.on('beforeCommit', async ({ session }) => {
    await sleep(5) // an answer that did not wait would be seen
    if (session.info['refused'] === true) throw new Error('the commit is refused')
  })
  const server = await open(world)
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(async () => {
    world.goOn()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { world, url: `http://127.0.0.1:${port}`, port }
}

/** Waits until something holds, for what happens after a client has gone. */
export async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds() && tries < 500; tries++) await sleep(10)
}
