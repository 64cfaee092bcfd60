import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DriverConnection } from '../../src/drivers/driver.ts'
import { DataError, LockNotAvailableError } from '../../src/errors.ts'
import type { Classification } from '../../src/sql/classification.ts'
import { classifySqlite } from '../../src/sql/sqlite-errors.ts'
import { failureOf, run, SQLITE_DRIVERS, Workplace } from './sqlite-drivers.ts'

const SCHEMA = [
  'create table users (id integer primary key, email text unique, name text not null, age integer constraint grown check (age > 17))',
  'create table members (team integer, person integer references users (id) on delete restrict, unique (team, person))',
  'create table folded (a text)',
  'create unique index folded_a on folded (lower(a))',
  'create table typed (n integer) strict',
  "insert into users values (1, 'a@x.org', 'a', 20)",
  'insert into members values (1, 1)',
  "insert into folded values ('a')",
  "create trigger no_delete before delete on folded begin select raise(abort, 'kept for ever'); end",
]

const CASES: readonly (readonly [string, Classification])[] = [
  [
    "insert into users values (2, 'a@x.org', 'b', 20)",
    { kind: 'unique', table: 'users', column: 'email', databaseCode: 'SQLITE_CONSTRAINT_UNIQUE' },
  ],
  [
    "insert into users values (1, 'b@x.org', 'b', 20)",
    { kind: 'unique', table: 'users', column: 'id', databaseCode: 'SQLITE_CONSTRAINT_PRIMARYKEY' },
  ],
  [
    'insert into members values (1, 1)',
    { kind: 'unique', table: 'members', column: 'team, person', databaseCode: 'SQLITE_CONSTRAINT_UNIQUE' },
  ],
  [
    "insert into folded values ('A')",
    { kind: 'unique', constraint: 'folded_a', databaseCode: 'SQLITE_CONSTRAINT_UNIQUE' },
  ],
  [
    'insert into users (id, age) values (3, 20)',
    { kind: 'not null', table: 'users', column: 'name', databaseCode: 'SQLITE_CONSTRAINT_NOTNULL' },
  ],
  [
    "insert into users values (3, 'c', 'c', 5)",
    { kind: 'check', constraint: 'grown', databaseCode: 'SQLITE_CONSTRAINT_CHECK' },
  ],
  ['insert into members values (2, 99)', { kind: 'foreign key', databaseCode: 'SQLITE_CONSTRAINT_FOREIGNKEY' }],
  ['delete from users', { kind: 'foreign key', databaseCode: 'SQLITE_CONSTRAINT_TRIGGER' }],
  ['delete from folded', { kind: 'integrity', databaseCode: 'SQLITE_CONSTRAINT_TRIGGER' }],
  [
    "insert into typed values ('x')",
    { kind: 'data', table: 'typed', column: 'n', databaseCode: 'SQLITE_CONSTRAINT_DATATYPE' },
  ],
  ["insert into users (id, name) values ('x', 'd')", { kind: 'data', databaseCode: 'SQLITE_MISMATCH' }],
  ['select zeroblob(2000000000)', { kind: 'data', databaseCode: 'SQLITE_TOOBIG' }],
  ['select abs(-9223372036854775808)', { kind: 'data', databaseCode: 'SQLITE_ERROR' }],
  ["select json('{')", { kind: 'data', databaseCode: 'SQLITE_ERROR' }],
  ['selec 1', { kind: 'programming', databaseCode: 'SQLITE_ERROR' }],
  ['select * from absent', { kind: 'programming', table: 'absent', databaseCode: 'SQLITE_ERROR' }],
  ['select absent from users', { kind: 'programming', column: 'absent', databaseCode: 'SQLITE_ERROR' }],
  [
    'select users.absent from users',
    { kind: 'programming', table: 'users', column: 'absent', databaseCode: 'SQLITE_ERROR' },
  ],
  [
    'insert into users (absent) values (1)',
    { kind: 'programming', table: 'users', column: 'absent', databaseCode: 'SQLITE_ERROR' },
  ],
  ['select absent(1)', { kind: 'programming', databaseCode: 'SQLITE_ERROR' }],
]

describe.each(SQLITE_DRIVERS)('errors through $name', ({ open }) => {
  let place: Workplace
  let connection: DriverConnection
  beforeEach(async () => {
    place = new Workplace(open)
    connection = await place.connect()
    for (const sql of SCHEMA) await run(connection, sql)
  })
  afterEach(() => place.end())

  it.each(CASES)('%s', async (sql, expected) => {
    expect(classifySqlite(await failureOf(run(connection, sql)))).toEqual(expected)
  })

  it('calls an integer that a typed statement cannot read bad data, where it is told', async () => {
    const query = run(connection, 'select 9007199254740993 as n', [], { typed: true })
    const found = await query.then((outcome) => outcome.rows, classifySqlite)
    expect([{ kind: 'data' }, [{ n: 9007199254740992 }]]).toContainEqual(found)
  })
})

describe('classifySqlite', () => {
  it('reads the codes that no test can provoke', () => {
    const kinds = (codes: readonly (readonly [number, string])[]) =>
      codes.map(([errcode, code]) => [
        classifySqlite(Object.assign(new Error('m'), { code: 'ERR_SQLITE_ERROR', errcode })),
        classifySqlite(Object.assign(new Error('m'), { code })),
      ])
    const pairs = kinds([
      [266, 'SQLITE_IOERR_READ'],
      [778, 'SQLITE_IOERR_WRITE'],
      [8202, 'SQLITE_IOERR_DATA'],
      [11, 'SQLITE_CORRUPT'],
      [779, 'SQLITE_CORRUPT_INDEX'],
      [14, 'SQLITE_CANTOPEN'],
      [1032, 'SQLITE_READONLY_DBMOVED'],
      [261, 'SQLITE_BUSY_RECOVERY'],
      [6, 'SQLITE_LOCKED'],
      [9, 'SQLITE_INTERRUPT'],
      [516, 'SQLITE_ABORT_ROLLBACK'],
    ])
    for (const [fromNumber, fromName] of pairs) expect(fromNumber).toEqual(fromName)
    expect(pairs.map(([found]) => found?.kind)).toEqual([
      ...Array.from({ length: 7 }, () => 'operational'),
      'lock not available',
      'lock not available',
      'timeout',
      'operational',
    ])
  })

  it('leaves what it does not know to others', () => {
    for (const unknown of [undefined, null, 'text', new Error('x'), new DataError('x'), { code: 'SQLITE_BUSY' }]) {
      expect(classifySqlite(unknown)).toEqual({ kind: 'other' })
    }
    const named = Object.assign(new Error('x'), { code: 'SQLITE_SOMETHING_NEW' })
    expect(classifySqlite(named)).toEqual({ kind: 'other', databaseCode: 'SQLITE_SOMETHING_NEW' })
    const own = new LockNotAvailableError('x', { databaseCode: 'SQLITE_BUSY' })
    expect(classifySqlite(own).kind).toBe('lock not available')
  })
})
