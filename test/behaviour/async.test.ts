import { expect, it } from 'vitest'
import { InvalidRequestError, ResourceClosedError, scopedSession, sql } from '../../src/index.ts'
import { Note, openNotes, stored, thrownBy } from '../scope/notes.ts'
import { onEvery } from '../support/index.ts'
import { connectionsOut, namesIn, openPeople, Person } from './people.ts'

onEvery({}, (db) => {
  it('ASYNC-004 begin() works awaited, as a scope that ends by itself, and with a function', async () => {
    const { Sessions, engine } = await openPeople(db)
    await using session = Sessions()
    const awaited = await session.begin()
    session.add(new Person({ name: 'awaited' }))
    await awaited.commit()
    {
      await using _undone = await session.begin()
      session.add(new Person({ name: 'never committed' }))
      await session.flush()
    }
    await session.begin(() => session.add(new Person({ name: 'with a function' })))
    expect([session.inTransaction(), connectionsOut(engine)]).toEqual([false, 0])
    expect(await namesIn(Sessions)).toEqual(['awaited', 'with a function'])
  })

  it('ASYNC-004 begin() that is not awaited has begun before anything that is called after it', async () => {
    const { Sessions, engine } = await openPeople(db)
    const session = Sessions()
    const begun = session.begin()
    session.add(new Person({ name: 'ed' }))
    const flushed = session.flush()
    expect(await begun).toBe(session.getTransaction())
    await flushed
    await (await begun).rollback()
    expect([session.inTransaction(), connectionsOut(engine)]).toEqual([false, 0])
    expect(await namesIn(Sessions)).toEqual([])
  })

  it('ASYNC-004 a transaction or a connection is refused after its end', async () => {
    const { Sessions, engine } = await openPeople(db)
    await using session = Sessions()
    const ended = await session.begin()
    await ended.commit()
    for (const end of ['commit', 'rollback'] as const) {
      await expect(ended[end]()).rejects.toBeInstanceOf(ResourceClosedError)
    }
    const connection = await engine.connect()
    const transaction = await connection.begin()
    await expect(connection.begin()).rejects.toBeInstanceOf(InvalidRequestError)
    await transaction.rollback()
    await connection.close()
    for (const use of [() => connection.execute(sql`select 1`), () => connection.begin()]) {
      await expect(use()).rejects.toBeInstanceOf(ResourceClosedError)
    }
  })

  it('ASYNC-005 a scope that is aborted at any moment rolls back and gives its connection back', async () => {
    const { Sessions, engine } = await openPeople(db)
    const Session = scopedSession(Sessions)
    const names = ['before anything', 'after a flush', 'in a savepoint', 'beside a query'] as const
    for (const moment of names) {
      const controller = new AbortController()
      const reason = new Error(moment)
      const abortAndWait = () => {
        controller.abort(reason)
        return new Promise<never>(() => {})
      }
      const body = async () => {
        if (moment === 'before anything') return abortAndWait()
        Session.add(new Person({ name: moment }))
        await Session.flush()
        if (moment === 'in a savepoint') {
          return Session.beginNested(async () => {
            controller.abort(reason)
            await Session.query(Person).all()
          })
        }
        if (moment === 'beside a query')
          Session.query(Person)
            .all()
            .catch(() => {})
        return abortAndWait()
      }
      expect(await thrownBy(() => Session.transaction(body, { signal: controller.signal }))).toBe(reason)
      expect([moment, connectionsOut(engine)]).toEqual([moment, 0])
    }
    expect(await namesIn(Sessions)).toEqual([])
  })

  it('ASYNC-005 a session that is left by an error gives its connection back, whatever was not awaited', async () => {
    const { Sessions, engine } = await openPeople(db)
    const failure = new Error('the caller has gone')
    const left = async () => {
      await using session = Sessions()
      session.add(new Person({ name: 'never' }))
      await session.flush()
      session
        .query(Person)
        .all()
        .catch(() => {})
      throw failure
    }
    expect(await thrownBy(left)).toBe(failure)
    expect(connectionsOut(engine)).toBe(0)
    expect(await namesIn(Sessions)).toEqual([])
  })
})

onEvery({}, (db) => {
  it('ASYNC-005 who is aborted while waiting for a connection leaves the queue', async () => {
    const { engine, Session } = await openNotes(db, { engine: { pool: { size: 1, maxOverflow: 0 } } })
    const held = await engine.connect()
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = Session.transaction(() => Session.get(Note, 1), { signal: controller.signal })
    setImmediate(() => {
      expect(engine.pool.status().waiting).toBe(1)
      controller.abort(reason)
    })
    expect(await thrownBy(() => waiting)).toBe(reason)
    expect(engine.pool.status()).toMatchObject({ checkedOut: 1, waiting: 0 })
    await held.close()
    expect(await stored(Session)).toEqual([])
  })
})
