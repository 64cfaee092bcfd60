import { expect, it } from 'vitest'
import { InvalidRequestError, type Session, StaleDataError, sql, state } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import { Author, Book, Club, fill, Note, Offer, openLibrary, Shop, Topic } from './library.ts'
import { openPeople, Seat } from './people.ts'

type Library = Awaited<ReturnType<typeof openLibrary>>
const titles = (books: Iterable<unknown>) => Array.from(books as Iterable<Book>, (book) => book.title)

/** A detached copy of an author with what is named. */
async function detached({ Sessions }: Library, id = 1): Promise<Author & { books: Book[] }> {
  await using session = Sessions()
  const author = await session.getOne(Author, id, { with: ['books.notes', 'clubs'] })
  await session.close()
  return author as never
}

async function storedTitles(session: Session): Promise<string[]> {
  return titles(await session.query(Book).orderBy('title').all())
}

onEvery({}, (db) => {
  it('MERGE-001 merging what has no key sends nothing and gives a pending copy; the given one is never attached', async () => {
    const { Sessions, statements } = await openLibrary(db)
    await using session = Sessions()
    const book = new Book({ title: 'b' })
    const author = new Author({ name: 'ed', books: [book] })
    const merged = await session.merge(author)
    statements.expectCount(0)
    expect(merged).not.toBe(author)
    expect([state(author).transient, state(book).transient, state(merged).pending]).toEqual([true, true, true])
    const [copy] = merged.books as unknown as Book[]
    expect(copy).not.toBe(book)
    expect(copy?.author).toBe(merged)
    await session.commit()
    expect(await session.query(Book).count()).toBe(1)
  })

  it('MERGE-001 a key that is partly null costs one statement, a part that was never set none', async () => {
    const { Sessions, statements } = await openPeople(db, { autoflush: false })
    await using session = Sessions()
    await session.merge(new Seat({ row: 1 } as never))
    statements.expectCount(0)
    await session.merge(new Seat({ row: 1, place: null } as never))
    statements.expectCount(1)
  })

  it('MERGE-002 merging a known key reads the row once, or not where it is held, and the flush writes only what differs', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    const { Sessions, statements } = library
    await using session = Sessions()
    statements.clear()
    const merged = await session.merge(new Author({ id: 1, name: 'renamed' }))
    statements.expectCount(1)
    expect(state(merged).modified).toEqual({ name: ['a0', 'renamed'] })
    await session.flush()
    statements.clear()
    expect(await session.merge(new Author({ id: 1, name: 'renamed' }))).toBe(merged)
    await session.flush()
    statements.expectCount(0)
  })

  it('MERGE-003 what was never set leaves loaded and changed values alone; an explicit null overwrites, of a relation too', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions({ autoflush: false })
    const author = await session.getOne(Author, 1)
    author.motto = 'mine'
    await session.merge(new Author({ id: 1, name: 'x' }))
    expect(author.motto).toBe('mine')
    await session.merge(new Author({ id: 1, name: 'x', motto: null }))
    expect(author.motto).toBeNull()
    const [book, note] = [await session.getOne(Book, 1), await session.getOne(Note, 1)]
    await session.merge(new Note({ id: 1, words: 'y' }))
    expect(note.book).toBe(book)
    await session.merge(new Note({ id: 1, words: 'y', book: null }))
    expect(note.book).toBeNull()
    await session.flush()
    expect([note.words, note.bookId]).toEqual(['y', null])
  })

  it('MERGE-004 a collection that was only read, and is empty, changes nothing; one that was set replaces the members', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    const read = new Author({ id: 1, name: 'a0' })
    expect(read.books).toHaveLength(0)
    const merged = await session.merge(read)
    await session.flush()
    expect(titles(await merged.books)).toEqual(['t0.0', 't0.1'])

    const [kept] = (await merged.books) as Book[]
    const given = new Author({
      id: 1,
      name: 'a0',
      books: [new Book({ id: kept?.id as number, title: 'kept' }), new Book({ title: 'new' })],
    })
    library.statements.clear()
    expect(await session.merge(given)).toBe(merged)
    library.statements.expectCount(0)
    expect(titles(merged.books as never)).toEqual(['kept', 'new'])
    await session.commit()
    expect(await storedTitles(session)).toEqual(['kept', 'new'])

    await session.merge(new Author({ id: 1, name: 'a0', books: [] }))
    await session.commit()
    expect(await storedTitles(session)).toEqual([])
  })

  it('MERGE-004 members let go without delete-orphan stay, without their parent', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    await session.merge(new Book({ id: 1, title: 't0.0', notes: [] }))
    await session.commit()
    const notes = await session.query(Note).where('bookId', 'is', null).all()
    expect(notes).toHaveLength(2)
  })

  it('MERGE-006 relations that do not cascade merge are left as they are', async () => {
    const { Sessions } = await openLibrary(db)
    const [one, two] = [new Author({ name: 'one' }), new Author({ name: 'two' })]
    await Sessions.begin((session) => session.addAll([new Shop({ name: 's', owner: one }), two]))
    await using session = Sessions()
    const shop = await session.query(Shop).with('owner').one()
    const merged = await session.merge(new Shop({ id: shop.id, name: 'new', owner: new Author({ name: 'three' }) }))
    expect(merged).toBe(shop)
    expect([shop.name, shop.owner?.name]).toEqual(['new', 'one'])
    await session.commit()
    expect(await session.query(Author).count()).toBe(2)
  })

  it('MERGE-007 several instances of one key in a graph are one, with the values of the last; those without a key stay apart', async () => {
    const library = await openLibrary(db)
    await using session = library.Sessions()
    const books = [
      new Book({ title: 'x', notes: [new Note({ id: 7, words: 'first' }), new Note({ words: 'apart' })] }),
      new Book({ title: 'y', notes: [new Note({ id: 7, words: 'last' }), new Note({ words: 'apart' })] }),
    ]
    const merged = await session.merge(new Author({ name: 'ed', books }))
    expect(session.new.size).toBe(1 + 2 + 1 + 2)
    await session.commit()
    const notes = await session.query(Note).orderBy('id').all()
    expect(notes.filter(({ id }) => id === 7).map(({ words }) => words)).toEqual(['last'])
    expect(notes).toHaveLength(3)
    await session.refresh(merged)
    const again = [7, 7].map((id, n) => new Book({ title: `z${n}`, notes: [new Note({ id, words: `z${n}` })] }))
    await session.mergeAll(again)
    expect((await session.getOne(Note, 7)).words).toBe('z1')
  })

  it('MERGE-008 merging what is pending here warns and makes a second pending copy', async () => {
    const { Sessions } = await openLibrary(db)
    await using session = Sessions({ autoflush: false })
    const author = new Author({ name: 'ed' })
    session.add(author)
    const warnings = await warningsDuring(async () => {
      expect(await session.merge(author)).not.toBe(author)
    })
    expect(warnings).toHaveLength(1)
    expect(session.new.size).toBe(2)
  })

  it('MERGE-009 without loading nothing is sent and nothing is dirty; both sides are set and no orphan is deleted', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    const source = await detached(library)
    await using session = library.Sessions()
    library.statements.clear()
    const merged = await session.merge(source, { load: false })
    expect(merged).not.toBe(source)
    expect(state(merged).persistent).toBe(true)
    const books = merged.books as unknown as Book[]
    expect(titles(books)).toEqual(['t0.0', 't0.1'])
    for (const book of books) expect(book.author).toBe(merged)
    expect((merged.clubs as unknown as Club[])[0]?.name).toBe('all')
    await session.flush()
    expect(session.dirty.size).toBe(0)
    library.statements.expectCount(0)
    merged.name = 'changed'
    await session.commit()
    expect(await storedTitles(session)).toEqual(['t0.0', 't0.1'])
  })

  it('MERGE-009 without loading a transient or changed source is refused, and so is one whose row has changes here', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    const source = await detached(library)
    await using session = library.Sessions()
    await expect(session.merge(new Author({ name: 'x' }), { load: false })).rejects.toThrow(/has no row/)
    const held = await session.getOne(Author, 1)
    held.name = 'mine'
    await expect(session.merge(source, { load: false })).rejects.toThrow(/this session's own instance/)
    expect(held.name).toBe('mine')
    session.expire(held)
    source.books[0]?.notes.add(new Note({ words: 'new' }))
    await expect(session.merge(source, { load: false })).rejects.toThrow(InvalidRequestError)
    await expect(session.merge(source, { lod: true } as never)).rejects.toThrow(/lod/)
  })

  it('MERGE-011 a version that is not the stored one is refused before anything is changed, an equal or unset one is not', async () => {
    const { Sessions } = await openLibrary(db)
    await Sessions.begin((session) => session.add(new Offer({ price: 1 })))
    await using reader = Sessions()
    const old = await reader.getOne(Offer, 1)
    await reader.close()
    await Sessions.begin(async (session) => {
      const offer = await session.merge(old)
      offer.price = 2
    })
    old.price = 3
    for (const isHeld of [false, true]) {
      await using session = Sessions()
      if (isHeld) await session.getOne(Offer, 1)
      const other = new Shop({ name: 'beside' })
      await expect(session.mergeAll([other, old])).rejects.toThrow(StaleDataError)
      expect([session.new.size, session.dirty.size]).toEqual([0, 0])
      await session.merge(new Offer({ id: 1, price: 4 }))
      await session.rollback()
    }
  })

  it('a graph with cycles is merged whole: three levels, trees, many-to-many', async () => {
    const library = await openLibrary(db)
    await fill(library, 2)
    const source = await detached(library)
    const book = source.books[0] as Book
    const note = Array.from(book.notes as unknown as Note[])[0] as Note
    note.words = 'edited'
    const [club] = source.clubs as unknown as Club[]
    club?.authors.add(new Author({ name: 'joins' }))
    await using session = library.Sessions()
    library.statements.clear()
    const merged = await session.merge(source)
    library.statements.expectCount(4 + 3)
    await session.commit()
    expect((await session.getOne(Note, note.id)).words).toBe('edited')
    const all = await session.query(Club).with('authors').one()
    expect(all.authors.map(({ name }) => name).sort()).toEqual(['a0', 'a1', 'joins'])
    expect(all.authors.some((author) => author === merged)).toBe(true)
    const top = new Topic({ name: 'top', children: [new Topic({ name: 'x', children: [new Topic({ name: 'y' })] })] })
    await session.merge(top)
    await session.commit()
    const tree = await session.query(Topic).where('name', '=', 'top').with('children.children').one()
    expect(tree.children[0]?.children[0]?.name).toBe('y')
  })

  it('mergeAll reads the rows of each entity together', async () => {
    const library = await openLibrary(db)
    await fill(library, 5)
    const { Sessions, statements } = library
    await using session = Sessions()
    statements.clear()
    const merged = await session.mergeAll([1, 2, 3, 4, 5].map((id) => new Author({ id, name: `m${id}`, books: [] })))
    statements.expectCount(2)
    expect(merged.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5])
    await session.commit()
    expect(await session.query(Book).count()).toBe(0)
  })

  it('changes of an unloaded collection of a detached instance are merged, and what was let go is not loaded for it', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    const { Sessions, statements } = library
    await using reader = Sessions()
    const source = await reader.getOne(Author, 1)
    const book = await reader.getOne(Book, 1)
    await reader.close()
    source.books.add(new Book({ title: 'added' }))
    source.books.remove(book)
    await using session = Sessions()
    statements.clear()
    const merged = await session.merge(source)
    statements.expectCount(2)
    expect(merged.books.isLoaded).toBe(false)
    await session.commit()
    expect(await storedTitles(session)).toEqual(['added', 't0.1'])
  })

  it('the row of an expired instance that is gone is made anew', async () => {
    const library = await openLibrary(db)
    await using session = library.Sessions()
    const topic = new Topic({ name: 'gone' })
    session.add(topic)
    await session.flush()
    await session.execute(sql`delete from lib_topics`)
    const { id } = topic
    session.expire(topic)
    const merged = await session.merge(new Topic({ id, name: 'back' }))
    expect(merged).not.toBe(topic)
    await session.commit()
    expect((await session.query(Topic).one()).name).toBe('back')
  })
})
