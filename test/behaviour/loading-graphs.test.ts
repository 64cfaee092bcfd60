import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Session } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Author, Book, Club, Note, openLibrary, Profile, Shelf } from './library.ts'

/** A graph by numbers: what each instance is related to. */
interface Plan {
  readonly shelves: number
  readonly clubs: number
  readonly authors: readonly {
    readonly hasProfile: boolean
    readonly clubs: readonly number[]
    readonly books: readonly { readonly shelf: number; readonly notes: number }[]
  }[]
}

const plans: fc.Arbitrary<Plan> = fc.record({
  shelves: fc.integer({ min: 0, max: 2 }),
  clubs: fc.integer({ min: 0, max: 3 }),
  authors: fc.array(
    fc.record({
      hasProfile: fc.boolean(),
      clubs: fc.array(fc.nat({ max: 3 }), { maxLength: 4 }),
      books: fc.array(fc.record({ shelf: fc.nat({ max: 3 }), notes: fc.nat({ max: 2 }) }), { maxLength: 4 }),
    }),
    { maxLength: 5 },
  ),
})

function store(session: Session, plan: Plan): void {
  const shelves = Array.from({ length: plan.shelves }, (_, n) => new Shelf({ place: `s${n}` }))
  const clubs = Array.from({ length: plan.clubs }, (_, n) => new Club({ name: `c${n}` }))
  session.addAll([...shelves, ...clubs])
  plan.authors.forEach((author, a) => {
    const books = author.books.map(
      ({ shelf, notes }, b) =>
        new Book({
          title: `b${b}`,
          shelf: shelves[shelf] ?? null,
          notes: Array.from({ length: notes }, (_, n) => new Note({ words: `n${n}` })),
        }),
    )
    const profile = author.hasProfile ? new Profile({ site: `p${a}` } as never) : null
    const joined = [...new Set(author.clubs)].flatMap((club) => clubs[club] ?? [])
    session.add(new Author({ name: `a${a}`, books, profile, clubs: joined }))
  })
}

const paths = ['books.notes.book', 'books.shelf', 'books.author', 'profile.author', 'clubs.authors'] as const

/** Awaits every relation of everything, one after another. */
async function readLazily(authors: readonly Author[]): Promise<void> {
  for (const author of authors) {
    for (const book of await author.books) {
      await book.shelf
      await book.author
      for (const note of await book.notes) await note.book
    }
    await (await author.profile)?.author
    for (const club of await author.clubs) await club.authors
  }
}

/** The loaded trees; the order of members that have none is not part of them. */
function trees(authors: readonly Author[]): unknown[] {
  return authors.map((author) => sorted(author.toObject()))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, sorted(inner)]))
}

onEvery({}, (db) => {
  it('any graph reads the same lazily, by with() and by get, and the number of statements does not depend on its size', async () => {
    const { engine, Sessions, statements } = await openLibrary(db)
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        await emptyTables(Sessions())
        await Sessions.begin(async (session) => store(session, plan))

        const lazily = await Sessions.begin(async (session) => {
          const authors = await session.query(Author).orderBy('id').all()
          statements.clear()
          await readLazily(authors)
          statements.expectAtMost(paths.length + 4)
          return trees(authors)
        })
        const together = await Sessions.begin(async (session) => {
          statements.clear()
          const authors = await session
            .query(Author)
            .orderBy('id')
            .with(...paths)
            .all()
          statements.expectAtMost(1 + 6)
          return trees(authors)
        })
        const byKey = await Sessions.begin(async (session) => {
          const keys = (await session.query(Author).orderBy('id').all()).map(({ id }) => id)
          session.expungeAll()
          const authors: Author[] = []
          for (const key of keys) authors.push(await session.getOne(Author, key, { with: [...paths] }))
          return trees(authors)
        })
        const books = (lazily as { books: { notes: unknown[] }[] }[]).map(({ books }) =>
          books.map((b) => b.notes.length),
        )
        const planned = plan.authors.map((author) => author.books.map(({ notes }) => notes).sort())
        expect(books.map((notes) => notes.sort())).toEqual(planned)
        expect(together).toEqual(lazily)
        expect(byKey).toEqual(lazily)
      }),
      { numRuns: db.name === 'sqlite' ? 60 : 15 },
    )
    expect(engine.pool.status().checkedOut).toBe(0)
  })
})

async function emptyTables(session: Session): Promise<void> {
  for (const entity of [Author, Club, Note, Shelf] as const) {
    session.deleteAll(await session.query<Author | Club | Note | Shelf, string>(entity as never).all())
  }
  await session.commit()
  await session.close()
}
