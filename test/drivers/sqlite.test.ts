import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DriverConnection } from '../../src/drivers/driver.ts'
import {
  ArgumentError,
  InvalidRequestError,
  OperationalError,
  PendingRollbackError,
  ProgrammingError,
  ResourceClosedError,
} from '../../src/errors.ts'
import { classifySqlite } from '../../src/sql/sqlite-errors.ts'
import { failureOf, rowsOf, run, SQLITE_DRIVERS, tellsColumns, Workplace } from './sqlite-drivers.ts'

describe.each(SQLITE_DRIVERS)('the driver $name', ({ name, open }) => {
  let place: Workplace
  beforeEach(() => {
    place = new Workplace(open)
  })
  afterEach(() => place.end())

  async function withItems(connectArgs: Record<string, unknown> = {}): Promise<DriverConnection> {
    const connection = await place.connect(connectArgs)
    await run(
      connection,
      'create table items (id integer primary key, name text unique on conflict rollback, n integer)',
    )
    const names = ['a', 'b', 'c', 'd', 'e']
    await connection.runEach(
      { sql: 'insert into items (name, n) values (?, ?)', parameters: [] },
      names.map((name, n) => [name, n]),
    )
    return connection
  }

  describe('connecting', () => {
    it('sets WAL, foreign keys, NORMAL and a short busy timeout', async () => {
      const connection = await place.connect()
      expect(await rowsOf(connection, 'pragma journal_mode')).toEqual([['wal']])
      expect(await rowsOf(connection, 'pragma foreign_keys')).toEqual([[1]])
      expect(await rowsOf(connection, 'pragma synchronous')).toEqual([[1]])
      expect(((await rowsOf(connection, 'pragma busy_timeout'))[0] as number[])[0]).toBeLessThanOrEqual(10)
      expect(connection.server.product).toBe('sqlite')
      expect(connection.server.version).toMatch(/^3\.\d+/)
    })

    it('takes options from the query of the URL and from connectArgs, which win', async () => {
      const query = { foreignKeys: 'off', synchronous: 'full', journalMode: 'delete' }
      const driver = await open({ database: place.path(), query, connectArgs: { synchronous: 'extra' } })
      const connection = await driver.connect({})
      expect(await rowsOf(connection, 'pragma foreign_keys')).toEqual([[0]])
      expect(await rowsOf(connection, 'pragma synchronous')).toEqual([[3]])
      expect(await rowsOf(connection, 'pragma journal_mode')).toEqual([['delete']])
      await connection.close()
    })

    it.each([
      [{ query: { busyTimeuot: '1' }, connectArgs: {} }, /unknown option 'busyTimeuot'. Did you mean 'busyTimeout'/],
      [{ query: { busyTimeout: 'long' }, connectArgs: {} }, /'busyTimeout' must be a number of milliseconds/],
      [{ query: { foreignKeys: 'perhaps' }, connectArgs: {} }, /'foreignKeys' must be a boolean/],
      [{ query: {}, connectArgs: { mode: 'w' } }, /'mode' must be one of/],
      [{ query: {}, connectArgs: {}, database: 'file:x.db?mode=ro' }, /URI of SQLite/],
      [{ query: {}, connectArgs: {}, database: '' }, /no name of a SQLite file/],
    ])('refuses the target %j by name', async (target, message) => {
      const failure = await failureOf(open({ database: place.path(), ...target }))
      expect(failure).toBeInstanceOf(ArgumentError)
      expect(failure.message).toMatch(message)
    })

    it('says what is wrong with a file that cannot be opened', async () => {
      writeFileSync(place.path('text.db'), 'this is no database but a text. '.repeat(100))
      mkdirSync(place.path('folder'))
      const connectTo = async (file: string, args = {}) => failureOf(place.connect(args, place.path(file)))
      expect((await connectTo('missing/x.db')).message).toMatch(/there is no folder .*missing\. Create it first/)
      expect((await connectTo('folder')).message).toMatch(/it is a folder/)
      expect((await connectTo('absent.db', { mode: 'rw' })).message).toMatch(/no such file, and mode 'rw'/)
      expect((await connectTo('absent.db', { mode: 'ro' })).message).toMatch(/no such file, and mode 'ro'/)
      const notDatabase = await connectTo('text.db')
      expect(notDatabase).toBeInstanceOf(OperationalError)
      expect(notDatabase.message).toMatch(/text\.db: it is no SQLite database/)
      expect(classifySqlite(notDatabase)).toMatchObject({ kind: 'operational', databaseCode: 'SQLITE_NOTADB' })
    })

    it('opens a file for reading only, in which every transaction reads and every write is refused', async () => {
      await withItems()
      const reader = await place.connect({ mode: 'ro' })
      await reader.begin({})
      expect(await rowsOf(reader, 'select count(*) from items')).toEqual([[5]])
      const failure = await failureOf(run(reader, 'delete from items'))
      expect(classifySqlite(failure)).toMatchObject({ kind: 'operational', databaseCode: 'SQLITE_READONLY' })
      await reader.rollback()
    })

    it('tells that an in-memory database lives in a single connection', async () => {
      const driver = await place.driver({}, ':memory:')
      expect(driver.singleConnection).toBe(true)
      expect((await place.driver()).singleConnection).toBe(false)
      const connection = await driver.connect({})
      await connection.begin({})
      expect(await rowsOf(connection, 'select 1')).toEqual([[1]])
      await connection.commit()
      await connection.close()
    })

    it('does not connect when the signal is aborted already', async () => {
      const driver = await place.driver()
      const reason = new Error('enough')
      expect(await failureOf(driver.connect({ signal: AbortSignal.abort(reason) }))).toBe(reason)
    })
  })

  describe('statements', () => {
    it('answers with rows as objects and as arrays, column names and counts', async () => {
      const connection = await withItems()
      const query = 'select id, name as title from items where n < ? order by id'
      expect(await run(connection, query, [2])).toStrictEqual({
        rows: [
          { id: 1, title: 'a' },
          { id: 2, title: 'b' },
        ],
        rowCount: 2,
        columns: ['id', 'title'],
      })
      expect((await run(connection, query, [1], { rows: 'array' })).rows).toEqual([[1, 'a']])
      expect(await run(connection, query, [0])).toEqual({ rows: [], rowCount: 0, columns: ['id', 'title'] })
      expect(await run(connection, 'update items set n = n + 1')).toEqual({ rows: [], rowCount: 5, columns: [] })
      expect(await run(connection, 'delete from items where id > ? returning id', [3])).toMatchObject({
        rows: [{ id: 4 }, { id: 5 }],
        rowCount: 2,
      })
    })

    it.runIf(tellsColumns(name))(
      'keeps both of two columns with one name in arrays, and a column named __proto__ in objects',
      async () => {
        const connection = await place.connect()
        expect(await rowsOf(connection, 'select 1 as a, 2 as a')).toEqual([[1, 2]])
        const [row] = (await run(connection, 'select 5 as __proto__, 1 as a')).rows
        expect(Object.entries(row as object)).toEqual([
          ['__proto__', 5],
          ['a', 1],
        ])
      },
    )

    it('tells the key of a row that was inserted, and none for what inserted no row', async () => {
      const connection = await withItems()
      const insert = 'insert into items (id, name) values (?, ?)'
      expect((await run(connection, insert, [40, 'x'])).insertId).toBe(40)
      expect((await run(connection, insert, [2n ** 53n + 1n, 'y'], { typed: true })).insertId).toBe(2n ** 53n + 1n)
      expect(
        (await run(connection, 'insert or ignore into items (id, name) values (40, ?)', ['z'])).insertId,
      ).toBeUndefined()
      expect((await run(connection, 'update items set n = 1')).insertId).toBeUndefined()
      expect((await run(connection, 'create table other (a)')).rowCount).toBe(0)
    })

    it('runs every set of runEach in order and tells each outcome', async () => {
      const connection = await withItems()
      const inserted = await connection.runEach(
        { sql: 'insert into items (name) values (?)', parameters: [], name: 'i' },
        [['p'], ['q']],
      )
      expect(inserted.map((outcome) => [outcome.rowCount, outcome.insertId])).toEqual([
        [1, 6],
        [1, 7],
      ])
      const returned = await connection.runEach(
        { sql: 'update items set n = ? where id = ? returning id, n', parameters: [], rows: 'array' },
        [
          [70, 7],
          [60, 6],
          [50, 99],
        ],
      )
      expect(returned.map((outcome) => outcome.rows)).toEqual([[[7, 70]], [[6, 60]], []])
    })

    it('stops runEach at the first set that fails', async () => {
      const connection = await withItems()
      await connection.begin({})
      const sets = [['new'], [undefined], ['never']]
      await failureOf(connection.runEach({ sql: 'insert into items (name) values (?)', parameters: [] }, sets))
      expect(await rowsOf(connection, 'select name from items where id > 5')).toEqual([['new']])
      await connection.rollback()
    })

    it('gives the same through runNow, and undefined when it would have to wait', async () => {
      const connection = await withItems()
      const other = await place.connect()
      expect(connection.runNow?.({ sql: 'select name from items where id = ?', parameters: [1] })?.rows).toEqual([
        { name: 'a' },
      ])
      await other.begin({})
      expect(connection.runNow?.({ sql: 'update items set n = 9', parameters: [] })).toBeUndefined()
      await other.rollback()
      expect(connection.runNow?.({ sql: 'update items set n = 9', parameters: [] })?.rowCount).toBe(5)
      expect(() => connection.runNow?.({ sql: 'selec', parameters: [] })).toThrow(/syntax error/)
    })

    it.each([
      ['select 1; select 2', [], /more than one statement/],
      ['  -- nothing', [], /contains no statement/],
      ['', [], /contains no statement/],
      ["select 'a\0b'", [], /NUL character/],
      ['select ?1', [1], /placeholder \?1/],
      ['select :name', [1], /placeholder :name/],
      ['select ?, ?', [1], /2 placeholders and was given 1 values/],
      ["select '?', ? -- ?", [1, 2], /1 placeholders and was given 2 values/],
    ])('refuses %j with %j by name, and sends nothing', async (sql, parameters, message) => {
      const connection = await place.connect()
      const failure = await failureOf(run(connection, sql, parameters))
      expect(failure).toBeInstanceOf(ProgrammingError)
      expect(failure.message).toMatch(message)
    })

    it('takes the body of a trigger as one statement', async () => {
      const connection = await withItems()
      const body = "update items set n = case when n > 1 then 100 end; insert into log values ('?; end;');"
      await run(connection, 'create table log (a)')
      await run(connection, `create temp trigger t after delete on items begin ${body} end;`)
      await run(connection, 'delete from items where id = 1')
      expect(await rowsOf(connection, 'select a from log')).toEqual([['?; end;']])
      const twice = `create trigger u after delete on items begin select 1; end; select 2`
      expect((await failureOf(run(connection, twice))).message).toMatch(/more than one statement/)
    })

    it.runIf(tellsColumns(name))(
      'sees a change of the schema by another connection in statements that it has prepared before',
      async () => {
        const connection = await withItems()
        const other = await place.connect()
        const query = () => run(connection, 'select * from items where id = 1', [], { name: 'all' })
        expect((await query()).columns).toEqual(['id', 'name', 'n'])
        await run(other, 'alter table items rename column n to amount')
        expect(await query()).toMatchObject({
          columns: ['id', 'name', 'amount'],
          rows: [{ id: 1, name: 'a', amount: 0 }],
        })
        await run(other, 'alter table items add column flag boolean default 1')
        expect((await query()).rows).toEqual([{ id: 1, name: 'a', amount: 0, flag: true }])
        await run(other, 'alter table items add column last text')
        const stream = connection.stream({ sql: 'select * from items where id = 1', parameters: [], name: 'all' }, 1)
        expect((await stream.next()).value).toEqual([{ id: 1, name: 'a', amount: 0, flag: true, last: null }])
        await stream.return?.()
        await run(other, 'alter table items drop column last')
        await connection.begin({})
        await run(connection, 'alter table items drop column flag')
        expect((await query()).columns).toEqual(['id', 'name', 'amount'])
        await connection.rollback()
        expect((await query()).rows).toEqual([{ id: 1, name: 'a', amount: 0, flag: true }])
      },
    )

    it('sees the table itself again when a temporary one of its name was rolled back', async () => {
      const connection = await withItems()
      const query = () => run(connection, 'select * from items', [], { name: 'all' })
      await connection.begin({})
      await run(connection, 'create temp table items (other text)')
      await run(connection, "insert into temp.items values ('mine')")
      expect((await query()).columns).toEqual(['other'])
      await connection.rollback()
      expect((await query()).columns).toEqual(['id', 'name', 'n'])
    })

    it('answers a PRAGMA with what holds now, however often it is asked', async () => {
      const connection = await place.connect()
      const ask = () => rowsOf(connection, 'pragma recursive_triggers')
      expect(await ask()).toEqual([[0]])
      for (const value of [1, 0, 1]) {
        await run(connection, `pragma recursive_triggers = ${value}`)
        expect(await ask()).toEqual([[value]])
      }
    })

    it('prepares another statement when a name comes with another text', async () => {
      const connection = await place.connect()
      expect((await run(connection, 'select 1 as a', [], { name: 'x' })).rows).toEqual([{ a: 1 }])
      expect((await run(connection, 'select 2 as b', [], { name: 'x' })).rows).toEqual([{ b: 2 }])
    })
  })

  describe('transactions', () => {
    it('commits, rolls back and tells its status', async () => {
      const connection = await withItems()
      expect(connection.transactionStatus).toBe('idle')
      await connection.begin({ isolation: 'serializable' })
      expect(connection.transactionStatus).toBe('open')
      await run(connection, 'delete from items where id = 1')
      expect(await connection.commit()).toBe('committed')
      await connection.begin({ isolation: 'snapshot' })
      await run(connection, 'delete from items')
      await connection.rollback()
      expect(connection.transactionStatus).toBe('idle')
      expect(await rowsOf(connection, 'select count(*) from items')).toEqual([[4]])
    })

    it.each(['read uncommitted', 'read committed', 'repeatable read'] as const)(
      'refuses the isolation level %s',
      async (isolation) => {
        const connection = await place.connect()
        const failure = await failureOf(connection.begin({ isolation }))
        expect(failure).toBeInstanceOf(ArgumentError)
        expect(failure.message).toContain(isolation)
        expect(connection.transactionStatus).toBe('idle')
      },
    )

    it('refuses a write in a transaction that was begun to read, and only there', async () => {
      const connection = await withItems()
      await connection.begin({ readOnly: true })
      expect(await rowsOf(connection, 'with x as (select 1 as a) select * from x')).toEqual([[1]])
      for (const sql of [
        'delete from items',
        'with x as (select 1) delete from items',
        'create table y (a)',
        'pragma user_version = 3',
      ]) {
        const failure = await failureOf(run(connection, sql))
        expect(failure, sql).toBeInstanceOf(OperationalError)
        expect(failure.message, sql).toMatch(/begun with readOnly/)
      }
      expect(await connection.commit()).toBe('committed')
      expect((await run(connection, 'delete from items')).rowCount).toBe(5)
    })

    it('notices that SQLite rolled back by itself: nothing runs outside of it, commit says so', async () => {
      const connection = await withItems()
      for (const end of ['commit', 'rollback'] as const) {
        await connection.begin({})
        await run(connection, 'insert into items (name) values (?)', ['new'])
        const first = await failureOf(run(connection, 'insert into items (name) values (?)', ['a']))
        expect(classifySqlite(first).kind).toBe('unique')
        expect(connection.transactionStatus).toBe('failed')
        const second = await failureOf(run(connection, 'insert into items (name) values (?)', ['later']))
        expect(second).toBeInstanceOf(PendingRollbackError)
        expect(second.cause).toBe(first)
        expect(await connection[end]()).toBe(end === 'commit' ? 'rolled back' : undefined)
        expect(connection.transactionStatus).toBe('idle')
        expect(await rowsOf(connection, 'select count(*) from items')).toEqual([[5]])
      }
    })

    it('notices it when the disk is full, too', async () => {
      const connection = await withItems()
      await run(connection, 'pragma max_page_count = 6')
      await connection.begin({})
      const failure = await failureOf(run(connection, 'insert into items (name) values (?)', ['x'.repeat(100_000)]))
      expect(classifySqlite(failure)).toMatchObject({ kind: 'operational', databaseCode: 'SQLITE_FULL' })
      expect(connection.transactionStatus).toBe('failed')
      expect(await connection.commit()).toBe('rolled back')
      expect(await rowsOf(connection, 'select count(*) from items')).toEqual([[5]])
    })

    it('keeps the transaction open when a deferred foreign key refuses the commit', async () => {
      const connection = await withItems()
      await run(connection, 'create table parts (item references items (id) deferrable initially deferred)')
      await connection.begin({})
      await run(connection, 'insert into parts values (99)')
      expect(classifySqlite(await failureOf(connection.commit())).kind).toBe('foreign key')
      expect(connection.transactionStatus).toBe('open')
      await run(connection, 'delete from parts')
      expect(await connection.commit()).toBe('committed')
    })

    it('refuses COMMIT and ROLLBACK as text inside, and lets savepoints through', async () => {
      const connection = await withItems()
      await connection.begin({})
      for (const sql of ['commit', 'END', 'rollback /* all */', 'begin']) {
        expect(await failureOf(run(connection, sql))).toBeInstanceOf(InvalidRequestError)
      }
      await run(connection, 'savepoint s')
      await run(connection, 'delete from items')
      await run(connection, 'rollback to savepoint s')
      await run(connection, 'release s')
      expect(await connection.commit()).toBe('committed')
      expect(await rowsOf(connection, 'select count(*) from items')).toEqual([[5]])
    })

    it('knows of a transaction that text began and ended', async () => {
      const connection = await withItems()
      await run(connection, 'begin')
      expect(connection.transactionStatus).toBe('open')
      await run(connection, 'commit')
      expect(connection.transactionStatus).toBe('idle')
      await run(connection, 'savepoint s')
      expect(connection.transactionStatus).toBe('open')
      await connection.rollback()
      expect(connection.transactionStatus).toBe('idle')
    })

    it('refuses calls in the wrong state', async () => {
      const connection = await place.connect()
      expect(await failureOf(connection.commit())).toBeInstanceOf(InvalidRequestError)
      await connection.rollback()
      await connection.begin({})
      expect(await failureOf(connection.begin({}))).toBeInstanceOf(InvalidRequestError)
      expect(await failureOf(connection.reset())).toBeInstanceOf(InvalidRequestError)
    })

    it('reads one snapshot throughout, whatever others commit meanwhile', async () => {
      const connection = await withItems()
      const other = await place.connect()
      await connection.begin({ readOnly: true })
      const amount = () => rowsOf(connection, 'select n from items where id = 1')
      expect(await amount()).toEqual([[0]])
      await run(other, 'update items set n = 5 where id = 1')
      expect(await amount()).toEqual([[0]])
      await connection.commit()
      expect(await amount()).toEqual([[5]])
    })
  })

  describe('streams', () => {
    async function collect(stream: AsyncIterable<readonly unknown[]>): Promise<number[]> {
      const sizes: number[] = []
      for await (const batch of stream) sizes.push(batch.length)
      return sizes
    }

    it('gives rows in batches, in every form, and from statements that write', async () => {
      const connection = await withItems()
      expect(await collect(connection.stream({ sql: 'select * from items', parameters: [] }, 2))).toEqual([2, 2, 1])
      expect(await collect(connection.stream({ sql: 'select * from items where n > ?', parameters: [9] }, 2))).toEqual(
        [],
      )
      const { value: first } = await connection
        .stream({ sql: 'select id from items', parameters: [], rows: 'array' }, 2)
        .next()
      expect(first).toEqual([[1], [2]])
      const deleted = connection.stream({ sql: 'delete from items returning id', parameters: [] }, 2)
      expect(await collect(deleted)).toEqual([2, 2, 1])
      expect(await rowsOf(connection, 'select count(*) from items')).toEqual([[0]])
    })

    it('lets go of the statement when the iteration ends early', async () => {
      const connection = await withItems()
      for await (const batch of connection.stream({ sql: 'select * from items', parameters: [], name: 's' }, 1)) {
        expect(batch).toHaveLength(1)
        break
      }
      expect(await failureOf(collect(connection.stream({ sql: 'selec', parameters: [] }, 1)))).toBeInstanceOf(Error)
      await run(connection, 'drop table items')
    })

    it('runs other statements meanwhile, the same one too, and is not changed by writes', async () => {
      const connection = await withItems()
      await connection.begin({})
      const statement = { sql: 'select id from items order by id', parameters: [], name: 'ids', rows: 'array' as const }
      const seen: unknown[] = []
      for await (const batch of connection.stream(statement, 1)) {
        expect((await connection.run(statement)).rows.length).toBeGreaterThan(4)
        if (seen.length === 1) await run(connection, 'insert into items (name) values (?)', ['later'])
        if (seen.length === 2) await run(connection, 'delete from items where id = 5')
        if (seen.length === 3) await run(connection, 'create table more (a)')
        seen.push(...batch.flat(2))
      }
      expect(seen).toEqual([1, 2, 3, 4, 5])
      expect(await connection.commit()).toBe('committed')
    })

    it('ends with its transaction, by name', async () => {
      const connection = await withItems()
      for (const end of ['commit', 'rollback'] as const) {
        await connection.begin({})
        const stream = connection.stream({ sql: 'select * from items', parameters: [] }, 1)
        await stream.next()
        await connection[end]()
        expect(await failureOf(stream.next())).toBeInstanceOf(ResourceClosedError)
      }
    })

    it('outlives the begin of a transaction that comes after it', async () => {
      const connection = await withItems()
      const stream = connection.stream({ sql: 'select * from items', parameters: [] }, 2)
      await stream.next()
      await connection.begin({})
      await run(connection, 'delete from items')
      await connection.commit()
      expect(await collect(stream)).toEqual([2, 1])
    })

    it('refuses a batch size that is none', async () => {
      const connection = await place.connect()
      expect(() => connection.stream({ sql: 'select 1', parameters: [] }, 0)).toThrow(ArgumentError)
    })
  })

  describe('giving back and closing', () => {
    it('forgets temporary tables, settings and attached files of the holder before', async () => {
      const connection = await withItems()
      await run(connection, 'create temp table items (other text)')
      await run(connection, 'create temp view v as select 1 as a')
      await run(connection, 'insert into temp.items values (?)', ['mine'])
      await run(connection, 'pragma foreign_keys = off')
      await run(connection, 'pragma foreign_keys(0)')
      await run(connection, 'attach ? as other', [place.path('other.db')])
      const query = () => run(connection, 'select * from items order by rowid limit 1', [], { name: 'first' })
      expect((await query()).rows).toEqual([{ other: 'mine' }])
      await connection.reset()
      expect((await query()).rows).toEqual([{ id: 1, name: 'a', n: 0 }])
      expect(await rowsOf(connection, 'select count(*) from sqlite_temp_master')).toEqual([[0]])
      expect(await rowsOf(connection, 'pragma foreign_keys')).toEqual([[1]])
      expect((await rowsOf(connection, 'pragma database_list')).map((row) => row[1])).not.toContain('other')
    })

    it('ends a stream that its holder left open', async () => {
      const connection = await withItems()
      const stream = connection.stream({ sql: 'select * from items', parameters: [] }, 1)
      await stream.next()
      await connection.reset()
      expect(await failureOf(stream.next())).toBeInstanceOf(ResourceClosedError)
      await run(connection, 'drop table items')
    })

    it('closes as often as it is asked, with a stream and a transaction open, and answers by name afterwards', async () => {
      const connection = await withItems()
      await connection.begin({})
      await run(connection, 'delete from items')
      await connection.stream({ sql: 'select 1', parameters: [] }, 1).next()
      await connection.close()
      await connection.close()
      connection.destroy()
      expect(connection.transactionStatus).toBe('idle')
      for (const call of [
        () => connection.ping(),
        () => connection.begin({}),
        () => connection.reset(),
        () => connection.rollback(),
      ]) {
        expect(await failureOf(call())).toBeInstanceOf(ResourceClosedError)
      }
      expect(await rowsOf(await place.connect(), 'select count(*) from items')).toEqual([[5]])
    })

    it('answers a ping', async () => {
      const connection = await place.connect()
      await connection.ping()
      await connection.cancel()
      expect(connection.brokenBy).toBeUndefined()
    })
  })
})
