import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../src/errors.ts'
import {
  bigint,
  bytes,
  date,
  decimal,
  defineEntity,
  enumeration,
  integer,
  text,
  timestamp,
  uuid,
  varchar,
} from '../../src/mapping/index.ts'
import { createDialect, type LockOptions, statementsOf } from '../../src/sql/index.ts'
import { onEvery } from '../support/index.ts'
import { NAMING, openPlace, upTo } from './database.ts'

const User = defineEntity('select_users', { id: integer().primaryKey(), userName: text() })
const Pair = defineEntity('select_pairs', { a: integer().primaryKey(), b: varchar(20).primaryKey(), n: integer() })
const kinds = {
  bigint: [bigint(), [1n, 9_007_199_254_740_993n, 9_007_199_254_740_992n]],
  decimal: [decimal(12, 2), ['1.50', '-2.00', '10.00']],
  exact: [decimal(30, 5), ['1234567890123456789.12345', '1.00000', '0.00001']],
  text: [text(), ['a', 'A', 'it\'s "x"']],
  enumeration: [enumeration('x', 'y', 'z'), ['x', 'y', 'z']],
  timestamp: [timestamp(), [new Date(1), new Date(1_600_000_000_123), new Date(1_600_000_000_124)]],
  date: [date(), ['2024-02-29', '0001-01-01', '9999-12-31']],
  uuid: [uuid(), upTo(3).map((n) => `0b5f8f9e-6d3c-4a55-9d52-00000000000${n}`)],
  bytes: [bytes(), [new Uint8Array([0]), new Uint8Array([255, 0, 34]), new Uint8Array([92])]],
} as const
const byKind = Object.entries(kinds).map(([kind, [column, keys]]) => ({
  single: defineEntity(`select_by_${kind}`, { key: column.primaryKey(), n: integer() }),
  paired: defineEntity(`select_with_${kind}`, { key: column.primaryKey(), n: integer().primaryKey() }),
  kind,
  keys: keys as readonly unknown[],
}))

onEvery({}, (db) => {
  const place = openPlace(db, [User, Pair, ...byKind.flatMap(({ single, paired }) => [single, paired])])

  it('one row is read by its key, its values in the order of the columns asked for', async () => {
    await place.insert(
      User,
      ['id', 'userName'],
      [],
      [
        [1, 'ed'],
        [2, 'al'],
      ],
    )
    expect(await place.read(User, ['userName', 'id'], [[2]])).toEqual([['al', 2]])
    expect(await place.read(User, ['id'], [[3]])).toEqual([])
  })

  it('5,000 rows are read by their keys in a handful of statements of one text', async () => {
    await place.insert(
      User,
      ['id', 'userName'],
      [],
      upTo(5_000).map((n) => [n + 1, `u${n}`]),
    )
    place.sent.length = 0
    const rows = await place.readAll(
      User,
      ['id', 'userName'],
      upTo(5_001).map((n) => [n + 1]),
    )
    expect(new Map(rows as [number, string][])).toEqual(new Map(upTo(5_000).map((n) => [n + 1, `u${n}`])))
    expect(place.sent.length).toBeLessThanOrEqual(5)
    expect(new Set(place.sent).size).toBe(1)
  })

  it('the key follows where it was not asked for', async () => {
    await place.insert(
      Pair,
      ['a', 'b', 'n'],
      [],
      [
        [1, 'x', 10],
        [1, 'y', 20],
        [2, 'x', 30],
      ],
    )
    const { dialect, statements } = place
    const [statement] = statements.selectByKeys(Pair, [Pair.columnOf.get('n')!, Pair.columnOf.get('b')!])([[1, 'y']])
    expect((await place.run(statement!)).rows).toEqual([[20, 'y', 1]])
    expect(dialect.columnName(Pair.key[0]!)).toBe('a')
  })

  it('a composite key is matched as a whole, and a key given twice gives one row', async () => {
    await place.insert(
      Pair,
      ['a', 'b', 'n'],
      [],
      [
        [1, 'x', 10],
        [1, 'y', 20],
        [2, 'x', 30],
        [2, 'y', 40],
      ],
    )
    const rows = await place.readAll(
      Pair,
      ['n'],
      [
        [1, 'y'],
        [2, 'x'],
        [1, 'y'],
        [3, 'x'],
      ],
    )
    expect(rows.map(([n]) => n).sort()).toEqual([20, 30])
  })

  for (const { kind, single, paired, keys } of byKind) {
    it(`keys of kind ${kind} find their rows, alone and as part of a key`, async () => {
      await place.insert(
        single,
        ['key', 'n'],
        [],
        keys.map((key, n) => [key, n]),
      )
      await place.insert(
        paired,
        ['key', 'n'],
        [],
        keys.map((key, n) => [key, n]),
      )
      for (const [n, key] of keys.entries()) {
        expect(await place.readAll(single, ['key', 'n'], [[key]])).toEqual([[key, n]])
        expect(
          await place.readAll(
            paired,
            ['key', 'n'],
            [
              [key, n],
              [key, 77],
            ],
          ),
        ).toEqual([[key, n]])
        expect(await place.read(single, ['key', 'n'], [[key]])).toEqual([[key, n]])
      }
      expect(
        await place.readAll(
          single,
          ['n'],
          keys.slice(1).map((key) => [key]),
        ),
      ).toHaveLength(keys.length - 1)
      expect(
        await place.delete(
          single,
          ['key'],
          keys.slice(1).map((key) => [key]),
        ),
      ).toEqual([])
      expect(
        await place.update(
          paired,
          ['n'],
          ['key', 'n'],
          keys.map((key, n) => ({ set: [n + 50], match: [key, n] })),
        ),
      ).toEqual([])
    })
  }

  it('every lock that the database knows is taken by a statement that it understands', async () => {
    await place.insert(User, ['id', 'userName'], [], [[1, 'ed']])
    const { capabilities } = place.dialect
    const options: LockOptions[] = (['update', 'share', 'no key update', 'key share'] as const).map((mode) => ({
      mode,
    }))
    if (capabilities.noWait) options.push({ mode: 'update', nowait: true })
    if (capabilities.skipLocked) options.push({ mode: 'update', skipLocked: true })
    if (capabilities.lockOf) options.push({ mode: 'update', of: ['select_users'] })
    for (const lock of options) {
      const statement = place.statements.selectByKey(User, User.columns, lock)([1])
      expect((await place.run(statement)).rows).toEqual([[1, 'ed']])
      expect(/ for | lock in /.test(statement.sql)).toBe(capabilities.rowLocks)
    }
  })
})

describe('locks', () => {
  const text = (
    name: 'sqlite' | 'postgres' | 'mysql',
    lock: LockOptions,
    server?: [product: string, version: string],
  ) => {
    const base = createDialect(name, NAMING)
    const dialect = server === undefined ? base : base.forServer({ product: server[0], version: server[1] })
    return statementsOf(dialect).selectByKey(User, [User.key[0]!], lock)([1]).sql
  }

  it('are written as each server wants them', () => {
    expect(text('postgres', { mode: 'no key update', of: ['select_users'], skipLocked: true })).toBe(
      'select "id" from "select_users" where "id" = $1 for no key update of "select_users" skip locked',
    )
    expect(text('mysql', { mode: 'key share' }, ['mariadb', '10.11.6'])).toContain(' lock in share mode')
    expect(text('mysql', { mode: 'share', nowait: true }, ['mysql', '8.0.40'])).toContain(' for share nowait')
    expect(text('mysql', { mode: 'no key update' }, ['mysql', '5.7.44'])).toContain(' for update')
    expect(text('sqlite', { mode: 'update', skipLocked: true })).toBe('select "id" from "select_users" where "id" = ?')
  })

  it('that a server does not know are refused instead of left out', () => {
    expect(() => text('mysql', { mode: 'update', skipLocked: true }, ['mysql', '5.7.44'])).toThrow(ArgumentError)
    expect(() => text('mysql', { mode: 'update', nowait: true }, ['mysql', '5.7.44'])).toThrow(/nowait.*mysql 5\.7\.44/)
    expect(() => text('mysql', { mode: 'update', of: ['t'] }, ['mariadb', '11.4.2'])).toThrow(ArgumentError)
    expect(() => text('postgres', { mode: 'update', nowait: true, skipLocked: true })).toThrow(ArgumentError)
  })
})
