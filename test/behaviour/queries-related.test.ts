import { expect, it } from 'vitest'
import { ArgumentError, InvalidRequestError, sql } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Author, Book, Club, fill, Note, openLibrary, Profile, Topic } from './library.ts'

const names = (found: Iterable<{ readonly name: string }>) => Array.from(found, ({ name }) => name)
const titles = (books: Iterable<Book>) => Array.from(books, ({ title }) => title)

onEvery({}, (db) => {
  async function filled(authors = 3) {
    const library = await openLibrary(db)
    await fill(library, authors)
    const session = library.Sessions()
    return { ...library, session }
  }

  it('a join along relations names the properties of what it joins, and gives an instance for each row', async () => {
    await using session = (await filled()).session
    const query = session.query(Author).join('books').orderBy('books.title', 'desc')
    expect(names(await query.all())).toEqual(['a2', 'a2', 'a1', 'a1', 'a0', 'a0'])
    expect(await query.count()).toBe(6)
    expect(names(await query.where('books.title', '=', 't1.0').all())).toEqual(['a1'])
    expect(names(await session.query(Author).join('books').distinct().orderBy('name').all())).toEqual([
      'a0',
      'a1',
      'a2',
    ])
    const either = session
      .query(Author)
      .join('books')
      .where((eb) => eb.or([eb('books.title', '=', 't0.0'), eb('books.title', '=', 't2.1')]))
    expect(names(await either.orderBy('name').all())).toEqual(['a0', 'a2'])
    expect(await session.query(Author).join('books').whereRef('books.authorId', '!=', 'id').count()).toBe(0)
  })

  it('a path joins what it passes, once, and further joins go on from a joined name', async () => {
    await using session = (await filled()).session
    const deep = session.query(Author).join('books.notes').where('notes.words', '=', 'w1.1.0')
    expect(names(await deep.where('books.title', '=', 't1.1').all())).toEqual(['a1'])
    const both = session.query(Author).join('books').join('books.notes').join('books.shelf', { as: 'place' })
    expect(await both.where('place.place', '=', 'hall').where('notes.words', '=', 'w0.0.1').count()).toBe(1)
    expect(both.toSql().sql.match(/join .lib_books/g)).toHaveLength(1)
  })

  it('a join through a table of pairs, and to itself under another name', async () => {
    await using session = (await filled()).session
    expect(await session.query(Author).join('clubs').where('clubs.name', '=', 'all').count()).toBe(3)
    const root = new Topic({ name: 'root', children: [new Topic({ name: 'leaf' }), new Topic({ name: 'other' })] })
    session.add(root)
    const leaves = session.query(Topic).join('parent').join('parent.children', { as: 'sibling' })
    expect(
      names(await leaves.where('parent.name', '=', 'root').where('sibling.name', '=', 'other').orderBy('name').all()),
    ).toEqual(['leaf', 'other'])
  })

  it('an outer join keeps rows without a related one; its condition decides what is joined, not what is found', async () => {
    await using session = (await filled()).session
    session.add(new Author({ name: 'zoe' }))
    expect(names(await session.query(Author).leftJoin('books').where('books.id', 'is', null).all())).toEqual(['zoe'])
    const some = session.query(Author).leftJoin('books', { on: (eb) => eb('books.title', 'like', 't1%') })
    expect(names(await some.where('books.id', 'is', null).orderBy('name').all())).toEqual(['a0', 'a2', 'zoe'])
    const clubs = session.query(Author).leftJoin('clubs', { on: (eb) => eb('clubs.name', '=', 'none') })
    expect(await clubs.where('clubs.id', 'is', null).count()).toBe(4)
    expect(await session.query(Author).leftJoin('clubs').where('clubs.id', 'is', null).count()).toBe(1)
  })

  it('whereHas asks for a related row that meets conditions, and no row comes twice', async () => {
    await using session = (await filled()).session
    session.add(new Author({ name: 'zoe' }))
    const found = async (query: ReturnType<typeof session.query<Author, 'lib_authors'>>) =>
      names(await query.orderBy('name').all())
    const authors = session.query(Author)
    expect(await found(authors.whereHas('books'))).toEqual(['a0', 'a1', 'a2'])
    expect(await found(authors.whereHasNo('books'))).toEqual(['zoe'])
    expect(await found(authors.whereHas('books', (book) => book.where('title', '=', 't1.0')))).toEqual(['a1'])
    expect(await found(authors.whereHasNo('books', (book) => book.where('title', '=', 't1.0')))).toEqual([
      'a0',
      'a2',
      'zoe',
    ])
    expect(await found(authors.whereHas('clubs', (club) => club.where('clubs.name', '=', 'all')))).toEqual([
      'a0',
      'a1',
      'a2',
    ])
    expect(await found(authors.whereHas('clubs', (club) => club.where('name', '=', 'none')))).toEqual([])
    expect(await found(authors.whereHasNo('clubs'))).toEqual(['zoe'])
    expect(await found(authors.whereHas('books.notes', (note) => note.where('words', '=', 'w2.0.0')))).toEqual(['a2'])
    const nested = authors.whereHas('books', (book) =>
      book.whereHas('notes', (note) => note.where('words', 'like', 'w0%')),
    )
    expect(await found(nested)).toEqual(['a0'])
    expect(
      await found(authors.whereHas('books', (book) => book.where((eb) => eb.or([eb('title', '=', 't0.0')])))),
    ).toEqual(['a0'])
  })

  it('whereHas on a relation of an entity to itself, and back again, keeps the rows apart', async () => {
    const { session } = await filled(0)
    await using _ = session
    session.add(
      new Topic({ name: 'root', children: [new Topic({ name: 'mid', children: [new Topic({ name: 'leaf' })] })] }),
    )
    const topics = session.query(Topic)
    expect(names(await topics.whereHas('children', (child) => child.where('name', '=', 'leaf')).all())).toEqual(['mid'])
    expect(names(await topics.whereHas('children.children').all())).toEqual(['root'])
    expect(
      names(
        await topics
          .whereHas('children', (child) => child.whereHas('children', (c) => c.where('name', '=', 'leaf')))
          .all(),
      ),
    ).toEqual(['root'])
    expect(names(await topics.whereHas('parent', (parent) => parent.whereHas('parent')).all())).toEqual(['leaf'])
  })

  it('SES-037 a condition on a relation reads the key when the statement runs, after the flush before it', async () => {
    const { session, statements } = await filled(1)
    await using _ = session
    const author = new Author({ name: 'new', books: [new Book({ title: 'first' })] })
    const query = session.query(Book).where('author', '=', author)
    await expect(query.all()).rejects.toThrow(InvalidRequestError)
    await expect(query.all()).rejects.toThrow('never flushed')
    session.add(author)
    statements.clear()
    expect(titles(await query.all())).toEqual(['first'])
    expect(statements.statements.at(-1)?.parameters).toEqual([author.id])
  })

  it('a relation is compared with an instance, with null, and with several', async () => {
    await using session = (await filled()).session
    const [a0, a1] = await session.query(Author).orderBy('name').all()
    if (a0 === undefined || a1 === undefined) throw new Error('no authors')
    session.add(new Book({ title: 'orphan' }))
    const books = session.query(Book).orderBy('title')
    expect(titles(await books.where('author', '=', a0).all())).toEqual(['t0.0', 't0.1'])
    expect(titles(await books.where('author', '!=', a0).all())).toEqual(['orphan', 't1.0', 't1.1', 't2.0', 't2.1'])
    expect(titles(await books.where('author', 'in', [a0, a1]).all())).toEqual(['t0.0', 't0.1', 't1.0', 't1.1'])
    expect(titles(await books.where('author', 'not in', [a0, a1]).all())).toEqual(['orphan', 't2.0', 't2.1'])
    expect(await books.where('author', 'in', []).count()).toBe(0)
    expect(titles(await books.where('author', 'is', null).all())).toEqual(['orphan'])
    expect(await books.where('author', 'is not', null).count()).toBe(6)
    const profile = await session.query(Profile).where('author', '=', a1).one()
    expect(names(await session.query(Author).where('profile', '=', profile).all())).toEqual(['a1'])
    session.add(new Author({ name: 'zoe' }))
    expect(names(await session.query(Author).where('profile', '=', null).all())).toEqual(['zoe'])
    expect(await session.query(Author).where('profile', '!=', null).count()).toBe(3)
  })

  it('whereContains and withParent follow a relation from either end without loading it', async () => {
    const { session, statements } = await filled()
    await using _ = session
    const author = await session.query(Author).where('name', '=', 'a1').one()
    const club = await session.query(Club).one()
    const book = await session.query(Book).where('title', '=', 't2.1').one()
    statements.clear()
    expect(names(await session.query(Author).whereContains('books', book).all())).toEqual(['a2'])
    expect(await session.query(Author).whereContains('clubs', club).count()).toBe(3)
    expect(titles(await session.query(Book).withParent(author, 'books').orderBy('title').all())).toEqual([
      't1.0',
      't1.1',
    ])
    expect(names(await session.query(Club).withParent(author, 'clubs').all())).toEqual(['all'])
    expect(names(await session.query(Author).withParent(book, 'author').all())).toEqual(['a2'])
    statements.expectCount(5)
  })

  it('what a condition on a relation cannot mean is refused with the choices', async () => {
    await using session = (await filled(1)).session
    const [author, note] = [await session.query(Author).one(), await session.query(Note).first()]
    const wrong = (call: () => unknown, ...parts: string[]) => {
      expect(call).toThrow(ArgumentError)
      for (const part of parts) expect(call).toThrow(part)
    }
    const query = session.query(Author)
    wrong(() => query.join('boks' as 'books'), "no relation 'boks'", "did you mean 'books'")
    wrong(() => query.join('books').join('books'), "table 'books' already", "{ as: 'other_books' }")
    wrong(() => query.join('books').where('books.titel' as 'books.title', '=', 'x'), "Did you mean 'title'")
    wrong(() => query.join('books', { as: 'a b' }), 'as')
    wrong(() => query.whereHas('books', (() => undefined) as never), 'must return')
    wrong(() => session.query(Book).where('author', '=', note as never), 'an instance of Author is needed')
    wrong(() => session.query(Book).where('author', '<', author), 'compared by =')
    wrong(() => query.where('books' as never, '=', 1 as never), 'whereContains')
    wrong(() => session.query(Club).withParent(author, 'books'), "no relation 'books' to Club")
  })

  it('rows come from a statement of the program, and conditions go on from there', async () => {
    const { session } = await filled(0)
    await using _ = session
    const topic = (name: string, ...children: Topic[]) => new Topic({ name, children })
    session.add(topic('a', topic('b', topic('c')), topic('d')))
    await session.flush()
    const [id, name, parent, table] = ['id', 'name', 'parentId', 'lib_topics'].map((part) => sql.id(part))
    const below = session.query(Topic).fromSql(sql`
      with recursive found as (
        select ${id}, ${name}, ${parent} from ${table} where ${name} = ${'b'}
        union all select t.${id}, t.${name}, t.${parent} from ${table} as t join found on t.${parent} = found.${id}
      ) select * from found`)
    expect(names(await below.orderBy('name').all())).toEqual(['b', 'c'])
    expect(names(await below.where('name', '!=', 'b').all())).toEqual(['c'])
    expect(names(await below.join('parent', { as: 'above' }).where('above.name', '=', 'a').all())).toEqual(['b'])
    expect(await below.count()).toBe(2)
    expect(() => session.query(Topic).fromSql('select 1' as never)).toThrow('fromSql() takes')
    expect(() => below.fromSql(sql`select 1`)).toThrow('comes first')
  })

  it('thousands of values in a list are one statement where they travel together, else refused by name', async () => {
    const { session, statements } = await filled(1)
    await using _ = session
    const ids = Array.from({ length: 20_000 }, (_, n) => n)
    statements.clear()
    expect(await session.query(Author).where('id', 'in', ids).count()).toBe(1)
    statements.expectCount(1)
    const tooMany = Array.from({ length: 70_000 }, (_, n) => n)
    expect(await session.query(Author).where('id', 'in', tooMany).count()).toBe(1)
    expect(await session.query(Author).where('id', 'not in', tooMany).exists()).toBe(false)
    const texts = session.query(Author).where('name', 'in', ['a0', ...tooMany.map(String)])
    if (db.name !== 'mariadb' && db.name !== 'mysql') expect(await texts.count()).toBe(1)
    else await expect(texts.count()).rejects.toThrow('run it in parts')
  })

  it('joins and modify() go together in either order', async () => {
    await using session = (await filled()).session
    const first = session
      .query(Author)
      .join('books')
      .modify((qb) => qb.where('books.title', '=', 't1.0'))
    expect(names(await first.all())).toEqual(['a1'])
    const later = session
      .query(Author)
      .modify((qb) => qb.where('name', '!=', 'a0'))
      .join('books')
      .where('books.title', 'like', '%.0')
    expect(names(await later.orderBy('books.title').all())).toEqual(['a1', 'a2'])
    expect(names(await first.where(sql<boolean>`1 = 1`).where('books.title', '=', 't1.0').all())).toEqual(['a1'])
  })
})
