import { setImmediate as afterPolling, setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { type Connection, createEngine, type EngineOptions } from '../../../src/engine/index.ts'
import { scopedSession } from '../../../src/scope/index.ts'
import { type Session, sessionmaker } from '../../../src/session/index.ts'
import type { Bench } from './bench.ts'

/** Something that goes wrong between a program and its database server. */
export interface Fault {
  /** As it stands in the table. */
  readonly name: string
  /** What the caller may see: names of errors. Nothing else, and where it is not empty at least one of them. */
  readonly sees: readonly string[]
  /** Of the engine; `query` is added to its URL. */
  readonly options?: (bench: { readonly quickConnect: string }) => EngineOptions & { readonly query?: string }
  run(bench: Bench): Promise<void>
}

const ownError = new Error('of the program')
ownError.name = 'the program’s own error'

async function backendOf(bench: Bench, session: Session): Promise<number> {
  return Number(await session.scalar(sql.raw(bench.product.self)))
}

/** Waits until the engine has been told by the network what became of its connections: a timer that is late comes before the news. */
const news = async () => {
  await pause(100)
  await afterPolling()
  await afterPolling()
}

/** A request whose connection is harmed by `harm` while `during` is under way. */
async function harmedDuring(
  bench: Bench,
  harm: (backend: number) => Promise<void> | void,
  during: (session: Session) => Promise<unknown>,
): Promise<void> {
  await bench.ledger.request(async (session) => {
    const backend = await backendOf(bench, session)
    const running = during(session)
    running.catch(() => {})
    await pause(150)
    await harm(backend)
    await running
  })
}

const sleep = (bench: Bench) => (session: Session) => session.execute(sql.raw(bench.product.sleep))

/** Shorter: the server, which hears nothing of it, ends the statement of a connection that was given up before it ends that. */
const nap = (bench: Bench) => (session: Session) => session.execute(sql.raw(bench.product.sleep.replace('10', '1')))

/** Has a few connections idle in the pool. */
async function warmUp(bench: Bench): Promise<void> {
  await Promise.all([1, 2, 3].map(() => bench.ledger.request(() => pause(20))))
}

async function killDuringCommit(bench: Bench): Promise<void> {
  const { product } = bench
  await bench.admin(...product.slowTable)
  await using holder = await bench.adminConnection()
  let backend = 0
  const request = bench.ledger.request(async (session) => {
    backend = await backendOf(bench, session)
    await session.execute(sql`insert into slow values (1)`)
    if (product.holdCommits !== undefined) await holder.execute(sql.raw(product.holdCommits))
  })
  await pause(400)
  await bench.kill(backend)
  await pause(100)
  await holder.close()
  await request
}

/** Takes every connection that the server has, and gives a function that gives them back. */
async function fillTheServer(bench: Bench): Promise<() => Promise<void>> {
  await bench.engine.dispose()
  const most = bench.product.limitConnections
  if (most !== undefined) await bench.admin(most.set)
  const engine = createEngine(bench.network.url, { pool: { size: 0, timeout: 2_000 } })
  const held: Connection[] = []
  for (let isFull = false; !isFull; ) {
    await engine.connect().then(
      (connection) => held.push(connection),
      () => {
        isFull = true
      },
    )
  }
  return async () => {
    await Promise.all(held.map((connection) => connection.close()))
    await engine.dispose()
    if (most !== undefined) await bench.admin(most.lift)
  }
}

/** In the order of the table. */
export const serverFaults: readonly Fault[] = [
  {
    name: 'backends killed while idle',
    sees: [],
    run: async (bench) => {
      await warmUp(bench)
      for (const backend of await bench.backends()) await bench.kill(backend)
      await news()
    },
  },
  {
    name: 'backend killed in a statement',
    sees: ['DisconnectionError'],
    run: (bench) => harmedDuring(bench, (backend) => bench.kill(backend), sleep(bench)),
  },
  {
    name: 'backend killed in a transaction, between statements',
    sees: ['DisconnectionError'],
    run: async (bench) => {
      await bench.ledger.request(async (session) => {
        await bench.kill(await backendOf(bench, session))
        await news()
        await session.execute(sql`select 1`)
      })
    },
  },
  { name: 'backend killed during COMMIT', sees: ['CommitUnknownError'], run: killDuringCommit },
  {
    name: 'connection cut before COMMIT arrives',
    sees: ['CommitUnknownError'],
    run: async (bench) => {
      await bench.ledger.request(async () => bench.network.cutBefore(/COMMIT/))
    },
  },
  {
    name: 'connection cut after COMMIT, before its answer',
    sees: ['CommitUnknownError'],
    run: async (bench) => {
      await bench.ledger.request(async () => bench.network.cutAfter(/COMMIT/))
    },
  },
  {
    name: 'server restarted under load',
    sees: ['DisconnectionError', 'OperationalError', 'CommitUnknownError'],
    run: async (bench) => {
      bench.ledger.start(4)
      await pause(200)
      await bench.restart(undefined, news)
      await bench.ledger.stop()
    },
  },
  {
    name: 'server crashed under load',
    sees: ['DisconnectionError', 'OperationalError', 'CommitUnknownError'],
    run: async (bench) => {
      bench.ledger.start(4)
      await pause(200)
      await bench.restart(bench.product.crash, news)
      await bench.ledger.stop()
    },
  },
  {
    name: 'TCP connections cut under load',
    sees: ['DisconnectionError', 'OperationalError', 'CommitUnknownError'],
    run: async (bench) => {
      bench.ledger.start(4)
      for (let round = 0; round < 10; round++) {
        await pause(30)
        bench.network.cut()
      }
      await bench.ledger.stop()
      await news()
    },
  },
  {
    name: 'TCP stalled in a statement, with `socketTimeout`',
    sees: ['DisconnectionError'],
    options: () => ({ connectArgs: { socketTimeout: 300 } }),
    run: (bench) => harmedDuring(bench, () => bench.network.stall(), nap(bench)),
  },
  {
    name: 'TCP stalled in a statement, with a transaction’s `timeout`',
    sees: ['StatementTimeoutError'],
    run: async (bench) => {
      const Session = scopedSession(sessionmaker({ bind: bench.engine }))
      const body = async () => {
        await Session.execute(sql`select 1`)
        bench.network.stall()
        await Session.execute(sql`select 2`)
      }
      bench.ledger.note(await Session.transaction(body, { timeout: 300 }).catch((error: unknown) => error))
    },
  },
  {
    name: 'TCP stalled before a ROLLBACK',
    sees: [ownError.name],
    options: () => ({ connectArgs: { socketTimeout: 300 } }),
    run: async (bench) => {
      await bench.ledger.request(async () => {
        bench.network.stall()
        throw ownError
      })
    },
  },
  {
    name: 'TCP stalled during COMMIT, with `socketTimeout`',
    sees: ['CommitUnknownError'],
    options: () => ({ connectArgs: { socketTimeout: 300 } }),
    run: async (bench) => {
      await bench.ledger.request(async () => bench.network.stall())
    },
  },
  {
    name: 'idle connections half-open, with `prePing`',
    sees: [],
    options: () => ({ pool: { prePing: true, pingTimeout: 300 } }),
    run: async (bench) => {
      await warmUp(bench)
      bench.network.halfOpen()
    },
  },
  {
    name: 'idle connections half-open, with `keepAlive`',
    sees: [],
    options: () => ({ pool: { keepAlive: 200, pingTimeout: 200 } }),
    run: async (bench) => {
      await warmUp(bench)
      bench.network.halfOpen()
      await pause(700)
    },
  },
  {
    name: 'connections refused for a while',
    sees: ['OperationalError'],
    run: async (bench) => {
      await bench.network.refuse()
      await news()
      for (let round = 0; round < 5; round++) await bench.ledger.request()
    },
  },
  {
    name: 'connecting hangs',
    sees: ['OperationalError'],
    options: ({ quickConnect }) => ({ query: quickConnect }),
    run: async (bench) => {
      bench.network.mute()
      await Promise.all([1, 2, 3, 4, 5, 6].map(() => bench.ledger.request()))
    },
  },
  {
    name: 'password refused',
    sees: ['OperationalError'],
    run: async (bench) => {
      const url = new URL(bench.network.url)
      url.username = 'guest'
      url.password = 'wrong-secret'
      const engine = createEngine(url.href)
      const error = await engine.connect().catch((failure: unknown) => failure)
      if (String((error as Error).stack).includes('wrong-secret')) throw new Error('The error tells the password.')
      bench.ledger.note(error)
      if (engine.pool.status().checkedOut > 0) throw new Error('A place of the pool is lost.')
      await engine.dispose()
    },
  },
  {
    name: 'too many connections',
    sees: ['OperationalError'],
    run: async (bench) => {
      const empty = await fillTheServer(bench)
      await bench.ledger.request()
      await empty()
    },
  },
]
