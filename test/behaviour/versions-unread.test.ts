import { expect, it } from 'vitest'
import { createAll, entity, integer, StaleDataError, sessionmaker, sql, varchar } from '../../src/index.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'

class Page extends entity('unread_pages', {
  id: integer().primaryKey(),
  title: varchar(100),
  rev: integer().version(),
}) {}

async function openPages(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [Page])
  const Sessions = sessionmaker({ bind: engine, expireOnCommit: true })
  const session = Sessions()
  const pages = ['a', 'b', 'c'].map((title) => new Page({ title }))
  session.addAll(pages)
  await session.commit()
  return { Sessions, session, pages, statements: recordStatements(engine) }
}

onEvery({}, (db) => {
  it('instances that have expired are changed and deleted without being read: the flush reads their versions, together', async () => {
    const { Sessions, session, pages, statements } = await openPages(db)
    const [a, b, c] = pages as [Page, Page, Page]
    a.title = 'a2'
    b.title = 'b2'
    session.delete(c)
    await statements.during(() => session.flush())
    expect(statements.statements.filter(({ sql: text }) => /^select(?!.* for update)/s.test(text))).toHaveLength(1)
    await session.commit()
    await session.close()
    const stored = await Sessions.begin(async (other) =>
      (await other.query(Page).orderBy('id').all()).map(({ title, rev }) => [title, rev]),
    )
    expect(stored).toEqual([
      ['a2', 2],
      ['b2', 2],
    ])
  })

  it('an expired instance whose row is gone is stale when it is written', async () => {
    const { session, pages } = await openPages(db)
    const [a] = pages as [Page]
    await session.execute(sql`delete from unread_pages`)
    a.title = 'late'
    expect(await thrownBy(() => session.flush())).toBeInstanceOf(StaleDataError)
    await session.close()
  })
})
