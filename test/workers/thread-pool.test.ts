import { threadId } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  createEngine,
  DatabaseError,
  fromObject,
  HeddleError,
  PoolClosedError,
  sessionmaker,
  ThreadEndedError,
  UniqueViolationError,
  UnsendableError,
} from '../../src/index.ts'
import { type ThreadWorker, threadPool, threadWorker } from '../../src/workers/index.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { onEvery } from '../support/index.ts'
import { Author, Book, OutOfPaper } from './library.ts'
import { shareThreads } from './threads.ts'

onEvery({ needs: ['connections'] }, (db) => {
  const threads = shareThreads(db, { threads: 3, errors: [OutOfPaper] })

  it('works on the items in several threads, none of them this one, each in a scope of its own, in order', async () => {
    const { pool } = threads
    const items = Array.from({ length: 12 }, (_, n) => n * 10)
    const told: number[] = []
    const results = await pool.map(items, 'where', { onProgress: ({ done }) => void told.push(done) })
    expect(results.map(({ item, index }) => [item, index])).toEqual(items.map((item, index) => [item, index]))
    const used = new Set(results.map(({ thread }) => thread))
    expect(used.has(threadId)).toBe(false)
    expect(used.size).toBeGreaterThan(1)
    expect(told).toEqual(items.map((_, index) => index + 1))
  })

  it('takes any iterable and async iterable, and gives nothing for nothing', async () => {
    const { pool } = threads
    async function* some() {
      yield 1
      yield 2
    }
    const indexes = async (given: Iterable<number> | AsyncIterable<number>) =>
      (await pool.map(given, 'where')).map(({ item }) => item)
    expect(await indexes(some())).toEqual([1, 2])
    expect(await indexes(new Set([3, 4]))).toEqual([3, 4])
    expect(await indexes([])).toEqual([])
    expect((await pool.run(5, 'where')).item).toBe(5)
  })

  it('commits each item for itself: one that fails is rolled back, and stops those that come after', async () => {
    const { pool, names } = threads
    const error = (await thrownBy(() =>
      pool.map(['ed', 'bad', 'never'], 'addAuthor', { concurrency: 1 }),
    )) as OutOfPaper
    expect(error).toBeInstanceOf(OutOfPaper)
    expect([error.name, error.message, error.sheets]).toEqual(['OutOfPaper', 'bad has 3 sheets', 3])
    expect(error.stack).toContain('library.ts')
    expect(await names()).toEqual(['ed'])
  })

  it('gives the outcome of every item where they are to settle', async () => {
    const { pool, names } = threads
    const outcomes = await pool.map(['a', 'bad', 'b'], 'addAuthor', { settle: true })
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((await names()).toSorted()).toEqual(['a', 'b'])
  })

  it('an error of the database keeps its class, code, cause and fields', async () => {
    const { pool, names } = threads
    const error = (await thrownBy(() => pool.run(7, 'duplicate'))) as UniqueViolationError
    expect(error).toBeInstanceOf(UniqueViolationError)
    expect(error).toBeInstanceOf(DatabaseError)
    expect([error.name, error.code]).toEqual(['UniqueViolationError', 'HEDDLE_UNIQUE_VIOLATION'])
    expect(error.sql).toMatch(/^insert into authors/)
    expect(error.parameters).toEqual([7, 'secret'])
    expect(error.message).not.toContain('secret')
    expect(error.cause).toBeInstanceOf(Error)
    expect(await names()).toEqual([])
  })

  it('when the signal aborts, what runs is rolled back in its thread, and the reason is thrown itself', async () => {
    const { engine, pool, names } = threads
    const stop = new AbortController()
    const reason = new Error('enough')
    const begun = pool.map(['one', 'two', 'three'], 'addUntil', { signal: stop.signal })
    setTimeout(() => stop.abort(reason), 300)
    expect(await thrownBy(() => begun)).toBe(reason)
    expect(await names()).toEqual([])
    expect(engine.pool.status().checkedOut).toBe(0)
    // The threads are as good as before.
    expect(await pool.map(['four'], 'addAuthor')).toHaveLength(1)
  })

  it('close() stops what runs, rolls it back and disposes of the engines; afterwards the pool refuses', async () => {
    const pool = threads.another()
    await pool.map(['stored'], 'addAuthor')
    const running = thrownBy(() => pool.map(['a', 'b'], 'addUntil'))
    await Promise.all([pool.close(), pool.close()])
    expect(await running).toBeInstanceOf(PoolClosedError)
    expect(await threads.names()).toEqual(['stored'])
    expect(await thrownBy(() => pool.map([1], 'where'))).toBeInstanceOf(PoolClosedError)
  })

  it('a thread that dies is told by name, nothing of its item is stored, and the pool goes on', async () => {
    await using pool = threads.another()
    const error = (await thrownBy(() => pool.run(null as never, 'crash'))) as ThreadEndedError
    expect(error).toBeInstanceOf(ThreadEndedError)
    expect(error.cause).toBeInstanceOf(Error)
    await pool.run('after', 'addAuthor')
    expect(await threads.names()).toEqual(['after'])
  })

  it('an instance, a session, an engine or a connection is refused by name, on the way there and on the way back', async () => {
    const { engine, pool, Sessions } = threads
    await Sessions.begin(async (session) => {
      const ed = new Author({ id: 1, name: 'ed' })
      session.add(ed)
      await session.flush()
      const connection = await session.connection()
      const map = pool.map as (items: unknown[], name: 'where') => Promise<unknown>
      const sent: [unknown, string, RegExp][] = [
        [ed, 'item', /an instance of Author \(Author#.*1.*\), which is persistent/],
        [{ authors: [new Author({ name: 'x' })] }, 'item.authors[0]', /which is transient/],
        [{ session }, 'item.session', /it is a session/],
        [new Map([['e', engine]]), 'item.get("e")', /it is an engine/],
        [[new Set([connection])], 'item[0].values()[0]', /it is a connection/],
        [{ call: () => 1 }, 'item.call', /the function call/],
        [Promise.resolve(1), 'item', /a promise/],
      ]
      for (const [item, path, what] of sent) {
        const error = (await thrownBy(() => map.call(pool, [item], 'where'))) as UnsendableError
        expect(error).toBeInstanceOf(UnsendableError)
        expect(error.path).toBe(path)
        expect(error.message).toMatch(what)
        expect(error.message).toContain('as item 0 of map()')
      }
    })
    const returned: [string, string][] = [
      ['instance', 'result.found[0]'],
      ['session', 'result.get("it")'],
      ['engine', 'result.values()[0]'],
      ['connection', 'result.deep.connection'],
      ['function', 'result.call'],
    ]
    for (const [what, path] of returned) {
      const error = (await thrownBy(() => pool.run(what, 'returning'))) as UnsendableError
      expect(error).toBeInstanceOf(UnsendableError)
      expect([error.code, error.path]).toEqual(['HEDDLE_UNSENDABLE', path])
    }
  })

  it('toObject() carries a graph over, and merge() takes it on the other side, both ways', async () => {
    const { pool, Sessions } = threads
    const plain = await Sessions.begin(async (session) => {
      const author = new Author({ name: 'ed', books: [new Book({ title: 'one' }), new Book({ title: 'two' })] })
      session.add(author)
      await session.flush()
      return author.toObject()
    })
    const [, two] = plain['books'] as { id: number; title: string }[]
    await pool.run({ ...plain, books: [{ ...two, title: 'second' }, { title: 'new' }] }, 'mergeGraph')
    const back = (await pool.run('graph', 'returning')) as object
    await using session = Sessions()
    const author = await session.merge(fromObject(Author, back))
    expect(author.id).toBe(plain['id'])
    expect(author.name).toBe('ed merged')
    expect((await author.books).map(({ title }) => title).toSorted()).toEqual(['new', 'second'])
    expect(session.isModified(author)).toBe(false)
  })

  it('a module that cannot be loaded, and a name that it does not export, are told', async () => {
    const { pool } = threads
    const anyMap = pool.map.bind(pool) as (items: unknown[], name: string) => Promise<unknown>
    const missing = (await thrownBy(() => anyMap([1], 'wher'))) as Error
    expect(missing).toBeInstanceOf(ArgumentError)
    expect(missing.message).toMatch(/has no export 'wher'.*'throwing', 'where'/s)
    const plain = (await thrownBy(() => anyMap([1], 'plainFunction'))) as Error
    expect(plain.message).toMatch(/'plainFunction' was not made by threadWorker\(\)/)
    await using absent = threadPool(new URL('./no-such-file.ts', import.meta.url), { threads: 1 })
    const error = (await thrownBy(() => absent.map([1], 'handle'))) as Error
    expect(error.message).toMatch(/no-such-file/)
  })

  it('of several threads that write to one database at once every write succeeds, and none is lost', async () => {
    const { pool, Sessions } = threads
    const ids = Array.from({ length: 100 }, (_, n) => n + 1)
    await Sessions.begin((session) => session.addAll(ids.map((id) => new Author({ id, name: 'none' }))))
    await pool.map(ids, 'addOne')
    await Sessions.begin(async (session) => {
      expect(await session.query(Author).where('name', '=', 'none').count()).toBe(0)
      expect(await session.query(Book).count()).toBe(ids.length)
      const titles = await session.query(Book).all()
      expect(new Set(titles.map(({ title }) => title)).size).toBe(ids.length)
    })
  })
})

onEvery({ on: ['sqlite'] }, (db) => {
  const threads = shareThreads(db, { threads: 1 })

  it('a thread that computes without a pause is ended by force after the grace', async () => {
    await using pool = threads.another({ grace: 300 })
    await pool.run(0, 'spin')
    const stop = new AbortController()
    const spinning = pool.run(60_000, 'spin', { signal: stop.signal })
    setTimeout(() => stop.abort(), 50)
    expect(await thrownBy(() => spinning)).toBe(stop.signal.reason)
    expect((await pool.run(1, 'where')).item).toBe(1)
  })

  const thrown = (what: string) => thrownBy(() => threads.pool.run(what, 'throwing'))

  it('errors across the border of a thread keep the classes of the language, with causes and fields', async () => {
    const error = (await thrown('type')) as TypeError & { extra: unknown }
    expect(error).toBeInstanceOf(TypeError)
    expect([error.message, error.extra]).toEqual(['of type', { n: 1 }])
    expect(error.cause).toBeInstanceOf(RangeError)
    expect((error.cause as Error).cause).toBe('a text')
  })

  it('errors across the border of a thread keep what an AggregateError has, and the name of a class that is not known here', async () => {
    const error = (await thrown('aggregate')) as AggregateError
    expect(error).toBeInstanceOf(AggregateError)
    expect(error.errors).toEqual([expect.any(RangeError), expect.any(Error)])
    expect(error.errors[1]).toMatchObject({ name: 'OutOfPaper', sheets: 1 })
    expect(error.errors[1]).not.toBeInstanceOf(OutOfPaper)
  })

  it('errors across the border of a thread keep a code of their own, and what is no error', async () => {
    const error = (await thrown('heddle')) as HeddleError
    expect(error).toBeInstanceOf(HeddleError)
    expect([error.code, error.cause]).toEqual(['MY_CODE', expect.any(RangeError)])
    expect(await thrown('text')).toBe('only a text')
    expect(await thrown('abort')).toMatchObject({ name: 'AbortError', message: 'over' })
  })

  it('errors across the border of a thread survive a cause that is a circle, and fields that cannot be sent', async () => {
    const circle = (await thrown('circle')) as Error
    expect(circle.cause).toBe('RangeError, which is its own cause')
    expect(await thrown('other')).toMatchObject({ engine: 'an instance of Engine', call: 'the function call' })
  })
})

describe('threadPool() and threadWorker()', () => {
  it('refuse what they cannot work with', async () => {
    const module = new URL('./library.ts', import.meta.url)
    const refused = [
      () => threadPool('worker.ts'),
      () => threadPool(new URL('https://example.org/worker.js')),
      () => threadPool(module, { threads: 0 }),
      () => threadPool(module, { thread: 1 } as never),
      () => threadPool(module, { errors: [Object] as never }),
      () => threadWorker(undefined as never, () => 1),
      () => threadWorker(sessionmaker(), 'work' as never),
      () => threadPool(module).map([1], ''),
      () => threadPool(module).map([1], 'where', { concurrency: 0 }),
      () => threadPool(module).map(1 as never, 'where'),
    ]
    for (const call of refused) expect(await thrownBy(async () => call())).toBeInstanceOf(ArgumentError)
  })

  it('start no thread before the first item, so that an unused pool is closed at once', async () => {
    const pool = threadPool(new URL('./no-such-file.ts', import.meta.url), { threads: 3 })
    expect(pool.threads).toBe(3)
    await pool.close()
  })

  it('a worker can be called in its own thread', async () => {
    const engine = createEngine('sqlite://')
    const double: ThreadWorker<number, number> = threadWorker(sessionmaker({ bind: engine }), (_, n: number) => n * 2)
    expect(await double(21)).toBe(42)
    await engine.dispose()
  })

  it('sessions, engines and connections are refused also by postMessage and structuredClone themselves', async () => {
    await using engine = createEngine('sqlite://')
    await using connection = await engine.connect()
    await using session = sessionmaker({ bind: engine })()
    for (const own of [engine, connection, session, await session.begin()]) {
      expect(() => structuredClone({ deep: [own] })).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
    }
  })
})
