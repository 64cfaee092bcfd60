import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { probesTransaction, RowsByName } from '../../src/drivers/sqlite-older-node.ts'
import { ProgrammingError } from '../../src/errors.ts'

describe('what an older Node does not tell', () => {
  let database: DatabaseSync
  beforeEach(() => {
    database = new DatabaseSync(':memory:')
    database.exec("create table items (id integer primary key, name text); insert into items values (1, 'a'), (2, 'b')")
  })
  afterEach(() => database.close())

  function prepare(sql: string, mode = { arrays: true, bigints: false, isOrdered: true }): RowsByName {
    const statement = new RowsByName(database, database.prepare(sql), sql)
    statement.setMode(mode)
    return statement
  }

  it('is whether a transaction is open, which a second BEGIN finds out without leaving a trace', () => {
    expect(probesTransaction(database)).toBe(false)
    database.exec('begin; delete from items')
    expect(probesTransaction(database)).toBe(true)
    database.exec('rollback')
    expect(probesTransaction(database)).toBe(false)
    expect(prepare('select count(*) as n from items').all([])).toEqual([[2]])
  })

  it.each([
    ['select * from items', true],
    ['-- a comment\nwith x as (select 1) select * from x', true],
    ['insert into items (name) values (?) returning id, name', true],
    ['update items set name = 1 returning id', true],
    ['insert into items (name) values (?)', false],
    ['create table x (a)', false],
    ['pragma foreign_keys', true],
    ['explain query plan select 1', true],
    ['begin', false],
  ])('is whether %j gives rows: %s', (sql, returnsRows) => {
    expect(prepare(sql).returnsRows).toBe(returnsRows)
  })

  it('is rows as arrays, made of objects', () => {
    const statement = prepare('select name, id from items where id > ? order by id')
    expect(statement.columns()).toEqual([])
    expect(statement.all([0])).toEqual([
      ['a', 1],
      ['b', 2],
    ])
    expect(statement.columns().map((column) => column.name)).toEqual(['name', 'id'])
    statement.setMode({ arrays: false, bigints: true, isOrdered: false })
    expect(statement.all([1])).toEqual([Object.assign(Object.create(null), { name: 'b', id: 2n })])
  })

  it('is rows one by one, of which the rest may be left', () => {
    for (const row of { [Symbol.iterator]: () => prepare('select id from items order by id').iterate([]) }) {
      expect(row).toEqual([1])
      break
    }
    database.exec('drop table items')
  })

  it.each(['select 1 as a, 2 as a', "select 'x' as x, 1 as '5'", 'select i.*, j.* from items i, items j'])(
    'makes %j impossible, which is said and not guessed',
    (sql) => {
      expect(() => prepare(sql).all([])).toThrow(ProgrammingError)
      expect(() => prepare(sql).iterate([]).next()).toThrow(/Give each column a name of its own/)
      expect(prepare(sql, { arrays: true, bigints: false, isOrdered: false }).all([]).length).toBeGreaterThan(0)
    },
  )

  it('takes a single column by whatever name', () => {
    expect(prepare('select 7').all([])).toEqual([[7]])
  })
})
