import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { FlushError } from '../../src/errors.ts'
import { bigint, decimal, defineEntity, enumeration, integer, text, timestamp, uuid } from '../../src/mapping/index.ts'
import { onEvery } from '../support/index.ts'
import { openPlace, upTo } from './database.ts'

const Item = defineEntity('insert_items', { id: integer().primaryKey(), tag: text(), note: text().nullable() })
const Wide = defineEntity('insert_wides', { id: bigint().primaryKey(), tag: text() })
const Plain = defineEntity('insert_plains', {
  id: integer().primaryKey(),
  status: text().serverDefault(sql`'new'`),
  rank: integer().serverDefault(sql`7`),
})
const Keyed = defineEntity('insert_keyed', {
  day: timestamp().primaryKey(),
  price: decimal(12, 3).primaryKey(),
  mark: uuid().primaryKey(),
  kind: enumeration('a', 'b').primaryKey(),
  big: bigint().primaryKey(),
  status: text().serverDefault(sql`'new'`),
})

onEvery({}, (db) => {
  const place = openPlace(db, [Item, Wide, Plain, Keyed])

  it('10,000 rows get their own generated keys, each checked by the tag that was stored under it', async () => {
    const rows = await place.insert(
      Item,
      ['tag'],
      ['id'],
      upTo(10_000).map((n) => [`tag ${n}`]),
    )
    const stored = new Map((await place.query('select id, tag from insert_items')) as [number, string][])
    expect(stored.size).toBe(10_000)
    expect(new Set(rows.map(([id]) => id)).size).toBe(10_000)
    for (const [n, [id]] of rows.entries()) expect(stored.get(id as number)).toBe(`tag ${n}`)
  })

  it('1,000 inserts are at most two statements', async () => {
    await place.insert(
      Item,
      ['tag', 'note'],
      ['id'],
      upTo(1_000).map((n) => [`t${n}`, null]),
    )
    expect(place.sent.length).toBeLessThanOrEqual(2)
  })

  it('bigint keys come back as bigint', async () => {
    const rows = await place.insert(Wide, ['tag'], ['id'], [['a'], ['b'], ['c']])
    expect(rows.map(([id]) => typeof id)).toEqual(['bigint', 'bigint', 'bigint'])
    const [single] = await place.insert(Wide, ['tag'], ['id'], [['d']])
    const [first] = rows[2] as [bigint]
    expect(single?.[0]).toBe(first + 1n)
  })

  it('bigint keys beyond 2^53 are generated, stored and told without loss', async () => {
    await place.insert(Wide, ['id', 'tag'], [], [[9_007_199_254_740_993n, 'far']])
    expect(await place.read(Wide, ['id', 'tag'], [[9_007_199_254_740_993n]])).toEqual([[9_007_199_254_740_993n, 'far']])
    expect(await place.read(Wide, ['id'], [[9_007_199_254_740_992n]])).toEqual([])
  })

  it('rows without any value get their keys and all server defaults', async () => {
    const rows = await place.insert(
      Plain,
      [],
      ['id', 'status', 'rank'],
      upTo(20).map(() => []),
    )
    expect(rows).toHaveLength(20)
    expect(rows.every(([, status, rank]) => status === 'new' && rank === 7)).toBe(true)
    expect(new Set(rows.map(([id]) => id)).size).toBe(20)
  })

  it('server defaults beside a generated key belong to the row that they were made for', async () => {
    const rows = await place.insert(
      Plain,
      ['rank'],
      ['status', 'id', 'rank'],
      upTo(300).map((n) => [n]),
    )
    expect(rows.map(([, , rank]) => rank)).toEqual(upTo(300))
    const stored = new Map((await place.query('select id, rank from insert_plains')) as [number, number][])
    for (const [status, id, rank] of rows) {
      expect(status).toBe('new')
      expect(stored.get(id as number)).toBe(rank)
    }
  })

  it('server defaults of rows with composite keys of every kind are matched through the key', async () => {
    const keys = upTo(200).map((n) => [
      new Date(Date.UTC(2020, 1, 3, 4, 5, 6, 200 - n)),
      `${n}.5`,
      `0B5F8F9E-6D3C-4A55-9D52-${String(n).padStart(12, '0')}`,
      n % 2 ? 'a' : 'b',
      9_007_199_254_740_993n + BigInt(n),
    ])
    const rows = await place.insert(Keyed, ['day', 'price', 'mark', 'kind', 'big'], ['status', 'big'], keys)
    expect(rows).toEqual(keys.map((key) => ['new', key[4]]))
    const [last] = await place.insert(
      Keyed,
      ['day', 'price', 'mark', 'kind', 'big'],
      ['status'],
      [[...keys[0]!.slice(0, 4), 1n]],
    )
    expect(last).toEqual(['new'])
  })

  it('a row with an expression travels alone, at its place in the order', async () => {
    const rows = await place.insert(
      Item,
      ['tag', 'note'],
      ['id', 'tag'],
      [
        ['a', null],
        ['b', 'x'],
        [sql`upper(${'c'})`, 'y'],
        ['d', null],
      ],
    )
    expect(rows.map(([, tag]) => tag)).toEqual(['a', 'b', 'C', 'd'])
    const ids = rows.map(([id]) => id as number)
    expect(ids).toEqual([...ids].sort((a, b) => a - b))
    expect(place.sent.filter((text) => text.startsWith('insert'))).toHaveLength(3)
  })

  it('nothing is returned where nothing is asked for', async () => {
    expect(
      await place.insert(
        Item,
        ['id', 'tag'],
        [],
        [
          [1_001, 'a'],
          [1_002, 'b'],
        ],
      ),
    ).toEqual([[], []])
    expect(await place.insert(Item, ['tag'], [], [])).toEqual([])
    expect(await place.read(Item, ['tag'], [[1_002]])).toEqual([['b']])
  })

  it('large values are spread over statements that the server takes', async () => {
    const long = 'x'.repeat(1_500_000)
    const rows = await place.insert(
      Item,
      ['tag'],
      ['id'],
      upTo(8).map((n) => [`${n}${long}`]),
    )
    const lengths = await place.query(`select id, substr(tag, 1, 1) from insert_items`)
    const stored = new Map(lengths as [number, string][])
    expect(rows.map(([id]) => stored.get(id as number))).toEqual(upTo(8).map(String))
  })

  it('one text has one name, and equal shapes share it', async () => {
    for (let times = 0; times < 2; times += 1) {
      await place.insert(Item, ['tag'], ['id'], [[`${times}`]])
      await place.insert(Item, ['tag'], ['id'], [[`a${times}`], [`b${times}`]])
    }
    expect(place.names.size).toBe(new Set(place.names.values()).size)
    expect(new Set(place.sent.filter((text) => text.startsWith('insert'))).size).toBeLessThanOrEqual(2)
  })
})

describe('keys that the database makes by an expression', () => {
  const Random = defineEntity('insert_random', {
    id: uuid().primaryKey().serverDefault(sql`gen_random_uuid()`),
    tag: text(),
  })

  onEvery({ on: ['postgres'] }, (db) => {
    const place = openPlace(db, [Random])
    it('belong to their rows, because such rows are inserted one by one', async () => {
      const rows = await place.insert(
        Random,
        ['tag'],
        ['id'],
        upTo(100).map((n) => [`t${n}`]),
      )
      const stored = new Map((await place.query('select id, tag from insert_random')) as [string, string][])
      expect(rows.map(([id]) => stored.get(id as string))).toEqual(upTo(100).map((n) => `t${n}`))
      expect(place.sent).toHaveLength(1)
    })
  })

  const Listed = defineEntity('insert_listed', { id: uuid().primaryKey().serverDefault(sql`uuid()`), tag: text() })
  onEvery({ on: ['mysql'] }, (db) => {
    const place = openPlace(db, [Listed])
    it('are told where the server has RETURNING, and refused where it has not', async () => {
      const insert = () => place.insert(Listed, ['tag'], ['id'], [['a'], ['b']])
      if (!place.dialect.capabilities.insertReturning) return expect(insert()).rejects.toThrow(FlushError)
      const rows = await insert()
      const stored = new Map((await place.query('select id, tag from insert_listed')) as [string, string][])
      expect(rows.map(([id]) => stored.get(id as string))).toEqual(['a', 'b'])
    })
  })
})
