import { describe, expect, it } from 'vitest'
import {
  createAll,
  entity,
  FlushError,
  flagModified,
  integer,
  json,
  manyToOne,
  oneToMany,
  StaleDataError,
  sessionmaker,
  sql,
  text,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'
import { warningsDuring } from '../support-unit/warnings.ts'

class Page extends entity('ver_pages', {
  id: integer().primaryKey(),
  title: varchar(100),
  notes: json<string[]>().default([]),
  rev: integer().version(),
  get lines() {
    return oneToMany(() => Line, { backPopulates: 'page' })
  },
}) {}

class Line extends entity('ver_lines', {
  id: integer().primaryKey(),
  words: text(),
  pageId: integer().nullable().references('ver_pages.id'),
  get page() {
    return manyToOne(() => Page, { foreignKey: 'pageId', backPopulates: 'lines' }).nullable()
  },
}) {}

/** Only the program changes the version. */
class Sheet extends entity('ver_sheets', {
  id: integer().primaryKey(),
  title: varchar(100),
  rev: integer().version(false),
}) {}

let made = 0
/** Versions that the program makes. */
class Token extends entity('ver_tokens', {
  id: integer().primaryKey(),
  title: varchar(100),
  rev: varchar(40).version((previous) => `${previous ?? 'first'}-${++made}`),
}) {}

/** No version. */
class Plain extends entity('ver_plain', { id: integer().primaryKey(), title: varchar(100) }) {}

/** A key of its own, so that a row can be replaced. */
class Slot extends entity('ver_slots', {
  code: varchar(10).primaryKey(),
  title: varchar(100),
  rev: integer().version(),
}) {}

async function openPages(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [Page, Line, Sheet, Token, Plain, Slot])
  return { statements: recordStatements(engine), Sessions: sessionmaker({ bind: engine }) }
}

onEvery({}, (db) => {
  it('VER-001 an INSERT stores 1, each UPDATE finds its row by the old version and stores the next, and several rows of a flush are bumped once each', async () => {
    const { Sessions, statements } = await openPages(db)
    await using session = Sessions()
    const pages = ['a', 'b', 'c'].map((title) => new Page({ title }))
    session.addAll(pages)
    await session.commit()
    expect(pages.map(({ rev }) => rev)).toEqual([1, 1, 1])
    statements.clear()
    for (const page of pages) page.title += '!'
    await session.flush()
    expect(pages.map(({ rev }) => rev)).toEqual([2, 2, 2])
    const updates = statements.statements.filter(({ sql }) => /^update/i.test(sql))
    expect(updates.length).toBeGreaterThan(0)
    expect(updates.every(({ sql }) => /where[\s\S]*rev/i.test(sql) || /rev[\s\S]*from/i.test(sql))).toBe(true)
    await session.flush()
    expect(pages.map(({ rev }) => rev)).toEqual([2, 2, 2])
    await session.commit()
    expect(await session.scalars(sql`select rev from ver_pages`)).toEqual([2, 2, 2])
  })

  it('VER-001 a document flagged as modified bumps the version', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const page = new Page({ title: 'a' })
    session.add(page)
    await session.commit()
    page.notes.push('more')
    flagModified(page, 'notes')
    await session.commit()
    expect(page.rev).toBe(2)
  })

  it('VER-002 an UPDATE and a DELETE of a stale version raise StaleDataError, a DELETE without a version only warns', async () => {
    const { Sessions } = await openPages(db)
    await Sessions.begin((session) => session.addAll([new Page({ title: 'a' }), new Plain({ title: 'a' })]))
    await using session = Sessions()
    const page = await session.getOne(Page, 1)
    const plain = await session.getOne(Plain, 1)
    await session.commit()
    await Sessions.begin(async (other) => {
      const same = await other.getOne(Page, 1)
      same.title = 'somebody else'
      other.delete(await other.getOne(Plain, 1))
    })
    page.title = 'mine'
    const error: unknown = await session.flush().catch((failure: unknown) => failure)
    expect(error).toBeInstanceOf(StaleDataError)
    expect((error as StaleDataError).identities).toEqual(['Page#1'])
    await session.rollback()
    await session.refresh(page)
    expect([page.title, page.rev]).toEqual(['somebody else', 2])
    await session.commit()
    await Sessions.begin(async (other) => {
      ;(await other.getOne(Page, 1)).title = 'again'
    })
    session.delete(page)
    await expect(session.flush()).rejects.toThrow(/Deleting 1 row\(s\) of Page: Page#1 .*another version/)
    await session.rollback()
    session.delete(plain)
    const warnings = await warningsDuring(() => session.commit())
    expect(warnings.map(({ code }) => code)).toEqual(['HEDDLE_DELETE_MISSED'])
  })

  it('VER-002 a batch names the rows that are stale, and none of it is stored', async () => {
    const { Sessions } = await openPages(db)
    await Sessions.begin((session) => session.addAll([1, 2, 3, 4, 5].map((n) => new Page({ title: `p${n}` }))))
    await using session = Sessions()
    const pages = await session.query(Page).orderBy('id').all()
    await session.commit()
    await Sessions.begin(async (other) => {
      for (const id of [2, 4]) (await other.getOne(Page, id)).title = 'theirs'
    })
    for (const page of pages) page.title = 'mine'
    const error: unknown = await session.commit().catch((failure: unknown) => failure)
    expect(error).toBeInstanceOf(StaleDataError)
    expect((error as StaleDataError).identities).toEqual(['Page#2', 'Page#4'])
    expect(String(error)).toMatch(/Page#2, Page#4/)
    await session.rollback()
    const titles = await session.scalars(sql`select title from ver_pages order by id`)
    expect(titles).toEqual(['p1', 'theirs', 'p3', 'theirs', 'p5'])
  })

  it('VER-003 after a rollback the version is the old one again and the next update succeeds, in a savepoint too', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const page = new Page({ title: 'a' })
    session.add(page)
    await session.commit()
    page.title = 'b'
    await session.flush()
    expect(page.rev).toBe(2)
    await session.rollback()
    expect([page.title, page.rev]).toEqual(['a', 1])
    page.title = 'c'
    await session.flush()
    const savepoint = await session.beginNested()
    page.title = 'd'
    await session.flush()
    expect(page.rev).toBe(3)
    await savepoint.rollback()
    expect([page.title, page.rev]).toEqual(['c', 2])
    page.title = 'e'
    await session.commit()
    expect([page.title, page.rev]).toEqual(['e', 3])
  })

  it('VER-003 a failed flush leaves the version as it was', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const page = new Page({ title: 'a' })
    session.add(page)
    await session.commit()
    page.title = 'b'
    session.add(new Plain({ title: null as never }))
    await expect(session.flush()).rejects.toThrow()
    expect([page.title, page.rev]).toEqual(['b', 1])
  })

  it('VER-004 a version set by hand is stored, and the committed one finds the row', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const page = new Page({ title: 'a', rev: 7 })
    session.add(page)
    await session.commit()
    expect(page.rev).toBe(7)
    page.rev = 20
    await session.commit()
    expect(await session.scalar(sql`select rev from ver_pages`)).toBe(20)
    page.title = 'b'
    await session.commit()
    expect(page.rev).toBe(21)
  })

  it('VER-004 with a disabled generator the version changes only by hand, and guards all the same', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const sheet = new Sheet({ title: 'a', rev: 5 })
    session.add(sheet)
    await session.commit()
    sheet.title = 'b'
    await session.commit()
    expect(sheet.rev).toBe(5)
    sheet.title = 'c'
    sheet.rev = 9
    await session.commit()
    expect(sheet.rev).toBe(9)
    await Sessions.begin(async (other) => {
      const same = await other.getOne(Sheet, sheet.id)
      same.rev = 10
    })
    sheet.title = 'd'
    await expect(session.commit()).rejects.toThrow(StaleDataError)
    await session.rollback()
  })

  it('VER-004 versions that the program makes are made from the stored one', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const token = new Token({ title: 'a' })
    session.add(token)
    await session.commit()
    const first = token.rev
    expect(first).toMatch(/^first-\d+$/)
    token.title = 'b'
    await session.commit()
    expect(token.rev.startsWith(`${first}-`)).toBe(true)
    await Sessions.begin(async (other) => {
      ;(await other.getOne(Token, token.id)).title = 'theirs'
    })
    token.title = 'mine'
    await expect(session.commit()).rejects.toThrow(StaleDataError)
    await session.rollback()
  })

  it('VER-006 changes in a collection do not bump the parent', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    const page = new Page({ title: 'a' })
    session.add(page)
    await session.commit()
    page.lines.add(new Line({ words: 'one' }))
    await session.commit()
    expect(page.rev).toBe(1)
    page.lines.remove((await page.lines)[0] as Line)
    await session.commit()
    expect(page.rev).toBe(1)
  })

  it('VER-007 a new instance that takes over the row of a deleted one goes on from its version', async () => {
    const { Sessions, statements } = await openPages(db)
    await using session = Sessions()
    const old = new Slot({ code: 'x', title: 'old' })
    session.add(old)
    await session.commit()
    old.title = 'older'
    await session.commit()
    session.delete(old)
    const next = new Slot({ code: 'x', title: 'new' })
    session.add(next)
    statements.clear()
    await session.commit()
    statements.expectExactly(/^update ver_slots/)
    expect(await session.scalar(sql`select rev from ver_slots`)).toBe(3)
    next.title = 'newer'
    await session.commit()
    expect(await session.scalar(sql`select rev from ver_slots`)).toBe(4)
  })

  it('VER-009 a null version at INSERT raises FlushError, also where the program alone makes them', async () => {
    const { Sessions } = await openPages(db)
    await using session = Sessions()
    session.add(new Page({ title: 'a', rev: null as never }))
    await expect(session.flush()).rejects.toThrow(/its version rev is null/)
    await session.rollback()
    session.add(new Sheet({ title: 'a' } as never))
    await expect(session.flush()).rejects.toThrow(FlushError)
    await session.rollback()
  })

  it('a merge with another version than the stored one is refused', async () => {
    const { Sessions } = await openPages(db)
    const page = new Page({ title: 'a' })
    await Sessions.begin((session) => session.add(page))
    await Sessions.begin(async (other) => {
      ;(await other.getOne(Page, 1)).title = 'theirs'
    })
    await using session = Sessions()
    await expect(session.merge(page)).rejects.toThrow(StaleDataError)
  })
})

describe('a version that cannot work is refused', () => {
  it('says what versions can be', () => {
    const withVersion = (rev: object) => () => entity('things', { id: integer().primaryKey(), rev })
    expect(withVersion(text().version(undefined as never))).toThrow(/must be integer\(\)/)
    expect(withVersion(json().version(false))).toThrow(/cannot be compared/)
    expect(() => text().version('next' as never)).toThrow(/version\(…\) takes a function/)
  })
})
