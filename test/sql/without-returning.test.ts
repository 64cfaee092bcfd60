import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { FlushError } from '../../src/errors.ts'
import { bigint, defineEntity, integer, text, timestamp } from '../../src/mapping/index.ts'
import { onEvery } from '../support/index.ts'
import { openPlace, upTo, withoutReturning } from './database.ts'

const Item = defineEntity('bare_items', { id: integer().primaryKey(), tag: text() })
const Filled = defineEntity('bare_filled', {
  id: bigint().primaryKey(),
  tag: text(),
  status: text().serverDefault(sql`'new'`),
})
const Pair = defineEntity('bare_pairs', {
  day: timestamp().primaryKey(),
  n: integer().primaryKey(),
  status: text().serverDefault(sql`'new'`),
})
const Versioned = defineEntity('bare_versioned', { id: integer().primaryKey(), name: text(), rev: integer().version() })

onEvery({ on: ['mysql'] }, (db) => {
  const place = openPlace(db, [Item, Filled, Pair, Versioned])
  withoutReturning(place)

  it('10,000 rows get the keys that were told for the first of each statement, and the following ones', async () => {
    const rows = await place.insert(
      Item,
      ['tag'],
      ['id'],
      upTo(10_000).map((n) => [`tag ${n}`]),
    )
    const stored = new Map((await place.query('select id, tag from bare_items')) as [number, string][])
    for (const [n, [id]] of rows.entries()) expect(stored.get(id as number)).toBe(`tag ${n}`)
    expect(place.sent).toHaveLength(10)
  })

  it('keys follow the step between generated keys of the server', async () => {
    await place.connection.run({ sql: 'set session auto_increment_increment = 3', parameters: [] })
    const before = place.statements
    place.statements = (await import('../../src/sql/index.ts')).statementsOf(
      place.dialect.forServer({ product: 'mysql', version: '8.0.40', autoIncrementIncrement: 3 }),
    )
    const rows = await place.insert(
      Item,
      ['tag'],
      ['id'],
      upTo(50).map((n) => [`step ${n}`]),
    )
    place.statements = before
    await place.connection.run({ sql: 'set session auto_increment_increment = 1', parameters: [] })
    const stored = new Map((await place.query('select id, tag from bare_items')) as [number, string][])
    expect(rows.map(([id]) => stored.get(id as number))).toEqual(upTo(50).map((n) => `step ${n}`))
  })

  it('server defaults are read back by one select of the keys', async () => {
    const rows = await place.insert(
      Filled,
      ['tag'],
      ['status', 'id', 'tag'],
      upTo(100).map((n) => [`t${n}`]),
    )
    expect(rows.map(([status, id, tag]) => [status, typeof id, tag])).toEqual(
      upTo(100).map((n) => ['new', 'bigint', `t${n}`]),
    )
    expect(place.sent).toHaveLength(2)
    const pairs = await place.insert(
      Pair,
      ['day', 'n'],
      ['status'],
      upTo(3).map((n) => [new Date(1_600_000_000_123 + n), n]),
    )
    expect(pairs).toEqual([['new'], ['new'], ['new']])
  })

  it('a row with an expression gets its key too', async () => {
    const rows = await place.insert(Filled, ['tag'], ['id', 'tag'], [['a'], [sql`upper('b')`], ['c']])
    expect(rows.map(([, tag]) => tag)).toEqual(['a', 'B', 'c'])
  })

  it('a key that is an expression cannot be told and is refused', async () => {
    await expect(place.insert(Item, ['id', 'tag'], ['tag'], [[sql`1 + 41`, 'x']])).rejects.toThrow(FlushError)
  })

  it('rows whose version is another are found before the update, exactly those', async () => {
    await place.insert(
      Versioned,
      ['id', 'name', 'rev'],
      [],
      upTo(20).map((n) => [n + 1, 'a', n === 7 ? 2 : 1]),
    )
    const changes = upTo(20).map((n) => ({ set: [`b${n}`, 2], match: [n + 1, 1] }))
    expect(await place.update(Versioned, ['name', 'rev'], ['id', 'rev'], changes)).toEqual([7])
    expect(await place.read(Versioned, ['name', 'rev'], [[8], [9]])).toEqual([
      ['a', 2],
      ['b8', 2],
    ])
  })

  it('rows that are gone are named after an update and after a delete', async () => {
    await place.insert(
      Versioned,
      ['id', 'name', 'rev'],
      [],
      upTo(20).map((n) => [n + 1, 'a', 1]),
    )
    const changes = upTo(21).map((n) => ({ set: [`b${n}`], match: [n === 4 ? 99 : n + 1] }))
    expect(await place.update(Versioned, ['name'], ['id'], changes)).toEqual([4, 20])
    expect(
      await place.delete(
        Versioned,
        ['id', 'rev'],
        [
          [1, 1],
          [2, 5],
          [3, 1],
          [99, 1],
        ],
      ),
    ).toEqual([1, 3])
    expect(await place.readAll(Versioned, ['id'], [[1], [2], [3]])).toEqual([[2]])
  })
})
