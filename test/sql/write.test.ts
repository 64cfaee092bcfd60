import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { ArgumentError } from '../../src/errors.ts'
import {
  bigint,
  boolean,
  bytes,
  decimal,
  defineEntity,
  integer,
  json,
  real,
  text,
  timestamp,
  uuid,
} from '../../src/mapping/index.ts'
import { onEvery } from '../support/index.ts'
import { openPlace, upTo } from './database.ts'

const User = defineEntity('write_users', {
  id: integer().primaryKey(),
  name: text().nullable(),
  email: text().nullable().unique(),
  visits: integer(),
  rev: integer().version(),
})
const Member = defineEntity('write_members', {
  groupId: integer().primaryKey(),
  userId: bigint().primaryKey(),
  role: text().nullable(),
  since: timestamp().nullable(),
})
const Sheet = defineEntity('write_sheets', {
  id: uuid().primaryKey(),
  flag: boolean().nullable(),
  amount: decimal(20, 4).nullable(),
  ratio: real().nullable(),
  big: bigint().nullable(),
  at: timestamp().nullable(),
  doc: json().nullable(),
  data: bytes().nullable(),
  note: text().nullable(),
})

onEvery({}, (db) => {
  const place = openPlace(db, [User, Member, Sheet])

  const users = (count: number) =>
    place.insert(
      User,
      ['id', 'name', 'email', 'visits', 'rev'],
      [],
      upTo(count).map((n) => [n + 1, `u${n}`, `${n}@x.org`, n, 1]),
    )
  const namesAndVisits = async () => await place.query('select id, name, visits from write_users order by id')

  it('1,000 different updates change each row as told', async () => {
    await users(1_000)
    place.sent.length = 0
    const changes = upTo(1_000).map((n) => ({ set: [`new ${n}`, n * 2], match: [n + 1] }))
    expect(await place.update(User, ['name', 'visits'], ['id'], changes)).toEqual([])
    expect(place.sent.length).toBeLessThanOrEqual(2)
    expect(await namesAndVisits()).toEqual(upTo(1_000).map((n) => [n + 1, `new ${n}`, n * 2]))
  })

  it('an update of many rows with one that is gone names exactly that one', async () => {
    await users(500)
    await place.delete(User, ['id'], [[124]])
    const changes = upTo(500).map((n) => ({ set: ['x'], match: [n + 1] }))
    expect(await place.update(User, ['name'], ['id'], changes)).toEqual([123])
    expect((await namesAndVisits()).every(([, name]) => name === 'x')).toBe(true)
  })

  it('an update that checks a version names the rows that have another, and leaves them alone', async () => {
    await users(40)
    await place.update(User, ['rev'], ['id'], [{ set: [2], match: [8] }])
    const changes = upTo(40).map((n) => ({ set: ['x', 2], match: [n + 1, 1] }))
    expect(await place.update(User, ['name', 'rev'], ['id', 'rev'], changes)).toEqual([7])
    expect(await place.read(User, ['name', 'rev'], [[8], [9]])).toEqual([
      ['u7', 2],
      ['x', 2],
    ])
  })

  it('hundreds of updates in any order change each row as told, keys beyond what a number holds too', async () => {
    await users(400)
    const shuffled = upTo(400).map((n) => (n * 147) % 400)
    const changes = shuffled.map((n) => ({ set: [`new ${n}`, n * 2], match: [n + 1] }))
    expect(await place.update(User, ['name', 'visits'], ['id'], changes)).toEqual([])
    expect(await namesAndVisits()).toEqual(upTo(400).map((n) => [n + 1, `new ${n}`, n * 2]))
    const wide = upTo(200).map((n) => 9_007_199_254_740_993n * (n % 2 ? 1n : -1n) + BigInt(n))
    await place.insert(
      Member,
      ['groupId', 'userId'],
      [],
      wide.map((id) => [1, id]),
    )
    const roles = wide.map((id) => ({ set: [`role ${id}`], match: [id] }))
    expect(await place.update(Member, ['role'], ['userId'], roles)).toEqual([])
    const stored = await place.read(
      Member,
      ['role'],
      wide.map((id) => [1, id]),
    )
    expect(stored).toEqual(wide.map((id) => [`role ${id}`]))
  })

  it('versions are checked without a look before, and a row of another version is named among 600 of the same', async () => {
    await users(600)
    place.sent.length = 0
    const changes = upTo(600).map((n) => ({ set: [n * 3, 2], match: [n + 1, 1] }))
    expect(await place.update(User, ['visits', 'rev'], ['id', 'rev'], changes)).toEqual([])
    expect(place.sent.filter((text) => text.startsWith('select'))).toEqual([])
    await place.update(User, ['rev'], ['id'], [{ set: [3], match: [500] }])
    const further = upTo(600).map((n) => ({ set: [n * 5, 3], match: [n + 1, 2] }))
    expect(await place.update(User, ['visits', 'rev'], ['id', 'rev'], further)).toEqual([499])
    const visits = (await namesAndVisits()).map(([, , of]) => of)
    expect(visits).toEqual(upTo(600).map((n) => (n === 499 ? n * 3 : n * 5)))
  })

  it('an update that sets what is there already matches its row', async () => {
    await users(3)
    const changes = upTo(3).map((n) => ({ set: [`u${n}`], match: [n + 1] }))
    expect(await place.update(User, ['name'], ['id'], changes)).toEqual([])
    expect(await place.update(User, ['name'], ['id'], changes.slice(0, 1))).toEqual([])
  })

  it('a single update that finds no row is named', async () => {
    await users(1)
    expect(await place.update(User, ['name'], ['id'], [{ set: ['x'], match: [5] }])).toEqual([0])
  })

  it('keys change, in the given order', async () => {
    await users(5)
    const changes = [5, 4, 3, 2, 1].map((id) => ({ set: [id + 1], match: [id] }))
    expect(await place.update(User, ['id'], ['id'], changes)).toEqual([])
    expect((await namesAndVisits()).map(([id]) => id)).toEqual([2, 3, 4, 5, 6])
    expect(
      await place.update(
        User,
        ['id'],
        ['id'],
        [
          { set: [10], match: [2] },
          { set: [11], match: [99] },
        ],
      ),
    ).toEqual([1])
  })

  it('unique values move from row to row in the given order', async () => {
    await users(3)
    const changes = [
      { set: ['3@x.org'], match: [3] },
      { set: ['2@x.org'], match: [2] },
      { set: ['1@x.org'], match: [1] },
    ]
    expect(await place.update(User, ['email'], ['id'], changes)).toEqual([])
    expect(await place.read(User, ['email'], [[1], [2], [3]])).toEqual([['1@x.org'], ['2@x.org'], ['3@x.org']])
  })

  it('expressions are evaluated by the database, at their place in the order', async () => {
    await users(4)
    const changes = [
      { set: [10], match: [1] },
      { set: [sql`visits + ${100}`], match: [2] },
      { set: [sql`visits + ${1000}`], match: [99] },
      { set: [30], match: [4] },
    ]
    expect(await place.update(User, ['visits'], ['id'], changes)).toEqual([2])
    expect((await namesAndVisits()).map(([, , visits]) => visits)).toEqual([10, 101, 2, 30])
  })

  it('a null among the match values is found by IS NULL', async () => {
    const rows = upTo(6).map((n) => [1, BigInt(n), n % 2 ? null : 'admin', null])
    await place.insert(Member, ['groupId', 'userId', 'role', 'since'], [], rows)
    const changes = upTo(6).map((n) => ({ set: ['new'], match: [1, BigInt(n), n % 2 ? null : 'admin'] }))
    expect(await place.update(Member, ['role'], ['groupId', 'userId', 'role'], changes)).toEqual([])
    expect(
      await place.update(
        Member,
        ['role'],
        ['groupId', 'userId', 'since'],
        [
          { set: ['a'], match: [1, 1n, null] },
          { set: ['b'], match: [1, 2n, null] },
          { set: ['c'], match: [1, 77n, null] },
        ],
      ),
    ).toEqual([2])
    expect(await place.delete(Member, ['since'], [[null]])).toEqual([])
    expect(await place.query('select count(*) from write_members')).toEqual([[0]])
  })

  it('composite keys are matched as a whole', async () => {
    const big = 9_007_199_254_740_993n
    await place.insert(
      Member,
      ['groupId', 'userId'],
      [],
      [
        [1, big],
        [1, big + 1n],
        [2, big],
        [2, big + 1n],
      ],
    )
    const changes = [
      { set: ['a'], match: [1, big] },
      { set: ['b'], match: [2, big + 1n] },
      { set: ['c'], match: [3, big] },
    ]
    expect(await place.update(Member, ['role'], ['groupId', 'userId'], changes)).toEqual([2])
    expect(
      await place.read(
        Member,
        ['role'],
        [
          [1, big],
          [1, big + 1n],
          [2, big],
          [2, big + 1n],
        ],
      ),
    ).toEqual([['a'], [null], [null], ['b']])
    expect(
      await place.delete(
        Member,
        ['groupId', 'userId'],
        [
          [1, big],
          [7, 7n],
          [2, big],
        ],
      ),
    ).toEqual([1])
    expect(await place.query('select count(*) from write_members')).toEqual([[2]])
  })

  it('1,000 deletes are at most two statements, and name the rows that were gone', async () => {
    await users(1_000)
    await place.delete(User, ['id'], [[3], [500]])
    place.sent.length = 0
    expect(
      await place.delete(
        User,
        ['id'],
        upTo(1_000).map((n) => [n + 1]),
      ),
    ).toEqual([2, 499])
    expect(place.sent.length).toBeLessThanOrEqual(2)
    expect(await namesAndVisits()).toEqual([])
  })

  it('a delete that checks a version spares the rows that have another', async () => {
    await users(5)
    expect(
      await place.delete(
        User,
        ['id', 'rev'],
        [
          [1, 1],
          [2, 9],
          [3, 1],
        ],
      ),
    ).toEqual([1])
    expect((await namesAndVisits()).map(([id]) => id)).toEqual([2, 4, 5])
  })

  it('values of every kind, and nulls, are written by an update of many rows', async () => {
    const ids = upTo(3).map((n) => `0b5f8f9e-6d3c-4a55-9d52-00000000000${n}`)
    const set = ['flag', 'amount', 'ratio', 'big', 'at', 'doc', 'data', 'note']
    const values = [
      [
        true,
        '1234567890123456.7800',
        0.1,
        9_007_199_254_740_993n,
        new Date(1_600_000_000_123),
        { a: [1, 'x"\\'] },
        new Uint8Array([0, 255, 39]),
        `'"\\{}`,
      ],
      [false, '-0.0001', -1e300, -5n, new Date(0), 'text', new Uint8Array([]), ''],
      [null, null, null, null, null, null, null, null],
    ]
    await place.insert(
      Sheet,
      ['id'],
      [],
      ids.map((id) => [id]),
    )
    expect(
      await place.update(
        Sheet,
        set,
        ['id'],
        ids.map((id, n) => ({ set: values[n]!, match: [id] })),
      ),
    ).toEqual([])
    expect(
      await place.read(
        Sheet,
        set,
        ids.map((id) => [id]),
      ),
    ).toEqual(values)
    await place.update(
      Sheet,
      set,
      ['id'],
      ids.map((id, n) => ({ set: values[(n + 1) % 3]!, match: [id] })),
    )
    expect(
      await place.read(
        Sheet,
        set,
        ids.map((id) => [id]),
      ),
    ).toEqual([values[1], values[2], values[0]])
  })

  it('no statement is ever sent without a condition or without a value to set', async () => {
    await expect(place.update(User, [], ['id'], [{ set: [], match: [1] }])).rejects.toThrow(ArgumentError)
    await expect(place.update(User, ['name'], [], [{ set: ['x'], match: [] }])).rejects.toThrow(ArgumentError)
    await expect(place.delete(User, [], [[]])).rejects.toThrow(ArgumentError)
    expect(place.sent).toEqual([])
  })
})
