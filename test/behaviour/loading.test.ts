import { expect, it } from 'vitest'
import {
  ArgumentError,
  DetachedInstanceError,
  InvalidRequestError,
  ObjectDeletedError,
  selectin,
  sql,
  state,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Author, Book, Club, fill, Note, Offer, openLibrary, Profile, Shelf, Shop, Topic } from './library.ts'

const titles = (books: Iterable<Book>) => Array.from(books, (book) => book.title)

onEvery({}, (db) => {
  it('LOAD-002 a many-to-one costs nothing where the key is null or the target is held, else one statement', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    const { Sessions, statements } = library
    await using session = Sessions()
    session.add(new Book({ title: 'none' }))
    await session.commit()
    const books = await session.query(Book).orderBy('id').all()
    statements.clear()
    expect(books[2]?.author).toBeNull()
    expect(await books[2]?.author).toBeNull()
    statements.expectCount(0)
    const author = await books[0]?.author
    expect(author?.name).toBe('a0')
    statements.expectCount(1)
    expect(books[1]?.author).toBe(author)
    expect(await books[1]?.author).toBe(author)
    statements.expectCount(1)
  })

  it('LOAD-003 a many-to-one of a pending instance reads null for nothing, and that is no change', async () => {
    const { Sessions, statements } = await openLibrary(db)
    await using session = Sessions()
    const book = new Book({ title: 'x' })
    session.add(book)
    expect(book.author).toBeNull()
    expect(await book.author).toBeNull()
    statements.expectCount(0)
    await session.flush()
    expect(session.isModified(book)).toBe(false)
    const author = new Author({ name: 'later' })
    session.add(author)
    await session.flush()
    await session.execute(sql`update lib_books set ${sql.ref('authorId')} = ${author.id}`)
    await session.refresh(book)
    expect(await book.author).toBe(author)
  })

  it('LOAD-004 a lazy load flushes first, so that order and content reflect what is pending', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    const author = await session.query(Author).one()
    const [, second] = await session.query(Book).orderBy('title').all()
    Object.assign(second as Book, { title: 'a first' })
    session.add(new Book({ title: 'b second', authorId: author.id }))
    expect(titles(await author.books)).toEqual(['a first', 'b second', 't0.0'])
  })

  it('LOAD-005 setting the many-to-one side of an unloaded collection costs nothing and is in it when it is loaded', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions({ autoflush: false })
    const author = await session.query(Author).one()
    library.statements.clear()
    const book = new Book({ title: 'new' })
    book.author = author
    library.statements.expectCount(0)
    expect(author.books.isLoaded).toBe(false)
    const books = await author.books
    library.statements.expectCount(1)
    expect(titles(books)).toEqual(['t0.0', 't0.1', 'new'])
  })

  it('LOAD-010 LOAD-017 a to-one relation by selectin reads each distinct key once, without joining; dangling and null keys are null and stay so for nothing', async () => {
    const { Sessions, statements } = await openLibrary(db)
    await Sessions.begin(async (session) => {
      const shelf = new Shelf({ place: 'hall' })
      session.addAll([new Book({ title: 'a', shelf }), new Book({ title: 'b', shelf })])
      session.addAll([new Book({ title: 'c', shelfId: 99 }), new Book({ title: 'd' })])
    })
    await using session = Sessions()
    statements.clear()
    const books = await session.query(Book).orderBy('title').options(selectin('shelf')).all()
    statements.expectExactly(/^select (?!.* join )/, /^select (?!.* join )/)
    expect(books.map((book) => book.shelf?.place)).toEqual(['hall', 'hall', undefined, undefined])
    expect([await books[2]?.shelf, await books[3]?.shelf]).toEqual([null, null])
    statements.expectCount(2)
  })

  it('LOAD-017 where the foreign key is not loaded it is read first', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    const book = await session.query(Book).first()
    session.expire(book as Book, ['shelfId'])
    library.statements.clear()
    expect((await book?.shelf)?.place).toBe('hall')
    library.statements.expectCount(2)
  })

  it('LOAD-018 with() leaves alone what is loaded or changed; with populateExisting it does not', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions({ autoflush: false })
    const author = await session.query(Author).with('books').one()
    const [first, second] = author.books
    author.books.remove(second as Book)
    Object.assign(first as Book, { title: 'edited' })
    await session.query(Author).with('books').one()
    expect(titles(author.books)).toEqual(['edited'])
    await session.query(Author).with('books').populateExisting().one()
    expect(titles(author.books)).toEqual(['t0.0', 't0.1'])
    expect(session.dirty.size).toBe(0)
  })

  it('LOAD-019 an instance reached by two paths has the relations of both', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    const author = await session.query(Author).with('books.author.clubs', 'books.author.profile').one()
    expect(author.clubs.isLoaded).toBe(true)
    library.statements.clear()
    expect((await author.profile)?.site).toBe('s0')
    expect((await author.clubs).map((club) => club.name)).toEqual(['all'])
    library.statements.expectCount(0)
  })

  it('LOAD-020 a stream loads relations batch by batch, and lets both go with their batch', async () => {
    const library = await openLibrary(db)
    await fill(library, 6)
    await using session = library.Sessions()
    library.statements.clear()
    const seen: string[] = []
    for await (const author of session.query(Author).orderBy('id').with('books').stream({ batch: 2 })) {
      seen.push(`${author.name}:${titles(author.books).join()}`)
      expect([...session].length).toBeLessThanOrEqual(2 + 4)
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5].map((n) => `a${n}:t${n}.0,t${n}.1`))
    library.statements.expectCount(1 + 3)
    expect([...session]).toHaveLength(0)
  })

  it("LOAD-022 a relation declared 'raise', or one of a detached instance, is set and cleared without loading", async () => {
    const library = await openLibrary(db)
    const { Sessions, statements } = library
    const [one, two] = [new Author({ name: 'one' }), new Author({ name: 'two' })]
    await Sessions.begin((session) => session.addAll([new Shop({ name: 's', owner: one }), two]))
    await using session = Sessions()
    const shop = await session.query(Shop).one()
    await expect(Promise.resolve(shop.owner)).rejects.toThrow(/Shop#1\.owner.*raise/)
    const other = await session.getOne(Author, two.id)
    statements.clear()
    shop.owner = other
    await session.flush()
    statements.expectExactly('update lib_shops')
    expect(shop.ownerId).toBe(two.id)
    await session.commit()
    session.expunge(shop)
    shop.owner = null
    session.add(shop)
    statements.clear()
    await session.commit()
    statements.expectExactly('update lib_shops')
    const loaded = await session.query(Shop).with('owner').populateExisting().one()
    expect(loaded.owner).toBeNull()
  })

  it('ASYNC-001 reading what is not loaded gives what can be awaited, or refreshed by name, for one statement; none when it is', async () => {
    const library = await openLibrary(db)
    await fill(library, 2)
    const { Sessions, statements } = library
    await using session = Sessions()
    const [author, other] = await session.query(Author).orderBy('id').all()
    statements.clear()
    expect(author?.books.isLoaded).toBe(false)
    expect(Object(author?.books)).not.toHaveProperty('length')
    statements.expectCount(0)
    await author?.books
    statements.expectCount(1)
    expect(author?.books.isLoaded).toBe(true)
    await author?.books
    statements.expectCount(1)
    await session.refresh(other as Author, ['clubs'])
    statements.expectCount(2)
    expect(other?.clubs.isLoaded).toBe(true)
    const fresh = new Author({ name: 'fresh' })
    session.add(fresh)
    await session.flush()
    statements.clear()
    expect(fresh.books.isLoaded).toBe(false)
    expect(await fresh.books).toHaveLength(0)
    statements.expectCount(1)
  })

  it('ASYNC-002 an expired one-to-one is assigned without any reading; the flush finds the old one and sets its key null', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    const { Sessions, statements } = library
    await using session = Sessions()
    const author = await session.query(Author).with('profile').one()
    const old = author.profile as Profile
    session.expire(author)
    statements.clear()
    const next = new Profile({ site: 'next' } as never)
    author.profile = next as never
    statements.expectCount(0)
    await session.commit()
    const profiles = await session.query(Profile).orderBy('id').all()
    expect(profiles).toEqual([old, next])
    expect(profiles.map(({ authorId }) => authorId)).toEqual([null, 1])
  })

  it('100 parents, read lazily two levels deep, are three statements', async () => {
    const library = await openLibrary(db)
    await fill(library, 100)
    await using session = library.Sessions()
    library.statements.clear()
    let notes = 0
    for (const author of await session.query(Author).all()) {
      for (const book of await author.books) notes += (await book.notes).length
    }
    expect(notes).toBe(400)
    library.statements.expectCount(3)
  })

  it('awaiting one relation of many siblings at once sends one statement', async () => {
    const library = await openLibrary(db)
    await fill(library, 20)
    await using session = library.Sessions()
    const authors = await session.query(Author).orderBy('id').all()
    library.statements.clear()
    const books = await Promise.all(authors.map((author) => author.books))
    library.statements.expectCount(1)
    expect(books.map((each) => each.length)).toEqual(authors.map(() => 2))
    const profiles = await Promise.all(authors.map((author) => author.profile))
    library.statements.expectCount(2)
    expect(profiles.map((profile) => profile?.site)).toEqual(authors.map((_, n) => `s${n}`))
  })

  it('with() takes one statement for each relation of each level, and none for targets that are held', async () => {
    const library = await openLibrary(db)
    await fill(library, 30)
    await using session = library.Sessions()
    library.statements.clear()
    const authors = await session.query(Author).orderBy('id').with('books.notes', 'clubs', 'books.author.profile').all()
    library.statements.expectCount(1 + 1 + 1 + 1 + 1)
    const first = authors[0] as (typeof authors)[0]
    expect(first.books[0]?.notes.map((note) => note.words)).toEqual(['w0.0.0', 'w0.0.1'])
    expect(first.books[0]?.author).toBe(first)
    expect(first.clubs).toHaveLength(1)
    expect(first.profile).toMatchObject({ site: 's0' })
    library.statements.clear()
    await session.query(Book).with('author').all()
    library.statements.expectCount(1)
    expect(await session.query(Author).with('books').count()).toBe(30)
  })

  it('get, getOne and refresh load relations too; an instance that is held costs only what it lacks', async () => {
    const library = await openLibrary(db)
    await fill(library, 2)
    const { Sessions, statements } = library
    await using session = Sessions()
    statements.clear()
    const author = await session.getOne(Author, 1, { with: ['books.notes'] })
    statements.expectCount(3)
    expect(author.books.map((book) => book.notes.length)).toEqual([2, 2])
    await session.get(Author, 1, { with: ['books', 'clubs'] })
    statements.expectCount(4)
    expect(await session.get(Author, 99, { with: ['books'] })).toBeNull()
    await session.execute(sql`update lib_books set title = 'zz' where title = 't0.0'`)
    statements.clear()
    await session.refresh(author, ['books'])
    statements.expectCount(1)
    expect(author.books.map((book) => book.id)).toEqual([2, 1])
  })

  it('a tree is loaded level by level', async () => {
    const { Sessions, statements } = await openLibrary(db)
    await Sessions.begin(async (session) => {
      const leaf = (name: string) => new Topic({ name })
      const branch = (name: string) => new Topic({ name, children: [leaf(`${name}1`), leaf(`${name}2`)] })
      session.add(new Topic({ name: 'root', children: [branch('b'), branch('a')] }))
    })
    await using session = Sessions()
    statements.clear()
    const root = await session.query(Topic).where('parentId', 'is', null).with('children.children').one()
    statements.expectCount(3)
    expect(root.children.map(({ name, children }) => [name, ...children.map((child) => child.name)])).toEqual([
      ['a', 'a1', 'a2'],
      ['b', 'b1', 'b2'],
    ])
  })

  it("relations declared 'selectin' or 'joined' come along by a statement or a join, with queries, get and lazy loads, and never go in circles", async () => {
    const { Sessions, statements } = await openLibrary(db)
    await Sessions.begin(async (session) => {
      const shelf = new Shelf({ place: 'hall' })
      for (const name of ['s0', 's1']) {
        session.add(new Shop({ name, shelf, offers: [new Offer({ price: 1 }), new Offer({ price: 2 })] }))
      }
    })
    await using session = Sessions()
    statements.clear()
    const shops = await session.query(Shop).orderBy('id').all()
    statements.expectCount(2)
    for (const shop of shops) {
      expect((shop.offers as unknown as Offer[]).map(({ price }) => price)).toEqual([1, 2])
      expect((shop.shelf as Shelf).place).toBe('hall')
    }
    session.expungeAll()
    statements.clear()
    await session.get(Offer, 1)
    statements.expectCount(3)
    statements.clear()
    await session.get(Offer, 1)
    statements.expectCount(0)
  })

  it('a wrong path is refused with the choices, before anything is sent', async () => {
    const { Sessions, statements } = await openLibrary(db)
    await using session = Sessions()
    const query = session.query(Author)
    expect(() => query.with('bokks' as never)).toThrow(/Author has no relation 'bokks'; did you mean 'books'\?/)
    expect(() => query.with('books.name' as never)).toThrow(
      /Book has no relation 'name' \(in 'books.name'\).*author, shelf, notes/,
    )
    expect(() => query.with(7 as never)).toThrow(ArgumentError)
    expect(() => session.query(Shelf).with('x' as never)).toThrow(/it has none/)
    expect(() => session.get(Author, 1, { with: ['x'] as never })).toThrow(ArgumentError)
    expect(() => session.get(Author, 1, { with: 'books' as never })).toThrow(ArgumentError)
    statements.expectCount(0)
  })

  it('a relation of an instance that is in no session, or whose row is gone, is refused by name', async () => {
    const library = await openLibrary(db)
    await fill(library, 2)
    await using session = library.Sessions()
    const [author, other] = await session.query(Author).orderBy('id').all()
    session.expunge(author as Author)
    await expect(Promise.resolve(author?.books)).rejects.toThrow(DetachedInstanceError)
    await session.execute(sql`delete from lib_memberships`)
    await session.execute(sql`update lib_books set ${sql.ref('authorId')} = null`)
    await session.execute(sql`delete from lib_profiles`)
    await session.execute(sql`delete from lib_authors`)
    session.expire(other as Author)
    await expect(Promise.resolve(other?.books)).rejects.toThrow(ObjectDeletedError)
    expect(state(other as Author).persistent).toBe(true)
    await expect(session.refresh(other as Author)).rejects.toThrow(InvalidRequestError)
  })

  it('an expired target is read again by with()', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    const author = await session.query(Author).with('books', 'clubs').one()
    session.expire(author)
    const [book] = await session.query(Book).with('author').all()
    expect(book?.author?.name).toBe('a0')
    const club = await session.query(Club).with('authors.books').one()
    expect(titles(club.authors[0]?.books ?? [])).toEqual(['t0.0', 't0.1'])
    expect(await session.query(Note).count()).toBe(4)
  })
})
