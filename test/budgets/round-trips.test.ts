import { expect, it, onTestFinished } from 'vitest'
import { sessionmaker } from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { Network } from '../support/network.ts'
import { openShop, request, User } from './shop.ts'

/** Round trips on a connection that is open, with statements that it knows. */
onEvery({ on: ['postgres', 'mariadb'] }, (db) => {
  const isPostgres = db.name === 'postgres'

  async function open() {
    const url = await db.freshUrl()
    await openShop(url, 5)
    const network = await Network.open(url)
    onTestFinished(() => network.close())
    const Sessions = sessionmaker({ bind: openEngine(network.url, { pool: { size: 1, maxOverflow: 0 } }) })
    return { network, Sessions }
  }

  it('a session that reads one row: BEGIN rides with the read', async () => {
    const { network, Sessions } = await open()
    const read = () => Sessions.begin((session) => session.getOne(User, 1))
    for (let warm = 0; warm < 3; warm++) await read()
    network.takeTurns()
    await read()
    expect(network.takeTurns()).toBe(2)
  })

  it('a request that reads twice and writes two rows: the writes leave together where the protocol can do it', async () => {
    const { network, Sessions } = await open()
    for (let warm = 0; warm < 3; warm++) await Sessions.begin((session) => request(session, 1))
    network.takeTurns()
    await Sessions.begin((session) => request(session, 2))
    expect(network.takeTurns()).toBe(isPostgres ? 4 : 5)
  })

  it('a session that does nothing, and one that finds all it asks for, send nothing more', async () => {
    const { network, Sessions } = await open()
    await Sessions.begin((session) => session.getOne(User, 1))
    network.takeTurns()
    await Sessions.begin(async () => 'nothing')
    expect(network.takeTurns()).toBe(0)
    await Sessions.begin(async (session) => {
      await session.getOne(User, 2)
      network.takeTurns()
      for (let again = 0; again < 5; again++) await session.getOne(User, 2)
      expect(network.takeTurns()).toBe(0)
    })
  })
})
