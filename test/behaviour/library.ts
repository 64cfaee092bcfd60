import {
  createAll,
  entity,
  integer,
  manyToMany,
  manyToOne,
  oneToMany,
  oneToOne,
  type SessionOptions,
  sessionmaker,
  text,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import type { TestDatabase } from '../support/index.ts'

/** Has books (its orphans die), a profile, and clubs. */
export class Author extends entity('lib_authors', {
  id: integer().primaryKey(),
  name: varchar(100),
  motto: text().nullable(),
  get books() {
    return oneToMany(() => Book, { backPopulates: 'author', cascade: 'all, delete-orphan', orderBy: 'title' })
  },
  get profile() {
    return oneToOne(() => Profile, { backPopulates: 'author', cascade: 'all' })
  },
  get clubs() {
    return manyToMany(() => Club, { through: 'lib_memberships', backPopulates: 'authors', orderBy: 'name' })
  },
}) {}

/** Belongs to an author, may have a shelf, has notes. */
export class Book extends entity('lib_books', {
  id: integer().primaryKey(),
  title: varchar(100),
  authorId: integer().nullable().references('lib_authors.id'),
  shelfId: integer().nullable(),
  get author() {
    return manyToOne(() => Author, { foreignKey: 'authorId', backPopulates: 'books' }).nullable()
  },
  get shelf() {
    return manyToOne(() => Shelf, { foreignKey: 'shelfId' }).nullable()
  },
  get notes() {
    return oneToMany(() => Note, { backPopulates: 'book', cascade: 'all', orderBy: 'id' })
  },
}) {}

/** Books point at it without a foreign key of the database, so that a key may dangle. */
export class Shelf extends entity('lib_shelves', { id: integer().primaryKey(), place: varchar(40) }) {}

/** Not deleted when its book lets it go. */
export class Note extends entity('lib_notes', {
  id: integer().primaryKey(),
  words: varchar(100),
  bookId: integer().nullable().references('lib_books.id'),
  get book() {
    return manyToOne(() => Book, { foreignKey: 'bookId', backPopulates: 'notes' }).nullable()
  },
}) {}

/** Held by the other side's key. */
export class Profile extends entity('lib_profiles', {
  id: integer().primaryKey(),
  site: varchar(100),
  authorId: integer().nullable().references('lib_authors.id'),
  get author() {
    return oneToOne(() => Author, { foreignKey: 'authorId', backPopulates: 'profile' })
  },
}) {}

/** On the other side of a table of pairs. */
export class Club extends entity('lib_clubs', {
  id: integer().primaryKey(),
  name: varchar(100),
  get authors() {
    return manyToMany(() => Author, { through: 'lib_memberships', backPopulates: 'clubs' })
  },
}) {}

/** A tree. */
export class Topic extends entity('lib_topics', {
  id: integer().primaryKey(),
  name: varchar(100),
  parentId: integer().nullable().references('lib_topics.id'),
  get parent() {
    return manyToOne(() => Topic, { foreignKey: 'parentId', backPopulates: 'children' }).nullable()
  },
  get children() {
    return oneToMany(() => Topic, { foreignKey: 'parentId', backPopulates: 'parent', cascade: 'all', orderBy: 'name' })
  },
}) {}

/** Its relations come along, or never come by themselves. */
export class Shop extends entity('lib_shops', {
  id: integer().primaryKey(),
  name: varchar(100),
  shelfId: integer().nullable(),
  ownerId: integer().nullable(),
  get shelf() {
    return manyToOne(() => Shelf, { foreignKey: 'shelfId', lazy: 'joined' }).nullable()
  },
  get owner() {
    return manyToOne(() => Author, { foreignKey: 'ownerId', lazy: 'raise', cascade: 'save-update' }).nullable()
  },
  get offers() {
    return oneToMany(() => Offer, { backPopulates: 'shop', lazy: 'selectin', cascade: 'all', orderBy: 'id' })
  },
}) {}

/** Comes along with its shop, and its shop with it. */
export class Offer extends entity('lib_offers', {
  id: integer().primaryKey(),
  rev: integer().version(),
  price: integer(),
  shopId: integer().nullable().references('lib_shops.id'),
  get shop() {
    return manyToOne(() => Shop, { foreignKey: 'shopId', backPopulates: 'offers', lazy: 'selectin' }).nullable()
  },
}) {}

const everything = [Author, Book, Shelf, Note, Profile, Club, Topic, Shop, Offer]

/** An engine with the tables of the entities above, a maker of sessions, and a recorder of statements. */
export async function openLibrary(db: TestDatabase, options: SessionOptions = {}) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, everything)
  const statements = recordStatements(engine)
  const Sessions = sessionmaker({ bind: engine, ...options })
  return { engine, Sessions, statements }
}

/** Authors `a0`…, each with two books of two notes each, a profile, and the club that all share. */
export async function fill({ Sessions }: Awaited<ReturnType<typeof openLibrary>>, authors = 3): Promise<void> {
  await Sessions.begin(async (session) => {
    const club = new Club({ name: 'all' })
    const shelf = new Shelf({ place: 'hall' })
    session.add(shelf)
    for (let a = 0; a < authors; a++) {
      const books = [0, 1].map(
        (b) =>
          new Book({ title: `t${a}.${b}`, shelf, notes: [0, 1].map((n) => new Note({ words: `w${a}.${b}.${n}` })) }),
      )
      session.add(new Author({ name: `a${a}`, books, profile: new Profile({ site: `s${a}` } as never), clubs: [club] }))
    }
  })
}
