import { describe, expect, it } from 'vitest'
import { ArgumentError, InvalidRequestError, ResourceClosedError } from '../../src/errors.ts'
import { classifyPostgres } from '../../src/sql/postgres-errors.ts'
import { onEvery } from '../support/index.ts'
import { Connections, failure, run, value } from './server-drivers.ts'

onEvery({ on: ['postgres', 'pglite'] }, (db) => {
  const connections = new Connections(db)
  const key = 'select $1::int as id'

  describe('a transaction', () => {
    it('is open from begin on, and one without statements never reaches the server', async () => {
      const connection = await connections.open()
      expect(connection.transactionStatus).toBe('idle')
      await connection.begin({})
      expect(connection.transactionStatus).toBe('open')
      expect(await connection.commit()).toBe('committed')
      expect(connection.transactionStatus).toBe('idle')
      await connection.begin({})
      await connection.rollback()
      expect(connection.transactionStatus).toBe('idle')
    })

    it('begins with its first statement, in whichever way that travels', async () => {
      const connection = await connections.open()
      const ways = [{}, { name: 'isolation' }] as const
      for (const how of ways) {
        await connection.begin({ isolation: 'serializable', readOnly: true })
        expect(await value(connection, `select current_setting('transaction_isolation')`, [], how)).toBe('serializable')
        expect(connection.transactionStatus).toBe('open')
        expect(await value(connection, `select current_setting($1)`, ['transaction_read_only'])).toBe('on')
        await connection.rollback()
        expect(connection.transactionStatus).toBe('idle')
      }
    })

    it('keeps what was committed and forgets what was rolled back', async () => {
      const connection = await connections.open()
      await run(connection, 'create table kept (id int)')
      await connection.begin({})
      await run(connection, 'insert into kept values ($1)', [1])
      expect(await connection.commit()).toBe('committed')
      await connection.begin({})
      await run(connection, 'insert into kept values ($1)', [2])
      await connection.rollback()
      expect((await run(connection, 'select id from kept')).rows).toEqual([{ id: 1 }])
    })

    it('that has failed is known at once, and its COMMIT tells that it was rolled back', async () => {
      const connection = await connections.open()
      await run(connection, 'create table lost (id int primary key)')
      await connection.begin({})
      await run(connection, 'insert into lost values (1)')
      await expect(run(connection, 'insert into lost values ($1)', [1])).rejects.toMatchObject({ code: '23505' })
      expect(connection.transactionStatus).toBe('failed')
      await expect(run(connection, 'select 1')).rejects.toMatchObject({ code: '25P02' })
      expect(await connection.commit()).toBe('rolled back')
      expect(connection.transactionStatus).toBe('idle')
      expect((await run(connection, 'select * from lost')).rows).toEqual([])
    })

    it('cannot begin inside of another, nor with an isolation that PostgreSQL has not', async () => {
      const connection = await connections.open()
      await expect(connection.begin({ isolation: 'snapshot' })).rejects.toThrow(ArgumentError)
      await connection.begin({})
      await expect(connection.begin({})).rejects.toThrow(InvalidRequestError)
    })

    it('places an error in the text that was given, although BEGIN went ahead', async () => {
      const connection = await connections.open()
      const alone = await failure(run(connection, 'select nope'))
      await connection.begin({})
      expect(await failure(run(connection, 'select nope'))).toMatchObject({
        position: (alone as unknown as { position: string }).position,
      })
    })
  })

  describe('a named statement', () => {
    it('is prepared once and used again', async () => {
      const connection = await connections.open()
      for (const id of [1, 2, 3]) expect(await value(connection, key, [id], { name: 'k' })).toBe(id)
      const kept = await run(connection, `select name from pg_prepared_statements`)
      expect(kept.rows).toEqual([{ name: 'k' }])
    })

    it('tells its columns each time, also where it has none', async () => {
      const connection = await connections.open()
      await run(connection, 'create temp table plain (id int)')
      for (let time = 0; time < 2; time++) {
        expect((await run(connection, key, [1], { name: 'k' })).columns).toEqual(['id'])
        const outcome = await run(connection, 'insert into plain values ($1), ($1)', [1], { name: 'i' })
        expect(outcome).toEqual({ rows: [], rowCount: 2, columns: [] })
      }
    })

    it('is never taken for another text', async () => {
      const connection = await connections.open()
      await run(connection, key, [1], { name: 'k' })
      await expect(run(connection, `${key} `, [1], { name: 'k' })).rejects.toThrow(ArgumentError)
    })

    it('can be wrong at first and right later', async () => {
      const connection = await connections.open()
      await expect(run(connection, 'select * from later', [], { name: 'l' })).rejects.toMatchObject({ code: '42P01' })
      await run(connection, 'create temp table later (id int)')
      expect((await run(connection, 'select * from later', [], { name: 'l' })).rows).toEqual([])
    })

    it('heals when the server no longer has it, and when its columns have changed', async () => {
      const connection = await connections.open()
      await run(connection, 'create temp table changing (a int)')
      await run(connection, 'select * from changing', [], { name: 'c' })
      await run(connection, 'deallocate all')
      expect((await run(connection, 'select * from changing', [], { name: 'c' })).columns).toEqual(['a'])
      await run(connection, 'alter table changing add b int')
      await expect(run(connection, 'select * from changing', [], { name: 'c' })).rejects.toMatchObject({
        code: '0A000',
      })
      expect((await run(connection, 'select * from changing', [], { name: 'c' })).columns).toEqual(['a', 'b'])
    })

    it('makes place for another where there are too many', async () => {
      const connection = await connections.open({ connectArgs: { maxPreparedStatements: 2 } })
      for (const name of ['a', 'b', 'c', 'a', 'b']) {
        expect(await value(connection, `select '${name}'`, [], { name })).toBe(name)
      }
      expect((await run(connection, 'select name from pg_prepared_statements')).rowCount).toBe(2)
    })
  })

  describe('the same statement for several sets of values', () => {
    const insert = { sql: 'insert into many values ($1, $2) returning id', parameters: [], name: 'many' }

    it('gives an outcome for each, in order, inside of a transaction and outside', async () => {
      const connection = await connections.open()
      await run(connection, 'create temp table many (id int primary key, t text)')
      for (const [begin, first] of [
        [true, 0],
        [false, 1000],
      ] as const) {
        if (begin) await connection.begin({})
        const sets = Array.from({ length: 600 }, (_, at) => [first + at, `t${at}`])
        const outcomes = await connection.runEach(insert, sets)
        expect(outcomes.map((outcome) => outcome.rows[0])).toEqual(sets.map(([id]) => ({ id })))
        if (begin) await connection.commit()
      }
      expect(await value(connection, 'select count(*) from many')).toBe(1200)
    })

    it('stops at the first failure, inside of a transaction and outside', async () => {
      const connection = await connections.open()
      await run(connection, 'create temp table many (id int primary key, t text)')
      const sets = [1, 2, 1, 3].map((id) => [id, 't'])
      await expect(connection.runEach(insert, sets)).rejects.toMatchObject({ code: '23505' })
      expect((await run(connection, 'select id from many')).rows).toEqual([{ id: 1 }, { id: 2 }])
      await connection.begin({})
      const failed = connection.runEach(insert, [[5, 't'], ...sets, [6, 't']])
      await expect(failed).rejects.toMatchObject({ code: '23505' })
      expect(connection.transactionStatus).toBe('failed')
      expect(await connection.commit()).toBe('rolled back')
      expect(await value(connection, 'select count(*) from many')).toBe(2)
    })

    it('sends nothing where one of the values cannot be sent', async () => {
      const connection = await connections.open()
      await run(connection, 'create temp table many (id int primary key, t text)')
      await expect(
        connection.runEach(insert, [
          [1, 't'],
          [undefined, 't'],
        ]),
      ).rejects.toThrow(ArgumentError)
      expect(await value(connection, 'select count(*) from many')).toBe(0)
    })
  })

  describe('a stream', () => {
    const long = { sql: 'select i from generate_series(1, $1::int) i', parameters: [100_000], rows: 'array' } as const

    it('gives all rows in batches', async () => {
      const connection = await connections.open()
      let sum = 0
      const sizes = new Set<number>()
      for await (const rows of connection.stream(long, 30_000)) {
        sizes.add(rows.length)
        for (const row of rows as [number][]) sum += row[0]
      }
      expect([...sizes]).toEqual([30_000, 10_000])
      expect(sum).toBe((100_000 * 100_001) / 2)
      expect(connection.transactionStatus).toBe('idle')
    })

    it('is closed when it is left early, and leaves a usable connection', async () => {
      const connection = await connections.open()
      for (const inTransaction of [false, true]) {
        if (inTransaction) await connection.begin({})
        for await (const rows of connection.stream(long, 100)) {
          expect(rows.length).toBe(100)
          break
        }
        expect(await value(connection, `select count(*) from pg_cursors where name like 'heddle%'`)).toBe(0)
        expect(connection.transactionStatus).toBe(inTransaction ? 'open' : 'idle')
      }
    })

    it('lets other statements of its transaction run between two batches', async () => {
      const connection = await connections.open()
      await connection.begin({})
      let seen = 0
      for await (const rows of connection.stream({ ...long, parameters: [250] }, 100)) {
        seen += rows.length
        expect(await value(connection, key, [seen], { name: 'k' })).toBe(seen)
      }
      expect(seen).toBe(250)
    })

    it('that was begun outside of a transaction keeps others from running inside of its own', async () => {
      const connection = await connections.open()
      const stream = connection.stream(long, 100)
      await stream.next()
      await expect(run(connection, 'select 1')).rejects.toThrow(InvalidRequestError)
      await expect(connection.begin({})).rejects.toThrow(InvalidRequestError)
      await stream.return?.()
      expect(await value(connection, 'select 1')).toBe(1)
    })

    it('cannot be read on after its transaction has ended', async () => {
      const connection = await connections.open()
      await connection.begin({})
      const stream = connection.stream(long, 100)
      await stream.next()
      await connection.commit()
      await expect(stream.next()).rejects.toThrow(ResourceClosedError)
      expect(await value(connection, 'select 1')).toBe(1)
    })

    it('fails as its statement fails, at the beginning or in the middle', async () => {
      const connection = await connections.open()
      const wrong = connection.stream({ sql: 'select nope', parameters: [] }, 10)
      await expect(wrong.next()).rejects.toMatchObject({ code: '42703' })
      expect(connection.transactionStatus).toBe('idle')
      const later = connection.stream(
        { sql: 'select 1 / (150 - i) from generate_series(1, 200) i', parameters: [] },
        100,
      )
      expect((await later.next()).value).toHaveLength(100)
      await expect(later.next()).rejects.toMatchObject({ code: '22012' })
      expect(connection.transactionStatus).toBe('idle')
    })

    it('takes a whole number of rows', async () => {
      const connection = await connections.open()
      expect(() => connection.stream(long, 0)).toThrow(ArgumentError)
    })
  })

  describe('reset', () => {
    it('forgets settings, temporary tables and locks, and keeps prepared statements', async () => {
      const connection = await connections.open()
      await run(connection, key, [1], { name: 'k' })
      await run(connection, `set application_name = 'left'`)
      await run(connection, `select set_config('statement_timeout', '12345', false)`)
      await run(connection, 'create temp table left_over (id int)')
      await run(connection, 'select pg_advisory_lock(42)')
      await run(connection, 'listen left_behind')
      await connection.reset()
      expect(await value(connection, `select current_setting('application_name')`)).not.toBe('left')
      expect(await value(connection, `select current_setting('statement_timeout')`)).toBe('0')
      expect(await value(connection, `select current_setting('TimeZone')`)).toBe('UTC')
      expect(await value(connection, `select to_regclass('pg_temp.left_over')`)).toBe(null)
      expect(await value(connection, `select count(*) from pg_locks where locktype = 'advisory'`)).toBe(0)
      expect((await run(connection, 'select * from pg_listening_channels()')).rows).toEqual([])
      expect(await value(connection, 'select count(*) from pg_prepared_statements where name = $1', ['k'])).toBe(1)
    })

    it('is refused while a transaction is open', async () => {
      const connection = await connections.open()
      await run(connection, 'set search_path = public')
      await connection.begin({})
      await run(connection, 'select 1')
      await expect(connection.reset()).rejects.toThrow(InvalidRequestError)
    })
  })

  it('reads errors by their kind, with the place of the violation', async () => {
    const connection = await connections.open()
    await run(connection, 'create table parent (id int primary key, name text unique)')
    await run(
      connection,
      `create table child (id int primary key, parent_id int not null constraint child_parent references parent,
       amount int constraint positive check (amount > 0), code varchar(3))`,
    )
    await run(connection, `insert into parent values (1, 'a')`)
    await run(connection, 'insert into child values (1, 1, 1, null)')
    const read = async (sql: string) => classifyPostgres(await failure(run(connection, sql)))
    const unique = { kind: 'unique', constraint: 'parent_name_key', table: 'parent', column: 'name' }
    expect(await read(`insert into parent values (2, 'a')`)).toMatchObject(unique)
    expect(await read('insert into child values (2, 9, 1, null)')).toMatchObject({
      kind: 'foreign key',
      constraint: 'child_parent',
      table: 'child',
      column: 'parent_id',
    })
    expect(await read('delete from parent')).toMatchObject({ kind: 'foreign key', constraint: 'child_parent' })
    expect(await read('insert into child values (2)')).toMatchObject({ kind: 'not null', column: 'parent_id' })
    expect(await read('insert into child values (2, 1, 0)')).toMatchObject({ kind: 'check', constraint: 'positive' })
    expect(await read(`insert into child values (2, 1, 1, 'long')`)).toMatchObject({
      kind: 'data',
      databaseCode: '22001',
    })
    expect(await read(`select 'x'::int`)).toMatchObject({ kind: 'data' })
    expect(await read('selec')).toMatchObject({ kind: 'programming', databaseCode: '42601' })
    expect(await read('select * from nowhere')).toMatchObject({ kind: 'programming' })
  })

  it('takes several statements in one text without values', async () => {
    const connection = await connections.open()
    const { rows } = await run(connection, 'create temp table a (id int); insert into a values (1); select * from a')
    expect(rows).toEqual([{ id: 1 }])
    expect((await run(connection, '')).rows).toEqual([])
  })

  it('answers a ping, and fails one when it is closed', async () => {
    const connection = await connections.open()
    await connection.ping()
    await connection.close()
    expect(connection.brokenBy).toBeDefined()
    expect(connection.transactionStatus).toBe('unknown')
    expect(classifyPostgres(await failure(connection.ping()))).toEqual({ kind: 'disconnect' })
  })
})
