import { expect, it } from 'vitest'
import {
  ArgumentError,
  InvalidRequestError,
  type OrmAnswer,
  type OrmExecution,
  type Session,
  sql,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Author, Book, openLibrary } from './library.ts'

type Execution = OrmExecution<Session>

onEvery({}, (db) => {
  async function openShelves() {
    const library = await openLibrary(db)
    await library.Sessions.begin((session) => {
      session.addAll(['a', 'b'].map((name) => new Author({ name, books: [new Book({ title: `${name} one` })] })))
    })
    library.statements.clear()
    return library
  }

  it('EVT-008 listeners hear of every statement that is run for the program, with what it is for, and of none of a flush', async () => {
    const { Sessions } = await openShelves()
    const heard: string[] = []
    Sessions.on('doOrmExecute', (execution) => {
      const { call, entity, relation } = execution
      const flags = (
        ['isSelect', 'isInsert', 'isUpdate', 'isDelete', 'isRelationshipLoad', 'isLazyLoad', 'isColumnLoad'] as const
      )
        .filter((flag) => execution[flag])
        .map((flag) => flag.slice(2))
      heard.push([call, entity?.name, relation, execution.isOrmStatement, ...flags].join(' '))
    })
    await using session = Sessions()
    const author = await session.getOne(Author, 1)
    const [book] = await author.books
    await session.refresh(author)
    await session.query(Author).with('books').all()
    await session.execute(sql`select 1 as one`)
    await session.db.updateTable('lib_authors').set({ motto: 'x' }).execute()
    await session.query(Author).where('id', '=', 2).update({ motto: 'y' })
    if (book !== undefined) book.title = 'changed'
    session.add(new Author({ name: 'c' }))
    await session.flush()
    expect(heard).toEqual([
      'getOne(Author) Author  true Select',
      'Author.books Book Author.books true Select RelationshipLoad LazyLoad',
      'refresh() Author  true Select ColumnLoad',
      'query(Author).all() Author  true Select',
      'query(Author).all() Book Author.books true Select RelationshipLoad',
      'execute()   false Select',
      'db query   false Update',
      'query(Author).update() Author  true Update',
    ])
  })

  it("EVT-008 listeners run in order, may change the statement and its options, and never the caller's own parameters", async () => {
    const { engine, Sessions, statements } = await openShelves()
    const seen: unknown[] = []
    engine.on('query', ({ executionOptions }) => seen.push(executionOptions))
    Sessions.on('doOrmExecute', (execution) => execution.updateExecutionOptions({ one: 1, both: 1 }))
    Sessions.on('doOrmExecute', (execution) => {
      expect(execution.executionOptions).toEqual({ one: 1, both: 1 })
      execution.updateExecutionOptions({ both: 2 })
      const { sql: text, parameters } = execution.statement
      execution.statement = { sql: text, parameters: parameters.map((value) => (value === 'a' ? 'b' : value)) }
    })
    await using session = Sessions()
    const parameters: readonly unknown[] = Object.freeze(['a'])
    const query = session.db.selectFrom('lib_authors').select('name').where('name', '=', 'a').compile()
    const { rows } = await session.execute({ ...query, parameters })
    expect([rows, parameters]).toEqual([[{ name: 'b' }], ['a']])
    expect((await session.query(Author).where('name', '=', 'a').one()).name).toBe('b')
    expect(seen).toEqual([1, 2].map(() => expect.objectContaining({ one: 1, both: 2 })))
    statements.expectCount(2)
  })

  it('EVT-008 a listener answers in place of the database, and may keep what invoke() gave', async () => {
    const { Sessions, statements } = await openShelves()
    const cache = new Map<string, OrmAnswer>()
    Sessions.on('doOrmExecute', async (execution) => {
      if (execution.entity !== Author) return undefined
      const key = JSON.stringify(execution.statement)
      const answer = cache.get(key) ?? (await execution.invoke())
      cache.set(key, answer)
      return answer
    })
    for (let i = 0; i < 2; i++) {
      await using session = Sessions()
      expect((await session.query(Author).orderBy('id').all()).map(({ name }) => name)).toEqual(['a', 'b'])
    }
    statements.expectCount(1)
    await using session = Sessions()
    const author = await session.getOne(Author, 1)
    expect([author.name, (await author.books).length]).toEqual(['a', 1])
    statements.expectCount(3)
  })

  it('EVT-008 invoke() runs the listeners behind, and the statement once they have changed it', async () => {
    const { Sessions } = await openShelves()
    const order: string[] = []
    Sessions.on('doOrmExecute', async (execution) => {
      order.push('outer before')
      const answer = await execution.invoke()
      order.push(`outer after ${answer.rowCount}`)
      return { ...answer, rows: [], rowCount: 0 }
    })
    Sessions.on('doOrmExecute', () => {
      order.push('inner')
    })
    await using session = Sessions()
    expect(await session.query(Author).all()).toEqual([])
    expect(order).toEqual(['outer before', 'inner', 'outer after 2'])
  })

  it('EVT-008 a listener may use its session, and its failure is that of the call', async () => {
    const { Sessions } = await openShelves()
    await using session = Sessions()
    let depth = 0
    const stop = session.on('doOrmExecute', async (execution: Execution) => {
      if (depth++ === 0) expect(await execution.session.query(Author).count()).toBe(2)
    })
    expect(await session.query(Author).all()).toHaveLength(2)
    stop()
    const failure = new Error('not today')
    const stopFailing = session.on('doOrmExecute', () => {
      throw failure
    })
    await expect(session.query(Book).all()).rejects.toBe(failure)
    stopFailing()
    session.on('doOrmExecute', () => 'nonsense', { once: true })
    await expect(session.query(Book).all()).rejects.toThrow(ArgumentError)
    expect(await session.query(Book).all()).toHaveLength(2)
  })

  it('EVT-008 a stream can be changed and answered, and not be invoked', async () => {
    const { Sessions, statements } = await openShelves()
    await using session = Sessions()
    const names = async () => {
      const found: string[] = []
      for await (const { name } of session.query(Author).orderBy('id').stream()) found.push(name)
      return found
    }
    session.on(
      'doOrmExecute',
      async (execution: Execution) => {
        expect(execution.isStream).toBe(true)
        await expect(execution.invoke()).rejects.toThrow(InvalidRequestError)
      },
      { once: true },
    )
    expect(await names()).toEqual(['a', 'b'])
    statements.clear()
    session.on('doOrmExecute', () => ({ rows: [], rowCount: 0, columns: [] }), { once: true })
    expect(await names()).toEqual([])
    statements.expectCount(0)
  })
})
