import { describe, expect, it } from 'vitest'
import {
  bigint,
  boolean,
  bytes,
  createAll,
  date,
  decimal,
  entity,
  enumeration,
  integer,
  json,
  real,
  sessionmaker,
  sql,
  text,
  timestamp,
  uuid,
  varchar,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'

class Extreme extends entity('extremes', {
  id: integer().primaryKey(),
  whole: integer().nullable(),
  big: bigint().nullable(),
  ratio: real().nullable(),
  price: decimal(12, 3).nullable(),
  exact: decimal(38, 10).nullable(),
  note: text().nullable(),
  title: varchar(20).nullable(),
  flag: boolean().nullable(),
  at: timestamp().nullable(),
  day: date().nullable(),
  doc: json<unknown>().nullable(),
  mark: uuid().nullable(),
  data: bytes().nullable(),
  status: enumeration('open', `it's "x" \\ é`).nullable(),
}) {}

type Property = Exclude<keyof Extreme & string, 'id' | 'toObject' | 'toJSON'>

const long = 1_000_000
const time = (text: string) => new Date(text)

/** Values that every database must give back as they were given. */
const kept: Readonly<Record<Property, readonly unknown[]>> = {
  whole: [0, -1, 2 ** 31 - 1, -(2 ** 31)],
  big: [2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)],
  ratio: [0, 3, 0.1, Math.PI, 1e21, -1.5e-300, 2 ** 53 + 2, Number.MAX_VALUE, Number.MIN_VALUE],
  price: ['0.000', '0.001', '-0.001', '999999999.999', '-999999999.999'],
  exact: ['0.0000000001', '-9999999999999999999999999999.9999999999', '1234567890123456789012345678.0123456789'],
  note: [
    '',
    ' trailing  ',
    '\r\n\t\u2028',
    `'"\`\\%_;--`,
    'NULL',
    '12345678901234567890',
    '1e5',
    '😀e\u0301',
    'x'.repeat(long),
  ],
  title: ['', '007', 'end ', '😀'.repeat(20)],
  flag: [true, false],
  at: [
    '0001-01-01T00:00:00.000Z',
    '0099-12-31T23:59:59.999Z',
    '1582-10-10T00:00:00.000Z',
    '1883-11-18T12:03:58.001Z',
    '1969-12-31T23:59:59.999Z',
    '2024-03-31T01:30:00.123Z',
    '2024-10-27T01:30:00.999Z',
    '2024-02-29T12:00:00.500Z',
    '2038-01-19T03:14:08.000Z',
    '9999-12-31T23:59:59.999Z',
  ].map(time),
  day: ['0001-01-01', '0099-12-31', '1582-10-10', '1883-11-18', '2024-02-29', '9999-12-31'],
  doc: [
    {},
    [],
    0,
    1.5,
    5e-324,
    1e300,
    2 ** 63,
    '',
    'text',
    'null',
    '123',
    '12345678901234567890',
    true,
    false,
    { a: null, b: [null, { c: `é😀\u2028"\\'` }], '': 1, n: 2 ** 70 },
    JSON.parse('{"__proto__": 5}'),
    'x'.repeat(long),
  ],
  mark: ['0b5f8f9e-6d3c-4a55-9d52-0f5f8d0a7c11', '00000000-0000-0000-0000-000000000000'],
  data: [new Uint8Array(0), new Uint8Array([0, 255, 39, 92, 0]), new Uint8Array(long).fill(7)],
  status: ['open', `it's "x" \\ é`],
}

/** Values that no database may take in silence as something else: by name before anything is sent. */
const refused: readonly (readonly [Property, unknown])[] = [
  ['whole', 2 ** 53],
  ['whole', 1.5],
  ['big', 2n ** 63n],
  ['ratio', Number.NaN],
  ['ratio', Number.POSITIVE_INFINITY],
  ['price', '1234567890'],
  ['price', '1.2345'],
  ['price', '1e3'],
  ['note', '\ud800'],
  ['title', 'x'.repeat(21)],
  ['flag', 1],
  ['at', time('nonsense')],
  ['day', '2023-02-29'],
  ['day', '0000-01-01'],
  ['doc', { text: '\ud800' }],
  ['doc', { '\udfff': 1 }],
  ['doc', { at: new Date() }],
  ['doc', { n: Number.NaN }],
  ['mark', 'x'],
  ['status', 'open '],
]

/** Values that some databases keep and others refuse by name; what is read is what was given. */
const keptOrRefused: readonly (readonly [Property, unknown])[] = [
  ['whole', 2 ** 31],
  ['whole', Number.MAX_SAFE_INTEGER],
  ['note', 'a\0b'],
  ['note', '\ufeffbom'],
  ['doc', { text: 'a\0b' }],
  ['at', time('+010000-01-01T00:00:00Z')],
  ['at', time('0000-06-01T00:00:00Z')],
  ['at', time('-000001-01-01T00:00:00Z')],
]

async function openExtremes(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [Extreme])
  return sessionmaker({ bind: engine })
}

type Sessions = Awaited<ReturnType<typeof openExtremes>>

/** What one row's column holds as an instance, by session.db and by execute. */
async function readEachWay(Sessions: Sessions, id: number, column: Property): Promise<unknown[]> {
  return Sessions.begin(async (session) => {
    const instance = await session.getOne(Extreme, id)
    const built = await session.db.selectFrom('extremes').select(column).where('id', '=', id).executeTakeFirst()
    const { rows } = await session.execute(sql<Record<string, unknown>>`
      select ${sql.ref(column)} from extremes where id = ${id}`)
    return [instance[column], (built as Record<string, unknown>)[column], rows[0]?.[column]]
  })
}

onEvery({ on: ['sqlite', 'better-sqlite3', 'sqlite-memory', 'postgres', 'mysql', 'pglite'] }, (db) => {
  describe('extreme values', () => {
    it('come back alike by instances, by session.db and by execute', { timeout: 60_000 }, async () => {
      const Sessions = await openExtremes(db)
      const cases = Object.entries(kept).flatMap(([column, values]) => values.map((value) => ({ column, value })))
      await Sessions.begin((session) => {
        session.addAll(cases.map(({ column, value }, at) => new Extreme({ id: at + 1, [column]: value })))
      })
      for (const [at, { column, value }] of cases.entries()) {
        expect(await readEachWay(Sessions, at + 1, column as Property), column).toStrictEqual([value, value, value])
      }
    })

    it('come back alike after an UPDATE', { timeout: 60_000 }, async () => {
      const Sessions = await openExtremes(db)
      const rounds = Math.max(...Object.values(kept).map((values) => values.length))
      await Sessions.begin((session) => session.add(new Extreme({ id: 1 })))
      for (let round = 0; round < rounds; round += 1) {
        const values = Object.entries(kept).map(([column, list]) => [column, list[round % list.length]])
        const expected = Object.fromEntries(values)
        await Sessions.begin(async (session) => Object.assign(await session.getOne(Extreme, 1), expected))
        const found = await Sessions.begin(async (session) => (await session.getOne(Extreme, 1)).toObject())
        expect(found).toStrictEqual({ id: 1, ...expected })
      }
    })

    it('find their rows as conditions', async () => {
      const Sessions = await openExtremes(db)
      const comparable = Object.entries(kept).filter(([column]) => column !== 'doc')
      const cases = comparable.flatMap(([column, values]) => values.map((value) => ({ column, value })))
      await Sessions.begin((session) => {
        session.addAll(cases.map(({ column, value }, at) => new Extreme({ id: at + 1, [column]: value })))
      })
      for (const [at, { column, value }] of cases.entries()) {
        const count = await Sessions.begin((session) =>
          session
            .query(Extreme)
            .where('id', '=', at + 1)
            .where(column as 'note', '=', value as string)
            .count(),
        )
        expect(count, `${column} ${String(value).slice(0, 40)}`).toBe(1)
      }
    })

    it.each(refused)('are refused by name where they would change: %s', (column, value) => {
      expect(() => new Extreme({ [column]: value })).toThrow(
        expect.objectContaining({ name: 'ArgumentError', message: expect.stringContaining(`Extreme.${column}`) }),
      )
    })

    it('are kept or refused by name where databases differ, and never changed', async () => {
      const Sessions = await openExtremes(db)
      for (const [at, [column, value]] of keptOrRefused.entries()) {
        const stored = Sessions.begin((session) => session.add(new Extreme({ id: at + 1, [column]: value })))
        const error = await stored.then(
          () => undefined,
          (reason: Error) => reason,
        )
        if (error) expect(['DataError', 'ArgumentError']).toContain(error.name)
        else expect(await readEachWay(Sessions, at + 1, column)).toStrictEqual([value, value, value])
      }
    })

    it('of a key include 0', async () => {
      const Sessions = await openExtremes(db)
      await Sessions.begin((session) =>
        session.addAll([new Extreme({ id: 0, note: 'zero' }), new Extreme({ note: 'next' })]),
      )
      const found = await Sessions.begin((session) => session.query(Extreme).orderBy('id').all())
      expect(found.map(({ id, note }) => [id === 0, note])).toEqual([
        [true, 'zero'],
        [false, 'next'],
      ])
    })
  })
})
