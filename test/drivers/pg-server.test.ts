import { createServer } from 'node:net'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { type DriverConnection, openDriver } from '../../src/drivers/index.ts'
import { PostgresConnection } from '../../src/drivers/postgres-connection.ts'
import {
  exchangeClass,
  type PgClient,
  type PgQueryClass,
  PgTransport,
  type PgWire,
} from '../../src/drivers/postgres-pg-transport.ts'
import type { Messages, Transport } from '../../src/drivers/postgres-protocol.ts'
import { OperationalError, PendingRollbackError } from '../../src/errors.ts'
import { classifyPostgres } from '../../src/sql/postgres-errors.ts'
import { onEvery } from '../support/index.ts'
import { Connections, failure, run, targetOf, until, value } from './server-drivers.ts'

onEvery({ on: ['postgres'] }, (db) => {
  const connections = new Connections(db)
  const pidOf = (connection: DriverConnection) => value(connection, 'select pg_backend_pid()')

  async function untilActive(other: DriverConnection, pid: unknown): Promise<void> {
    const sql = `select count(*) from pg_stat_activity where pid = $1 and state = 'active'`
    await until(async () => (await value(other, sql, [pid])) === 1)
  }

  it('tells what the server is', async () => {
    const { server } = await connections.open()
    expect(server.product).toBe('postgres')
    expect(server.version).toMatch(/^\d+(\.\d+)?/)
  })

  describe('a connection that the server ends', () => {
    it('while idle is known to be broken, and the process lives on', async () => {
      const [connection, other] = [await connections.open(), await connections.open()]
      await run(other, 'select pg_terminate_backend($1)', [await pidOf(connection)])
      await until(() => connection.brokenBy !== undefined)
      expect(classifyPostgres(connection.brokenBy).kind).toBe('disconnect')
      expect(connection.transactionStatus).toBe('unknown')
      expect(classifyPostgres(await failure(run(connection, 'select 1'))).kind).toBe('disconnect')
    })

    it('while it runs a statement fails that statement', async () => {
      const [connection, other] = [await connections.open(), await connections.open()]
      const pid = await pidOf(connection)
      await connection.begin({})
      const running = failure(run(connection, 'select pg_sleep($1)', [30]))
      await untilActive(other, pid)
      await run(other, 'select pg_terminate_backend($1)', [pid])
      expect(classifyPostgres(await running)).toMatchObject({ kind: 'disconnect', databaseCode: '57P01' })
      expect(connection.brokenBy).toBeDefined()
      expect(connection.transactionStatus).toBe('unknown')
    })

    it('while COMMIT is to be sent fails the commit', async () => {
      const [connection, other] = [await connections.open(), await connections.open()]
      const pid = await pidOf(connection)
      await connection.begin({})
      await run(connection, 'select 1')
      await run(other, 'select pg_terminate_backend($1)', [pid])
      expect(classifyPostgres(await failure(connection.commit())).kind).toBe('disconnect')
    })

    it('while a stream is read fails the stream', async () => {
      const [connection, other] = [await connections.open(), await connections.open()]
      const pid = await pidOf(connection)
      const stream = connection.stream({ sql: 'select generate_series(1, 100000)', parameters: [] }, 10)
      await stream.next()
      await run(other, 'select pg_terminate_backend($1)', [pid])
      expect(classifyPostgres(await failure(stream.next())).kind).toBe('disconnect')
    })
  })

  describe('cancel', () => {
    it('stops the running statement, and the connection lives on', async () => {
      const [connection, other] = [await connections.open(), await connections.open()]
      const pid = await pidOf(connection)
      await connection.begin({})
      const running = failure(run(connection, 'select pg_sleep($1)', [30]))
      await untilActive(other, pid)
      await connection.cancel()
      expect(classifyPostgres(await running)).toEqual({ kind: 'timeout', databaseCode: '57014' })
      expect(connection.transactionStatus).toBe('failed')
      await connection.rollback()
      expect(await value(connection, 'select 1')).toBe(1)
    })

    it('does nothing where nothing runs', async () => {
      const connection = await connections.open()
      await connection.cancel()
      expect(await value(connection, 'select 1')).toBe(1)
    })
  })

  it('ends at once when it is destroyed, with what it was running', async () => {
    const connection = await connections.open()
    const running = failure(run(connection, 'select pg_sleep($1)', [30]))
    connection.destroy()
    expect(classifyPostgres(await running).kind).toBe('disconnect')
    expect(connection.brokenBy).toBeDefined()
    await connection.close()
  })

  it('reads conflicts between transactions by their kind', async () => {
    const [one, two] = [await connections.open(), await connections.open()]
    await run(one, 'create table accounts (id int primary key, n int)')
    await run(one, 'insert into accounts values (1, 0), (2, 0)')
    const add = (connection: DriverConnection, id: number) =>
      run(connection, 'update accounts set n = n + 1 where id = $1', [id])
    await one.begin({})
    await two.begin({})
    await add(one, 1)
    await add(two, 2)
    const both = await Promise.allSettled([add(one, 2), add(two, 1)])
    const lost = both.filter((each) => each.status === 'rejected')
    expect(lost.map((each) => classifyPostgres(each.reason).kind)).toEqual(['deadlock'])
    await one.rollback()
    await two.rollback()
    await one.begin({ isolation: 'repeatable read' })
    await run(one, 'select * from accounts')
    await add(two, 1)
    expect(classifyPostgres(await failure(add(one, 1))).kind).toBe('serialization')
    await one.rollback()
    await one.begin({})
    await add(one, 1)
    const locked = run(two, 'select * from accounts where id = 1 for update nowait')
    expect(classifyPostgres(await failure(locked)).kind).toBe('lock not available')
  })

  describe('a transaction that cannot begin', () => {
    /** A connection whose BEGIN asks the server for what it refuses. */
    async function withWrongBegin(): Promise<PostgresConnection> {
      const client = new pg.Client({ ...targetOf(db.url), pipeline: true }) as unknown as PgClient
      await client.connect()
      const Exchange = exchangeClass(pg.Query as unknown as PgQueryClass)
      const real = new PgTransport(client, Exchange, () => new pg.Connection() as unknown as PgWire)
      const wrong = (text: string) => text.replace(/^BEGIN/, 'BEGIN ISOLATION LEVEL NONSENSE')
      const transport: Transport = {
        get status() {
          return real.status
        },
        get brokenBy() {
          return real.brokenBy
        },
        pipelines: true,
        exchange: (send, collector) =>
          real.exchange((wire) => {
            const query = (text: string) => wire.query(wrong(text))
            const parse: Messages['parse'] = (message) => wire.parse({ ...message, text: wrong(message.text) })
            send(Object.assign(Object.create(wire), { query, parse }))
          }, collector),
        cancel: () => real.cancel(),
        close: () => real.close(),
        destroy: () => real.destroy(),
      }
      const server = { product: 'postgres', version: '' }
      return new PostgresConnection(transport, { server, maxPrepared: 10, otherParsers: undefined })
    }

    it.each([
      ['by the simple protocol', 'insert into never values (1)', [], {}],
      ['by the extended protocol', 'insert into never values ($1)', [1], {}],
      ['prepared', 'insert into never values ($1)', [1], { name: 'n' }],
    ] as const)('never lets its statements run: %s', async (_, sql, values, how) => {
      const connection = await withWrongBegin()
      try {
        await run(connection, 'create table if not exists never (id int)')
        await connection.begin({})
        await expect(run(connection, sql, values, how)).rejects.toMatchObject({ code: '42601' })
        expect(connection.transactionStatus).toBe('failed')
        await expect(run(connection, sql, values, how)).rejects.toThrow(PendingRollbackError)
        expect(await connection.commit()).toBe('rolled back')
        await connection.begin({})
        await expect(connection.runEach({ sql, parameters: [], ...how }, [values, values])).rejects.toThrow(
          /NONSENSE|syntax/,
        )
        await connection.rollback()
        expect(await value(connection, 'select count(*) from never')).toBe(0)
        expect((await run(connection, sql, values, how)).rowCount).toBe(1)
        await run(connection, 'delete from never')
      } finally {
        await connection.close()
      }
    })
  })

  describe('connecting', () => {
    const connect = async (parts: Record<string, unknown>, options: { signal?: AbortSignal } = {}) => {
      const driver = await openDriver('pg')({ ...targetOf(db.url), ...parts })
      return await driver.connect(options)
    }

    it('to a port where nothing listens says so', async () => {
      const error = await failure(connect({ host: '127.0.0.1', port: 1, password: 'secret' }))
      expect(error).toBeInstanceOf(OperationalError)
      expect(error.message).toMatch(/^Could not connect to PostgreSQL at 127\.0\.0\.1:1 .*ECONNREFUSED/)
      expect(error.message).not.toContain('secret')
    })

    it('to a database that is not there says so', async () => {
      const error = await failure(connect({ database: 'no_such_database' }))
      expect(error).toMatchObject({ name: 'OperationalError', databaseCode: '3D000' })
      expect(error.message).toContain('no_such_database')
    })

    it('as somebody unknown says so', async () => {
      const error = await failure(connect({ user: 'no_such_user', password: 'secret' }))
      expect(error).toMatchObject({ name: 'OperationalError', databaseCode: expect.stringMatching(/^28/) })
      expect(error.message).not.toContain('secret')
    })

    it('gives up when the signal says so, and when the server does not answer in time', async () => {
      const silent = createServer(() => {})
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
      const { port } = silent.address() as { port: number }
      try {
        const reason = new Error('enough')
        const controller = new AbortController()
        const waiting = failure(connect({ host: '127.0.0.1', port }, { signal: controller.signal }))
        setTimeout(() => controller.abort(reason), 50)
        expect(await waiting).toBe(reason)
        const late = await failure(connect({ host: '127.0.0.1', port, query: { connect_timeout: '0.05' } }))
        expect(late).toBeInstanceOf(OperationalError)
        expect(late.message).toContain('did not answer in time')
        expect(await failure(connect({}, { signal: AbortSignal.abort(reason) }))).toBe(reason)
      } finally {
        silent.close()
      }
    })

    it('sends settings of the session, and the server refuses those it does not know', async () => {
      const connection = await connections.open({
        suffix: '?application_name=mine&search_path=pg_catalog&statement_timeout=5s',
      })
      expect(await value(connection, `select current_setting('application_name')`)).toBe('mine')
      expect(await value(connection, `select current_setting('search_path')`)).toBe('pg_catalog')
      expect(await value(connection, `select current_setting('statement_timeout')`)).toBe('5s')
      expect(await value(connection, `select current_setting('TimeZone')`)).toBe('UTC')
      expect((await failure(connect({ query: { nonsense: '1' } }))).message).toContain('nonsense')
      await expect(connect({ query: { sslmode: 'maybe' } })).rejects.toThrow(/sslmode 'maybe'/)
    })

    it('without TLS on the server fails where TLS is required, and works where it is only preferred', async () => {
      if ((await value(await connections.open(), `select current_setting('ssl')`)) === 'on') {
        console.log('Not tested: this server has TLS')
        return
      }
      await expect(connect({ query: { sslmode: 'require' } })).rejects.toThrow(/does not support SSL/)
      const connection = await connect({ query: { sslmode: 'prefer' } })
      expect(await value(connection, 'select 1')).toBe(1)
      await connection.close()
    })
  })

  it('keeps no statement prepared where prepare=false asks for that', async () => {
    const connection = await connections.open({ suffix: '?prepare=false' })
    for (const id of [1, 2]) expect(await value(connection, 'select $1::int', [id], { name: 'k' })).toBe(id)
    expect(await value(connection, 'select count(*) from pg_prepared_statements')).toBe(0)
  })

  it('is reset by a statement of its own only after one that may have left something', async () => {
    const [connection, other] = [await connections.open(), await connections.open()]
    const pid = await pidOf(connection)
    const lastOf = () => value(other, 'select query from pg_stat_activity where pid = $1', [pid])
    await connection.reset()
    for (const how of [{ name: 'k' }, {}]) {
      await run(connection, 'select $1::int', [1], how)
      await connection.reset()
      expect(await lastOf()).toBe('select $1::int')
    }
    await run(connection, `set work_mem = '1MB'`)
    await connection.reset()
    expect(await lastOf()).toMatch(/^CLOSE ALL/)
  })

  it('leaves the types of other users of pg alone', async () => {
    await connections.open()
    expect(pg.types.getTypeParser(20, 'text')('5')).toBe('5')
    expect(pg.types.getTypeParser(1082, 'text')('2020-01-01')).toBeInstanceOf(Date)
  })
})
