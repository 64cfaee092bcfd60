import { expect, it } from 'vitest'
import type { DriverConnection } from '../../src/drivers/index.ts'
import { type Engine, StaleDataError, sql, UniqueViolationError } from '../../src/index.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { onEvery } from '../support/index.ts'
import { Account, connectionsOut, openPeople, Person, Tag } from './people.ts'

/** How many statements of an engine's connections were on their way at the same time, at the most. */
function watchFlights(engine: Engine) {
  const flights = { now: 0, most: 0 }
  engine.on('connect', ({ resource }) => {
    const driver = resource as { -readonly [Name in keyof DriverConnection]: DriverConnection[Name] }
    const { run } = driver
    driver.run = async (statement) => {
      flights.now++
      flights.most = Math.max(flights.most, flights.now)
      try {
        return await run.call(driver, statement)
      } finally {
        flights.now--
      }
    }
  })
  return flights
}

async function openWatched(db: Parameters<typeof openPeople>[0]) {
  const opened = await openPeople(db)
  const { engine, Sessions } = opened
  await Sessions.begin((session) =>
    session.addAll([new Account({ email: 'a' }), new Person({ name: 'ed' }), new Tag({ code: 'x' })]),
  )
  await engine.dispose()
  return { ...opened, flights: watchFlights(engine) }
}

onEvery({ on: ['postgres'] }, (db) => {
  it('the small statements of a flush leave together: one round trip for an insert, an update and a delete', async () => {
    const { Sessions, flights, statements } = await openWatched(db)
    await Sessions.begin(async (session) => {
      const ed = await session.query(Person).one()
      const tag = await session.getOne(Tag, 'x')
      session.add(new Account({ email: 'b' }))
      ed.name = 'eduard'
      session.delete(tag)
      flights.most = 0
      await statements.during(() => session.flush())
    })
    statements.expectCount(3)
    expect(flights.most).toBe(3)
    const stored = await Sessions.begin(async (session) => [
      (await session.query(Person).one()).name,
      await session.query(Account).count(),
      await session.query(Tag).count(),
    ])
    expect(stored).toEqual(['eduard', 2, 0])
  })

  it('a statement that waits for a key of another row is sent when that row is answered', async () => {
    const { Sessions, flights } = await openWatched(db)
    await Sessions.begin(async (session) => {
      await session.query(Person).all()
      flights.most = 0
      session.addAll([new Person({ name: 'a' }), new Account({ email: 'c' })])
      await session.flush()
      expect([flights.most, await session.query(Person).count()]).toEqual([2, 2])
    })
  })

  it('of many new rows the second thousand leaves before the first is answered, and each row gets its own key', async () => {
    const { Sessions, flights } = await openWatched(db)
    await Sessions.begin(async (session) => {
      await session.query(Account).all()
      flights.most = 0
      const accounts = Array.from({ length: 12_500 }, (_, n) => new Account({ email: `${n}@x.org` }))
      session.addAll(accounts)
      await session.flush()
      expect(flights.most).toBe(8)
      const stored = await session.execute<{ id: number; email: string }>(sql`select id, email from accounts`)
      const idOf = new Map(stored.rows.map(({ id, email }) => [email, id]))
      expect(accounts.map(({ id }) => id)).toEqual(accounts.map(({ email }) => idOf.get(email)))
    })
  })
})

// The engine is disposed of in between, and a database in memory goes with its connection.
onEvery({ needs: ['outlivesConnection'] }, (db) => {
  it('of statements that left together the first that fails is told, and nothing of any is stored', async () => {
    const { engine, Sessions } = await openWatched(db)
    const session = Sessions()
    const ed = await session.query(Person).one()
    session.add(new Account({ email: 'a' }))
    ed.name = 'eduard'
    session.add(new Tag({ code: 'y' }))
    expect(await thrownBy(() => session.flush())).toBeInstanceOf(UniqueViolationError)
    await session.rollback()
    expect(ed.name).toBe('ed')
    await session.close()
    const stored = await Sessions.begin(async (other) => [
      (await other.query(Person).one()).name,
      await other.query(Account).count(),
      (await other.query(Tag).all()).map(({ code }) => code),
    ])
    expect(stored).toEqual(['ed', 1, ['x']])
    expect(connectionsOut(engine)).toBe(0)
  })

  it('one bad row of several thousand fails all of them, and they can be added again', async () => {
    const { Sessions } = await openWatched(db)
    const session = Sessions()
    await session.query(Account).all()
    const accounts = Array.from({ length: 5_000 }, (_, n) => new Account({ email: n === 2_500 ? 'a' : `${n}@x.org` }))
    session.addAll(accounts)
    expect(await thrownBy(() => session.flush())).toBeInstanceOf(UniqueViolationError)
    await session.rollback()
    expect(accounts.map(({ id }) => id).every((id) => id === null)).toBe(true)
    const [bad] = accounts.slice(2_500)
    if (bad !== undefined) bad.email = 'b'
    session.addAll(accounts)
    await session.commit()
    await session.close()
    expect(await Sessions.begin((other) => other.query(Account).count())).toBe(5_001)
  })

  it('a row that is gone is found among statements that left together', async () => {
    const { Sessions } = await openWatched(db)
    const session = Sessions()
    const ed = await session.query(Person).one()
    await session.execute(sql`delete from people`)
    ed.name = 'eduard'
    session.add(new Account({ email: 'z' }))
    expect(await thrownBy(() => session.flush())).toBeInstanceOf(StaleDataError)
    await session.close()
    expect(await Sessions.begin((other) => other.query(Account).count())).toBe(1)
  })
})
