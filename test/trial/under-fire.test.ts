import { describe, expect, it } from 'vitest'
import {
  createAll,
  type Engine,
  entity,
  type HeddleError,
  integer,
  type Session,
  sessionmaker,
  sql,
  text,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'

class Job extends entity('jobs', { id: integer().primaryKey(), runs: integer(), note: text().nullable() }) {}

async function openJobs(db: TestDatabase, size = 5, prePing = false) {
  const url = await db.freshUrl()
  const engine = openEngine(url, { pool: { size, prePing, maxOverflow: 0, timeout: 60_000 } })
  await createAll(engine, [Job])
  return { url, engine, Sessions: sessionmaker({ bind: engine }) }
}

/** Ends every other connection to the database from outside. */
async function killOthers(url: string): Promise<void> {
  const admin = openEngine(url)
  await admin.begin(async (connection) => {
    if (admin.name === 'postgres') {
      await connection.execute(sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`)
      return
    }
    const { rows } = await connection.execute(sql<{ id: number }>`
      select id from information_schema.processlist where db = database() and id <> connection_id()`)
    for (const { id } of rows) await connection.execute(sql.raw(`kill ${id}`))
  })
  await admin.dispose()
}

/** Settles when both sides have come this far. */
function meeting(sides: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let missing = sides
  return () => {
    missing -= 1
    if (missing === 0) resolve()
    return promise
  }
}

async function namesOfFailures(work: readonly Promise<unknown>[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(work)
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [(outcome.reason as Error).name] : []))
}

const idle = (engine: Engine) => expect(engine.pool.status()).toMatchObject({ checkedOut: 0, waiting: 0 })

onEvery({ needs: ['writers'] }, (db) => {
  describe('a pool of five', () => {
    it('serves 500 sessions at once, each with what is its own, and keeps what did not fail', async () => {
      const { engine, Sessions } = await openJobs(db)
      let most = 0
      engine.on('checkout', () => {
        most = Math.max(most, engine.pool.status().checkedOut)
      })
      const work = async (session: Session, at: number) => {
        const job = new Job({ runs: at })
        session.add(job)
        await session.flush()
        if (at % 7 === 0) throw new RangeError('on purpose')
        expect(await session.get(Job, job.id)).toBe(job)
      }
      const all = Array.from({ length: 500 }, (_, at) => Sessions.begin((session) => work(session, at)))
      const failures = await namesOfFailures(all)
      expect(failures).toEqual(Array(72).fill('RangeError'))
      expect(most).toBe(5)
      expect(await Sessions.begin((session) => session.query(Job).count())).toBe(428)
      idle(engine)
    })

    it('that is pinged replaces connections that were killed while idle before anybody notices', async () => {
      const { url, engine, Sessions } = await openJobs(db, 5, true)
      const arrived = meeting(5)
      await Promise.all(
        Array.from({ length: 5 }, () =>
          Sessions.begin(async (session) => {
            await session.query(Job).count()
            await arrived()
          }),
        ),
      )
      await killOthers(url)
      for (let at = 0; at < 10; at += 1) {
        expect(await Sessions.begin((session) => session.query(Job).count())).toBe(0)
      }
      idle(engine)
    })

    it('gives the work of a killed transaction up by name, stores nothing of it, and goes on', async () => {
      const { url, engine, Sessions } = await openJobs(db, 1)
      const cut = Sessions.begin(async (session) => {
        session.add(new Job({ runs: 1 }))
        await session.flush()
        await killOthers(url)
        session.add(new Job({ runs: 2 }))
      })
      await expect(cut).rejects.toMatchObject({ name: 'DisconnectionError', connectionInvalidated: true })
      idle(engine)
      expect(await Sessions.begin((session) => session.query(Job).count())).toBe(0)
      idle(engine)
    })

    it('survives a connection that is killed in the middle of a statement', async () => {
      const { url, engine, Sessions } = await openJobs(db, 1)
      const sleep = engine.name === 'postgres' ? sql`select pg_sleep(20)` : sql`select sleep(20)`
      const cut = Sessions.begin((session) => session.execute(sleep))
      const settled = cut.then(
        () => 'no error',
        (error: HeddleError) => error.name,
      )
      while (engine.pool.status().checkedOut === 0) await new Promise((resolve) => setImmediate(resolve))
      let done = false
      void settled.then(() => {
        done = true
      })
      while (!done) await killOthers(url)
      expect(await settled).toBe('DisconnectionError')
      idle(engine)
      expect(await Sessions.begin((session) => session.query(Job).count())).toBe(0)
    })
  })

  describe("two sessions in each other's way", () => {
    it('a deadlock fails one of them by name, and the other is stored', async () => {
      const { engine, Sessions } = await openJobs(db)
      await Sessions.begin((session) => session.addAll([new Job({ id: 1, runs: 0 }), new Job({ id: 2, runs: 0 })]))
      const arrived = meeting(2)
      const cross = (first: number, second: number) =>
        Sessions.begin(async (session) => {
          ;(await session.getOne(Job, first)).runs += 1
          await session.flush()
          await arrived()
          ;(await session.getOne(Job, second)).runs += 1
        })
      expect(await namesOfFailures([cross(1, 2), cross(2, 1)])).toEqual(['DeadlockError'])
      const jobs = await Sessions.begin((session) => session.query(Job).orderBy('id').all())
      expect(jobs.map(({ runs }) => runs)).toEqual([1, 1])
      idle(engine)
    })

    it('a lock that is not to be had is refused by name, and the holder is not disturbed', async () => {
      const { engine, Sessions } = await openJobs(db)
      await Sessions.begin((session) => session.add(new Job({ id: 1, runs: 0 })))
      await Sessions.begin(async (holder) => {
        const job = await holder.getOne(Job, 1, { forUpdate: true })
        const second = Sessions.begin((session) => session.get(Job, 1, { forUpdate: { nowait: true } }))
        await expect(second).rejects.toMatchObject({ name: 'LockNotAvailableError' })
        job.runs = 7
      })
      expect((await Sessions.begin((session) => session.getOne(Job, 1))).runs).toBe(7)
      idle(engine)
    })

    it('serializable transactions that cannot be put in an order fail by a name that may be retried', async () => {
      const { url, engine, Sessions } = await openJobs(db)
      const serializable = openEngine(url, { isolation: 'serializable' })
      const arrived = meeting(2)
      const count = () =>
        sessionmaker({ bind: serializable }).begin(async (session) => {
          const runs = await session.query(Job).count()
          await arrived()
          session.add(new Job({ runs }))
        })
      const names = await namesOfFailures([count(), count()])
      expect(names).toHaveLength(1)
      expect(['SerializationError', 'DeadlockError']).toContain(names[0])
      expect(await Sessions.begin((session) => session.query(Job).count())).toBe(1)
      idle(engine)
    })
  })
})

onEvery({}, (db) => {
  it('a get and a change are one SELECT, one UPDATE and one COMMIT', async () => {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Job])
    const Sessions = sessionmaker({ bind: engine })
    await Sessions.begin((session) => session.add(new Job({ id: 1, runs: 0 })))
    const statements = recordStatements(engine)
    const ends: string[] = []
    for (const name of ['begin', 'commit', 'rollback', 'savepoint'] as const) engine.on(name, () => ends.push(name))
    await Sessions.begin(async (session) => {
      const job = await session.getOne(Job, 1)
      expect(await session.get(Job, 1)).toBe(job)
      job.runs = 1
    })
    expect(statements.statements.map((statement) => statement.sql.split(' ', 1)[0])).toEqual(['select', 'update'])
    expect(ends).toEqual(['begin', 'commit'])
  })
})
