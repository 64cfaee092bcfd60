// Compiled, never run: what listeners of entities are given, and what columns of the database's making allow.
import {
  asValue,
  entity,
  flagModified,
  integer,
  json,
  manyToOne,
  on,
  oneToMany,
  type Session,
  sql,
  text,
  uuid,
} from '../../src/index.ts'

type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false
const holds = <Claim extends true>(claim?: Claim) => claim

class Author extends entity('authors', {
  id: integer().primaryKey(),
  name: text(),
  nickname: text().nullable(),
  words: integer().default(0),
  total: integer().computed(sql`words * 2`, { stored: false }),
  stamp: text().nullable().readOnly(),
  story: text().deferred(),
  settings: json<{ theme: string }>().default({ theme: 'light' }),
  rev: uuid().version((previous) => previous ?? crypto.randomUUID()),
  get books() {
    return oneToMany(() => Book, { backPopulates: 'author' })
  },
}) {
  greet(): string {
    return this.name
  }
}
class Book extends entity('books', {
  id: integer().primaryKey(),
  authorId: integer().references('authors.id'),
  rev: integer().version(false),
  get author() {
    return manyToOne(() => Author, { foreignKey: 'authorId', backPopulates: 'books' })
  },
}) {}

export function listen(): () => void {
  on(Author, 'beforeInsert', async ({ target, session, connection }) => {
    holds<Same<typeof target, Author>>()
    holds<Same<typeof session, Session>>()
    target.name = target.greet()
    await connection.execute(sql`select 1`)
  })
  on(Author, 'load', ({ target, session }) => {
    holds<Same<typeof target, Author>>()
    holds<Same<typeof session, Session | undefined>>()
  })
  on(Author, 'set', { property: 'nickname' }, (event) => {
    holds<Same<typeof event.value, string | null>>()
    holds<Same<typeof event.oldValue, string | null | undefined>>()
    event.value = event.value?.trim() ?? null
    // @ts-expect-error the column holds text
    event.value = 5
    // @ts-expect-error the target stays
    event.target = new Author({ name: 'a', story: 's' })
  })
  on(Author, 'append', { property: 'books' }, ({ value }) => {
    holds<Same<typeof value, object>>()
  })
  // @ts-expect-error there is no such event
  on(Author, 'beforeInsrt', () => {})
  // @ts-expect-error there is no such property
  on(Author, 'set', { property: 'nick' }, () => {})
  return on(Author, 'set', ({ property }) => holds<Same<typeof property, string>>(), { prepend: true })
}

export function columns(author: Author): void {
  holds<Same<typeof author.total, number>>()
  holds<Same<typeof author.stamp, string | null>>()
  holds<Same<typeof author.story, string>>()
  author.words = asValue(sql<number>`words + 1`)
  // @ts-expect-error the expression gives text
  author.words = asValue(sql<string>`name`)
  flagModified(author, 'settings')
  // @ts-expect-error there is no such property
  flagModified(author, 'setings')
  // @ts-expect-error what only the database computes cannot be given
  new Author({ name: 'a', story: 's', total: 1 })
  // @ts-expect-error nor what it fills in
  new Author({ name: 'a', story: 's', stamp: 'x' })
  // @ts-expect-error a version that nothing makes has to be given
  new Book({ authorId: 1 })
  new Book({ authorId: 1, rev: 1 })
  // @ts-expect-error a counter counts numbers
  text().version()
  text().version(false)
}
