import process from 'node:process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DriverConnection } from '../../src/drivers/driver.ts'
import { ArgumentError, DataError } from '../../src/errors.ts'
import { failureOf, rowsOf, run, SQLITE_DRIVERS, tellsColumns, Workplace } from './sqlite-drivers.ts'

describe.each(SQLITE_DRIVERS)('values through $name', ({ name, open }) => {
  let place: Workplace
  let connection: DriverConnection
  beforeEach(async () => {
    place = new Workplace(open)
    connection = await place.connect()
  })
  afterEach(() => place.end())

  /** Stores the value in a column of the type and reads it back by a raw statement. */
  async function through(type: string, value: unknown): Promise<unknown> {
    await run(connection, 'drop table if exists v')
    await run(connection, `create table v (a ${type})`)
    await run(connection, 'insert into v values (?)', [value])
    return (await rowsOf(connection, 'select a from v'))[0]?.[0]
  }

  const noon = new Date('2024-02-29T12:00:00.123Z')
  const declared: [string, unknown, unknown][] = [
    ['boolean', true, true],
    ['BOOL', false, false],
    ['datetime', noon, noon],
    ['TIMESTAMP WITH TIME ZONE', noon, noon],
    ['datetime', '2024-02-29 12:00:00', new Date('2024-02-29T12:00:00Z')],
    ['datetime', '2024-02-29T12:00:00.123456Z', noon],
    ['datetime', '2024-02-30 12:00:00', '2024-02-30 12:00:00'],
    ['datetime', 'tomorrow', 'tomorrow'],
    ['datetime', 1_700_000_000, 1_700_000_000],
    ['date', '2024-02-29', '2024-02-29'],
    ['json', { a: [1, null], b: 'é' }, { a: [1, null], b: 'é' }],
    ['json', [1, 2], [1, 2]],
    ['json', 'not { json', 'not { json'],
    ['decimal(10, 2)', '5', '5.00'],
    ['decimal(10, 2)', '5.5', '5.50'],
    ['NUMERIC(10,2)', '-0.05', '-0.05'],
    ['decimal(10, 2)', '1.2345', '1.2345'],
    ['numeric', '1.5', '1.5'],
    ['decimal(10, 2)', 1.5e-9, '0.0000000015'],
    ['decimal(30, 1)', 1e22, '10000000000000000000000.0'],
  ]
  const stored: [string, unknown, unknown][] = [
    ['boolean', 7, 7],
    ['boolean', null, null],
    ['bigint', 2n ** 53n + 1n, 2n ** 53n + 1n],
    ['bigint', -(2n ** 63n), -(2n ** 63n)],
    ['integer', 2n ** 63n - 1n, 2n ** 63n - 1n],
    ['integer', 5n, 5],
    ['integer', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['decimal(10, 2)', 'many', 'many'],
    ['real', 1.5, 1.5],
    ['real', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ['real', Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ['real', -0, 0],
    ['text', '😀', '😀'],
    ['text', '', ''],
    ['text', 5, '5'],
    ['blob', new Uint8Array([0, 1, 255]), new Uint8Array([0, 1, 255])],
    ['blob', Buffer.from('xyz').subarray(1), new Uint8Array([121, 122])],
    ['blob', new Uint8Array(0), new Uint8Array(0)],
    ['blob', new Uint16Array([1, 2]).subarray(1), new Uint8Array([2, 0])],
    ['blob', new Uint8Array([7, 8]).buffer, new Uint8Array([7, 8])],
  ]
  it.each([...(tellsColumns(name) ? declared : []), ...stored])(
    'a %s takes %o and gives %o',
    async (type, given, read) => {
      const value = await through(type, given)
      expect(value).toStrictEqual(read)
      if (value instanceof Uint8Array) expect(value.constructor).toBe(Uint8Array)
    },
  )

  it('stores text with a NUL character whole, or refuses it where it could not be read back', async () => {
    const read = await through('text', 'a\0b').catch((error) => error)
    if (read instanceof DataError) expect(read.message).toMatch(/NUL character/)
    else expect(read).toBe('a\0b')
    expect(process.version.startsWith('v22.') || read === 'a\0b').toBe(true)
  })

  it('stores whole numbers as integers and dates in one form of text', async () => {
    const stored = await rowsOf(
      connection,
      'select typeof(a), typeof(b), c, d, e from (select ? as a, ? as b, ? / 2 as c, ? as d, ? as e)',
      [1, 1.5, 7, noon, true],
    )
    expect(stored).toEqual([['integer', 'real', 3, '2024-02-29 12:00:00.123', 1]])
  })

  it('gives integers of expressions in full', async () => {
    expect(await rowsOf(connection, 'select 9007199254740993 as a, 1 as b, -9007199254740993 as c')).toEqual([
      [9007199254740993n, 1, -9007199254740993n],
    ])
  })

  it('gives typed statements what SQLite stores, as bigint only where they are wide', async () => {
    await run(connection, 'create table t (b boolean, d datetime, j json)')
    await run(connection, 'insert into t values (?, ?, ?)', [true, noon, { a: 1 }])
    const typed = { typed: true, rows: 'array', name: 't' } as const
    expect((await run(connection, 'select * from t', [], typed)).rows).toEqual([
      [1, '2024-02-29 12:00:00.123', '{"a":1}'],
    ])
    const wide = await run(connection, 'select b from t', [], { typed: true, rows: 'array', wide: true })
    expect(wide.rows).toEqual([[1n]])
    expect((await run(connection, 'select * from t', [], { typed: true })).rows).toMatchObject([{ b: 1 }])
    if (!tellsColumns(name)) return
    expect((await run(connection, 'select * from t', [], { name: 't' })).rows).toEqual([
      { b: true, d: noon, j: { a: 1 } },
    ])
  })

  it.each<[string, unknown, typeof ArgumentError | typeof DataError, RegExp]>([
    ['undefined', undefined, ArgumentError, /Parameter 2 is undefined.*Pass null/],
    ['a function', () => 1, ArgumentError, /Parameter 2 is .*function/],
    ['a symbol', Symbol('s'), ArgumentError, /Parameter 2 is Symbol/],
    ['a Map', new Map(), ArgumentError, /an instance of Map/],
    ['an object without JSON', { toJSON: () => undefined }, ArgumentError, /Parameter 2/],
    ['a bigint in JSON', [1n], DataError, /Parameter 2 cannot be written as JSON/],
    ['NaN', Number.NaN, DataError, /Parameter 2 is NaN/],
    ['an invalid Date', new Date('x'), DataError, /Parameter 2 is an invalid Date/],
    ['the year 10000', new Date(Date.UTC(10_000, 0)), DataError, /Parameter 2 is the date/],
    ['more than 64 bits', 2n ** 63n, DataError, /Parameter 2 is 9223372036854775808/],
    ['less than 64 bits', -(2n ** 63n) - 1n, DataError, /64 bits/],
    ['a lone surrogate', 'a\ud800', DataError, /lone surrogate/],
  ])('refuses %s by name and position', async (_, value, kind, message) => {
    const failure = await failureOf(run(connection, 'select ?, ?', [1, value]))
    expect(failure).toBeInstanceOf(kind)
    expect(failure.message).toMatch(message)
  })
})
