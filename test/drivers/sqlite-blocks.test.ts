import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DriverConnection, Outcome } from '../../src/drivers/driver.ts'
import { rowsOf, run, SQLITE_DRIVERS, Workplace } from './sqlite-drivers.ts'

type Row = readonly unknown[]

/** Fewer rows than blocks are made of. */
const FEW = 150

describe.each(SQLITE_DRIVERS)('many rows of one INSERT, by $name', ({ open }) => {
  let place: Workplace
  beforeEach(() => {
    place = new Workplace(open)
  })
  afterEach(() => place.end())

  /** What becomes of the rows, a few at a time or all at once. */
  async function insert(setup: readonly string[], sql: string, rows: readonly Row[], size: number) {
    const file = `${size}.db`
    const connection = await place.connect({}, place.path(file))
    for (const text of setup) await run(connection, text)
    await connection.begin({})
    const outcomes: Outcome[] = []
    let failure: unknown
    try {
      for (let at = 0; at < rows.length; at += size) {
        const some = rows.slice(at, at + size)
        outcomes.push(...(await connection.runEach({ sql, parameters: [], name: 'i' }, some)))
      }
    } catch (error) {
      failure = String(error)
    }
    const table = /^insert into ("(?:[^"]|"")+")/.exec(sql)?.[1]
    const stored =
      connection.transactionStatus === 'open' ? await allRows(connection, table) : connection.transactionStatus
    await connection.rollback()
    await connection.close()
    return {
      failure,
      stored,
      ...(failure === undefined && { ids: outcomes.map(({ insertId, rowCount }) => [insertId, rowCount]) }),
    }
  }

  const allRows = (connection: DriverConnection, table = '') =>
    rowsOf(connection, `select * from ${table} order by 1, 2`)

  const plain = ['create table "t" (id integer primary key, a text, n integer, flag integer, x)']
  const sql = 'insert into "t" ("a", "n", "flag", "x") values (?, ?, ?, ?)'
  const rows = Array.from({ length: 1_037 }, (_, n): Row => [`a${n}`, n, true, n % 3 === 0 ? null : n / 2])
  const withRow = (at: number, row: Row) => rows.with(at, row)

  /** Tables and rows of which a part, or all, cannot go in blocks. */
  const cases: Record<string, readonly [setup: readonly string[], sql: string, rows: readonly Row[]]> = {
    'an ordinary table': [plain, sql, rows],
    'a table with rows already': [[...plain, "insert into t (id, a) values (5000, 'x')"], sql, rows],
    'AUTOINCREMENT, whose largest row is gone': [
      [
        'create table "t" (id integer primary key autoincrement, a text, n integer, flag integer, x)',
        'insert into t (id) values (900)',
        'delete from t',
      ],
      sql,
      rows,
    ],
    'a trigger that inserts into the same table': [
      [
        ...plain,
        "create trigger more after insert on t when new.a like '%7' begin insert into t (a) values ('by the trigger'); end",
      ],
      sql,
      rows,
    ],
    'a trigger that discards rows': [
      [...plain, 'create trigger none before insert on t when new.n % 5 = 0 begin select raise(ignore); end'],
      sql,
      rows,
    ],
    'a temporary trigger': [
      [...plain, "create temp trigger more after insert on main.t begin insert into t (a) values ('x'); end"],
      sql,
      rows,
    ],
    'a temporary table of that name': [
      [
        ...plain,
        'create temp table "t" (id integer primary key, a text, n integer, flag integer, x unique on conflict ignore)',
      ],
      sql,
      rows,
    ],
    'rules for conflicts': [
      ['create table "t" (id integer primary key, a text, n integer, flag integer unique on conflict replace, x)'],
      sql,
      rows,
    ],
    'a virtual table': [['create virtual table "t" using fts5 (a, n, flag, x)'], sql, rows],
    'a table without row numbers': [
      ['create table "t" (a text primary key, n integer, flag integer, x) without rowid'],
      sql,
      rows,
    ],
    'keys that are given': [
      ['create table "t" ("A" integer primary key, n integer, flag integer, x)'],
      'insert into "t" ("a", "n", "flag", "x") values (?, ?, ?, ?)',
      rows.map((row, n) => [5_000 - 2 * n, ...row.slice(1)]),
    ],
    'row numbers that are given': [
      ['create table "t" (a text, n integer)'],
      'insert into "t" ("a", "RowId") values (?, ?)',
      rows.map((_, n) => [`a${n}`, 3 * n + 7]),
    ],
    'numbers beyond those that are exact': [[...plain, 'insert into t (id) values (9007199254740999)'], sql, rows],
    'a row that is refused': [
      ['create table "t" (id integer primary key, a text unique, n integer, flag integer, x)'],
      sql,
      withRow(777, ['a3', 0, true, null]),
    ],
    'a row that is refused among the last': [
      ['create table "t" (id integer primary key, a text not null, n integer, flag integer, x)'],
      sql,
      withRow(1_036, [null, 0, true, null]),
    ],
    'a value that cannot be stored': [plain, sql, withRow(333, ['a', Number.NaN, true, null])],
    'a row of another length': [plain, sql, withRow(333, ['a'])],
    'a name with quotes': [
      ['create table "t""q, x" (id integer primary key, "a""b" text, n integer)'],
      'insert into "t""q, x" ("a""b", "n") values (?, ?)',
      rows.map((row) => row.slice(0, 2)),
    ],
  }

  it.each(Object.entries(cases))('go as they would one by one: %s', async (_, [setup, text, all]) => {
    const expected = await insert(setup, text, all, FEW)
    expect(await insert(setup, text, all, all.length)).toEqual(expected)
  })

  it('are there, outside of a transaction too, and their keys are told', async () => {
    const connection = await place.connect()
    await run(connection, plain[0] as string)
    const outcomes = await connection.runEach({ sql, parameters: [], name: 'i' }, rows)
    expect(outcomes.map(({ insertId }) => insertId)).toEqual(rows.map((_, n) => n + 1))
    const stored = await allRows(connection, 't')
    expect(stored.map(([id, ...row]) => [id, ...row])).toEqual(rows.map(([a, n, , x], at) => [at + 1, a, n, 1, x]))
  })

  it('a trigger that is made meanwhile is seen', async () => {
    const connection = await place.connect()
    await run(connection, plain[0] as string)
    await connection.runEach({ sql, parameters: [], name: 'i' }, rows)
    await run(
      connection,
      "create trigger more after insert on t when new.n = 5 begin insert into t (a) values ('more'); end",
    )
    const outcomes = await connection.runEach({ sql, parameters: [], name: 'i' }, rows)
    const found = await rowsOf(connection, "select id from t where id > 1037 and a <> 'more' order by id")
    expect(outcomes.map(({ insertId }) => insertId)).toEqual(found.map(([id]) => id))
  })
})
