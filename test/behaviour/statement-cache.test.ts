import { expect, it } from 'vitest'
import { createAll, prepared, query, sessionmaker } from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { Author } from './library.ts'

onEvery({}, (db) => {
  it('a prepared query serves every session, and its text is compiled once', async () => {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Author])
    const Sessions = sessionmaker({ bind: engine })
    await Sessions.begin((session) => session.addAll(['ed', 'jo'].map((name) => new Author({ name }))))
    const byName = prepared((name: string) => query(Author).where('name', '=', name))
    await Sessions.begin(async (first) => expect((await byName(first, 'ed').one()).name).toBe('ed'))
    const { misses, hits } = engine.statementCache
    await using second = Sessions()
    expect((await byName(second, 'jo').one()).name).toBe('jo')
    expect(await byName(second, 'nobody').oneOrNull()).toBeNull()
    expect(engine.statementCache.misses - misses).toBe(0)
    expect(engine.statementCache.hits - hits).toBe(2)
    expect(() => query(Author)).toThrow('prepared()')
    expect(() => byName({} as never, 'ed')).toThrow('a session is needed')
  })

  it('one cache holds what queries and flushes compile, and never more than it may', async () => {
    const engine = openEngine(await db.freshUrl(), { statementCache: 5 })
    await createAll(engine, [Author])
    await using session = sessionmaker({ bind: engine })()
    for (let n = 0; n < 40; n++) {
      const ids = Array.from({ length: n + 1 }, (_, i) => i)
      let authors = session.query(Author).where('id', 'in', ids)
      for (let again = 0; again < n % 7; again++) authors = authors.where('name', '!=', `a${again}`)
      await authors.all()
      session.add(new Author({ name: `b${n}`, ...(n % 2 === 0 ? { motto: 'x' } : {}) }))
      await session.flush()
    }
    expect(engine.statementCache.size).toBe(5)
    expect(engine.statementCache.limit).toBe(5)
    expect(engine.statementCache.misses).toBeGreaterThan(5)
    expect(await session.query(Author).count()).toBe(40)
  })

  it('a cache of none compiles each time', async () => {
    const engine = openEngine(await db.freshUrl(), { statementCache: 0 })
    await createAll(engine, [Author])
    await using session = sessionmaker({ bind: engine })()
    session.add(new Author({ name: 'ed' }))
    for (let n = 0; n < 3; n++) expect((await session.query(Author).where('name', '=', 'ed').one()).name).toBe('ed')
    expect(engine.statementCache).toMatchObject({ hits: 0, size: 0, limit: 0 })
  })
})
