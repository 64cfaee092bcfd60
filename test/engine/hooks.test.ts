import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { createEngine, engineFromConfig } from '../../src/engine/index.ts'
import { ArgumentError } from '../../src/errors.ts'
import { onEvery } from '../support/index.ts'
import { openEngine, record, statements, thrownBy } from './engines.ts'

onEvery({}, (db) => {
  it('a listener of beforeExecute may replace the text and the values of a statement, of a batch and of a stream', async () => {
    const engine = openEngine({ url: await db.freshUrl() })
    const sent = statements(engine)
    await using connection = await engine.connect()
    await connection.execute(sql`create table t (id integer primary key)`)
    const off = engine.on('beforeExecute', (event) => {
      event.sql = `${event.sql} /* ${event.batch ?? 'one'} of ${String(event.executionOptions['page'])} */`
      if (event.sql.startsWith('select')) event.parameters = event.parameters.map((value) => Number(value) + 1)
    })
    connection.withOptions({ page: '/orders' })
    expect((await connection.execute(sql`select 1 as one where 7 = ${6}`)).rows).toEqual([{ one: 1 }])
    const insert = connection.db.insertInto('t').values({ id: 0 }).compile().sql
    await connection.runEach({ sql: insert, parameters: [], name: 'heddle_test' }, [[1], [2]])
    const rows = []
    for await (const row of connection.stream(sql`select id from t where id = ${1}`)) rows.push(row)
    expect(rows).toEqual([{ id: 2 }])
    off()
    expect(sent.slice(1).map((text) => text.slice(text.indexOf('/*')))).toEqual([
      '/* one of /orders */',
      '/* 2 of /orders */',
      '/* one of /orders */',
    ])
    expect((await connection.execute(sql`select count(*) as n from t`)).scalar()).toBe(2)
  })

  it('a listener of beforeExecute may refuse a statement: nothing is sent, and the transaction goes on', async () => {
    const engine = openEngine({ url: await db.freshUrl() })
    await engine.begin((connection) => connection.execute(sql`create table t (id integer primary key)`))
    engine.on('beforeExecute', ({ sql: text }) => {
      if (text.startsWith('delete')) throw new Error('nobody deletes')
    })
    engine.on('beforeExecute', (event) => {
      if (event.sql.includes('spoil')) event.parameters = 'nothing' as never
    })
    await engine.begin(async (connection) => {
      await connection.execute(sql`insert into t values (1)`)
      await expect(connection.execute(sql`delete from t`)).rejects.toThrow('nobody deletes')
      await expect(connection.execute(sql`select 'spoil'`)).rejects.toThrow(ArgumentError)
    })
    const count = await engine.begin(async (c) => (await c.execute(sql`select count(*) as n from t`)).scalar())
    expect(count).toBe(1)
  })

  it('a connection tells its transaction and its innermost savepoint, by the objects that began them', async () => {
    const engine = openEngine(db)
    await using connection = await engine.connect()
    expect([connection.getTransaction(), connection.getNestedTransaction()]).toEqual([null, null])
    const transaction = await connection.begin()
    expect([connection.getTransaction(), connection.getNestedTransaction()]).toEqual([transaction, null])
    const outer = await connection.beginNested()
    const inner = await connection.beginNested()
    expect(connection.getTransaction()).toBe(transaction)
    expect(connection.getNestedTransaction()).toBe(inner)
    await inner.rollback()
    expect(connection.getNestedTransaction()).toBe(outer)
    await connection.rollback()
    expect([connection.getTransaction(), connection.getNestedTransaction()]).toEqual([null, null])
  })

  it('POOL-011 a connection that is invalidated softly works until it is given back, and is replaced then', async () => {
    if (!db.can('connections')) return expect(db.can('connections')).toBe(false)
    const engine = openEngine(db)
    const events = record(engine, 'connect', 'softInvalidate', 'invalidate', 'close')
    const connection = await engine.connect()
    connection.invalidate('a hunch', { soft: true })
    expect((await connection.execute(sql`select 1 as one`)).scalar()).toBe(1)
    expect(connection.invalidated).toBe(false)
    await connection.close()
    await (await engine.connect()).close()
    expect(events).toEqual(['connect', 'softInvalidate', 'close', 'connect'])
  })

  it('a creator opens every connection, and may try again or leave it', async () => {
    let calls = 0
    const engine = openEngine(db, {
      creator: async ({ connect, signal }) => {
        expect(signal === undefined || signal instanceof AbortSignal).toBe(true)
        calls += 1
        if (calls === 1) throw new Error('not yet')
        return connect()
      },
    })
    await expect(engine.connect()).rejects.toThrow('not yet')
    expect(engine.pool.status()).toMatchObject({ checkedOut: 0, idle: 0 })
    expect(await engine.begin(async (c) => (await c.execute(sql`select 1 as one`)).scalar())).toBe(1)
    expect(calls).toBe(2)
    const wrong = openEngine(db, { creator: async () => ({}) as never })
    await expect(wrong.connect()).rejects.toThrow(ArgumentError)
  })
})

onEvery({ needs: ['server'] }, (db) => {
  it('a creator gives each connection credentials of its own', async () => {
    const { username } = new URL(db.url)
    const url = new URL(db.url)
    url.username = 'nobody_of_that_name'
    const engine = openEngine({ url: url.href }, { creator: ({ connect }) => connect({ user: username }) })
    expect(await engine.begin(async (c) => (await c.execute(sql`select 1 as one`)).scalar())).toBe(1)
  })
})

onEvery({ on: ['mysql'] }, (db) => {
  it('the steps of a two-phase transaction are told with its name', async () => {
    const engine = openEngine(db)
    const seen: string[] = []
    for (const name of ['beginTwophase', 'prepareTwophase', 'commitTwophase', 'rollbackTwophase'] as const) {
      engine.on(name, ({ xid }) => void seen.push(`${name} ${xid}`))
    }
    await using connection = await engine.connect()
    await connection.beginTwoPhase('first')
    await connection.prepare()
    await connection.commit()
    await connection.beginTwoPhase('second')
    await connection.rollback()
    expect(seen).toEqual([
      'beginTwophase first',
      'prepareTwophase first',
      'commitTwophase first',
      'beginTwophase second',
      'rollbackTwophase second',
    ])
  })
})

describe('engineFromConfig()', () => {
  it('reads environment variables and dotted names alike, and leaves what is somebody else’s', async () => {
    const environment = {
      DATABASE_URL: 'postgresql://ann:secret@db.example/shop',
      DATABASE_POOL_SIZE: '7',
      DATABASE_POOL_PRE_PING: 'true',
      DATABASE_HIDE_PARAMETERS: 'true',
      DATABASE_REPLICAS: 'postgresql://one/shop, postgresql://two/shop',
      PATH: '/bin',
    }
    const engine = engineFromConfig(environment)
    expect(engine.url.host).toBe('db.example')
    expect(engine.pool.status().size).toBe(7)
    const other = engineFromConfig({ 'db.url': 'sqlite:///x.db', 'db.pool': 'null', 'db.pool.timeout': 5 }, 'db.')
    expect(other.name).toBe('sqlite')
    await Promise.all([engine.dispose(), other.dispose()])
  })

  it('refuses what is no option, wrong values and a missing URL, without telling secrets', async () => {
    const url = 'postgresql://ann:s3cret@db.example/shop'
    const wrongs = [
      { DATABASE_URL: url, DATABASE_POOL_SIZES: '7' },
      { DATABASE_URL: url, DATABASE_POOL_SIZE: 'many' },
      { DATABASE_URI: url },
      { OTHER: 'x' },
    ]
    for (const wrong of wrongs) {
      const error = await thrownBy(() => engineFromConfig(wrong as Record<string, unknown>))
      expect(error).toBeInstanceOf(ArgumentError)
      expect(String(error)).not.toContain('s3cret')
    }
    expect(() => createEngine(url, { creator: 'x' as never })).toThrow(ArgumentError)
  })
})
