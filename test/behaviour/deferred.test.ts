import { expect, it } from 'vitest'
import {
  ArgumentError,
  createAll,
  defer,
  entity,
  InvalidRequestError,
  integer,
  MappingError,
  NotLoadedError,
  ObjectDeletedError,
  sessionmaker,
  sql,
  text,
  undefer,
  undeferGroup,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'

class Paper extends entity('dfr_papers', {
  id: integer().primaryKey(),
  title: varchar(50),
  body: text().deferred('long'),
  notes: text().nullable().deferred('long'),
  scan: text().nullable().deferred(),
}) {}

async function openPapers(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [Paper])
  const Sessions = sessionmaker({ bind: engine })
  await Sessions.begin((session) => {
    for (const n of [1, 2, 3]) session.add(new Paper({ title: `t${n}`, body: `b${n}`, notes: `n${n}`, scan: `s${n}` }))
  })
  return { Sessions, statements: recordStatements(engine) }
}

onEvery({}, (db) => {
  it('LOAD-023 deferred columns are not in the select; loading one brings its group, for all that came with it, in one statement', async () => {
    const { Sessions, statements } = await openPapers(db)
    await using session = Sessions({ autoflush: false })
    const papers = await session.query(Paper).orderBy('id').all()
    expect(statements.statements[0]?.sql).not.toMatch(/body|notes|scan/)
    expect(() => papers[0]?.body).toThrow(NotLoadedError)
    Object.assign(papers[1] as Paper, { notes: 'edited' })
    statements.clear()
    await session.load(papers[0] as Paper, 'body')
    await session.load(papers[2] as Paper, 'notes')
    statements.expectExactly(/^select (?!.*scan)/)
    expect(papers.map(({ body, notes }) => [body, notes])).toEqual([
      ['b1', 'n1'],
      ['b2', 'edited'],
      ['b3', 'n3'],
    ])
    expect([...session.dirty]).toEqual([papers[1]])
    expect(() => papers[0]?.scan).toThrow(NotLoadedError)
  })

  it('LOAD-024 setting a deferred column that is not loaded loads nothing', async () => {
    const { Sessions, statements } = await openPapers(db)
    await using session = Sessions()
    const paper = await session.getOne(Paper, 1)
    statements.clear()
    paper.body = 'set'
    statements.expectCount(0)
    await session.commit()
    statements.expectExactly('update dfr_papers set body')
    expect(paper.body).toBe('set')
  })

  it('groups and columns are put into the select, or left out, by the query', async () => {
    const { Sessions, statements } = await openPapers(db)
    await using session = Sessions()
    const paper = await session.query(Paper).options(undeferGroup('long')).where('id', '=', 1).one()
    expect([paper.body, paper.notes]).toEqual(['b1', 'n1'])
    expect(() => paper.scan).toThrow(NotLoadedError)
    session.expungeAll()
    const all = await session.query(Paper).options(undefer('*'), defer('title')).where('id', '=', 1).one()
    expect([all.scan, all.body]).toEqual(['s1', 'b1'])
    expect(() => all.title).toThrow(NotLoadedError)
    statements.clear()
    await session.load(all, 'title', 'body')
    statements.expectCount(1)
    await session.load(all, 'title', 'body')
    statements.expectCount(1)
    expect(() => session.query(Paper).options(undeferGroup('short'))).toThrow(/no group 'short'.*it has long/)
    expect(() => text().deferred('')).toThrow(MappingError)
    await expect(session.load(all, 'ttle' as never)).rejects.toThrow(ArgumentError)
    await expect(session.load(new Paper({ title: 'n', body: 'b' }), 'scan')).rejects.toThrow(InvalidRequestError)
  })

  it('EXP-001 EXP-007 EXP-012 what is expired or was left out is loaded on demand in one statement; a row that is gone is told', async () => {
    const { Sessions, statements } = await openPapers(db)
    await using session = Sessions()
    const [first, second] = await session.query(Paper).orderBy('id').options(defer('title')).all()
    statements.clear()
    await session.load(first as Paper, 'title')
    statements.expectCount(1)
    expect(second?.title).toBe('t2')
    session.expire(first as Paper)
    session.expire(second as Paper)
    statements.clear()
    await session.load(first as Paper, 'title')
    statements.expectCount(1)
    expect(first?.title).toBe('t1')
    session.expire(first as Paper)
    await session.execute(sql`delete from dfr_papers where id = 1`)
    await expect(session.load(first as Paper, 'title')).rejects.toThrow(ObjectDeletedError)
    await expect(session.refresh(first as Paper)).rejects.toThrow(ObjectDeletedError)
    await session.load(second as Paper, 'scan')
    expect(second?.scan).toBe('s2')
  })
})
