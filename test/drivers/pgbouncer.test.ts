import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import {
  createAll,
  entity,
  integer,
  StatementTimeoutError,
  scopedSession,
  sessionmaker,
  sql,
  text,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { findProgram } from '../support/servers/local-server.ts'
import { startPgBouncer } from '../support/servers/pgbouncer.ts'

class Job extends entity('jobs', { id: integer().primaryKey(), name: text(), state: text().default('new') }) {}

const backend = sql<{ id: number }>`select pg_backend_pid() as id`
const program = findProgram('pgbouncer')

onEvery({ on: ['postgres'] }, (db) => {
  if (program === undefined) {
    describe.skip('PgBouncer (not installed)', () => it('in transaction mode', () => {}))
    return
  }
  describe('PgBouncer in transaction mode, with `prepare=false`', () => {
    let url: string
    let stop: () => Promise<void>
    beforeAll(async () => {
      const server = inject('databases').postgres?.url ?? ''
      const started = await startPgBouncer(program, inject('databases').folder, server, 2)
      url = `${started.url}${new URL(db.url).pathname}?prepare=false`
      stop = () => started.bouncer.stop()
    })
    afterAll(() => stop())

    it('serves many sessions by few connections: each transaction has one, and writes what is its own', async () => {
      const engine = openEngine(url, { pool: { size: 10 } })
      await createAll(engine, [Job])
      const Sessions = sessionmaker({ bind: engine })
      const backends = new Set<number>()
      const work = Array.from({ length: 40 }, (_, index) =>
        Sessions.begin(async (session) => {
          const first = (await session.execute(backend)).rows[0]?.id as number
          const job = new Job({ name: `job ${index}` })
          session.add(job)
          await session.beginNested(async () => {
            job.state = 'begun'
          })
          const [same] = await session.query(Job).where('name', '=', `job ${index}`).all()
          expect(same).toBe(job)
          expect((await session.execute(backend)).rows[0]?.id).toBe(first)
          backends.add(first)
        }),
      )
      await Promise.all(work)
      expect(backends.size).toBeLessThanOrEqual(2)
      await Sessions.begin(async (session) => {
        expect(await session.query(Job).filterBy({ state: 'begun' }).count()).toBe(40)
        let seen = 0
        for await (const job of session.query(Job).stream({ batch: 7 })) seen += job.id > 0 ? 1 : 0
        expect(seen).toBe(40)
      })
    })

    it('keeps the settings of every session, whichever connection it gets', async () => {
      const engine = openEngine(url, { pool: { size: 6 } })
      const zones = Array.from({ length: 12 }, () =>
        engine.begin(async (connection) => (await connection.execute(sql`show timezone`)).scalar()),
      )
      expect(new Set(await Promise.all(zones))).toEqual(new Set(['UTC']))
    })

    it('passes the request to cancel on to the server', async () => {
      const engine = openEngine(url)
      const Session = scopedSession(sessionmaker({ bind: engine }))
      const slow = Session.transaction(() => Session.execute(sql`select pg_sleep(10)`), { timeout: 200 })
      await expect(slow).rejects.toThrow(StatementTimeoutError)
      expect(await engine.begin(async (connection) => (await connection.execute(sql`select 1`)).scalar())).toBe(1)
    })
  })
})
