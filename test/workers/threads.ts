import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { createAll, createEngine, type Engine, type Session, type Sessionmaker, sessionmaker } from '../../src/index.ts'
import { type ThreadPool, type ThreadPoolOptions, threadPool } from '../../src/workers/index.ts'
import type { TestDatabase } from '../support/index.ts'
import type * as library from './library.ts'
import { Author, Book } from './library.ts'

/** Threads over a database of their own, which this thread sees by another engine. */
export interface Threads {
  engine: Engine
  Sessions: Sessionmaker<Session>
  pool: ThreadPool<typeof library>
  /** The names of the authors that are stored, in order. */
  names(): Promise<string[]>
  /** Another pool of one thread over the same database, for those that do not survive their test. */
  another(options?: ThreadPoolOptions): ThreadPool<typeof library>
}

const module = new URL('./library.ts', import.meta.url)

/**
 * One pool of threads for all tests of a block, because each thread has to load all of heddle, as TypeScript. The tables are empty
 * before each test.
 */
export function shareThreads(db: Pick<TestDatabase, 'url'>, options: ThreadPoolOptions): Threads {
  const threads = {} as Threads
  beforeAll(async () => {
    // What a thread has compiled the next one need not.
    process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'heddle-test-compile-cache')
    mkdirSync(process.env['NODE_COMPILE_CACHE'], { recursive: true })
    process.env['HEDDLE_TEST_THREAD_DATABASE'] = db.url
    const engine = createEngine(db.url)
    const Sessions = sessionmaker({ bind: engine })
    Object.assign(threads, {
      engine,
      Sessions,
      pool: threadPool<typeof library>(module, options),
      names: () =>
        Sessions.begin(async (session) => (await session.query(Author).orderBy('id').all()).map(({ name }) => name)),
      another: (own: ThreadPoolOptions = {}) => threadPool<typeof library>(module, { threads: 1, ...own }),
    } satisfies Threads)
    await createAll(engine, [Author, Book])
    await threads.pool.map([1], 'where')
  }, 120_000)
  beforeEach(() =>
    threads.engine.begin(async ({ db: kysely }) => {
      await kysely.deleteFrom('books').execute()
      await kysely.deleteFrom('authors').execute()
    }),
  )
  afterAll(async () => {
    await threads.pool.close()
    await threads.engine.dispose()
  })
  return threads
}
