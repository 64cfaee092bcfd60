import { expect, it } from 'vitest'
import { onEvery } from '../support/index.ts'
import { countStatements, openShop, Post, request, User } from './shop.ts'

/** How many statements the workloads of the measurements may take: one more is a round trip more for every program. */
onEvery({}, (db) => {
  it('reading is one statement, and one more for each relation, however many rows there are', async () => {
    const { engine, Sessions } = await openShop(await db.freshUrl(), 60)
    const sent = countStatements(engine)
    await Sessions.begin((session) => session.getOne(User, 1))
    expect(sent()).toBe(1)
    await Sessions.begin((session) => session.query(User).orderBy('id').all())
    expect(sent()).toBe(1)
    await Sessions.begin((session) => session.query(User).with('posts').all())
    expect(sent()).toBe(2)
    await Sessions.begin((session) => session.query(User).with('posts.tags').all())
    expect(sent()).toBeLessThanOrEqual(4)
  })

  it('a request that reads twice and writes two rows is four statements', async () => {
    const { engine, Sessions } = await openShop(await db.freshUrl(), 3)
    const sent = countStatements(engine)
    await Sessions.begin((session) => request(session, 2))
    expect(sent()).toBe(4)
  })

  it('new rows, and rows that are changed differently, travel in a bounded number of statements', async () => {
    const { engine, Sessions } = await openShop(await db.freshUrl(), 3)
    const sent = countStatements(engine)
    const count = 2_000
    await Sessions.begin(async (session) => {
      session.addAll(Array.from({ length: count }, (_, n) => new User({ name: `new ${n}` })))
    })
    // SQLite's driver takes all rows of a batch within one call, as one statement with many sets of values.
    expect(sent()).toBeLessThanOrEqual(4)
    await Sessions.begin(async (session) => {
      for (const user of await session.query(User).all()) user.balance = user.id * 2
    })
    expect(sent()).toBeLessThanOrEqual(10)
    await Sessions.begin(async (session) => {
      const posts = await session.query(Post).all()
      for (const post of posts) session.delete(post)
    })
    expect(sent()).toBeLessThanOrEqual(6)
  })
})
