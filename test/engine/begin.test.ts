import { sql } from 'kysely'
import { beforeEach, expect, it } from 'vitest'
import { type Connection, createEngine, type Engine } from '../../src/engine/index.ts'
import {
  ArgumentError,
  ConcurrentUseError,
  HeddleError,
  PendingRollbackError,
  ResourceClosedError,
  UniqueViolationError,
} from '../../src/errors.ts'
import { onEvery } from '../support/index.ts'
import { openEngine, record, thrownBy } from './engines.ts'

const insert = (id: number) => sql`insert into t (id) values (${id})`
const stored = (engine: Engine) =>
  engine.begin(async (c) => (await c.execute(sql`select id from t order by id`)).scalars<number>())

onEvery({ on: ['sqlite', 'postgres', 'mysql', 'pglite'] }, (db) => {
  beforeEach(async () => {
    const engine = createEngine(db.url)
    await engine.begin(async (c) => {
      await c.execute(sql`create table if not exists t (id integer primary key)`)
      await c.execute(sql`delete from t`)
    })
    await engine.dispose()
  })

  it('engine.begin() commits, gives what the block gave, and has its connection back before it resolves', async () => {
    const engine = openEngine(db)
    const events = record(engine, 'begin', 'commit', 'rollback', 'checkin')
    const result = await engine.begin(async (connection) => {
      await connection.execute(insert(1))
      return 'done'
    })
    expect([result, engine.pool.status().checkedOut]).toEqual(['done', 0])
    expect(events).toEqual(['begin', 'commit', 'checkin'])
    expect(await stored(engine)).toEqual([1])
  })

  it('engine.begin() rolls back and throws the same error object, whatever it is', async () => {
    const engine = openEngine(db)
    for (const thrown of [new Error('no'), 'a string', undefined, Object.freeze({ frozen: true })]) {
      const block = engine.begin(async (connection) => {
        await connection.execute(insert(1))
        throw thrown
      })
      expect(await thrownBy(() => block)).toBe(thrown)
      expect(engine.pool.status().checkedOut).toBe(0)
    }
    expect(await stored(engine)).toEqual([])
  })

  it('stores nothing when one branch of a Promise.all in it throws, however late the others are', async () => {
    const engine = openEngine(db)
    const branch = async (connection: Connection, id: number) => {
      for (let n = 0; n < 3; n++) await connection.execute(insert(id * 10 + n))
    }
    const strays: Promise<unknown>[] = []
    const block = engine.begin(async (connection) => {
      strays.push(branch(connection, 1), branch(connection, 2))
      const failing = connection.execute(sql`selec`)
      await Promise.all([...strays, failing])
    })
    await expect(block).rejects.toThrow(/selec/)
    const ends = await Promise.allSettled(strays)
    expect(ends.map((end) => end.status)).toEqual(['rejected', 'rejected'])
    for (const end of ends) expect((end as PromiseRejectedResult).reason).toBeInstanceOf(HeddleError)
    expect(await stored(engine)).toEqual([])
  })

  it('refuses to commit while a call is not awaited, names it, and stores nothing', async () => {
    const engine = openEngine(db)
    let forgotten: Promise<unknown> | undefined
    const block = engine.begin(async (connection) => {
      await connection.execute(insert(1))
      forgotten = Promise.allSettled([connection.execute(insert(2)), connection.execute(insert(3))])
    })
    const error = (await thrownBy(() => block)) as ConcurrentUseError
    expect(error).toBeInstanceOf(ConcurrentUseError)
    expect(error.calls).toEqual(['execute', 'execute', 'commit'])
    await forgotten
    expect(await stored(engine)).toEqual([])
  })

  it('runs nothing after its end', async () => {
    const engine = openEngine(db)
    let escaped: Connection | undefined
    await engine.begin(async (connection) => {
      escaped = connection
      await connection.commit()
      await expect(connection.execute(insert(1))).rejects.toThrow(ResourceClosedError)
      await expect(connection.run({ sql: 'select 1', parameters: [] })).rejects.toThrow(ResourceClosedError)
      await expect(connection.begin()).rejects.toThrow(/transaction of its block has ended/)
      await expect(connection.beginNested()).rejects.toThrow(ResourceClosedError)
    })
    await expect(escaped?.execute(insert(2))).rejects.toThrow(ResourceClosedError)
    expect(await stored(engine)).toEqual([])
  })

  it('keeps what the block committed by itself, and drops what it rolled back by itself', async () => {
    const engine = openEngine(db)
    await engine.begin(async (connection) => {
      await connection.execute(insert(1))
      await connection.commit()
    })
    await engine.begin(async (connection) => {
      await connection.execute(insert(2))
      await connection.rollback()
    })
    expect(await stored(engine)).toEqual([1])
  })

  it('never reports success when a failed statement was swallowed and the database stored nothing', async () => {
    const engine = openEngine(db)
    let swallowed: unknown
    const block = engine.begin(async (connection) => {
      await connection.execute(insert(1))
      swallowed = await thrownBy(() => connection.execute(insert(1)))
    })
    const end = await block.then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(swallowed).toBeInstanceOf(UniqueViolationError)
    if (end !== undefined) {
      expect(end).toBeInstanceOf(PendingRollbackError)
      expect((end as PendingRollbackError).cause).toBe(swallowed)
    }
    expect(await stored(engine)).toEqual(end === undefined ? [1] : [])
  })

  it('attaches a rollback that fails too to the error, which stays the one that is thrown', async () => {
    const engine = openEngine(db)
    const events = record(engine, 'invalidate')
    const failure = new Error('the first')
    const broken = new Error('the rollback')
    const block = engine.begin(async (connection) => {
      await connection.execute(insert(1))
      connection.driverConnection.rollback = () => Promise.reject(broken)
      throw failure
    })
    const error = (await thrownBy(() => block)) as Error & { suppressed?: { cause?: unknown }[] }
    expect(error).toBe(failure)
    expect(error.suppressed?.map((each) => each.cause)).toEqual([broken])
    expect([events, engine.pool.status().checkedOut]).toEqual([['invalidate'], 0])
    expect(await stored(engine)).toEqual([])
  })

  it('TXN-033 a commit that succeeded stays one when giving the connection back fails', async () => {
    const engine = openEngine(db)
    const events = record(engine, 'commit', 'rollback', 'invalidate')
    const off = engine.on('checkin', () => {
      throw new Error('the return fails')
    })
    expect(await engine.begin(async (c) => (await c.execute(insert(1))).rowCount)).toBe(1)
    off()
    expect(events).toEqual(['commit', 'invalidate'])
    expect(await stored(engine)).toEqual([1])
  })

  it('DISC-003 a failed commit leaves no transaction and no connection behind', async () => {
    const engine = openEngine(db)
    const broken = new Error('commit fails')
    const block = engine.begin(async (connection) => {
      await connection.execute(insert(1))
      const { driverConnection } = connection
      const { commit } = driverConnection
      Object.assign(driverConnection, { commitNow: undefined })
      driverConnection.commit = () => {
        driverConnection.commit = commit
        return Promise.reject(broken)
      }
    })
    expect(await thrownBy(() => block)).toHaveProperty('cause', broken)
    expect(engine.pool.status().checkedOut).toBe(0)
    expect(await stored(engine)).toEqual([])
  })

  it('DISC-003 after a failed commit the transaction is inactive until rollback(), and the connection stays', async () => {
    const engine = openEngine(db)
    const events = record(engine, 'invalidate')
    await using connection = await engine.connect()
    await connection.execute(insert(1))
    const { driverConnection } = connection
    const { commit } = driverConnection
    Object.assign(driverConnection, { commitNow: undefined })
    driverConnection.commit = () => Promise.reject(new Error('commit fails'))
    await expect(connection.commit()).rejects.toThrow(/commit fails/)
    driverConnection.commit = commit
    await expect(connection.execute(insert(2))).rejects.toThrow(PendingRollbackError)
    await expect(connection.commit()).rejects.toThrow(PendingRollbackError)
    await connection.rollback()
    await connection.execute(insert(3))
    await connection.commit()
    await connection.close()
    expect(events).toEqual([])
    expect(await stored(engine)).toEqual([3])
  })

  it('takes a function, and options that it knows', async () => {
    const engine = openEngine(db)
    await expect(engine.begin('no' as never)).rejects.toThrow(ArgumentError)
    await expect(engine.begin(() => 1, { timeuot: 5 } as never)).rejects.toThrow(/Did you mean 'timeout'/)
    await expect(engine.begin(() => 1, { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone')
  })
})
