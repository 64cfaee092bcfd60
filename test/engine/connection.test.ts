import { CompiledQuery, sql } from 'kysely'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Connection, createEngine, type Engine } from '../../src/engine/index.ts'
import {
  ArgumentError,
  InvalidRequestError,
  MultipleResultsError,
  NoResultError,
  PendingRollbackError,
  ProgrammingError,
  ResourceClosedError,
  UniqueViolationError,
} from '../../src/errors.ts'
import { onEvery } from '../support/index.ts'
import { openEngine, record, thrownBy } from './engines.ts'

const insert = (id: number) => sql`insert into t (id, name) values (${id}, ${`n${id}`})`
const ids = async (source: Engine | Connection): Promise<number[]> => {
  const query = sql<{ id: number }>`select id from t order by id`
  if ('execute' in source) return (await source.execute(query)).scalars<number>()
  return source.begin(async (connection) => (await connection.execute(query)).scalars<number>())
}

onEvery({ on: ['sqlite', 'better-sqlite3', 'sqlite-memory', 'postgres', 'mysql', 'pglite'] }, (db) => {
  /** In memory, or slow to open: one engine serves all tests. */
  const isShared = db.name === 'sqlite-memory' || db.name === 'pglite'
  let shared: Engine
  const engineFor = () => (isShared ? shared : openEngine(db))

  beforeAll(async () => {
    shared = createEngine(db.url)
    await shared.begin((c) => c.execute(sql`create table t (id integer primary key, name varchar(50))`))
    if (!isShared) await shared.dispose()
    return () => shared.dispose()
  })
  beforeEach(async () => {
    await shared.begin((c) => c.execute(sql`delete from t`))
    if (!isShared) await shared.dispose()
  })

  describe('execute', () => {
    it('takes sql templates, raw text, builders of Kysely and compiled queries, and gives rows, count and columns', async () => {
      await using connection = await engineFor().connect()
      const result = await connection.execute(sql<{ one: number; two: string }>`select ${1} + 0 as one, 'b' as two`)
      expect(result.rows.map((row) => [Number(row.one), row.two])).toEqual([[1, 'b']])
      expect([result.rowCount, result.columns]).toEqual([1, ['one', 'two']])
      expect((await connection.execute(insert(1))).rowCount).toBe(1)
      expect((await connection.execute(connection.db.selectFrom('t').select('id'))).rows).toEqual([{ id: 1 }])
      expect((await connection.execute(sql.raw('select id from t'))).scalar()).toBe(1)
      expect((await connection.execute(CompiledQuery.raw('update t set name = null'))).rowCount).toBe(1)
      expect((await connection.execute(sql`delete from t where id = 99`)).rowCount).toBe(0)
    })

    it('refuses a plain string and what is no statement', async () => {
      await using connection = await engineFor().connect()
      for (const wrong of ['select 1', undefined, 42, {}]) {
        expect(await thrownBy(() => connection.execute(wrong as never))).toBeInstanceOf(ArgumentError)
      }
      expect(connection.inTransaction()).toBe(false)
    })

    it('translates what the database says, and keeps values out of the message', async () => {
      await using connection = await engineFor().connect()
      await connection.execute(insert(1))
      const duplicate = sql`insert into t (id, name) values (${1}, ${'s3cret'})`
      const error = (await thrownBy(() => connection.execute(duplicate))) as UniqueViolationError
      expect(error).toBeInstanceOf(UniqueViolationError)
      expect(error.message).not.toContain('s3cret')
      expect(error.sql).toContain('insert into t')
      expect(error.parameters).toEqual([1, 's3cret'])
      expect(error.cause).toBeDefined()
      expect(error.connectionInvalidated).toBe(false)
      await connection.rollback()
      expect(await thrownBy(() => connection.execute(sql`selec`))).toBeInstanceOf(ProgrammingError)
    })

    it('gives one, first and scalar as SQLAlchemy does', async () => {
      await using connection = await engineFor().connect()
      await connection.execute(insert(1))
      await connection.execute(insert(2))
      const two = await connection.execute(sql<{ id: number; name: string }>`select id, name from t order by id`)
      const one = await connection.execute(sql<{ id: number }>`select id from t where id = 2`)
      const none = await connection.execute(sql<{ id: number }>`select id from t where id = 3`)
      expect([two.all().length, two.first()?.id, two.scalar(), two.scalars()]).toEqual([2, 1, 1, [1, 2]])
      expect([one.one().id, one.oneOrNull()?.id, one.scalarOne(), one.scalarOneOrNull()]).toEqual([2, 2, 2, 2])
      expect([none.first(), none.oneOrNull(), none.scalar(), none.scalarOneOrNull()]).toEqual([null, null, null, null])
      expect([...two].map((row) => row.name)).toEqual(['n1', 'n2'])
      for (const call of [() => none.one(), () => none.scalarOne()]) expect(call).toThrow(NoResultError)
      for (const call of [() => two.one(), () => two.oneOrNull(), () => two.scalarOne(), () => two.scalarOneOrNull()]) {
        expect(call).toThrow(MultipleResultsError)
      }
    })

    it('GUARD-016 puts statements that are run at once in the order of their calls, commit and close included', async () => {
      const engine = engineFor()
      const connection = await engine.connect()
      const order: string[] = []
      const calls = [
        ...[3, 1, 2].map((id) => connection.execute(insert(id)).then(() => order.push(`insert ${id}`))),
        connection.commit().then(() => order.push('commit')),
        connection.execute(insert(4)).then(() => order.push('insert 4')),
        connection.close().then(() => order.push('close')),
      ]
      await Promise.all(calls)
      expect(order).toEqual(['insert 3', 'insert 1', 'insert 2', 'commit', 'insert 4', 'close'])
      expect(await ids(engine)).toEqual([1, 2, 3])
    })

    it('goes on after a failed statement of many that were run at once', async () => {
      await using connection = await engineFor().connect({ isolation: 'autocommit' })
      const calls = [insert(1), sql`selec`, insert(2)].map((query) => connection.execute(query))
      expect((await Promise.allSettled(calls)).map((each) => each.status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
      ])
      expect(await ids(connection)).toEqual([1, 2])
    })
  })

  describe('transactions', () => {
    it('begin with the first statement, and last until commit', async () => {
      const engine = engineFor()
      await using connection = await engine.connect()
      expect(connection.inTransaction()).toBe(false)
      await connection.execute(insert(1))
      expect(connection.inTransaction()).toBe(true)
      await connection.commit()
      expect(connection.inTransaction()).toBe(false)
      await connection.execute(insert(2))
      await connection.rollback()
      expect(await ids(connection)).toEqual([1])
      await connection.rollback()
      await connection.commit()
    })

    it('TXN-045 a second begin() is refused, and closing without commit rolls back', async () => {
      const engine = engineFor()
      const connection = await engine.connect()
      const transaction = await connection.begin()
      await expect(connection.begin()).rejects.toThrow(InvalidRequestError)
      await connection.execute(insert(1))
      await connection.close()
      expect([transaction.isActive, transaction.isEnded, connection.closed]).toEqual([false, true, true])
      expect(await ids(engine)).toEqual([])
      const second = await engine.connect()
      await second.execute(insert(1))
      await expect(second.begin()).rejects.toThrow(/is in a transaction already/)
      await second.close()
    })

    it('TXN-045 rollback() under nested savepoints ends everything', async () => {
      await using connection = await engineFor().connect()
      await connection.execute(insert(1))
      const outer = await connection.beginNested()
      const inner = await connection.beginNested()
      await connection.execute(insert(2))
      expect(connection.inNestedTransaction()).toBe(true)
      await connection.rollback()
      expect([outer.isActive, inner.isActive, connection.inTransaction()]).toEqual([false, false, false])
      expect(await ids(connection)).toEqual([])
    })

    it('TXN-045 rolling back or releasing an inner savepoint reactivates the enclosing one', async () => {
      await using connection = await engineFor().connect()
      const outer = await connection.beginNested()
      await connection.execute(insert(1))
      const first = await connection.beginNested()
      await connection.execute(insert(2))
      await first.rollback()
      const second = await connection.beginNested()
      await connection.execute(insert(3))
      await second.commit()
      expect([outer.isActive, first.isActive, second.isActive]).toEqual([true, false, false])
      await outer.commit()
      expect([connection.inNestedTransaction(), connection.inTransaction()]).toEqual([false, true])
      expect(await ids(connection)).toEqual([1, 3])
    })

    it('TXN-007 commit() with a savepoint open stores what was done inside it', async () => {
      const engine = engineFor()
      await using connection = await engine.connect()
      const savepoint = await connection.beginNested()
      await connection.execute(insert(1))
      await connection.commit()
      expect([savepoint.isActive, connection.inTransaction()]).toEqual([false, false])
      expect(await ids(connection)).toEqual([1])
    })

    it('give objects that end once, and say so', async () => {
      await using connection = await engineFor().connect()
      const transaction = await connection.begin()
      await transaction.commit()
      await expect(transaction.commit()).rejects.toThrow(/has ended already \(committed\)/)
      await transaction.rollback()
      {
        await using undone = await connection.begin()
        await connection.execute(insert(1))
        expect([undone.isNested, undone.isActive]).toEqual([false, true])
      }
      expect(await ids(connection)).toEqual([])
    })

    it('TXN-046 after a failed RELEASE the savepoint is inactive, its rollback does nothing, and the root can be rolled back', async () => {
      await using connection = await engineFor().connect()
      await connection.begin()
      const savepoint = await connection.beginNested()
      await connection.execute(sql.raw(`release savepoint ${savepoint.name}`))
      expect(await thrownBy(() => savepoint.commit())).toHaveProperty('sql', `release savepoint ${savepoint.name}`)
      expect([savepoint.isActive, connection.inTransaction()]).toEqual([false, true])
      await expect(connection.execute(sql`select 1`)).rejects.toThrow(PendingRollbackError)
      await savepoint.rollback()
      expect(connection.inNestedTransaction()).toBe(false)
      await connection.rollback()
      expect(await ids(connection)).toEqual([])
    })

    it('TXN-030 when ROLLBACK TO SAVEPOINT fails, its error surfaces, and one rollback() brings the connection back', async () => {
      await using connection = await engineFor().connect()
      await connection.begin()
      const savepoint = await connection.beginNested()
      await connection.execute(insert(1))
      await connection.execute(sql.raw(`release savepoint ${savepoint.name}`))
      expect(await thrownBy(() => savepoint.rollback())).toHaveProperty(
        'sql',
        `rollback to savepoint ${savepoint.name}`,
      )
      const error = (await thrownBy(() => connection.commit())) as PendingRollbackError
      expect(error).toBeInstanceOf(PendingRollbackError)
      expect(error.cause).toHaveProperty('sql', `rollback to savepoint ${savepoint.name}`)
      await connection.rollback()
      expect(await ids(connection)).toEqual([])
    })

    it('TXN-031 when a savepoint was released behind its back, rollback() still ends everything and a new transaction works', async () => {
      await using connection = await engineFor().connect()
      const savepoint = await connection.beginNested()
      await connection.execute(insert(1))
      await connection.execute(sql.raw(`release savepoint ${savepoint.name}`))
      await connection.rollback()
      expect([savepoint.isActive, connection.inTransaction()]).toEqual([false, false])
      await connection.execute(insert(2))
      await connection.commit()
      expect(await ids(connection)).toEqual([2])
    })

    it('hand a callback in a savepoint its work back: kept when it resolves, undone with the same error when it rejects', async () => {
      await using connection = await engineFor().connect()
      const failure = new Error('no')
      const result = await connection.beginNested(async () => (await connection.execute(insert(1))).rowCount)
      const failed = connection.beginNested(async () => {
        await connection.execute(insert(2))
        throw failure
      })
      expect(await thrownBy(() => failed)).toBe(failure)
      await connection.beginNested(async (savepoint) => {
        await connection.execute(insert(3))
        await savepoint.rollback()
      })
      expect([result, await ids(connection)]).toEqual([1, [1]])
    })

    it('never tell a savepoint that it succeeded when one beside it was rolled back with its work', async () => {
      await using connection = await engineFor().connect()
      let enter = () => {}
      const entered = new Promise<void>((resolve) => {
        enter = resolve
      })
      const outcomes = await Promise.allSettled([
        connection.beginNested(async () => {
          await connection.execute(insert(1))
          await entered
          throw new Error('the first fails')
        }),
        connection.beginNested(async (savepoint) => {
          await connection.execute(insert(2))
          enter()
          while (savepoint.isActive) await connection.execute(sql`select 1`)
        }),
      ])
      expect(outcomes.map((each) => each.status)).toEqual(['rejected', 'rejected'])
      expect((outcomes[1] as PromiseRejectedResult).reason).toBeInstanceOf(InvalidRequestError)
      expect(await ids(connection)).toEqual([])
    })

    it('are refused a commit while the callback of a savepoint runs, or while an inner savepoint is open', async () => {
      await using connection = await engineFor().connect()
      await connection.beginNested(async () => {
        await connection.execute(insert(1))
        await expect(connection.commit()).rejects.toThrow(/callback of the savepoint/)
      })
      const outer = await connection.beginNested()
      const inner = await connection.beginNested()
      await expect(outer.commit()).rejects.toThrow(/is still open/)
      await inner.commit()
      await outer.commit()
      await connection.commit()
      expect(await ids(connection)).toEqual([1])
    })

    it('store nothing, and never report success, when a failed statement was swallowed where the database aborts', async () => {
      const engine = engineFor()
      await using connection = await engine.connect()
      await connection.execute(insert(1))
      const swallowed = await thrownBy(() => connection.execute(insert(1)))
      const end = await connection.commit().then(
        () => undefined,
        (error: unknown) => error,
      )
      if (end === undefined) {
        expect(await ids(connection)).toEqual([1])
        return
      }
      expect(end).toBeInstanceOf(PendingRollbackError)
      expect((end as PendingRollbackError).cause).toBe(swallowed)
      await expect(connection.execute(insert(2))).rejects.toThrow(PendingRollbackError)
      await connection.rollback()
      expect(await ids(connection)).toEqual([])
    })

    it('go on after a failure inside a savepoint that was rolled back', async () => {
      await using connection = await engineFor().connect()
      await connection.execute(insert(1))
      await thrownBy(() => connection.beginNested(() => connection.execute(insert(1))))
      await connection.execute(insert(2))
      await connection.commit()
      expect(await ids(connection)).toEqual([1, 2])
    })

    it('are begun by hand only, with the isolation autocommit', async () => {
      const engine = engineFor()
      await using connection = await engine.connect({ isolation: 'autocommit' })
      await connection.execute(insert(1))
      expect(connection.inTransaction()).toBe(false)
      await connection.begin()
      await connection.execute(insert(2))
      await connection.rollback()
      expect(await ids(connection)).toEqual([1])
    })

    it('TXN-032 when SAVEPOINT fails, the connection is kept until close()', async () => {
      const engine = engineFor()
      const connection = await engine.connect()
      await connection.begin()
      await connection.execute(insert(1))
      const failed = await connection.execute(insert(1)).catch(() => 'failed')
      expect(failed).toBe('failed')
      await connection.beginNested().catch(() => {})
      expect(engine.pool.status().checkedOut).toBe(1)
      await connection.close()
      expect(engine.pool.status().checkedOut).toBe(0)
    })
  })

  describe('a stream', () => {
    it('gives the rows in order, batch by batch, while other statements run', async () => {
      await using connection = await engineFor().connect()
      for (let id = 1; id <= 7; id++) await connection.execute(insert(id))
      const seen: number[] = []
      for await (const row of connection.stream(sql<{ id: number }>`select id from t order by id`, { batch: 2 })) {
        const [same] = (await connection.execute(sql<{ id: number }>`select id from t where id = ${row.id}`)).rows
        seen.push(same?.id ?? -1)
      }
      expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7])
    })

    it('ends when the loop is left, and the connection goes on', async () => {
      await using connection = await engineFor().connect()
      for (let id = 1; id <= 7; id++) await connection.execute(insert(id))
      for await (const row of connection.stream(sql<{ id: number }>`select id from t order by id`, { batch: 2 })) {
        if (row.id === 3) break
      }
      expect(await ids(connection)).toHaveLength(7)
      await connection.commit()
    })

    it('that is still open does not keep its connection from closing, and its reader gets an error', async () => {
      const engine = engineFor()
      const connection = await engine.connect()
      for (let id = 1; id <= 7; id++) await connection.execute(insert(id))
      await connection.commit()
      const rows = connection.stream(sql`select id from t order by id`, { batch: 2 })
      await rows.next()
      await connection.close()
      expect(engine.pool.status().checkedOut).toBe(0)
      const rest = async () => {
        for await (const _row of rows);
      }
      expect(await thrownBy(rest)).toBeInstanceOf(ResourceClosedError)
    })

    it('refuses a wrong batch size and a wrong query', async () => {
      await using connection = await engineFor().connect()
      expect(await thrownBy(() => connection.stream(sql`select 1`, { batch: 0 }).next())).toBeInstanceOf(ArgumentError)
      expect(await thrownBy(() => connection.stream('select 1' as never).next())).toBeInstanceOf(ArgumentError)
      expect(await thrownBy(() => connection.stream(sql`selec`).next())).toBeInstanceOf(ProgrammingError)
    })
  })

  describe('custody', () => {
    it('closes once, refuses everything afterwards, and keeps nothing for the next holder', async () => {
      const engine = engineFor()
      const connection = await engine.connect()
      await connection.execute(insert(1))
      await Promise.all([connection.close(), connection.close()])
      await connection.close()
      const calls = [
        () => connection.execute(sql`select 1`),
        () => connection.stream(sql`select 1`).next(),
        () => connection.begin(),
        () => connection.beginNested(),
        () => connection.commit(),
        () => connection.rollback(),
        () => connection.run({ sql: 'select 1', parameters: [] }),
        () => connection.runEach({ sql: 'select 1', parameters: [] }, [[]]),
        () => connection.db.selectFrom('t').selectAll().execute(),
        () => connection.invalidate(),
        () => connection.detach(),
        () => connection.driverConnection,
      ]
      for (const call of calls) expect(await thrownBy(call)).toBeInstanceOf(ResourceClosedError)
      await using next = await engine.connect()
      expect(next.inTransaction()).toBe(false)
      expect(await ids(next)).toEqual([])
    })

    it('gives the driver connection, and its info, for what heddle does not offer', async () => {
      await using connection = await engineFor().connect()
      const outcome = await connection.driverConnection.run({ sql: 'select 1 as one', parameters: [] })
      expect(outcome.columns).toEqual(['one'])
      connection.info.set('seen', true)
      expect(connection.info.get('seen')).toBe(true)
    })

    it('runs batches and single statements for the layers above, in the transaction that there is', async () => {
      await using connection = await engineFor().connect()
      await connection.begin()
      const statement = connection.db.insertInto('t').values({ id: 0, name: '' }).compile()
      const outcomes = await connection.runEach({ sql: statement.sql, parameters: [] }, [
        [1, 'a'],
        [2, 'b'],
      ])
      expect(outcomes.map((each) => each.rowCount)).toEqual([1, 1])
      const { rows } = await connection.run({
        sql: 'select id, name from t order by id',
        parameters: [],
        rows: 'array',
      })
      expect(rows).toEqual([
        [1, 'a'],
        [2, 'b'],
      ])
      const error = await thrownBy(() =>
        connection.runEach({ sql: statement.sql, parameters: [] }, [
          [3, 'c'],
          [1, 'a'],
        ]),
      )
      expect(error).toBeInstanceOf(UniqueViolationError)
    })
  })
})

onEvery({ on: ['sqlite', 'postgres', 'mysql'] }, (db) => {
  it('POOL-012 a detached connection leaves the pool, goes on, and is closed for real by close()', async () => {
    const engine = openEngine(db, { pool: { size: 1, maxOverflow: 0 } })
    const events = record(engine, 'detach', 'close', 'checkin')
    const connection = await engine.connect()
    connection.detach()
    expect(engine.pool.status().checkedOut).toBe(0)
    await using other = await engine.connect({ readOnly: true })
    expect((await connection.execute(sql`select 1 as one`)).rowCount).toBe(1)
    expect((await other.execute(sql`select 1 as one`)).rowCount).toBe(1)
    await connection.close()
    expect(events).toEqual(['detach', 'close'])
  })

  it('TXN-032 when BEGIN fails, a managed block gives the connection back at once', async () => {
    const engine = openEngine(db)
    const writer = await engine.connect()
    await writer.begin()
    const waits = db.name === 'sqlite'
    const block = engine.begin(() => expect.unreachable(), {
      ...(waits ? { signal: AbortSignal.timeout(50) } : { isolation: 'snapshot' }),
    })
    await expect(block).rejects.toThrow(waits ? /timeout/ : /no isolation level 'snapshot'/)
    expect(engine.pool.holders()).toHaveLength(1)
    await writer.close()
  })

  it('an invalidated connection is replaced by itself, in a transaction only after rollback()', async () => {
    const engine = openEngine(db)
    const events = record(engine, 'connect', 'invalidate')
    await using connection = await engine.connect()
    connection.invalidate(new Error('no longer wanted'))
    expect(connection.invalidated).toBe(true)
    await connection.execute(sql`select 1`)
    expect(connection.invalidated).toBe(false)
    connection.invalidate()
    const error = (await thrownBy(() => connection.execute(sql`select 1`))) as PendingRollbackError
    expect(error).toBeInstanceOf(PendingRollbackError)
    expect(String(error.cause)).toContain('invalidated by its holder')
    await expect(connection.commit()).rejects.toThrow(PendingRollbackError)
    await expect(connection.beginNested()).rejects.toThrow(PendingRollbackError)
    await connection.rollback()
    await connection.execute(sql`select 1`)
    expect(events).toEqual(['connect', 'invalidate', 'connect', 'invalidate', 'connect'])
  })
})
