import { expect, it } from 'vitest'
import {
  containsEager,
  createAll,
  defer,
  entity,
  InvalidRequestError,
  integer,
  joined,
  lazy,
  manyToOne,
  oneToMany,
  raise,
  selectin,
  sessionmaker,
  sql,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'
import { Author, Book, Club, fill, openLibrary, Shelf, Topic } from './library.ts'

/** Its children come along in the same statement, to a depth or not at all. */
class Deep extends entity('join_deep', {
  id: integer().primaryKey(),
  parentId: integer().nullable().references('join_deep.id'),
  get children() {
    return oneToMany(() => Deep, { foreignKey: 'parentId', lazy: 'joined', joinDepth: 3, orderBy: 'id' })
  },
}) {}

class Flat extends entity('join_flat', {
  id: integer().primaryKey(),
  parentId: integer().nullable().references('join_flat.id'),
  get children() {
    return oneToMany(() => Flat, { foreignKey: 'parentId', lazy: 'joined', orderBy: 'id' })
  },
}) {}

/** Both sides come along. */
class Team extends entity('join_teams', {
  id: integer().primaryKey(),
  name: varchar(50),
  get players() {
    return oneToMany(() => Player, { backPopulates: 'team', orderBy: 'id' })
  },
  get coaches() {
    return oneToMany(() => Coach, { backPopulates: 'team', lazy: 'joined', orderBy: 'id' })
  },
}) {}

class Player extends entity('join_players', {
  id: integer().primaryKey(),
  name: varchar(50),
  teamId: integer().nullable().references('join_teams.id'),
  get team() {
    return manyToOne(() => Team, { foreignKey: 'teamId', backPopulates: 'players', lazy: 'joined' }).nullable()
  },
}) {}

class Coach extends entity('join_coaches', {
  id: integer().primaryKey(),
  teamId: integer().nullable().references('join_teams.id'),
  get team() {
    return manyToOne(() => Team, { foreignKey: 'teamId', backPopulates: 'coaches' }).nullable()
  },
}) {}

async function openTeams(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [Deep, Flat, Team, Player, Coach])
  const statements = recordStatements(engine)
  const Sessions = sessionmaker({ bind: engine })
  await Sessions.begin((session) => {
    const players = ['p0', 'p1'].map((name) => new Player({ name }))
    session.add(new Team({ name: 't0', players, coaches: [new Coach(), new Coach()] }))
    session.add(new Team({ name: 't1' }))
  })
  return { Sessions, statements }
}

const titles = (books: Iterable<{ readonly title: string }>) => Array.from(books, ({ title }) => title)

onEvery({}, (db) => {
  it('LOAD-007 a joined collection is one statement, and each parent comes once with all of its members in order', async () => {
    const library = await openLibrary(db)
    await fill(library, 3)
    await using session = library.Sessions()
    library.statements.clear()
    const authors = await session.query(Author).orderBy('id', 'desc').options(joined('books'), joined('clubs')).all()
    library.statements.expectExactly(/left join .* left join /)
    expect(authors.map(({ name }) => name)).toEqual(['a2', 'a1', 'a0'])
    expect(authors.map((author) => titles(author.books))).toEqual([2, 1, 0].map((n) => [`t${n}.0`, `t${n}.1`]))
    expect(authors.map((author) => author.clubs.map(({ name }) => name))).toEqual([['all'], ['all'], ['all']])
    library.statements.clear()
    expect(await authors[0]?.books).toHaveLength(2)
    library.statements.expectCount(0)
    expect(session.dirty.size).toBe(0)
  })

  it('LOAD-007 collections of collections, to-one relations and several collections come in one statement together', async () => {
    const library = await openLibrary(db)
    await fill(library, 2)
    await using session = library.Sessions()
    library.statements.clear()
    const authors = await session
      .query(Author)
      .options(joined('books.notes'), joined('books.shelf'), joined('profile'), joined('clubs.authors'))
      .all()
    library.statements.expectCount(1)
    expect(authors.map((author) => author.books.map((book) => book.notes.map(({ words }) => words)))).toEqual(
      [0, 1].map((a) => [0, 1].map((b) => [0, 1].map((n) => `w${a}.${b}.${n}`))),
    )
    expect(authors[1]?.books[0]?.shelf?.place).toBe('hall')
    expect(authors.map((author) => author.profile?.site)).toEqual(['s0', 's1'])
    expect(authors[0]?.clubs[0]?.authors).toHaveLength(2)
  })

  it('LOAD-008 limit and offset count parents and not joined rows, in the order of the query', async () => {
    const library = await openLibrary(db)
    await fill(library, 5)
    await using session = library.Sessions()
    library.statements.clear()
    const page = await session.query(Author).orderBy('name', 'desc').limit(2).offset(1).options(joined('books')).all()
    library.statements.expectExactly(/from \(select .* limit .*\) as heddle_q left join/)
    expect(page.map((author) => [author.name, titles(author.books)])).toEqual([
      ['a3', ['t3.0', 't3.1']],
      ['a2', ['t2.0', 't2.1']],
    ])
    expect((await session.query(Author).orderBy('id').options(joined('books')).first())?.books).toHaveLength(2)
    const one = await session.query(Author).filterBy({ name: 'a4' }).options(joined('books.notes')).one()
    expect(one.books.map((book) => book.notes.length)).toEqual([2, 2])
    expect(await session.query(Author).limit(3).options(joined('books')).count()).toBe(3)
  })

  it('LOAD-008 text of the program does not see the joined tables', async () => {
    const library = await openLibrary(db)
    await fill(library, 3)
    await using session = library.Sessions()
    const authors = await session
      .query(Author)
      .where(sql<boolean>`name <> 'a1'`)
      .orderBy(sql`lower(name)`, 'desc')
      .options(joined('clubs'), joined('profile'))
      .all()
    expect(authors.map((author) => [author.name, author.clubs.length, author.profile?.site])).toEqual([
      ['a2', 1, 's2'],
      ['a0', 1, 's0'],
    ])
    const modified = await session
      .query(Author)
      .modify((qb) => qb.where('name', '=', 'a1'))
      .options(joined('books'))
      .one()
    expect(titles(modified.books)).toEqual(['t1.0', 't1.1'])
    const locked = await session.query(Author).where('id', '=', 1).options(joined('books')).forUpdate().one()
    expect(locked.books).toHaveLength(2)
    const distinct = await session.query(Author).distinct().orderBy('id').options(joined('books')).all()
    expect(distinct.map((author) => author.books.length)).toEqual([2, 2, 2])
  })

  it('LOAD-009 a join keeps parents that have nothing there; innerJoin drops them', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    const { Sessions, statements } = library
    await Sessions.begin((session) => session.add(new Author({ name: 'without' })))
    await using session = Sessions()
    const all = await session.query(Author).orderBy('id').options(joined('books'), joined('profile')).all()
    expect(all.map((author) => [author.name, author.books.length, author.profile === null])).toEqual([
      ['a0', 2, false],
      ['without', 0, true],
    ])
    session.expungeAll()
    statements.clear()
    const some = await session
      .query(Author)
      .options(joined('books', { innerJoin: true }))
      .all()
    statements.expectExactly(/inner join/)
    expect(some.map(({ name }) => name)).toEqual(['a0'])
  })

  it('LOAD-010 a joined many-to-one that finds no row is null, and stays so for nothing', async () => {
    const { Sessions, statements } = await openLibrary(db)
    await Sessions.begin((session) => {
      session.addAll([new Book({ title: 'dangling', shelfId: 99 }), new Book({ title: 'none' })])
      session.add(new Book({ title: 'there', shelf: new Shelf({ place: 'hall' }) }))
    })
    await using session = Sessions()
    statements.clear()
    const books = await session.query(Book).orderBy('title').options(joined('shelf')).all()
    expect(books.map((book) => book.shelf?.place)).toEqual([undefined, undefined, 'hall'])
    expect([await books[0]?.shelf, await books[1]?.shelf]).toEqual([null, null])
    statements.expectCount(1)
  })

  it('LOAD-012 a tree mapped to be joined is joined to its joinDepth; without one not at all', async () => {
    const { Sessions, statements } = await openTeams(db)
    await Sessions.begin(async (session) => {
      session.add(
        new Deep({
          id: 1,
          children: [new Deep({ id: 2, children: [new Deep({ id: 3, children: [new Deep({ id: 4 })] })] })],
        }),
      )
      session.add(new Flat({ id: 1, children: [new Flat({ id: 2, children: [new Flat({ id: 3 })] })] }))
    })
    await using session = Sessions()
    statements.clear()
    const deep = await session.query(Deep).where('parentId', 'is', null).one()
    const below = (node: Deep) => (node.children as unknown as Deep[])[0] as Deep
    expect(below(below(below(deep))).id).toBe(4)
    expect(below(below(below(deep))).children.isLoaded).toBe(false)
    statements.expectCount(1)
    statements.clear()
    const flat = await session.query(Flat).where('parentId', 'is', null).one()
    const [child] = await flat.children
    const [grandchild] = await (child as Flat).children
    expect(grandchild?.id).toBe(3)
    statements.expectCount(3)
  })

  it('LOAD-012 joined() follows a relation to its own kind as deep as it is told', async () => {
    const { Sessions, statements } = await openLibrary(db)
    await Sessions.begin((session) => {
      session.add(new Topic({ name: 'r', children: [new Topic({ name: 'a', children: [new Topic({ name: 'b' })] })] }))
    })
    await using session = Sessions()
    statements.clear()
    const root = await session
      .query(Topic)
      .filterBy({ name: 'r' })
      .options(joined('children', { joinDepth: 1 }))
      .one()
    statements.expectCount(1)
    expect(root.children[0]).toMatchObject({ name: 'a', children: [{ name: 'b' }] })
  })

  it('LOAD-013 a lazy collection whose members come along with their parent does not join back to it', async () => {
    const { Sessions, statements } = await openTeams(db)
    await using session = Sessions()
    const team = await session.query(Team).options(lazy('coaches')).filterBy({ name: 't0' }).one()
    statements.clear()
    const players = await team.players
    statements.expectExactly(/^select (?!.* join )/)
    expect(players[0]?.team).toBe(team)
    statements.expectCount(1)
  })

  it('LOAD-014 populateExisting with a joined collection replaces it and reverts unflushed edits of its members', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions({ autoflush: false })
    const author = await session.query(Author).options(joined('books')).one()
    author.books.remove(author.books[1] as Book)
    author.books.add(new Book({ title: 'mine' }))
    Object.assign(author.books[0] as Book, { title: 'edited' })
    await session.query(Author).options(joined('books')).one()
    expect(titles(author.books)).toEqual(['edited', 'mine'])
    library.statements.clear()
    await session.query(Author).options(joined('books')).populateExisting().one()
    library.statements.expectCount(1)
    expect(titles(author.books)).toEqual(['t0.0', 't0.1'])
    expect(session.dirty.size).toBe(0)
  })

  it('LOAD-015 refreshing an expired instance loads again what comes along: one statement joined, two by selectin', async () => {
    const { Sessions, statements } = await openTeams(db)
    await using session = Sessions()
    const player = await session.query(Player).orderBy('id').first()
    const team = player?.team as Team
    session.expire(player as Player)
    session.expire(team)
    statements.clear()
    await session.refresh(player as Player)
    statements.expectCount(1)
    expect([player?.team === team, team.name]).toEqual([true, 't0'])
    session.expire(player as Player)
    statements.clear()
    expect(await session.get(Player, 1)).toBe(player)
    statements.expectCount(1)
    session.expungeAll()
    const second = await session
      .query(Team)
      .filterBy({ name: 't0' })
      .options(lazy('coaches'), selectin('players'))
      .one()
    session.expire(second)
    statements.clear()
    await session.refresh(second)
    statements.expectCount(2)
    session.expire(second, ['name'])
    statements.clear()
    await session.refresh(second, ['name'])
    statements.expectExactly(/^select (?!.* join )/)
    expect(second.coaches.isLoaded).toBe(false)
  })

  it('LOAD-018 a joined relation leaves alone what is loaded or changed, and what a changed key points at', async () => {
    const library = await openLibrary(db)
    await fill(library, 2)
    await using session = library.Sessions({ autoflush: false })
    const book = await session.getOne(Book, 1)
    book.authorId = 2
    const again = await session.query(Book).where('id', '=', 1).options(joined('author')).one()
    expect(again.author?.name).toBe('a1')
    const author = await session.query(Author).where('id', '=', 1).with('books').one()
    author.books.remove(author.books[1] as Book)
    await session.query(Author).where('id', '=', 1).options(joined('books')).one()
    expect(author.books).toHaveLength(1)
  })

  it('with() joins to-one relations of a plain query, one after another; collections take a statement each', async () => {
    const library = await openLibrary(db)
    await fill(library, 3)
    await using session = library.Sessions()
    library.statements.clear()
    const books = await session.query(Book).orderBy('id').with('author.profile', 'shelf', 'notes').all()
    library.statements.expectExactly(/left join .*left join .*left join /, /from lib_notes/)
    expect(books.map((book) => [book.author?.profile?.site, book.shelf?.place, book.notes.length])).toEqual(
      [0, 0, 1, 1, 2, 2].map((n) => [`s${n}`, 'hall', 2]),
    )
  })

  it('options reach what is joined: columns, and what is forbidden below', async () => {
    const library = await openLibrary(db)
    await fill(library, 1)
    await using session = library.Sessions()
    library.statements.clear()
    const books = await session
      .query(Book)
      .options(joined('author').options(defer('motto'), raise('*')))
      .all()
    library.statements.expectExactly(/^(?!.*motto)/)
    await expect(Promise.resolve(books[0]?.author?.clubs)).rejects.toThrow(InvalidRequestError)
    const got = await session.getOne(Book, 1, { options: [joined('notes')] })
    library.statements.expectCount(1 + 1)
    expect((await got.notes).length).toBe(2)
    library.statements.expectCount(2)
  })

  it('containsEager() fills a relation from a join of the query; a collection is a part that can be changed and not replaced', async () => {
    const library = await openLibrary(db)
    await fill(library, 2)
    const { Sessions, statements } = library
    await Sessions.begin(async (session) => {
      statements.clear()
      const authors = await session
        .query(Author)
        .join('books')
        .where('books.title', 'like', '%.1')
        .orderBy('id')
        .options(containsEager('books'))
        .all()
      statements.expectCount(1)
      expect(authors.map((author) => titles(author.books))).toEqual([['t0.1'], ['t1.1']])
      const [first, second] = authors
      expect(() => Object.assign(first as object, { books: [] })).toThrow(/only a part of the collection is loaded/)
      first?.books.add(new Book({ title: 'new' }))
      session.delete(second as Author)
    })
    await using session = Sessions()
    const all = await session.query(Author).with('books').all()
    expect(all.map((author) => titles(author.books))).toEqual([['new', 't0.0', 't0.1']])
    expect(await session.query(Book).count()).toBe(3)
    const part = await session
      .query(Club)
      .modify((qb) =>
        qb
          .innerJoin('lib_memberships', 'lib_memberships.clubId', 'lib_clubs.id')
          .innerJoin('lib_authors', 'lib_authors.id', 'lib_memberships.authorId'),
      )
      .options(containsEager('authors'))
      .one()
    expect(part.authors).toEqual(all)
    await expect(session.query(Author).options(containsEager('books')).all()).rejects.toThrow(/it joins no books/)
  })
})
