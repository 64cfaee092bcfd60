import { expect, it } from 'vitest'
import { DetachedInstanceError, InvalidRequestError, NotLoadedError, sql, state } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Author, Book, fill, Note, openLibrary } from './library.ts'

const titles = (books: Iterable<unknown>) => Array.from(books as Iterable<Book>, (book) => book.title)

onEvery({}, (db) => {
  it('EXP-001 expire discards unflushed edits; what is dropped is not read by itself, and one statement brings all of it back', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    const author = await session.getOne(Author, 1)
    author.name = 'edited'
    session.expire(author)
    expect(session.dirty.size).toBe(0)
    expect(() => author.name).toThrow(NotLoadedError)
    session.add(new Note({ words: 'pending' }))
    library.statements.clear()
    expect(await session.get(Author, 1)).toBe(author)
    library.statements.expectExactly('insert into lib_notes', /^select .* from lib_authors/)
    expect([author.name, author.motto]).toEqual(['a0', null])
  })

  it('EXP-002 expiring one property leaves the others, their unflushed edits and their old values', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    const author = await session.getOne(Author, 1)
    author.name = 'edited'
    author.motto = 'dropped'
    session.expire(author, ['motto'])
    expect(author.name).toBe('edited')
    expect(state(author).modified).toEqual({ name: ['a0', 'edited'] })
    expect(state(author).unloaded).toContain('motto')
  })

  it('EXP-003 assigning to an expired property costs nothing and survives the reading of the others', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions({ autoflush: false })
    const author = await session.getOne(Author, 1)
    session.expire(author)
    library.statements.clear()
    author.name = 'assigned'
    library.statements.expectCount(0)
    await session.get(Author, 1)
    library.statements.expectCount(1)
    expect([author.name, author.motto]).toEqual(['assigned', null])
    expect(state(author).modified).toEqual({ name: ['a0', 'assigned'] })
  })

  it('EXP-005 an expired instance and its collection are two loads, one for the columns and one for the members', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    const author = await session.query(Author).with('books').one()
    session.expire(author)
    library.statements.clear()
    expect(titles(await author.books)).toEqual(['t0.0', 't0.1'])
    library.statements.expectCount(2)
    expect(author.name).toBe('a0')
    library.statements.expectCount(2)
  })

  it('EXP-005 changes of a loaded collection survive the reading of columns', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions({ autoflush: false })
    const author = await session.query(Author).with('books').one()
    author.books.add(new Book({ title: 'new' }))
    author.books.remove(author.books[0] as Book)
    session.expire(author, ['name', 'motto'])
    await session.refresh(author, ['name', 'motto'])
    expect(titles(author.books)).toEqual(['t0.1', 'new'])
    await session.commit()
    expect(titles(await session.query(Book).orderBy('title').all())).toEqual(['new', 't0.1'])
  })

  it('EXP-006 get of an expired instance reads it once; where its row is gone it gives null, and a rollback puts it back', async () => {
    const library = await openLibrary(db)
    await using session = library.Sessions()
    const note = new Note({ words: 'w' })
    session.add(note)
    await session.commit()
    session.expire(note)
    library.statements.clear()
    await session.get(Note, 1)
    await session.get(Note, 1)
    library.statements.expectCount(1)
    await session.execute(sql`delete from lib_notes`)
    session.expire(note)
    expect(await session.get(Note, 1)).toBeNull()
    expect(session.has(note)).toBe(false)
    await session.rollback()
    expect(session.has(note)).toBe(true)
    await session.refresh(note)
    expect(note.words).toBe('w')
  })

  it('EXP-007 expired properties of a detached instance are refused by name; new instances cannot be expired or refreshed', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    const author = await session.getOne(Author, 1)
    session.expire(author)
    session.expunge(author)
    expect(() => author.name).toThrow(DetachedInstanceError)
    const [transient, pending] = [new Note({ words: 't' }), new Note({ words: 'p' })]
    session.add(pending)
    for (const note of [transient, pending]) {
      expect(() => session.expire(note)).toThrow(InvalidRequestError)
      await expect(session.refresh(note)).rejects.toThrow(InvalidRequestError)
    }
  })

  it('EXP-008 expiring a parent lets its pending orphans leave, and keeps pending members that need no parent', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions({ autoflush: false })
    const author = await session.query(Author).with('books.notes').one()
    const orphan = new Book({ title: 'orphan' })
    author.books.add(orphan)
    expect(session.new.has(orphan)).toBe(true)
    session.expire(author)
    expect(session.new.has(orphan)).toBe(false)
    const book = await session.query(Book).with('notes').orderBy('id').first()
    const free = new Note({ words: 'free' })
    book?.notes.add(free)
    session.expire(book as Book)
    expect(session.new.has(free)).toBe(true)
    expect(await book?.notes).not.toContain(free)
  })

  it('EXP-010 refresh flushes first, takes one statement and leaves unloaded relations alone', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    const author = await session.getOne(Author, 1)
    session.add(new Note({ words: 'pending' }))
    await session.execute(sql`update lib_authors set name = 'from outside'`)
    library.statements.clear()
    await session.refresh(author)
    library.statements.expectExactly(/^select .* from lib_authors/)
    expect(author.name).toBe('from outside')
    expect(author.books.isLoaded).toBe(false)
    session.add(new Note({ words: 'pending too' }))
    library.statements.clear()
    await session.refresh(author)
    library.statements.expectExactly('insert into lib_notes', /^select .* from lib_authors/)
  })

  it('EXP-011 refresh is refused while a changed key is not flushed, and the change stays', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions({ autoflush: false })
    const note = await session.getOne(Note, 1)
    note.id = 99
    await expect(session.refresh(note)).rejects.toThrow(/its key id was changed/)
    expect(note.id).toBe(99)
    await session.flush()
    await session.refresh(note)
    expect(await session.get(Note, 99)).toBe(note)
  })

  it('EXP-012 a column that a new instance was never given reads null after the flush, for nothing', async () => {
    const library = await openLibrary(db)
    await using session = library.Sessions()
    const author = new Author({ name: 'ed' })
    session.add(author)
    await session.flush()
    library.statements.clear()
    expect(author.motto).toBeNull()
    library.statements.expectCount(0)
  })

  it('a commit that expires drops relations too; with() brings both back', async () => {
    const library = await openLibrary(db, { expireOnCommit: true })
    await fill(library, 2)
    await using session = library.Sessions()
    const [author] = await session.query(Author).with('books').orderBy('id').all()
    await session.commit()
    expect(author?.books.isLoaded).toBe(false)
    library.statements.clear()
    await session.query(Author).with('books').all()
    library.statements.expectCount(2)
    expect(titles(author?.books ?? [])).toEqual(['t0.0', 't0.1'])
  })
})
