import { expect, it } from 'vitest'
import { containsEager, InvalidRequestError, joined, SessionClosedError, selectin, sql } from '../../src/index.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'
import { Author, Book, Note, openLibrary } from './library.ts'

/** Notes with the words `w0`, `w1`, … */
async function openNotes(db: TestDatabase, count: number) {
  const library = await openLibrary(db)
  await library.Sessions.begin((session) => {
    for (let n = 0; n < count; n++) session.add(new Note({ words: `w${n}` }))
  })
  return library
}

const out = (library: Awaited<ReturnType<typeof openLibrary>>) => library.engine.pool.status().checkedOut

onEvery({}, (db) => {
  it('a stream holds a batch of instances at a time, whatever the number of rows', async () => {
    const library = await openNotes(db, 3_000)
    await using session = library.Sessions()
    let [rows, most] = [0, 0]
    for await (const note of session.query(Note).orderBy('id').stream({ batch: 100 })) {
      rows += note.words.startsWith('w') ? 1 : 0
      if (rows % 50 === 0) most = Math.max(most, session.identityMap.size)
    }
    expect([rows, most, session.identityMap.size]).toEqual([3_000, 100, 0])
    library.statements.expectAtMost(1 + 3_000 / 100 + 40)
  })

  it('what was changed in a stream stays in the session and is written; what was there before stays too', async () => {
    const library = await openNotes(db, 30)
    await using session = library.Sessions()
    const held = await session.getOne(Note, 1)
    for await (const note of session.query(Note).orderBy('id').stream({ batch: 10 })) {
      if (note.words === 'w15') note.words = 'changed'
    }
    expect([...session].map((note) => (note as Note).words).sort()).toEqual(['changed', 'w0'])
    expect(session.has(held)).toBe(true)
    await session.commit()
    expect(await session.query(Note).filterBy({ words: 'changed' }).count()).toBe(1)
  })

  it('leaving the loop early, or by an error, closes the cursor; the session and its connection can be used at once', async () => {
    const library = await openNotes(db, 50)
    await using session = library.Sessions()
    for await (const note of session.query(Note).orderBy('id').stream({ batch: 5 })) if (note.words === 'w7') break
    expect(await session.query(Note).count()).toBe(50)
    const failure = new Error('in the loop')
    const failing = async () => {
      for await (const note of session.query(Note).stream({ batch: 5 })) if (note.words !== '') throw failure
    }
    await expect(failing()).rejects.toBe(failure)
    session.add(new Note({ words: 'after' }))
    await session.commit()
    expect(await session.query(Note).count()).toBe(51)
    await session.rollback()
    expect(out(library)).toBe(0)
    const connection = await library.engine.connect()
    for await (const row of connection.stream(sql`select * from lib_notes`, { batch: 5 })) if (row !== null) break
    expect((await connection.execute(sql`select count(*) as n from lib_notes`)).rows).toHaveLength(1)
    await connection.close()
    expect(out(library)).toBe(0)
  })

  it('a query, a lazy load and a flush inside the loop on the same session work', async () => {
    const library = await openLibrary(db)
    await library.Sessions.begin((session) => {
      for (let n = 0; n < 12; n++) session.add(new Author({ name: `a${n}`, books: [new Book({ title: `t${n}` })] }))
    })
    await using session = library.Sessions()
    const seen: string[] = []
    for await (const author of session.query(Author).orderBy('id').stream({ batch: 4 })) {
      const [book] = await author.books
      const other = await session.query(Author).filterBy({ name: author.name }).one()
      session.add(new Note({ words: author.name }))
      await session.flush()
      seen.push(`${other.name}:${book?.title}`)
    }
    expect(seen).toEqual(Array.from({ length: 12 }, (_, n) => `a${n}:t${n}`))
    await session.commit()
    expect(await session.query(Note).count()).toBe(12)
  })

  it('two streams of one session take turns', async () => {
    const library = await openNotes(db, 12)
    await using session = library.Sessions()
    const pairs: string[] = []
    for await (const note of session.query(Note).orderBy('id').limit(3).stream({ batch: 1 })) {
      for await (const other of session.query(Note).orderBy('id', 'desc').limit(2).stream({ batch: 1 })) {
        pairs.push(`${note.words}/${other.words}`)
      }
    }
    expect(pairs).toEqual(['w0/w11', 'w0/w10', 'w1/w11', 'w1/w10', 'w2/w11', 'w2/w10'])
  })

  it('the end of the transaction inside the loop ends the stream by name, and nothing hangs', async () => {
    for (const end of ['commit', 'rollback', 'close'] as const) {
      const library = await openNotes(db, 20)
      const session = library.Sessions()
      const ending = async () => {
        for await (const note of session.query(Note).orderBy('id').stream({ batch: 5 })) {
          if (note.words === 'w4') await session[end]()
        }
      }
      await expect(ending()).rejects.toThrow(SessionClosedError)
      await session.close()
      expect(out(library)).toBe(0)
    }
  })

  it('LOAD-020 yield_per: to-one relations are joined in a stream, collections are loaded batch by batch, and never joined', async () => {
    const library = await openLibrary(db)
    await library.Sessions.begin((session) => {
      for (let n = 0; n < 6; n++)
        session.add(new Author({ name: `a${n}`, books: [new Book({ title: 'x' }), new Book({ title: 'y' })] }))
    })
    await using session = library.Sessions()
    library.statements.clear()
    const seen: string[] = []
    const books = session.query(Book).orderBy('id').options(joined('author'), selectin('notes'))
    for await (const book of books.stream({ batch: 4 }))
      seen.push(`${book.author?.name}${book.title}${book.notes.length}`)
    expect(seen).toHaveLength(12)
    expect(seen.slice(0, 3)).toEqual(['a0x0', 'a0y0', 'a1x0'])
    library.statements.expectCount(1 + 3)
    const authors = session.query(Author)
    expect(() => authors.options(joined('books')).stream()).toThrow(InvalidRequestError)
    expect(() => authors.options(selectin('books').options(joined('notes'))).stream()).toThrow(
      /selectin\('books.notes'\)/,
    )
    expect(() => authors.join('books').options(containsEager('books')).stream()).toThrow(InvalidRequestError)
  })
})
