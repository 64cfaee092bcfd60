import { inspect } from 'node:util'
import { sql } from 'kysely'
import { describe, expect, it, vi } from 'vitest'
import { createEngine, type EngineOptions, EngineUrl, type QueryEvent } from '../../src/engine/index.ts'
import {
  ArgumentError,
  DisconnectionError,
  DriverMissingError,
  InvalidRequestError,
  PoolTimeoutError,
  UrlError,
} from '../../src/errors.ts'
import { NullPool } from '../../src/pool/index.ts'
import { onEvery } from '../support/index.ts'
import { openEngine, record, statements, thrownBy } from './engines.ts'

describe('createEngine', () => {
  it('connects to nothing before the first connection is asked for', () => {
    const engine = createEngine('postgresql://nobody:s3cret@host.invalid:1/db')
    expect(engine.pool.status()).toMatchObject({ checkedOut: 0, idle: 0 })
    expect([engine.name, engine.driver, engine.url.host]).toEqual(['postgres', 'pg', 'host.invalid'])
    expect(inspect(engine, { depth: 9, showHidden: true })).not.toContain('s3cret')
  })

  it('takes a parsed URL too', () => {
    expect(createEngine(EngineUrl.create({ scheme: 'sqlite' })).url.inMemory).toBe(true)
  })

  it.each<[unknown, string]>([
    [{ pol: {} }, "Did you mean 'pool'?"],
    [{ echo: 'loud' }, "option 'echo' must be a boolean or one of 'debug' or a function"],
    [{ isolation: 'strict' }, "option 'isolation' must be one of"],
    [{ hideParameters: 1 }, "option 'hideParameters' must be a boolean"],
    [{ pool: 'quue' }, "option 'pool' must be"],
    [{ pool: { siz: 1 } }, "Did you mean 'size'?"],
    [{ pool: { size: -1 } }, "option 'size' must be an integer of at least 0"],
    [{ pool: { kind: 'null', size: 3 } }, "unknown option 'size'"],
    [{ naming: 'camelToSnak' }, 'camelToSnake'],
    [{ connectArgs: 'x' }, "option 'connectArgs' must be an object"],
    [{ executionOptions: { isolaton: 'serializable' } }, "Did you mean 'isolation'?"],
    [{ executionOptions: { readOnly: 'yes' } }, "option 'readOnly' must be a boolean"],
    [{ replicas: 'sqlite:///x' }, "option 'replicas' must be an array of URLs"],
    [{ replicas: ['postgresql://h/db'] }, 'is no replica of'],
    [{ replicas: ['nonsense'] }, 'has no scheme'],
    ['no object', 'options must be an object'],
  ])('refuses options that it does not know or cannot use: %j', (options, message) => {
    const make = () => createEngine('sqlite:///x.db', options as EngineOptions)
    expect(make).toThrow(ArgumentError)
    expect(make).toThrow(message)
  })

  it('refuses a bad URL, and an isolation level that the database does not have', () => {
    expect(() => createEngine('nonsense')).toThrow(UrlError)
    expect(() => createEngine('mysql://h/db', { isolation: 'snapshot' })).toThrow(/no isolation level 'snapshot'/)
  })

  it('refuses options of connections, transactions and listeners that it does not know', async () => {
    const engine = openEngine({ url: 'sqlite://' })
    await expect(engine.connect({ lable: 'x' } as never)).rejects.toThrow(/Did you mean 'label'/)
    await expect(engine.connect({ timeout: -1 })).rejects.toThrow(ArgumentError)
    expect(() => engine.on('querry' as never, () => {})).toThrow(/no event 'querry'/)
    expect(() => engine.on('query', 1 as never)).toThrow(ArgumentError)
    await using connection = await engine.connect()
    await expect(connection.begin({ isolatoin: 'serializable' } as never)).rejects.toThrow(/Did you mean 'isolation'/)
    expect(connection.inTransaction()).toBe(false)
  })
})

describe('a database that is one connection', () => {
  it('is taken in turns, and keeps what is stored', async () => {
    const engine = openEngine({ url: 'sqlite://' })
    await engine.begin((c) => c.execute(sql`create table t (id integer)`))
    await Promise.all(
      Array.from({ length: 20 }, (_, id) => engine.begin((c) => c.execute(sql`insert into t values (${id})`))),
    )
    const count = await engine.begin(async (c) => (await c.execute(sql`select count(*) as n from t`)).scalar())
    expect(count).toBe(20)
    expect(engine.pool.status()).toMatchObject({ size: 1, checkedOut: 0, idle: 1 })
  })

  it('says that it is one connection, and who holds it, when waiting for it takes too long', async () => {
    const engine = openEngine({ url: 'sqlite://' }, { pool: { timeout: 20 } })
    await using holder = await engine.connect({ label: 'the report' })
    await holder.execute(sql`select 'a long one' as x`)
    const error = (await thrownBy(() => engine.connect({ label: 'the other' }))) as PoolTimeoutError
    expect(error).toBeInstanceOf(PoolTimeoutError)
    expect(error.message).toContain('one connection')
    expect(error.message).toContain("'the report'")
    expect(error.message).toContain("select 'a long one'")
    expect(error.holders.map((each) => each.label)).toEqual(['the report'])
  })

  it('is not given a pool that would lose it, and warns of sizes that have no effect', async () => {
    expect(() => createEngine('sqlite://', { pool: 'null' })).toThrow(/lives in its one connection/)
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const engine = createEngine('sqlite://', { pool: { size: 5, recycle: 0 } })
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('no effect'), expect.anything())
    warned.mockRestore()
    await engine.begin((c) => c.execute(sql`create table t (id integer)`))
    await engine.begin((c) => c.execute(sql`select * from t`))
    await engine.dispose()
  })
})

onEvery({ on: ['sqlite', 'postgres', 'mysql'] }, (db) => {
  it('POOL-014 dispose() closes what is idle, what is out when it comes back, and the engine goes on with a new pool', async () => {
    const engine = openEngine(db)
    const events = record(engine, 'connect', 'close')
    const [idle, out] = await Promise.all([engine.connect(), engine.connect()])
    await idle.close()
    await engine.dispose()
    expect(events).toEqual(['connect', 'connect', 'close'])
    expect((await out.execute(sql`select 1 as one`)).rowCount).toBe(1)
    await out.close()
    expect(events).toEqual(['connect', 'connect', 'close', 'close'])
    await Promise.all(
      Array.from({ length: 10 }, () => engine.begin((c) => c.execute(sql`select 1`), { readOnly: true })),
    )
    await engine.dispose()
    expect(events.filter((name) => name === 'connect').length).toBe(events.filter((name) => name === 'close').length)
  })

  it('takes every kind of pool', async () => {
    for (const pool of ['null', 'static', 'assertion', 'queue', NullPool, { kind: 'static' }] as const) {
      const engine = openEngine(db, { pool })
      expect(
        await engine.begin(async (c) => (await c.execute(sql`select 1 as one`)).scalar(), { readOnly: true }),
      ).toBe(1)
    }
    const asserting = openEngine(db, { pool: 'assertion' })
    await using first = await asserting.connect({ label: 'the first' })
    await expect(asserting.connect()).rejects.toThrow(/the first/)
    expect(first.closed).toBe(false)
  })

  it('puts the calls of all holders in order where they share one connection', async () => {
    const engine = openEngine(db, { pool: 'static', isolation: 'autocommit' })
    const events = record(engine, 'connect')
    const connections = await Promise.all(Array.from({ length: 5 }, () => engine.connect()))
    const asked = connections.flatMap((c, n) => [
      c.execute(sql`select ${n} as x`),
      c.execute(sql`select ${n} + 10 as x`),
    ])
    const answers = await Promise.all(asked)
    expect(answers.map((each) => Number(each.scalar()))).toEqual(connections.flatMap((_, n) => [n, n + 10]))
    await Promise.all(connections.map((c) => c.close()))
    expect(events).toHaveLength(1)
  })

  it('tells listeners of queries what was sent, how long it took and what came back, and of failures', async () => {
    const engine = openEngine(db, { executionOptions: { app: 'shop' } })
    const seen: QueryEvent[] = []
    const off = engine.on('query', (event) => void seen.push(event))
    await using connection = await engine.connect({ isolation: 'autocommit', label: 'mine' })
    await connection.execute(sql`select ${7} as x`)
    await thrownBy(() => connection.execute(sql`selec`))
    for await (const _row of connection.stream(sql`select 1 as x`));
    await connection.run({ sql: 'select 2 as x', parameters: [], executionOptions: { own: 1 } })
    await connection.runEach({ sql: 'select 3 as x', parameters: [] }, [[], []])
    off()
    await connection.execute(sql`select 4 as x`)
    expect(seen.map((event) => [event.rowCount, event.error instanceof Error, event.batch])).toEqual([
      [1, false, undefined],
      [undefined, true, undefined],
      [1, false, undefined],
      [1, false, undefined],
      [2, false, 2],
    ])
    expect(seen[0]?.parameters).toEqual([7])
    expect(seen[0]?.durationMs).toBeGreaterThanOrEqual(0)
    expect(seen[0]?.connection).toBe(connection)
    expect(seen[3]?.executionOptions).toMatchObject({ app: 'shop', isolation: 'autocommit', own: 1 })
  })

  it('tells listeners of transactions and savepoints, and of the life of connections', async () => {
    const engine = openEngine(db)
    const events = record(
      engine,
      'firstConnect',
      'connect',
      'checkout',
      'begin',
      'savepoint',
      'releaseSavepoint',
      'rollbackSavepoint',
      'commit',
      'rollback',
      'checkin',
      'close',
    )
    await engine.begin(async (c) => {
      await c.beginNested(() => c.execute(sql`select 1`))
      await thrownBy(() => c.beginNested(() => Promise.reject(new Error('no'))))
    })
    const connection = await engine.connect()
    await connection.execute(sql`select 1`)
    await connection.close()
    await engine.dispose()
    expect(events).toEqual([
      ...['firstConnect', 'connect', 'checkout', 'begin', 'savepoint', 'releaseSavepoint', 'savepoint'],
      ...['rollbackSavepoint', 'commit', 'checkin', 'checkout', 'begin', 'rollback', 'checkin', 'close'],
    ])
  })

  it('POOL-016 a listener of connect can run statements; one that throws does not occupy a place', async () => {
    const engine = openEngine(db, { pool: { size: 1, maxOverflow: 0 } })
    let fails = true
    engine.on('connect', async ({ resource }) => {
      await resource.run({ sql: 'select 1', parameters: [] })
      if (fails) throw new Error('not this one')
    })
    await expect(engine.connect()).rejects.toThrow('not this one')
    fails = false
    await engine.begin((c) => c.execute(sql`select 1`))
  })

  it('POOL-017 a listener of checkout that throws a DisconnectionError has the pool take another connection', async () => {
    const engine = openEngine(db)
    const events = record(engine, 'connect')
    let gone = 1
    engine.on('checkout', () => {
      if (gone-- > 0) throw new DisconnectionError('gone')
    })
    await engine.begin((c) => c.execute(sql`select 1`))
    expect(events).toHaveLength(2)
  })

  it('warns of a listener that throws after the fact, and goes on: what was committed stays committed', async () => {
    const engine = openEngine(db)
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    for (const name of ['begin', 'query', 'commit'] as const) {
      engine.on(name, () => {
        throw new Error(`the listener of ${name} fails`)
      })
    }
    await engine.begin((c) => c.execute(sql`select 1`))
    const said = warned.mock.calls.map(([message]) => String(message))
    warned.mockRestore()
    expect(said.map((each) => /listener of (\w+) fails/.exec(each)?.[1])).toEqual(['begin', 'query', 'commit'])
  })

  it('shares its pool and listeners with engines that have other options, which statements and listeners see', async () => {
    const engine = openEngine(db)
    const begins: unknown[] = []
    engine.on('begin', ({ isolation, readOnly }) => void begins.push([isolation, readOnly]))
    const other = engine.withOptions({ isolation: 'serializable', readOnly: true })
    expect(other.pool).toBe(engine.pool)
    await other.begin((c) => c.execute(sql`select 1`))
    await engine.begin((c) => c.execute(sql`select 1`))
    await using connection = await engine.connect()
    connection.withOptions({ isolation: 'serializable' })
    await connection.execute(sql`select 1`)
    expect(() => connection.withOptions({ isolation: 'read committed' })).toThrow(InvalidRequestError)
    connection.withOptions({ batch: 3, own: 'x' })
    expect(connection.executionOptions).toEqual({ isolation: 'serializable', batch: 3, own: 'x' })
    expect(begins).toEqual([
      ['serializable', true],
      [undefined, undefined],
      ['serializable', undefined],
    ])
  })

  it('sends connections that only read to the replicas in turn, and all others to the database itself', async () => {
    const urls = [await db.freshUrl(), await db.freshUrl()]
    for (const [index, url] of [db.url, ...urls].entries()) {
      const engine = createEngine(url)
      await engine.begin(async (c) => {
        await c.execute(sql`create table place (id integer)`)
        await c.execute(sql`insert into place values (${index})`)
      })
      await engine.dispose()
    }
    const engine = openEngine(db, { replicas: urls })
    const sent = statements(engine)
    const ask = (readOnly: boolean) =>
      engine.begin(async (c) => (await c.execute(sql`select id from place`)).scalar(), { readOnly })
    expect([await ask(true), await ask(true), await ask(true), await ask(false)]).toEqual([1, 2, 1, 0])
    expect(sent).toHaveLength(4)
    const writing = engine.begin((c) => c.execute(sql`insert into place values (9)`), { readOnly: true })
    await expect(writing).rejects.toThrow()
  })

  it('prints statements with values, duration and outcome, and hides the values on demand', async () => {
    const lines: string[] = []
    const engine = openEngine(db, { echo: (line) => lines.push(line) })
    await engine.begin((c) => c.execute(sql`select ${'s3cret'} as x`))
    expect(lines.some((line) => /select .* as x \[ 's3cret' \] -- \d+\.\d ms, 1 rows/.test(line))).toBe(true)
    expect(lines.some((line) => line.endsWith('COMMIT'))).toBe(true)
    const hidden: string[] = []
    const hiding = openEngine(db, { echo: (line) => hidden.push(line), hideParameters: true })
    await hiding.begin((c) => c.execute(sql`select ${'s3cret'} as x`))
    expect(hidden.join('\n')).not.toContain('s3cret')
    const printed = vi.spyOn(console, 'log').mockImplementation(() => {})
    const plain = openEngine(db, { echo: true })
    await plain.begin((c) => c.execute(sql`select 1 as x`))
    const texts = printed.mock.calls.map(([line]) => String(line))
    printed.mockRestore()
    expect(texts).toHaveLength(1)
  })

  it('names the holders of connections with their last statement', async () => {
    const engine = openEngine(db)
    await using connection = await engine.connect({ label: 'import' })
    await connection.execute(sql`select 'here' as x`)
    expect(engine.pool.holders()).toMatchObject([
      { label: 'import', lastNote: expect.stringContaining("select 'here'") },
    ])
  })
})

onEvery({ on: ['postgres', 'mysql'] }, (db) => {
  it('cancels the statement that runs, and goes on', async () => {
    const engine = openEngine(db)
    await using connection = await engine.connect()
    await connection.begin()
    const sleeping = connection.execute(
      db.name === 'postgres' ? sql`select pg_sleep(20)` : sql`select sleep(20) from (select 1) x`,
    )
    const outcome = thrownBy(() => sleeping)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await connection.cancelRunning()
    expect(await outcome).toHaveProperty('code', 'HEDDLE_STATEMENT_TIMEOUT')
    await connection.rollback()
    await connection.cancelRunning()
    expect((await connection.execute(sql`select 1 as one`)).rowCount).toBe(1)
  })
})

describe('a driver', () => {
  it('that cannot be loaded is asked for again with the next connection', async () => {
    const engine = openEngine({ url: 'sqlite:///no/such/folder/x.db' })
    for (let n = 0; n < 2; n++) {
      const error = await thrownBy(() => engine.connect())
      expect(error).not.toBeInstanceOf(DriverMissingError)
      expect(engine.pool.status().checkedOut).toBe(0)
    }
  })
})
