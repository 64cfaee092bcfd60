import { expect, it } from 'vitest'
import {
  ArgumentError,
  defaultload,
  defer,
  InvalidRequestError,
  immediate,
  lazy,
  loadOnly,
  NotLoadedError,
  raise,
  selectin,
  undefer,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Author, Book, fill, Offer, openLibrary, Shelf, Shop, Topic } from './library.ts'

async function filled(db: Parameters<typeof openLibrary>[0], authors = 3) {
  const library = await openLibrary(db)
  await fill(library, authors)
  return { ...library, session: library.Sessions() }
}

onEvery({}, (db) => {
  it('selectin() loads a path by one statement for each level, whatever its number of instances', async () => {
    const { session, statements } = await filled(db, 5)
    statements.clear()
    const authors = await session.query(Author).orderBy('id').options(selectin('books.notes'), selectin('clubs')).all()
    statements.expectCount(4)
    expect(authors.map((author) => author.books.map((book) => book.notes.length))).toEqual(Array(5).fill([2, 2]))
    expect(authors[0]?.clubs.map(({ name }) => name)).toEqual(['all'])
    await session.close()
  })

  it('immediate() takes from the session what it holds and reads the rest together', async () => {
    const { session, statements } = await filled(db, 4)
    const held = await session.query(Author).where('id', '<=', 2).all()
    statements.clear()
    const books = await session.query(Book).orderBy('id').options(immediate('author')).all()
    statements.expectCount(2)
    expect(statements.statements[1]?.parameters?.flat().join()).not.toMatch(/\b[12]\b/)
    expect(books.map((book) => book.author?.name)).toEqual(['a0', 'a0', 'a1', 'a1', 'a2', 'a2', 'a3', 'a3'])
    expect(books[0]?.author).toBe(held[0])
    await session.close()
  })

  it('lazy() leaves what is mapped to come along until it is awaited, and loads it for all siblings then', async () => {
    const { Sessions, statements } = await openLibrary(db)
    await Sessions.begin((session) => {
      const shops = ['s0', 's1'].map((name) => new Shop({ name, offers: [new Offer({ price: 1 })] }))
      session.addAll(shops)
    })
    await using session = Sessions()
    statements.clear()
    const shops = await session.query(Shop).orderBy('id').options(lazy('*')).all()
    statements.expectCount(1)
    expect(shops.map((shop) => shop.offers.isLoaded)).toEqual([false, false])
    expect((await shops[0]?.offers)?.length).toBe(1)
    statements.expectCount(2)
    expect(shops[1]?.offers.isLoaded).toBe(true)
    session.expungeAll()
    statements.clear()
    const again = await session.query(Shop).options(lazy('*'), selectin('offers')).all()
    statements.expectCount(2)
    expect(again[0]?.offers.length).toBe(1)
  })

  it('raise() forbids a relation whatever is known of it; with sqlOnly what needs no SQL is given', async () => {
    const { session, statements } = await filled(db, 1)
    await session.query(Author).all()
    statements.clear()
    const strict = await session.query(Book).options(raise('author'), raise('notes')).all()
    await expect(Promise.resolve(strict[0]?.author)).rejects.toThrow(
      /Book#1\.author: the query forbids it by raise\(\)/,
    )
    await expect(Promise.resolve(strict[0]?.notes)).rejects.toThrow(InvalidRequestError)
    const mild = await session
      .query(Book)
      .options(raise('*', { sqlOnly: true }))
      .all()
    expect((await mild[0]?.author)?.name).toBe('a0')
    await expect(Promise.resolve(mild[0]?.shelf)).rejects.toThrow(InvalidRequestError)
    statements.expectCount(2)
    const plain = await session.query(Book).all()
    expect(await plain[0]?.notes).toHaveLength(2)
    await session.close()
  })

  it("raise('*') holds for everything that is not named, at every level; 'books.*' for the books alone", async () => {
    const { session } = await filled(db, 1)
    const author = await session.query(Author).with('books').options(raise('*')).one()
    expect(author.books).toHaveLength(2)
    await expect(Promise.resolve(author.clubs)).rejects.toThrow(InvalidRequestError)
    await expect(Promise.resolve(author.books[0]?.notes)).rejects.toThrow(InvalidRequestError)
    session.expungeAll()
    const other = await session.query(Author).with('books').options(raise('books.*')).one()
    expect(await other.clubs).toHaveLength(1)
    await expect(Promise.resolve(other.books[0]?.shelf)).rejects.toThrow(InvalidRequestError)
    session.expungeAll()
    const third = await session
      .query(Author)
      .options(defaultload('books').options(raise('notes')))
      .one()
    await expect(Promise.resolve((await third.books)[0]?.notes)).rejects.toThrow(InvalidRequestError)
    expect((await third.books)[0]?.shelf).not.toBeNull()
    await session.close()
  })

  it('options of a relation apply below it, in whatever order they are named, and get takes them too', async () => {
    const { session, statements } = await filled(db, 2)
    statements.clear()
    const author = await session.getOne(Author, 1, {
      with: ['books'],
      options: [selectin('books').options(selectin('notes'), raise('*'))],
    })
    statements.expectCount(3)
    expect((author.books[0] as Book).notes.isLoaded).toBe(true)
    await expect(Promise.resolve(author.books[0]?.shelf)).rejects.toThrow(InvalidRequestError)
    session.expungeAll()
    statements.clear()
    await session.query(Author).options(raise('books'), selectin('clubs.authors')).with('books').all()
    statements.expectCount(3)
    await session.close()
  })

  it('defer(), undefer() and loadOnly() choose the columns of the select, also of related rows', async () => {
    const { session, statements } = await filled(db, 1)
    statements.clear()
    const author = await session
      .query(Author)
      .options(defer('name'), selectin('books').options(loadOnly('title')))
      .one()
    expect(statements.statements[0]?.sql).not.toMatch(/\bname\b/)
    expect(statements.statements[1]?.sql).not.toMatch(/shelf/i)
    expect(() => author.name).toThrow(NotLoadedError)
    expect(author.motto).toBeNull()
    expect(author.books.map(({ title }) => title)).toEqual(['t0.0', 't0.1'])
    expect(() => author.books[0]?.shelfId).toThrow(NotLoadedError)
    statements.clear()
    expect((await author.books[0]?.shelf)?.place).toBe('hall')
    statements.expectCount(2)
    const { sql } = session.query(Author).options(defer('*'), undefer('motto')).toSql()
    expect(sql).toMatch(/motto/)
    expect(sql).not.toMatch(/name/)
    await session.close()
  })

  it('a tree is followed by one statement for each level, to a depth or to its end, circles included', async () => {
    const { Sessions, statements } = await openLibrary(db)
    await Sessions.begin(async (session) => {
      const chain = (depth: number): Topic =>
        new Topic({ name: `t${depth}`, children: depth < 4 ? [chain(depth + 1)] : [] })
      session.add(chain(0))
    })
    await using session = Sessions()
    const root = () => session.query(Topic).where('parentId', 'is', null)
    statements.clear()
    const part = await root()
      .options(selectin('children', { recursionDepth: 1 }))
      .one()
    statements.expectCount(3)
    expect(part.children[0]?.children.isLoaded).toBe(true)
    expect((part.children[0] as Topic | undefined)?.children).toMatchObject([{ name: 't2' }])
    session.expungeAll()
    statements.clear()
    let topic: Topic | undefined = await root()
      .options(selectin('children', { recursionDepth: 'all' }))
      .one()
    statements.expectCount(6)
    const names: string[] = []
    for (; topic !== undefined; topic = (topic.children as unknown as Topic[])[0]) names.push(topic.name)
    expect(names).toEqual(['t0', 't1', 't2', 't3', 't4'])
    const first = await root().one()
    first.parent = (await session.query(Topic).filterBy({ name: 't4' }).one()) as never
    await session.commit()
    session.expungeAll()
    statements.clear()
    await session
      .query(Topic)
      .filterBy({ name: 't0' })
      .options(selectin('children', { recursionDepth: 'all' }))
      .one()
    statements.expectCount(6)
  })

  it('EXP-010 a refresh keeps the options with which the instance was loaded', async () => {
    const { session, statements } = await filled(db, 1)
    const author = await session.query(Author).options(selectin('books'), defer('motto'), raise('clubs')).one()
    statements.clear()
    await session.refresh(author)
    statements.expectCount(2)
    expect(author.books).toHaveLength(2)
    await expect(Promise.resolve(author.clubs)).rejects.toThrow(InvalidRequestError)
    session.expire(author)
    statements.clear()
    await session.get(Author, 1)
    statements.expectCount(2)
    expect(author.books).toHaveLength(2)
    expect(() => author.motto).toThrow(NotLoadedError)
    await session.close()
  })

  it('what is named wrongly is refused with the choices, before anything is sent', async () => {
    const { Sessions, statements } = await openLibrary(db)
    await using session = Sessions()
    const query = session.query(Author)
    expect(() => query.options(selectin('bokks' as never))).toThrow(
      /Author has no relation 'bokks'; did you mean 'books'/,
    )
    expect(() => query.options(selectin('books.title' as never))).toThrow(
      /Book has no relation 'title' \(in 'books.title'\)/,
    )
    expect(() => query.options(defer('books.tilte' as never))).toThrow(
      /Book has no column 'tilte'.*did you mean 'title'/,
    )
    expect(() => query.options(defer('id'))).toThrow(/Author\.id cannot be left out/)
    expect(() => session.query(Book).options(defer('authorId'))).toThrow(ArgumentError)
    expect(() => query.options('books' as never)).toThrow(/write selectin\('books'\)/)
    expect(() => session.query(Shelf).options(selectin('x' as never))).toThrow(/it has none/)
    expect(() => selectin('books..x')).toThrow(ArgumentError)
    expect(() => selectin('books', { depth: 1 } as never)).toThrow(/unknown option 'depth'/)
    expect(() => raise('books', { sqlOnly: 1 } as never)).toThrow(ArgumentError)
    expect(() => session.get(Author, 1, { options: 'books' as never })).toThrow(ArgumentError)
    statements.expectCount(0)
  })
})
