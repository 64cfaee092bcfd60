import { sql } from 'kysely'
import { beforeEach, expect, it } from 'vitest'
import { type Connection, createEngine, type Engine } from '../../src/engine/index.ts'
import {
  CommitUnknownError,
  DisconnectionError,
  OperationalError,
  PendingRollbackError,
  ProgrammingError,
} from '../../src/errors.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'
import { openEngine, record, thrownBy } from './engines.ts'
import { openProxy } from './proxy.ts'

const insert = (id: number) => sql`insert into t (id) values (${id})`
const stored = (engine: Engine) =>
  engine.begin(async (c) => (await c.execute(sql`select id from t order by id`)).scalars<number>())

/** Has the server end a connection, from another one. */
async function kill(db: TestDatabase, connection: Connection): Promise<void> {
  const isPostgres = db.name === 'postgres'
  const self = isPostgres ? sql`select pg_backend_pid() as id` : sql`select connection_id() as id`
  const id = Number((await connection.execute(self)).scalar())
  const killer = createEngine(db.url)
  await using other = await killer.connect({ isolation: 'autocommit' })
  await other.execute(isPostgres ? sql`select pg_terminate_backend(${id}::int)` : sql.raw(`kill ${id}`))
  await other.close()
  await killer.dispose()
}

onEvery({ needs: ['server'] }, (db) => {
  beforeEach(async () => {
    const engine = createEngine(db.url)
    await engine.begin(async (c) => {
      await c.execute(sql`create table if not exists t (id integer primary key)`)
      await c.execute(sql`delete from t`)
    })
    await engine.dispose()
  })

  it('DISC-001 a disconnect invalidates the connection, and has the older idle ones replaced at their next checkout', async () => {
    const engine = openEngine(db)
    const events = record(engine, 'connect', 'invalidate')
    const idle = await Promise.all([1, 2].map(() => engine.connect()))
    await using connection = await engine.connect({ isolation: 'autocommit' })
    for (const each of idle) await each.close()
    await kill(db, connection)
    const error = (await thrownBy(() => connection.execute(sql`select 1`))) as DisconnectionError
    expect(error).toBeInstanceOf(DisconnectionError)
    expect([error.connectionInvalidated, connection.closed, connection.invalidated]).toEqual([true, false, true])
    expect(events).toEqual(['connect', 'connect', 'connect', 'invalidate'])
    expect((await connection.execute(sql`select 1 as one`)).rowCount).toBe(1)
    await using other = await engine.connect()
    await other.execute(sql`select 1`)
    expect(events.filter((name) => name === 'connect')).toHaveLength(5)
  })

  it('DISC-002 in a transaction every call is refused until rollback(), then the same connection takes another one', async () => {
    const engine = openEngine(db)
    await using connection = await engine.connect()
    await connection.execute(insert(1))
    await kill(db, connection)
    const lost = await thrownBy(() => connection.execute(insert(2)))
    expect(lost).toBeInstanceOf(DisconnectionError)
    for (const call of [
      () => connection.execute(insert(3)),
      () => connection.commit(),
      () => connection.beginNested(),
      () => connection.run({ sql: 'select 1', parameters: [] }),
      () => connection.stream(sql`select 1`).next(),
    ]) {
      const error = (await thrownBy(call)) as PendingRollbackError
      expect(error).toBeInstanceOf(PendingRollbackError)
      expect(error.cause).toBe(lost)
    }
    await connection.rollback()
    await connection.execute(insert(4))
    await connection.commit()
    await connection.close()
    expect(await stored(engine)).toEqual([4])
  })

  it('DISC-003 a connection lost before COMMIT is sent is a disconnect: nothing is stored, and that is certain', async () => {
    const engine = openEngine(db)
    await using connection = await engine.connect()
    await connection.execute(insert(1))
    await kill(db, connection)
    const { driverConnection } = connection
    while (driverConnection.brokenBy === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    const error = await thrownBy(() => connection.commit())
    expect(error).toBeInstanceOf(DisconnectionError)
    await expect(connection.commit()).rejects.toThrow(PendingRollbackError)
    await connection.rollback()
    await connection.close()
    expect(await stored(engine)).toEqual([])
  })

  it('DISC-003 a COMMIT whose answer never came is CommitUnknownError, and is not sent again', async () => {
    const direct = openEngine(db)
    const proxy = await openProxy(db.url)
    const engine = openEngine(proxy)
    const block = engine.begin(async (connection) => {
      await connection.execute(insert(1))
      proxy.cutAfter(/commit/i)
    })
    const error = (await thrownBy(() => block)) as CommitUnknownError
    expect(error).toBeInstanceOf(CommitUnknownError)
    expect([error.connectionInvalidated, error.cause === undefined]).toEqual([true, false])
    expect(engine.pool.status().checkedOut).toBe(0)
    await expect.poll(() => stored(direct)).toEqual([1])
  })

  it('DISC-004 an ordinary error neither invalidates the connection nor touches the pool', async () => {
    const engine = openEngine(db)
    const events = record(engine, 'connect', 'invalidate', 'softInvalidate', 'close')
    await using connection = await engine.connect({ isolation: 'autocommit' })
    const error = (await thrownBy(() => connection.execute(sql`selec`))) as ProgrammingError
    expect(error).toBeInstanceOf(ProgrammingError)
    expect([error.connectionInvalidated, connection.invalidated]).toEqual([false, false])
    await connection.execute(sql`select 1`)
    expect(events).toEqual(['connect'])
  })

  it('DISC-006 several connections that find out at once are each closed once, and as many are opened anew', async () => {
    const proxy = await openProxy(db.url)
    const engine = openEngine(proxy)
    const events = record(engine, 'connect', 'close')
    const connections = await Promise.all([1, 2, 3, 4].map(() => engine.connect({ isolation: 'autocommit' })))
    await Promise.all(connections.map((each) => each.execute(sql`select 1`)))
    proxy.cut()
    const outcomes = await Promise.allSettled(connections.map((each) => each.execute(sql`select 1`)))
    for (const each of outcomes) expect((each as PromiseRejectedResult).reason).toBeInstanceOf(DisconnectionError)
    await Promise.all(connections.map((each) => each.execute(sql`select 1`)))
    await Promise.all(connections.map((each) => each.close()))
    expect(events.filter((name) => name === 'close')).toHaveLength(4)
    expect(events.filter((name) => name === 'connect')).toHaveLength(8)
  })

  it('DISC-007 with prePing a stale connection is replaced without an error for the caller', async () => {
    const proxy = await openProxy(db.url)
    const engine = openEngine(proxy, { pool: { prePing: true } })
    const events = record(engine, 'connect', 'handleError')
    await engine.begin((connection) => connection.execute(sql`select 1`))
    proxy.cut()
    await engine.begin((connection) => connection.execute(sql`select 1`))
    expect(events.filter((name) => name === 'connect')).toHaveLength(2)
  })

  it('DISC-008 when the database stays away, connecting fails with what the driver said, and nothing is held', async () => {
    const gone = new URL(db.url)
    gone.port = '1'
    const engine = openEngine({ url: gone.href })
    const error = (await thrownBy(() => engine.connect())) as OperationalError
    expect(error).toBeInstanceOf(OperationalError)
    expect(error.message).toContain('127.0.0.1:1')
    expect(engine.pool.status()).toMatchObject({ checkedOut: 0, idle: 0, waiting: 0 })
  })

  it('DISC-009 a listener may call an error a disconnect', async () => {
    const engine = openEngine(db)
    const events = record(engine, 'invalidate')
    engine.on('handleError', (context) => {
      if (context.sql === 'selec') context.isDisconnect = true
    })
    await using connection = await engine.connect()
    const error = (await thrownBy(() => connection.execute(sql`selec`))) as DisconnectionError
    expect(error).toBeInstanceOf(DisconnectionError)
    expect([error.connectionInvalidated, connection.invalidated, events]).toEqual([true, true, ['invalidate']])
    await connection.rollback()
    await connection.execute(sql`select 1`)
  })

  it('DISC-009 a listener may call a disconnect none, in a ping too', async () => {
    const engine = openEngine(db, { pool: { prePing: true, size: 1, maxOverflow: 0 } })
    const pings: boolean[] = []
    engine.on('handleError', (context) => {
      pings.push(context.isPing)
      context.isDisconnect = false
    })
    const first = await engine.connect()
    const { driverConnection } = first
    const { ping } = driverConnection
    await first.close()
    driverConnection.ping = () => Promise.reject(new Error('no answer'))
    const second = await engine.connect()
    driverConnection.ping = ping
    expect([second.driverConnection === driverConnection, pings]).toEqual([true, [true]])
    await second.close()
  })
})

onEvery({ on: ['sqlite'] }, (db) => {
  it('DISC-009 a listener may replace an error, by saying so or by throwing', async () => {
    const engine = openEngine(db)
    const mine = new Error('mine')
    const off = engine.on('handleError', (context) => context.replaceWith(mine))
    await using connection = await engine.connect()
    expect(await thrownBy(() => connection.execute(sql`selec`))).toBe(mine)
    off()
    const thrown = new Error('thrown')
    engine.on('handleError', () => {
      throw thrown
    })
    expect(await thrownBy(() => connection.execute(sql`selec`))).toBe(thrown)
  })
})
