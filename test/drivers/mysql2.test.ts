import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type DriverConnection, openDriver } from '../../src/drivers/index.ts'
import { ArgumentError, InvalidRequestError, OperationalError, PendingRollbackError } from '../../src/errors.ts'
import { classifyMysql } from '../../src/sql/mysql-errors.ts'
import { onEvery } from '../support/index.ts'
import { Connections, failure, run, targetOf, until, value } from './server-drivers.ts'

onEvery({ on: ['mysql'] }, (db) => {
  const connections = new Connections(db)
  const idOf = (connection: DriverConnection) => value(connection, 'select connection_id()')

  async function untilRuns(other: DriverConnection, id: unknown, text: string): Promise<void> {
    const sql = 'select count(*) from information_schema.processlist where id = ? and info like ?'
    await until(async () => (await value(other, sql, [id, `${text}%`])) === 1)
  }

  it('tells what the server is, and sets its session up', async () => {
    const connection = await connections.open()
    expect(connection.server).toMatchObject({ product: db.name, version: expect.stringMatching(/^\d+\.\d+\.\d+$/) })
    const { rows } = await run(
      connection,
      'select @@session.time_zone, @@session.sql_mode, @@character_set_client, @@autocommit',
      [],
      { rows: 'array' },
    )
    expect(rows[0]).toEqual(['+00:00', expect.stringContaining('STRICT_TRANS_TABLES'), 'utf8mb4', 1])
  })

  describe('values', () => {
    const json = { a: [1, null, 'x'] }
    const columns = `tiny tinyint, flag tinyint(1), small smallint unsigned, i int, big bigint, ubig bigint unsigned,
      f float, d double, n decimal(10,2), c char(3), v varchar(20), t text, dt date, dtm datetime(3), ts timestamp(6) null,
      tm time, e enum('a','b'), j json, b blob, vb varbinary(4), bi bit(9)`
    const stored = [
      -5,
      true,
      65535,
      -7,
      -(2n ** 63n),
      2n ** 64n - 1n,
      0.1,
      1.5e300,
      '1.50',
      'abc',
      'é😀',
      '',
      '2020-02-03',
    ]
    const more = [new Date('2020-01-02T03:04:05.678Z'), new Date(1234567890123), '-12:34:56', 'b', json]
    const bytes = [new Uint8Array([0, 255]), new Uint8Array(), new Uint8Array([1, 2])]
    const names = columns.split(/,\s*(?![^(]*\))/).map((column) => column.split(' ')[0] as string)

    it.each([
      ['by the text protocol', {}],
      ['prepared', { name: 'all' }],
    ])('come back as they are, %s', async (_, how) => {
      const connection = await connections.open()
      await run(connection, `create temporary table kinds (${columns})`)
      const given = [...stored, ...more, ...bytes]
      const marks = given.map(() => '?').join(', ')
      await run(connection, `insert into kinds values (${marks}), (${marks})`, [...given, ...given.map(() => null)])
      const { rows } = await run(connection, 'select * from kinds', [], { rows: 'array', ...how })
      expect(rows).toEqual([given, given.map(() => null)])
      const objects = (await run(connection, 'select * from kinds', [], how)).rows
      expect(objects[0]).toEqual(Object.fromEntries(names.map((name, at) => [name, given[at]])))
      for (const name of ['b', 'vb', 'bi']) {
        const found = (objects[0] as Record<string, Uint8Array>)[name] as Uint8Array
        expect(Object.getPrototypeOf(found)).toBe(Uint8Array.prototype)
        expect(found.buffer.byteLength).toBe(found.length)
      }
    })

    it.each([
      ['by the text protocol', {}],
      ['prepared', { name: 'times' }],
    ])('are the same times, %s, whatever of a time is zero', async (_, how) => {
      const connection = await connections.open()
      await run(
        connection,
        'create temporary table times (id int, a datetime(6) null, b timestamp(3) null, c datetime null)',
      )
      await run(connection, "set sql_mode = ''")
      const given = [
        ["'2024-02-29 23:59:58.987654'", "'1970-01-01 00:00:01.001'", "'9999-12-31 23:59:59'"],
        ["'2024-03-01 00:00:00'", "'2038-01-19 03:14:07'", "'0000-02-28 00:00:00'"],
        ["'0099-12-31 12:00:00.5'", 'null', "'1899-12-31 00:00:00'"],
        ["'0000-00-00 00:00:00'", "'2001-02-03 04:05:06.789'", "'2024-05-00 10:00:00'"],
        ["'2024-00-09 10:00:00'", "'2001-02-03 00:00:00'", "'0004-02-29 00:00:01'"],
      ]
      const rows = given.map((row, id) => `(${id}, ${row.join(', ')})`)
      await run(connection, `insert into times values ${rows.join(', ')}`)
      const moments = [
        ['2024-02-29T23:59:58.987Z', '1970-01-01T00:00:01.001Z', '9999-12-31T23:59:59.000Z'],
        ['2024-03-01T00:00:00.000Z', '2038-01-19T03:14:07.000Z', '0000-02-28T00:00:00.000Z'],
        ['0099-12-31T12:00:00.500Z', null, '1899-12-31T00:00:00.000Z'],
        [null, '2001-02-03T04:05:06.789Z', null],
        [null, '2001-02-03T00:00:00.000Z', '0004-02-29T00:00:01.000Z'],
      ]
      const statement = { sql: 'select a, b, c from times order by id', parameters: [], rows: 'array' as const, ...how }
      // JSON has null for the invalid Date of a time that is none.
      expect(JSON.parse(JSON.stringify((await connection.run(statement)).rows))).toEqual(moments)
      const streamed: unknown[] = []
      for await (const batch of connection.stream(statement, 2)) streamed.push(...batch)
      expect(JSON.parse(JSON.stringify(streamed))).toEqual(moments)
    })

    it('are plain where they are typed', async () => {
      const connection = await connections.open()
      await run(connection, 'create temporary table plain (flag tinyint(1), big bigint, j json, dt date)')
      await run(connection, 'insert into plain values (?, ?, ?, ?)', [true, 2n ** 62n, json, '2020-02-03'])
      const select = (how: object) => run(connection, 'select * from plain', [], { rows: 'array', typed: true, ...how })
      const row = (await select({ wide: true, name: 'p' })).rows[0] as readonly unknown[]
      expect([row[0], row[1], JSON.parse(row[2] as string), row[3]]).toEqual([1, 2n ** 62n, json, '2020-02-03'])
      expect(((await select({})).rows[0] as readonly unknown[])[1]).toBe(String(2n ** 62n))
    })

    it('stay exact where large and small integers meet in one expression', async () => {
      const connection = await connections.open()
      const sql = 'select case ? when 1 then ? when 2 then ? end as v'
      expect(await value(connection, sql, [2, 5, 9223372036854775807n])).toBe(9223372036854775807n)
      expect(await value(connection, 'select concat(?)', [9007199254740991])).toBe('9007199254740991')
      expect((await run(connection, 'select 1 limit ?', [1])).rowCount).toBe(1)
    })

    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    it.each([
      [undefined, 'is undefined'],
      [new Date(Number.NaN), 'is an invalid Date'],
      [new Date('+012345-01-01T00:00:00Z'), 'is a Date of the year 12345'],
      [Number.NaN, 'is NaN'],
      [Number.POSITIVE_INFINITY, 'is Infinity'],
      [() => 1, 'is a function'],
      [new Set(), 'is an instance of Set'],
      [circular, 'cannot be written as JSON'],
    ])('that cannot be sent are refused with their place: %o', async (given, said) => {
      const connection = await connections.open()
      const work = run(connection, 'select ?, ?', [1, given])
      await expect(work).rejects.toThrow(ArgumentError)
      await expect(work).rejects.toThrow(`The statement's parameter 2 ${said}`)
    })
  })

  it('gives the first generated key, the rows matched, and RETURNING where there is one', async () => {
    const connection = await connections.open()
    await run(connection, 'create temporary table keyed (id int auto_increment primary key, n int)')
    const insert = await run(connection, 'insert into keyed (n) values (?), (?), (?)', [1, 1, 2])
    expect(insert).toEqual({ rows: [], rowCount: 3, columns: [], insertId: 1 })
    expect((await run(connection, 'insert into keyed (n) values (?)', [3])).insertId).toBe(4)
    const update = await run(connection, 'update keyed set n = 1 where n = ?', [1])
    expect(update).toEqual({ rows: [], rowCount: 2, columns: [] })
    if (db.name !== 'mariadb') return
    const returning = await run(connection, 'insert into keyed (n) values (?), (?) returning id', [5, 6])
    expect(returning).toEqual({ rows: [{ id: 5 }, { id: 6 }], rowCount: 2, columns: ['id'] })
    expect((await run(connection, 'delete from keyed where n > ? returning n', [4])).rows).toEqual([{ n: 5 }, { n: 6 }])
  })

  it('prepares a named statement once, and keeps a bounded number', async () => {
    const connection = await connections.open({ connectArgs: { maxPreparedStatements: 3 } })
    const count = async (variable: string) =>
      Number(((await run(connection, `show status like '${variable}'`, [], { rows: 'array' })).rows[0] as string[])[1])
    const before = await count('Com_stmt_prepare')
    for (let time = 0; time < 5; time++) await run(connection, 'select ? as a', [time], { name: 'a' })
    expect((await count('Com_stmt_prepare')) - before).toBe(1)
    for (let at = 0; at < 10; at++) expect(await value(connection, `select ? + ${at}`, [1])).toBe(at + 1)
    const closed = (await count('Com_stmt_prepare')) - before - (await count('Com_stmt_close'))
    expect(closed).toBeLessThanOrEqual(3)
  })

  describe('a transaction', () => {
    it('is open from begin on, and one without statements never reaches the server', async () => {
      const connection = await connections.open()
      await connection.begin({ isolation: 'serializable' })
      expect(connection.transactionStatus).toBe('open')
      expect(await connection.commit()).toBe('committed')
      await connection.begin({})
      await connection.rollback()
      expect(connection.transactionStatus).toBe('idle')
      await expect(connection.begin({ isolation: 'snapshot' })).rejects.toThrow(ArgumentError)
    })

    it('keeps what was committed, forgets what was rolled back, and writes nothing when it is read only', async () => {
      const connection = await connections.open()
      await run(connection, 'create table kept (id int primary key)')
      await connection.begin({ isolation: 'read committed' })
      await run(connection, 'insert into kept values (?)', [1])
      expect(connection.transactionStatus).toBe('open')
      await expect(connection.begin({})).rejects.toThrow(InvalidRequestError)
      expect(await connection.commit()).toBe('committed')
      expect(connection.transactionStatus).toBe('idle')
      await connection.begin({})
      await run(connection, 'insert into kept values (?)', [2])
      await connection.rollback()
      await connection.begin({ readOnly: true })
      const refused = await failure(run(connection, 'insert into kept values (3)'))
      expect(classifyMysql(refused)).toMatchObject({ kind: 'operational' })
      expect(connection.transactionStatus).toBe('open')
      expect((await run(connection, 'select id from kept')).rows).toEqual([{ id: 1 }])
    })

    it('goes on after a failed statement, which is what MySQL does', async () => {
      const connection = await connections.open()
      await run(connection, 'create table twice (id int primary key)')
      await connection.begin({})
      await run(connection, 'insert into twice values (1)')
      expect(classifyMysql(await failure(run(connection, 'insert into twice values (1)'))).kind).toBe('unique')
      expect(connection.transactionStatus).toBe('open')
      expect(await connection.commit()).toBe('committed')
      expect(await value(connection, 'select count(*) from twice')).toBe(1)
    })

    it('that lost a deadlock is gone: nothing more runs in it, and its COMMIT tells that it was rolled back', async () => {
      const [one, two] = [await connections.open(), await connections.open()]
      await run(one, 'create table accounts (id int primary key, n int)')
      await run(one, 'insert into accounts values (1, 0), (2, 0)')
      const add = (connection: DriverConnection, id: number) =>
        run(connection, 'update accounts set n = n + 1 where id = ?', [id])
      await one.begin({})
      await two.begin({})
      await add(one, 1)
      await add(two, 2)
      const both = await Promise.allSettled([add(one, 2), add(two, 1)])
      const lost = both.findIndex((each) => each.status === 'rejected')
      const [loser, winner] = lost === 0 ? [one, two] : [two, one]
      expect(classifyMysql((both[lost] as PromiseRejectedResult).reason).kind).toBe('deadlock')
      expect(loser.transactionStatus).toBe('failed')
      await expect(run(loser, 'insert into accounts values (3, 0)')).rejects.toThrow(PendingRollbackError)
      expect(await loser.commit()).toBe('rolled back')
      expect(loser.transactionStatus).toBe('idle')
      expect(await winner.commit()).toBe('committed')
      expect(await value(one, 'select count(*) from accounts')).toBe(2)
      expect(await value(one, 'select sum(n) from accounts')).toBe('2')
    })

    it('outlives a lock that was not to be had', async () => {
      const [one, two] = [await connections.open(), await connections.open()]
      await run(one, 'create table locked (id int primary key, n int)')
      await run(one, 'insert into locked values (1, 0), (2, 0)')
      await one.begin({})
      await run(one, 'update locked set n = 1 where id = 1')
      await two.begin({})
      await run(two, 'update locked set n = 2 where id = 2')
      const locked = await failure(run(two, 'select * from locked where id = 1 for update nowait'))
      expect(classifyMysql(locked).kind).toBe('lock not available')
      await run(two, 'set innodb_lock_wait_timeout = 1')
      const late = await failure(run(two, 'update locked set n = 2 where id = 1'))
      expect(classifyMysql(late).kind).toBe('lock not available')
      expect(two.transactionStatus).toBe('open')
      await one.rollback()
      expect(await two.commit()).toBe('committed')
      expect((await run(one, 'select n from locked order by id', [], { rows: 'array' })).rows).toEqual([[0], [2]])
    })

    it('is over once a statement has committed it by itself', async () => {
      const connection = await connections.open()
      await connection.begin({})
      await run(connection, 'create table implicit (id int)')
      expect(connection.transactionStatus).toBe('idle')
    })

    it('that cannot begin lets none of its statements run', async () => {
      const [connection, other] = [await connections.open(), await connections.open()]
      await run(connection, 'create table unbegun (id int)')
      const id = await idOf(connection)
      await connection.begin({})
      await run(other, `kill ${id}`)
      expect(classifyMysql(await failure(run(connection, 'insert into unbegun values (1)'))).kind).toBe('disconnect')
      expect(await value(other, 'select count(*) from unbegun')).toBe(0)
    })
  })

  it('runs one statement for several sets of values, and stops at the first failure', async () => {
    const connection = await connections.open()
    await run(connection, 'create table several (id int primary key)')
    const insert = { sql: 'insert into several values (?)', parameters: [], name: 's' }
    expect((await connection.runEach(insert, [[1], [2]])).map((outcome) => outcome.rowCount)).toEqual([1, 1])
    expect(classifyMysql(await failure(connection.runEach(insert, [[3], [1], [4]]))).kind).toBe('unique')
    await expect(connection.runEach(insert, [[5], [undefined]])).rejects.toThrow(ArgumentError)
    expect((await run(connection, 'select id from several', [], { rows: 'array' })).rows).toEqual([[1], [2], [3]])
  })

  it('reads errors by their kind, with the place of the violation', async () => {
    const connection = await connections.open()
    await run(connection, 'create table parent (id int primary key, name varchar(20), unique key parent_name (name))')
    await run(
      connection,
      `create table child (id int primary key, parent_id int not null, amount int, code varchar(3), day date,
       constraint child_parent foreign key (parent_id) references parent (id), constraint positive check (amount > 0))`,
    )
    await run(connection, `insert into parent values (1, 'a')`)
    await run(connection, 'insert into child values (1, 1, 1, null, null)')
    const read = async (sql: string, values: readonly unknown[] = []) =>
      classifyMysql(await failure(run(connection, sql, values)))
    const child = 'insert into child values (?, ?, ?, ?, ?)'
    expect(await read(`insert into parent values (2, 'a')`)).toMatchObject({
      kind: 'unique',
      constraint: 'parent_name',
    })
    expect(await read(`insert into parent values (1, 'b')`)).toMatchObject({ kind: 'unique', constraint: 'PRIMARY' })
    const foreign = { kind: 'foreign key', constraint: 'child_parent', table: 'child', column: 'parent_id' }
    expect(await read(child, [2, 9, 1, null, null])).toMatchObject(foreign)
    expect(await read('delete from parent')).toMatchObject(foreign)
    expect(await read(child, [2, null, 1, null, null])).toMatchObject({ kind: 'not null', column: 'parent_id' })
    expect(await read('insert into child (id) values (2)')).toMatchObject({ kind: 'not null', column: 'parent_id' })
    expect(await read(child, [2, 1, 0, null, null])).toMatchObject({ kind: 'check', constraint: 'positive' })
    expect(await read(child, [2, 1, 1, 'long', null])).toMatchObject({ kind: 'data', column: 'code' })
    expect(await read(child, [2, 1, 2 ** 40, null, null])).toMatchObject({ kind: 'data', column: 'amount' })
    expect(await read(child, [2, 1, 'x', null, null])).toMatchObject({ kind: 'data', column: 'amount' })
    expect(await read(child, [2, 1, 1, null, '2020-02-31'])).toMatchObject({ kind: 'data', column: 'day' })
    expect(await read('selec')).toEqual({ kind: 'programming', databaseCode: 'ER_PARSE_ERROR' })
    expect(await read('select * from nowhere')).toEqual({ kind: 'programming', databaseCode: 'ER_NO_SUCH_TABLE' })
    expect(await read('select nothing')).toEqual({ kind: 'programming', databaseCode: 'ER_BAD_FIELD_ERROR' })
  })

  describe('a stream', () => {
    const digits =
      '(select 0 d union select 1 union select 2 union select 3 union select 4 union select 5 union select 6 union select 7 union select 8 union select 9)'
    const from = ['a', 'b', 'c', 'e', 'f'].map((name) => `${digits} ${name}`).join(', ')
    const number = 'a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d'
    const long = { sql: `select ${number} as i from ${from}`, parameters: [], rows: 'array' } as const

    it('gives all rows in batches', async () => {
      const connection = await connections.open()
      for (const how of [{}, { name: 'long' }]) {
        let sum = 0
        const sizes = new Set<number>()
        for await (const rows of connection.stream({ ...long, ...how }, 30_000)) {
          sizes.add(rows.length)
          for (const row of rows as [number][]) sum += Number(row[0])
        }
        expect([...sizes]).toEqual([30_000, 10_000])
        expect(sum).toBe((99_999 * 100_000) / 2)
      }
    })

    it('that is left early leaves a usable connection', async () => {
      const connection = await connections.open()
      for (let time = 0; time < 3; time++) {
        for await (const rows of connection.stream(long, 100)) {
          expect(rows.length).toBe(100)
          break
        }
        expect(await value(connection, 'select 1')).toBe(1)
      }
      expect(connection.brokenBy).toBeUndefined()
    })

    it('that never ends is stopped on the server when it is left', async () => {
      const connection = await connections.open()
      const endless = `select a.i from (${long.sql}) a, (${long.sql}) b`
      for await (const _ of connection.stream({ sql: endless, parameters: [] }, 10)) break
      expect(await value(connection, 'select 1')).toBe(1)
    })

    it('is read into memory by a statement that is run meanwhile, and goes on from there', async () => {
      const connection = await connections.open()
      await connection.begin({})
      let seen = 0
      for await (const rows of connection.stream(long, 40_000)) {
        seen += rows.length
        expect(await value(connection, 'select ?', [seen], { name: 'seen' })).toBe(seen)
      }
      expect(seen).toBe(100_000)
      expect(connection.transactionStatus).toBe('open')
    })

    it('fails as its statement fails, and gives objects where these are wanted', async () => {
      const connection = await connections.open()
      const wrong = connection.stream({ sql: 'select nothing', parameters: [] }, 10)
      expect(classifyMysql(await failure(wrong.next())).kind).toBe('programming')
      const right = connection.stream({ sql: 'select ? as a', parameters: [true] }, 10)
      expect((await right.next()).value).toEqual([{ a: 1 }])
      expect((await right.next()).done).toBe(true)
      expect(() => connection.stream(long, 1.5)).toThrow(ArgumentError)
    })

    it('fails when the server ends its connection', async () => {
      const [connection, other] = [await connections.open(), await connections.open()]
      const id = await idOf(connection)
      const stream = connection.stream(long, 10)
      await stream.next()
      await run(other, `kill ${id}`)
      const rest = (async () => {
        for await (const _ of stream);
      })()
      const error = await rest.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      await until(() => connection.brokenBy !== undefined)
      if (error !== undefined) expect(classifyMysql(error).kind).toBe('disconnect')
      expect(classifyMysql(await failure(run(connection, 'select 1'))).kind).toBe('disconnect')
    })
  })

  describe('a connection that the server ends', () => {
    it('while idle is known to be broken, and the process lives on', async () => {
      const [connection, other] = [await connections.open(), await connections.open()]
      await run(other, `kill ${await idOf(connection)}`)
      await until(() => connection.brokenBy !== undefined)
      expect(connection.transactionStatus).toBe('unknown')
      expect(classifyMysql(connection.brokenBy).kind).toBe('disconnect')
      expect(classifyMysql(await failure(run(connection, 'select 1'))).kind).toBe('disconnect')
      expect(classifyMysql(await failure(connection.ping())).kind).toBe('disconnect')
    })

    it('while it runs a statement fails that statement', async () => {
      const [connection, other] = [await connections.open(), await connections.open()]
      const id = await idOf(connection)
      await connection.begin({})
      const running = failure(run(connection, 'select sleep(?)', [30]))
      await untilRuns(other, id, 'select sleep')
      await run(other, `kill ${id}`)
      expect(classifyMysql(await running).kind).toBe('disconnect')
      expect(connection.brokenBy).toBeDefined()
    })

    it('while COMMIT is to be sent fails the commit', async () => {
      const [connection, other] = [await connections.open(), await connections.open()]
      const id = await idOf(connection)
      await connection.begin({})
      await run(connection, 'select 1')
      await run(other, `kill ${id}`)
      expect(classifyMysql(await failure(connection.commit())).kind).toBe('disconnect')
    })
  })

  it('cancels the running statement, and lives on', async () => {
    const [connection, other] = [await connections.open(), await connections.open()]
    const id = await idOf(connection)
    await run(connection, 'create table waiting (id int primary key)')
    await run(connection, 'insert into waiting values (1)')
    await other.begin({})
    await run(other, 'select * from waiting for update')
    await connection.begin({})
    const running = failure(run(connection, 'select * from waiting for update'))
    await untilRuns(other, id, 'select * from waiting')
    await connection.cancel()
    expect(classifyMysql(await running)).toEqual({ kind: 'timeout', databaseCode: 'ER_QUERY_INTERRUPTED' })
    expect(connection.transactionStatus).toBe('open')
    expect(await value(connection, 'select 1')).toBe(1)
    await connection.rollback()
    await connection.cancel()
    expect(await value(connection, 'select 2')).toBe(2)
  })

  it('ends at once when it is destroyed, with what it was running', async () => {
    const connection = await connections.open()
    const running = failure(run(connection, 'select sleep(?)', [30]))
    connection.destroy()
    expect(classifyMysql(await running).kind).toBe('disconnect')
    expect(connection.transactionStatus).toBe('unknown')
    await connection.close()
  })

  it('forgets in a reset what its holder left: variables, settings, temporary tables, locks', async () => {
    const [connection, other] = [await connections.open(), await connections.open()]
    expect(await value(connection, 'select ?', [1], { name: 'kept' })).toBe(1)
    await run(connection, 'set @left = 5')
    await run(connection, `set sql_mode = 'ANSI_QUOTES', time_zone = '+05:00', autocommit = 0`)
    await run(connection, 'create temporary table left_over (id int)')
    const lock = `heddle-${await idOf(connection)}`
    await run(connection, 'select get_lock(?, 1)', [lock])
    expect(connection.transactionStatus).toBe('open')
    await connection.rollback()
    expect(connection.transactionStatus).toBe('idle')
    await connection.reset()
    const state = await run(connection, 'select @left, @@time_zone, @@autocommit, @@sql_mode', [], { rows: 'array' })
    expect(state.rows[0]).toEqual([null, '+00:00', 1, expect.not.stringContaining('ANSI_QUOTES')])
    expect(classifyMysql(await failure(run(connection, 'select * from left_over'))).kind).toBe('programming')
    expect(await value(other, 'select is_free_lock(?)', [lock])).toBe(1)
    expect(await value(connection, 'select ?', [2], { name: 'kept' })).toBe(2)
  })

  it('takes the rows of a procedure', async () => {
    const connection = await connections.open()
    await run(connection, 'create procedure two_rows() begin select 1 as a union select 2; end')
    const { rows, columns } = await run(connection, 'call two_rows()')
    expect({ rows, columns }).toEqual({ rows: [{ a: 1 }, { a: 2 }], columns: ['a'] })
  })

  describe('connecting', () => {
    const connect = async (parts: Record<string, unknown>, options: { signal?: AbortSignal } = {}) => {
      const driver = await openDriver('mysql2')({ ...targetOf(db.url), ...parts })
      return await driver.connect(options)
    }

    it('where it cannot be says so, and never tells the password', async () => {
      const refused = await failure(connect({ host: '127.0.0.1', port: 1, password: 'secret' }))
      expect(refused).toBeInstanceOf(OperationalError)
      expect(refused.message).toMatch(/^Could not connect to MySQL or MariaDB at 127\.0\.0\.1:1 .*ECONNREFUSED/)
      const denied = await failure(connect({ user: 'no_such_user', password: 'secret' }))
      expect(denied).toMatchObject({ name: 'OperationalError', databaseCode: 'ER_ACCESS_DENIED_ERROR' })
      const absent = await failure(connect({ database: 'no_such_database' }))
      expect(absent).toMatchObject({ name: 'OperationalError', databaseCode: 'ER_BAD_DB_ERROR' })
      for (const error of [refused, denied]) expect(error.message).not.toContain('secret')
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
        const late = await failure(connect({ host: '127.0.0.1', port, query: { connectTimeout: '50' } }))
        expect(late).toMatchObject({ name: 'OperationalError', databaseCode: 'ETIMEDOUT' })
        expect(await failure(connect({}, { signal: AbortSignal.abort(reason) }))).toBe(reason)
      } finally {
        silent.close()
      }
    })

    it('refuses parameters and options that it does not know or cannot give up', async () => {
      await expect(connect({ query: { nonsense: '1' } })).rejects.toThrow(/no parameter 'nonsense'/)
      await expect(connect({ query: { charset: 'latin1' } })).rejects.toThrow(ArgumentError)
      await expect(connect({ query: { 'ssl-mode': 'maybe' } })).rejects.toThrow(ArgumentError)
      await expect(connect({ connectArgs: { typeCast: false } })).rejects.toThrow(/'typeCast'/)
    })
  })
})
