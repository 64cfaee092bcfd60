import { expect, it } from 'vitest'
import {
  ArgumentError,
  createAll,
  entity,
  integer,
  oneToMany,
  selectin,
  sessionmaker,
  sql,
  timestamp,
  varchar,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { Author, Book, Club, fill, Note, openLibrary, Topic } from './library.ts'

/** Authors a0…, each with books of the titles `b0`, `b1`, …, in an order that is neither that of their keys nor of their titles. */
async function shelved(db: Parameters<typeof openLibrary>[0], authors = 3, books = [2, 0, 3, 1]) {
  const library = await openLibrary(db)
  await library.Sessions.begin(async (session) => {
    for (let a = 0; a < authors; a++) {
      session.add(new Author({ name: `a${a}`, books: books.map((b) => new Book({ title: `b${b}`, shelfId: b % 2 })) }))
    }
  })
  library.statements.clear()
  return library
}

const titles = (books: Iterable<Book>) => Array.from(books, ({ title }) => title)

onEvery({}, (db) => {
  it('selectin() with a limit loads so many members for each owner, by the order, in one statement for all', async () => {
    const { Sessions, statements } = await shelved(db, 30)
    await using session = Sessions()
    const authors = await session
      .query(Author)
      .orderBy('id')
      .options(selectin('books', { orderBy: ['title', 'desc'], limit: 2 }))
      .all()
    statements.expectCount(2)
    expect(authors.map(({ books }) => titles(books))).toEqual(Array(30).fill(['b3', 'b2']))
    expect(statements.statements[1]?.sql).toMatch(/row_number\(\) over \(partition by/)
    session.expungeAll()
    const none = await session
      .query(Author)
      .options(selectin('books', { limit: 0 }))
      .first()
    expect(none?.books.length).toBe(0)
  })

  it('selectin() with a limit takes the order that the relation was declared with, and keys where members are equal in it', async () => {
    const { Sessions } = await shelved(db, 2, [1, 0, 1, 1])
    await using session = Sessions()
    const authors = await session
      .query(Author)
      .orderBy('id')
      .options(selectin('books', { limit: 3 }))
      .all()
    expect(authors.map(({ books }) => titles(books))).toEqual([
      ['b0', 'b1', 'b1'],
      ['b0', 'b1', 'b1'],
    ])
    const ids = authors.flatMap(({ books }) => Array.from(books, ({ id }) => id))
    expect(ids).toEqual([2, 1, 3, 6, 5, 7])
  })

  it('selectin() with a condition and an order loads the members that meet it, beside the limit', async () => {
    const { Sessions, statements } = await shelved(db)
    await using session = Sessions()
    const even = selectin('books', {
      where: (eb) => eb.and([eb('shelfId', '=', 0), eb('target.title', '!=', 'x')]),
      orderBy: [['shelfId', 'desc'], 'title'],
    })
    const authors = await session.query(Author).orderBy('id').options(even).all()
    statements.expectCount(2)
    expect(authors.map(({ books }) => titles(books))).toEqual(Array(3).fill(['b0', 'b2']))
    session.expungeAll()
    const odd = selectin('books', { where: (eb) => eb.or([eb('shelfId', '=', 1), sql`title = ${'b0'}`]), limit: 2 })
    const [first] = await session.query(Author).options(odd).all()
    expect(titles(first?.books ?? [])).toEqual(['b0', 'b1'])
  })

  it('an order alone leaves no member out: the collection is whole, in that order', async () => {
    const { Sessions, statements } = await shelved(db, 1)
    await Sessions.begin(async (session) => {
      const author = await session
        .query(Author)
        .options(selectin('books', { orderBy: ['title', 'desc'] }))
        .one()
      expect(titles(author.books)).toEqual(['b3', 'b2', 'b1', 'b0'])
      expect(author.books.isLoaded).toBe(true)
      statements.clear()
      await author.books
      statements.expectCount(0)
      Object.assign(author, { books: [new Book({ title: 'only' })] })
    })
    await using session = Sessions()
    expect(titles(await session.query(Book).all())).toEqual(['only'])
  })

  it('what is chosen is a part: it is added to and removed from, not replaced, and cascades read all members', async () => {
    const { Sessions } = await shelved(db, 2)
    await Sessions.begin(async (session) => {
      const [first, second] = await session
        .query(Author)
        .orderBy('id')
        .options(selectin('books', { limit: 1 }))
        .all()
      if (first === undefined || second === undefined) throw new Error('two authors were stored')
      expect(() => Object.assign(first, { books: [] })).toThrow(/only a part of the collection is loaded/)
      first.books.remove([...first.books][0] as Book)
      first.books.add(new Book({ title: 'new' }))
      session.delete(second)
    })
    await using session = Sessions()
    const all = await session.query(Author).with('books').all()
    expect(all.map(({ books }) => titles(books))).toEqual([['b1', 'b2', 'b3', 'new']])
    expect(await session.query(Book).count()).toBe(4)
  })

  it('a part becomes whole when it is loaded again; a whole collection stays as it is, until populateExisting() reads it', async () => {
    const { Sessions } = await shelved(db, 1)
    await using session = Sessions()
    const two = session.query(Author).options(selectin('books', { limit: 2 }))
    const author = await two.one()
    expect(author.books.length).toBe(2)
    await session
      .query(Author)
      .options(selectin('books', { where: (eb) => eb('title', '>', 'b0') }))
      .one()
    expect(titles(author.books)).toEqual(['b1', 'b2', 'b3'])
    expect((await author.books).length).toBe(3)
    session.expire(author, ['books'])
    expect((await two.one()).books.length).toBe(2)
    await session.query(Author).with('books').one()
    expect(author.books.length).toBe(4)
    expect((await two.one()).books.length).toBe(4)
    expect((await two.populateExisting().one()).books.length).toBe(2)
  })

  it('members are chosen through a table of pairs, at the end of a path, in get() and in streams', async () => {
    const library = await openLibrary(db)
    await fill(library, 4)
    await using session = library.Sessions()
    library.statements.clear()
    const someAuthors = selectin('authors', {
      where: (eb) => eb('name', '<', 'a3'),
      orderBy: ['name', 'desc'],
      limit: 2,
    })
    const club = await session.query(Club).options(someAuthors).one()
    library.statements.expectCount(2)
    expect(Array.from(club.authors, ({ name }) => name)).toEqual(['a2', 'a1'])
    session.expungeAll()
    library.statements.clear()
    const lastNotes = selectin('books.notes', { orderBy: ['words', 'desc'], limit: 1 })
    const author = await session.getOne(Author, 1, { options: [lastNotes] })
    library.statements.expectCount(3)
    expect((await author.books).map((book) => Array.from(book.notes as Iterable<Note>, ({ words }) => words))).toEqual([
      ['w0.0.1'],
      ['w0.1.1'],
    ])
    session.expungeAll()
    const streamed: string[][] = []
    for await (const each of session
      .query(Author)
      .orderBy('id')
      .options(selectin('books', { limit: 1 }))
      .stream({ batch: 2 })) {
      streamed.push(titles(each.books))
    }
    expect(streamed).toEqual([['t0.0'], ['t1.0'], ['t2.0'], ['t3.0']])
    expect(await session.query(Note).count()).toBe(16)
  })

  it('a tree is followed with so many members at each level', async () => {
    const { Sessions, statements } = await openLibrary(db)
    await Sessions.begin((session) => {
      const leaves = (name: string) => ['z', 'y', 'x'].map((end) => new Topic({ name: `${name}${end}` }))
      session.add(
        new Topic({ name: 'r', children: ['c', 'b', 'a'].map((name) => new Topic({ name, children: leaves(name) })) }),
      )
    })
    await using session = Sessions()
    statements.clear()
    const root = await session
      .query(Topic)
      .where('parentId', 'is', null)
      .options(selectin('children', { limit: 2, recursionDepth: 'all' }))
      .one()
    statements.expectCount(4)
    const tree = Array.from(root.children, ({ name, children }) => [
      name,
      ...Array.from(children as Iterable<Topic>, (leaf) => leaf.name),
    ])
    expect(tree).toEqual([
      ['a', 'ax', 'ay'],
      ['b', 'bx', 'by'],
    ])
  })

  it('members that conditions alone tie are chosen too, by owners of a key of two columns and values as columns store them', async () => {
    class Visit extends entity('members_visits', {
      id: integer().primaryKey(),
      house: varchar(10),
      flat: integer(),
      cameAt: timestamp(),
    }) {}
    class Home extends entity('members_homes', {
      house: varchar(10).primaryKey(),
      flat: integer().primaryKey(),
      get visits() {
        return oneToMany(() => Visit, {
          viewOnly: true,
          on: (eb) =>
            eb.and([eb('target.house', '=', eb.ref('source.house')), eb('target.flat', '=', eb.ref('source.flat'))]),
          orderBy: 'cameAt',
        })
      },
    }) {}
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Visit, Home])
    const day = (n: number) => new Date(Date.UTC(2024, 0, n))
    const Sessions = sessionmaker({ bind: engine })
    await Sessions.begin((session) => {
      for (const flat of [1, 2]) {
        session.add(new Home({ house: 'h', flat }))
        for (const n of [3, 1, 4, 2]) session.add(new Visit({ house: 'h', flat, cameAt: day(n + flat) }))
      }
    })
    await using session = Sessions()
    const homes = await session
      .query(Home)
      .orderBy('flat')
      .options(selectin('visits', { where: (eb) => eb('cameAt', '>', day(3)), orderBy: ['cameAt', 'desc'], limit: 2 }))
      .all()
    expect(homes.map(({ visits }) => Array.from(visits, ({ cameAt }) => cameAt.getUTCDate()))).toEqual([
      [5, 4],
      [6, 5],
    ])
  })

  it('what is unknown or wrong in the choice of members is named', async () => {
    const { Sessions } = await shelved(db, 1)
    await using session = Sessions()
    const query = session.query(Author)
    expect(() => selectin('books', { limit: -1 })).toThrow(/option 'limit' must be an integer of at least 0, not -1/)
    expect(() => selectin('books', { where: { title: 'x' } as never })).toThrow(/option 'where' must be a function/)
    expect(() => query.options(selectin('books', { orderBy: ['title', 'down'] as never }))).toThrow(
      /no property 'down'/,
    )
    expect(() => selectin('books', { orderBy: [3] as never })).toThrow(/option 'orderBy' must be a property/)
    expect(() => selectin('books', { first: 3 } as never)).toThrow(/unknown option 'first'/)
    expect(() => query.options(selectin('books', { orderBy: 'titel' as 'title' }))).toThrow(
      /selectin\(\) orderBy: Book has no property 'titel'\. Did you mean 'title'\?/,
    )
    expect(() => query.options(selectin('profile', { limit: 1 }))).toThrow(/Author\.profile leads to one instance/)
    const run = (where: Parameters<typeof selectin>[1]) => query.options(selectin('books', where as never)).all()
    await expect(run({ where: (eb) => eb('titel', '=', 'x') })).rejects.toThrow(
      /selectin\('books'\) where: Book has no property 'titel'/,
    )
    await expect(run({ where: (eb) => eb('shelfId', '=', 'x') })).rejects.toThrow(ArgumentError)
    await expect(run({ where: () => 'title' as never })).rejects.toThrow(/where must return a condition .*not 'title'/)
  })
})
