import process from 'node:process'
import { threadId } from 'node:worker_threads'
import {
  createEngine,
  entity,
  fromObject,
  HeddleError,
  integer,
  manyToOne,
  oneToMany,
  type Session as SessionType,
  scopedSession,
  sessionmaker,
  sql,
  varchar,
} from '../../src/index.ts'
import { threadWorker } from '../../src/workers/index.ts'

export class Author extends entity('authors', {
  id: integer().primaryKey(),
  name: varchar(40),
  get books() {
    return oneToMany(() => Book, { backPopulates: 'author', cascade: 'all, delete-orphan' })
  },
}) {}

export class Book extends entity('books', {
  id: integer().primaryKey(),
  title: varchar(40),
  authorId: integer().nullable().references('authors.id'),
  get author() {
    return manyToOne(() => Author, { foreignKey: 'authorId', backPopulates: 'books' })
  },
}) {}

/** An error of the program's own. */
export class OutOfPaper extends Error {
  readonly sheets: number
  constructor(printer: string, sheets: number) {
    super(`${printer} has ${sheets} sheets`)
    this.name = 'OutOfPaper'
    this.sheets = sheets
  }
}

const url = process.env['HEDDLE_TEST_THREAD_DATABASE'] ?? 'sqlite://'
export const engine = createEngine(url, { connectArgs: url.startsWith('sqlite') ? { busyTimeout: 60_000 } : {} })
export const Session = scopedSession(sessionmaker({ bind: engine }))

/** Which thread works, and that the session is the scope's own. */
export const where = threadWorker(Session, (session, item: number, { index }) => {
  if (Session() !== session) throw new Error('The session is not that of the scope.')
  return { thread: threadId, item, index }
})

export const addAuthor = threadWorker(Session, async (session, name: string) => {
  const author = new Author({ name })
  session.add(author)
  await session.flush()
  if (name.includes('bad')) throw new OutOfPaper(name, 3)
  return author.id
})

export const addUntil = threadWorker(Session, async (session, name: string, { signal }) => {
  session.add(new Author({ name }))
  await session.flush()
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
})

export const duplicate = threadWorker(Session, async (session, id: number) => {
  session.addAll([new Author({ id, name: 'a' })])
  await session.flush()
  await session.execute(sql`insert into authors (id, name) values (${id}, ${'secret'})`)
})

export const throwing = threadWorker(Session, (_session, what: string) => {
  const cause = new RangeError('the cause', { cause: 'a text' })
  if (what === 'type') throw Object.assign(new TypeError('of type', { cause }), { extra: { n: 1 } })
  if (what === 'aggregate') throw new AggregateError([cause, new OutOfPaper('x', 1)], 'several')
  if (what === 'heddle') throw new HeddleError('own code', { code: 'MY_CODE', cause })
  if (what === 'text') throw 'only a text'
  if (what === 'abort') throw new DOMException('over', 'AbortError')
  if (what === 'circle') throw Object.assign(cause, { cause })
  throw Object.assign(new Error('with an engine'), { engine, call: () => 1 })
})

export const returning = threadWorker(Session, async (session: SessionType, what: string) => {
  const author = await session.query(Author).with('books').orderBy('id').first()
  if (what === 'instance') return { found: [author] }
  if (what === 'session') return new Map([['it', session]])
  if (what === 'engine') return new Set([engine])
  if (what === 'connection') return { deep: { connection: await session.connection() } }
  if (what === 'function') return { call: () => 1 }
  return author?.toObject()
})

export const mergeGraph = threadWorker(Session, async (session, plain: Record<string, unknown>) => {
  const author = await session.merge(fromObject(Author, plain))
  author.name += ' merged'
})

export const crash = threadWorker(Session, async (session) => {
  session.add(new Author({ name: 'never' }))
  await session.flush()
  setImmediate(() => {
    throw new Error('nobody catches this')
  })
  await new Promise(() => {})
})

export const spin = threadWorker(Session, (_session, ms: number) => {
  const until = performance.now() + ms
  while (performance.now() < until);
})

export const addOne = threadWorker(sessionmaker({ bind: engine }), async (session, id: number) => {
  await session.execute(sql`update authors set name = ${String(threadId)} where id = ${id}`)
  await session.execute(sql`insert into books (title) values (${`book ${id}`})`)
})

export const plainFunction = () => 1
