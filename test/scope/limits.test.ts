import { describe, expect, it } from 'vitest'
import { SessionClosedError, StatementTimeoutError, sql } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Note, openNotes, signalOf, stored, thrownBy } from './notes.ts'

const forever = () => new Promise<never>(() => {})

onEvery({}, (db) => {
  describe('the limits of transaction()', () => {
    it('a timeout rolls back, gives the connection back, and rejects although the function goes on', async () => {
      const { engine, Session } = await openNotes(db)
      const goOn = signalOf()
      const later = signalOf<unknown>()
      const error = (await thrownBy(() =>
        Session.transaction(
          async (session) => {
            session.add(new Note({ body: 'too late' }))
            await session.flush()
            await goOn.promise
            later.resolve(await thrownBy(() => session.query(Note).all()))
          },
          { timeout: 50 },
        ),
      )) as Error
      expect(error).toBeInstanceOf(StatementTimeoutError)
      expect(error.message).toMatch(/did not end within 50 ms/)
      expect(engine.pool.status().checkedOut).toBe(0)
      expect(await stored(Session)).toEqual([])
      goOn.resolve()
      expect(await later.promise).toBeInstanceOf(SessionClosedError)
      expect(engine.pool.status().checkedOut).toBe(0)
    })

    it('a signal does the same, and its reason is what is thrown', async () => {
      const { engine, Session } = await openNotes(db)
      const controller = new AbortController()
      const reason = { why: 'the client has gone' }
      const error = await thrownBy(() =>
        Session.transaction(
          async () => {
            Session.add(new Note({ body: 'too late' }))
            await Session.flush()
            controller.abort(reason)
            await forever()
          },
          { signal: controller.signal },
        ),
      )
      expect(error).toBe(reason)
      expect(engine.pool.status().checkedOut).toBe(0)
      expect(await stored(Session)).toEqual([])
    })

    it('a signal that has aborted already lets nothing begin', async () => {
      const { Session } = await openNotes(db)
      const signal = AbortSignal.abort(new Error('before'))
      const run = Session.transaction(() => expect.fail('it ran'), { signal })
      await expect(run).rejects.toThrow('before')
    })

    it('change nothing for what ends in time', async () => {
      const { engine, Session } = await openNotes(db)
      const { signal } = new AbortController()
      const failure = new Error('own')
      await Session.transaction(() => Session.add(new Note({ body: 'in time' })), { timeout: 20_000, signal })
      const failing = () => {
        Session.add(new Note({ body: 'failed' }))
        throw failure
      }
      expect(await thrownBy(() => Session.transaction(failing, { timeout: 20_000, signal }))).toBe(failure)
      const forgotten = () =>
        void Session.query(Note)
          .all()
          .catch(() => {})
      const refused = Session.transaction(forgotten, { timeout: 20_000 })
      await expect(refused).rejects.toThrow(/had not ended on the same session/)
      const forgottenWork = () => {
        Session.add(new Note({ body: 'forgotten' }))
        forgotten()
      }
      await expect(Session.transaction(forgottenWork, { timeout: 20_000 })).rejects.toThrow(/an await is missing/)
      expect(engine.pool.status().checkedOut).toBe(0)
      expect(await stored(Session)).toEqual(['in time'])
    })

    it('of a part end the transaction that it takes part in', async () => {
      const { engine, Session } = await openNotes(db)
      const error = await thrownBy(() =>
        Session.begin(async () => {
          Session.add(new Note({ body: 'outer' }))
          await Session.flush()
          const part = Session.transaction(forever, { timeout: 20 })
          await expect(part).rejects.toThrow(StatementTimeoutError)
          await expect(Session.query(Note).all()).rejects.toThrow(SessionClosedError)
        }),
      )
      expect(error).toBeInstanceOf(SessionClosedError)
      expect(engine.pool.status().checkedOut).toBe(0)
      expect(await stored(Session)).toEqual([])
    })

    it('get free also of a savepoint whose function never ends, by discarding the connection', async () => {
      const { engine, Session } = await openNotes(db)
      const discarded: unknown[] = []
      engine.on('invalidate', ({ reason }) => void discarded.push(reason))
      const reason = new Error('stuck')
      const controller = new AbortController()
      const stuck = Session.transaction(
        (session) =>
          session.beginNested(async () => {
            await session.query(Note).all()
            controller.abort(reason)
            await forever()
          }),
        { signal: controller.signal },
      )
      expect(await thrownBy(() => stuck)).toBe(reason)
      expect(discarded).toEqual([reason])
      expect(engine.pool.status().checkedOut).toBe(0)
    })
  })
})

onEvery({ needs: ['server'] }, (db) => {
  const slow = db.can('lockOf') ? sql`select pg_sleep(60)` : sql`select sleep(60)`

  it('a timeout cancels the running statement on the server', async () => {
    const { engine, Session } = await openNotes(db, { engine: { pool: { size: 1, maxOverflow: 0 } } })
    const error = await thrownBy(() => Session.transaction(() => Session.execute(slow), { timeout: 200 }))
    expect(error).toBeInstanceOf(StatementTimeoutError)
    expect((error as Error).message).toMatch(/did not end within 200 ms/)
    expect(engine.pool.status().checkedOut).toBe(0)
    const running = await Session.run(() =>
      engine.begin((connection) => connection.execute(sleepers(db.can('lockOf')))),
    )
    expect(running.rows).toEqual([])
  })

  it('a timeout covers the flush of what the function has left', async () => {
    const { engine, Session } = await openNotes(db)
    await Session.begin(() => Session.add(new Note({ id: 1, body: 'free' })))
    await Session.begin(async () => {
      await Session.getOne(Note, 1, { forUpdate: true })
      const blocked = Session.transaction(
        async () => {
          const note = await Session.getOne(Note, 1)
          note.body = 'blocked'
        },
        { timeout: 200, propagation: 'new' },
      )
      await expect(blocked).rejects.toThrow(/did not end within/)
      expect(engine.pool.status().checkedOut).toBe(1)
    })
    expect(await stored(Session)).toEqual(['free'])
  })

  it('a timeout ends the wait for a connection', async () => {
    const { engine, Session } = await openNotes(db, { engine: { pool: { size: 1, maxOverflow: 0 } } })
    await Session.begin(async () => {
      await Session.query(Note).all()
      const waiting = Session.transaction(() => Session.query(Note).all(), { timeout: 50, propagation: 'new' })
      await expect(waiting).rejects.toThrow(StatementTimeoutError)
      expect(engine.pool.status().waiting).toBe(0)
    })
  })
})

/** The statements that sleep on the server. */
function sleepers(isPostgres: boolean) {
  return isPostgres
    ? sql`select pid from pg_stat_activity where state = 'active' and query like 'select pg_sleep%' and datname = current_database()`
    : sql`select id from information_schema.processlist where info like 'select sleep%' and db = database()`
}

onEvery({ on: ['sqlite'] }, (db) => {
  it('a timeout ends the wait for the permission to write', async () => {
    const { engine, Session } = await openNotes(db)
    await Session.begin(async () => {
      Session.add(new Note({ body: 'writer' }))
      await Session.flush()
      const waiting = Session.transaction(() => Session.query(Note).all(), { timeout: 50, propagation: 'new' })
      await expect(waiting).rejects.toThrow(/did not end within 50 ms/)
      expect(engine.pool.status().checkedOut).toBe(1)
    })
    expect(await stored(Session)).toEqual(['writer'])
  })
})
