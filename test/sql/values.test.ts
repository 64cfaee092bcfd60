import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { ArgumentError, DataError } from '../../src/errors.ts'
import {
  bigint,
  boolean,
  bytes,
  custom,
  date,
  decimal,
  defineEntity,
  enumeration,
  integer,
  json,
  real,
  text,
  timestamp,
  uuid,
  varchar,
} from '../../src/mapping/index.ts'
import { readTimestamp, writeTimestamp } from '../../src/sql/timestamps.ts'
import { onEvery } from '../support/index.ts'
import { openPlace } from './database.ts'

const Everything = defineEntity('values_everything', {
  id: integer().primaryKey(),
  count: integer().nullable(),
  big: bigint().nullable(),
  ratio: real().nullable(),
  price: decimal(12, 3).nullable(),
  exact: decimal(38, 10).nullable(),
  note: text().nullable(),
  title: varchar(40).nullable(),
  flag: boolean().nullable(),
  at: timestamp().nullable(),
  day: date().nullable(),
  doc: json<unknown>().nullable(),
  mark: uuid().nullable(),
  data: bytes().nullable(),
  status: enumeration('open', "it's closed").nullable(),
  tags: custom({
    storage: text(),
    toDatabase: (value: readonly string[]) => value.join('|'),
    fromDatabase: (stored: string) => stored.split('|'),
  }).nullable(),
})
const properties = [...Everything.columnOf.keys()]
const values = properties.filter((property) => property !== 'id')

const rows: readonly (readonly unknown[])[] = [
  [
    1,
    5,
    9_223_372_036_854_775_807n,
    0.1,
    '123456789.125',
    '1234567890123456789012345678.0123456789',
    'naïve 😀\n\t',
    'a%_',
    true,
    new Date(Date.UTC(2024, 1, 29, 23, 59, 59, 999)),
    '2024-02-29',
    { a: [1, 2.5, null, 'x'], 'b"\\': { c: true } },
    '0b5f8f9e-6d3c-4a55-9d52-0f5f8d0a7c11',
    new Uint8Array([0, 1, 127, 128, 255]),
    "it's closed",
    ['x', 'y'],
  ],
  [
    2,
    -2_147_483_648,
    -9_223_372_036_854_775_808n,
    -1.7976931348623157e308,
    '-0.001',
    '-0.0000000001',
    '',
    '',
    false,
    new Date(0),
    '0001-01-01',
    'a "text"',
    '00000000-0000-0000-0000-000000000000',
    new Uint8Array([]),
    'open',
    ['z'],
  ],
  [
    3,
    2_147_483_647,
    9_007_199_254_740_993n,
    5e-324,
    '0.000',
    '0.0000000000',
    "''\\'\"{}[],NULL",
    'NULL',
    true,
    new Date(Date.UTC(1969, 11, 31, 23, 59, 59, 1)),
    '9999-12-31',
    [1, [2, { d: null }]],
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    new Uint8Array([92, 120, 34, 39, 0]),
    'open',
    ['NULL', ''],
  ],
  [
    4,
    0,
    0n,
    0,
    '1.500',
    '99999999.0000000000',
    'x ',
    ' x',
    false,
    new Date(Date.UTC(1000, 0, 1)),
    '1000-01-01',
    7.25,
    'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa',
    new Uint8Array(300).fill(7),
    'open',
    ['é'],
  ],
  [
    5,
    1,
    1n,
    1,
    '2.000',
    '3.0000000000',
    'y',
    'y',
    true,
    new Date(Date.UTC(9999, 11, 31, 23, 59, 59, 999)),
    '2000-01-01',
    true,
    'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb',
    new Uint8Array([1]),
    'open',
    [''],
  ],
  [6, ...values.map(() => null)],
]

onEvery({ on: ['sqlite', 'better-sqlite3', 'postgres', 'mysql', 'pglite'] }, (db) => {
  const place = openPlace(db, [Everything])

  it('values of every type come back as they went in, from inserts of many rows', async () => {
    await place.insert(Everything, properties, [], rows)
    expect(
      await place.read(
        Everything,
        properties,
        rows.map(([id]) => [id]),
      ),
    ).toEqual(rows)
  })

  it('values of every type come back as they went in, from single inserts', async () => {
    for (const row of rows) await place.insert(Everything, properties, [], [row])
    expect(
      await place.read(
        Everything,
        properties,
        rows.map(([id]) => [id]),
      ),
    ).toEqual(rows)
  })

  it('what INSERT returns has the types of the program too', async () => {
    const found = await place.insert(Everything, properties, properties, rows)
    expect(found).toEqual(rows)
  })

  it('every single column alone comes back with its type, whatever is read beside it', async () => {
    await place.insert(Everything, properties, [], rows)
    for (const [index, property] of properties.entries()) {
      expect(await place.read(Everything, [property], [[1]])).toEqual([[rows[0]?.[index]]])
    }
  })

  it('bytes are plain Uint8Arrays with memory of their own', async () => {
    await place.insert(Everything, ['id', 'data'], [], [[1, new Uint8Array([1, 2, 3])]])
    const [[data]] = (await place.read(Everything, ['data'], [[1]])) as [[Uint8Array]]
    expect(data.constructor).toBe(Uint8Array)
    expect(data.buffer.byteLength).toBe(3)
  })

  it('decimals have the digits of their column, and UUIDs are in lower case, whatever was sent', async () => {
    const sent = [1, '0007.5', '-0001', '0B5F8F9E-6D3C-4A55-9D52-0F5F8D0A7C11']
    await place.insert(Everything, ['id', 'price', 'exact', 'mark'], [], [sent])
    expect(await place.read(Everything, ['price', 'exact', 'mark'], [[1]])).toEqual([
      ['7.500', '-1.0000000000', '0b5f8f9e-6d3c-4a55-9d52-0f5f8d0a7c11'],
    ])
    const mark = '0B5F8F9E-6d3c-4a55-9d52-0f5f8d0a7c11'
    expect(await place.update(Everything, ['count'], ['mark'], [{ set: [9], match: [mark] }])).toEqual([])
    expect(
      await place.update(Everything, ['count'], ['price', 'exact'], [{ set: [9], match: ['7.5', '-1.0'] }]),
    ).toEqual([])
  })

  it('text compares by its characters: case and trailing spaces count', async () => {
    await place.insert(
      Everything,
      ['id', 'title'],
      [],
      [
        [1, 'a'],
        [2, 'A'],
        [3, 'a '],
        [4, 'á'],
      ],
    )
    expect(await place.update(Everything, ['count'], ['title'], [{ set: [1], match: ['a'] }])).toEqual([])
    expect(await place.query('select id from values_everything where count = 1')).toEqual([[1]])
  })

  it('a time that the database wrote itself is read', async () => {
    await place.insert(Everything, ['id', 'at'], [], [[1, sql`current_timestamp`]])
    const [[at]] = (await place.read(Everything, ['at'], [[1]])) as [[Date]]
    expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(120_000)
  })
})

describe('timestamps as text', () => {
  it('are read in every form that a database writes', () => {
    const moment = new Date(Date.UTC(2024, 1, 29, 13, 5, 9, 120))
    for (const form of [
      '2024-02-29 13:05:09.120',
      '2024-02-29T13:05:09.120Z',
      '2024-02-29 13:05:09.12',
      '2024-02-29 13:05:09.120999',
      '2024-02-29 13:05:09.12+00',
      '2024-02-29 15:05:09.12+02',
      '2024-02-29 07:35:09.12-05:30',
    ]) {
      expect(readTimestamp(form)).toEqual(moment)
    }
    expect(readTimestamp('2024-02-29 13:05:09')).toEqual(new Date(Date.UTC(2024, 1, 29, 13, 5, 9)))
    expect(readTimestamp('0099-01-01 00:00:00').toISOString()).toBe('0099-01-01T00:00:00.000Z')
    expect(readTimestamp('12345-01-01 00:00:00+00').getUTCFullYear()).toBe(12_345)
    expect(readTimestamp('0044-03-15 00:00:00 BC').getUTCFullYear()).toBe(-43)
  })

  it('are written so that their order is the order of time, and refused where that form ends', () => {
    expect(writeTimestamp(new Date(Date.UTC(2024, 1, 29, 13, 5, 9, 7)))).toBe('2024-02-29 13:05:09.007')
    expect(() => writeTimestamp(new Date(Date.UTC(10_000, 0, 1)))).toThrow(ArgumentError)
    expect(() => writeTimestamp(new Date(Number.NaN))).toThrow(ArgumentError)
  })

  it('of another form are refused, without a word of what was stored', () => {
    for (const form of ['secret', '2024-02-29', '2024-02-29 13:05', '2024/02/29 13:05:09', '2024-02-29 13:05:0x']) {
      expect(() => readTimestamp(form)).toThrow(DataError)
      expect(() => readTimestamp(form)).not.toThrow(form)
    }
  })
})
