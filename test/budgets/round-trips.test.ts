import { expect, it } from 'vitest'
import { sessionmaker } from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { TurnCounter } from '../support/turns.ts'
import { openShop, request, User } from './shop.ts'

/** Round trips on a connection that is open, with statements that it knows. */
onEvery({ on: ['postgres', 'mariadb'] }, (db) => {
  const isPostgres = db.name === 'postgres'

  async function open() {
    const url = await db.freshUrl()
    await openShop(url, 5)
    const turns = await TurnCounter.open(url)
    const Sessions = sessionmaker({ bind: openEngine(turns.url, { pool: { size: 1, maxOverflow: 0 } }) })
    return { turns, Sessions }
  }

  it('a session that reads one row: BEGIN rides with the read where the protocol can do it', async () => {
    const { turns, Sessions } = await open()
    const read = () => Sessions.begin((session) => session.getOne(User, 1))
    for (let warm = 0; warm < 3; warm++) await read()
    turns.take()
    await read()
    expect(turns.take()).toBe(isPostgres ? 2 : 3)
  })

  it('a request that reads twice and writes two rows: the writes leave together where the protocol can do it', async () => {
    const { turns, Sessions } = await open()
    for (let warm = 0; warm < 3; warm++) await Sessions.begin((session) => request(session, 1))
    turns.take()
    await Sessions.begin((session) => request(session, 2))
    expect(turns.take()).toBe(isPostgres ? 4 : 6)
  })

  it('a session that does nothing, and one that finds all it asks for, send nothing more', async () => {
    const { turns, Sessions } = await open()
    await Sessions.begin((session) => session.getOne(User, 1))
    turns.take()
    await Sessions.begin(async () => 'nothing')
    expect(turns.take()).toBe(0)
    await Sessions.begin(async (session) => {
      await session.getOne(User, 2)
      turns.take()
      for (let again = 0; again < 5; again++) await session.getOne(User, 2)
      expect(turns.take()).toBe(0)
    })
  })
})
