import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../src/errors.ts'
import { onEvery } from '../support/index.ts'
import { Connections, run, value } from './server-drivers.ts'

class Money {
  readonly amount = 1
}

onEvery({ on: ['postgres', 'pglite'] }, (db) => {
  const connections = new Connections(db)

  describe('a value that is read', () => {
    const cases: readonly (readonly [string, string, unknown])[] = [
      ['int2', '1::int2', 1],
      ['int4', '-7::int4', -7],
      ['int8 that a number holds', '9007199254740991::int8', 9007199254740991],
      ['int8 beyond that', '(-9223372036854775808)::int8', -9223372036854775808n],
      ['numeric', '1.50::numeric(10,2)', '1.50'],
      ['float4', '0.1::float4', 0.1],
      ['float8', "'NaN'::float8", Number.NaN],
      ['bool', 'false', false],
      ['text', "'é😀'::text", 'é😀'],
      ['char', "'a'::char(3)", 'a  '],
      ['uuid', "'123E4567-E89B-12D3-A456-426614174000'::uuid", '123e4567-e89b-12d3-a456-426614174000'],
      ['date', "'2020-02-03'::date", '2020-02-03'],
      ['time', "'12:34:56'::time", '12:34:56'],
      ['timestamp', "'2020-01-02 03:04:05.678'::timestamp", new Date('2020-01-02T03:04:05.678Z')],
      ['timestamptz', "'2020-01-02 03:04:05+02'::timestamptz", new Date('2020-01-02T01:04:05Z')],
      [
        'timestamptz with microseconds',
        "'2020-01-02 03:04:05.9996+00'::timestamptz",
        new Date('2020-01-02T03:04:05.999Z'),
      ],
      ['timestamptz before Christ', "'0044-03-15 00:00:00+00 BC'::timestamptz", new Date('-000043-03-15T00:00:00Z')],
      ['timestamptz of the year 50', "'0050-03-15 00:00:00+00'::timestamptz", new Date('0050-03-15T00:00:00Z')],
      ['timestamptz of the year 12345', "'12345-03-15 00:00:00+00'::timestamptz", new Date('+012345-03-15T00:00:00Z')],
      ['timestamptz without end', "'infinity'::timestamptz", Number.POSITIVE_INFINITY],
      ['json', `'{"a": [1, null]}'::json`, { a: [1, null] }],
      ['jsonb that is null', `'null'::jsonb`, null],
      ['bytea', "'\\x00ff10'::bytea", new Uint8Array([0, 255, 16])],
      ['empty bytea', "''::bytea", new Uint8Array()],
      ['int4[]', 'array[1,null,3]', [1, null, 3]],
      ['int8[] of two dimensions', 'array[array[1::int8],array[9007199254740993]]', [[1], [9007199254740993n]]],
      ['text[]', `array['a"b', 'c\\d', 'e,{}', 'NULL', null, '']`, ['a"b', 'c\\d', 'e,{}', 'NULL', null, '']],
      ['array with bounds', `'[2:3]={7,8}'::int[]`, [7, 8]],
      ['empty array', "'{}'::text[]", []],
      ['timestamptz[]', "array['2020-01-02 00:00:00+00'::timestamptz]", [new Date('2020-01-02T00:00:00Z')]],
      ['jsonb[]', `array['{"a":1}'::jsonb]`, [{ a: 1 }]],
      ['bytea[]', "array['\\x01'::bytea]", [new Uint8Array([1])]],
      ['null', 'null::int', null],
    ]

    it.each(cases)('is right: %s', async (_, sql, expected) => {
      const connection = await connections.open()
      expect(await value(connection, `select ${sql} as v`)).toEqual(expected)
    })

    it('is no Buffer, and has memory of its own', async () => {
      const bytes = (await value(await connections.open(), `select '\\x00ff'::bytea`)) as Uint8Array
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
      expect(bytes.buffer.byteLength).toBe(2)
    })

    it('is right in the older form of bytea, and in another time zone', async () => {
      const connection = await connections.open()
      await run(connection, `set bytea_output = 'escape'`)
      await run(connection, `set time zone 'Asia/Kolkata'`)
      expect(await value(connection, `select '\\x005c41ff'::bytea`)).toEqual(new Uint8Array([0, 92, 65, 255]))
      const time = await value(connection, `select '2020-01-02 00:00:00+00'::timestamptz`)
      expect(time).toEqual(new Date('2020-01-02T00:00:00Z'))
    })
  })

  it('gives typed integers as numbers, and as bigint where they are wide', async () => {
    const connection = await connections.open()
    const sql = 'select 9007199254740993::int8'
    expect(await value(connection, sql, [], { typed: true, wide: true })).toBe(9007199254740993n)
    expect(await value(connection, 'select 5::int8', [], { typed: true, wide: true })).toBe(5)
    expect(await value(connection, 'select 5::int8', [], { typed: true })).toBe(5)
    expect(await value(connection, `select interval '1 day'`, [], { typed: true })).toBe('1 day')
  })

  it('gives rows as objects or as arrays, also with names that are odd', async () => {
    const connection = await connections.open()
    const sql = 'select 1 as "a b", 2 as "__proto__"'
    const { rows, columns, rowCount } = await run(connection, sql)
    expect(columns).toEqual(['a b', '__proto__'])
    expect(rowCount).toBe(1)
    expect(Object.entries(rows[0] as object)).toEqual([
      ['a b', 1],
      ['__proto__', 2],
    ])
    expect((await run(connection, sql, [], { rows: 'array' })).rows).toEqual([[1, 2]])
  })

  describe('a parameter', () => {
    const cases: readonly (readonly [string, unknown, unknown])[] = [
      ['int', 5, 5],
      ['int8', 2n ** 62n, 2n ** 62n],
      ['float8', Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
      ['numeric', '1.10', '1.10'],
      ['bool', true, true],
      ['text', `a'b"\\`, `a'b"\\`],
      ['text', '', ''],
      ['timestamptz', new Date(1234567890123), new Date(1234567890123)],
      ['timestamp', new Date(1234567890123), new Date(1234567890123)],
      ['date', new Date('2020-02-03T23:59:59Z'), '2020-02-03'],
      ['timestamptz', new Date('-000043-03-15T00:00:00Z'), new Date('-000043-03-15T00:00:00Z')],
      ['timestamptz', new Date('+012345-01-01T00:00:00Z'), new Date('+012345-01-01T00:00:00Z')],
      ['bytea', new Uint8Array([0, 255]), new Uint8Array([0, 255])],
      ['bytea', new Uint8Array([9, 0, 255]).subarray(1), new Uint8Array([0, 255])],
      ['bytea', new Uint8Array([7]).buffer, new Uint8Array([7])],
      ['jsonb', { a: [1, 'x'] }, { a: [1, 'x'] }],
      ['json', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
      ['int[]', [1, null, 3], [1, null, 3]],
      ['text[]', ['a"b\\c', '', null, 'NULL'], ['a"b\\c', '', null, 'NULL']],
      ['int8[]', [[1n], [2n]], [[1], [2]]],
      ['int[]', [], []],
      ['timestamptz[]', [new Date(5)], [new Date(5)]],
      ['bytea[]', [new Uint8Array([1, 255])], [new Uint8Array([1, 255])]],
      ['bool[]', [true, false], [true, false]],
      ['jsonb[]', [{ a: 'x"y' }], [{ a: 'x"y' }]],
      ['int', null, null],
    ]

    it.each(cases)('arrives as %s: %o', async (type, given, expected) => {
      const connection = await connections.open()
      expect(await value(connection, `select $1::${type} as v`, [given])).toEqual(expected)
    })

    const circular: Record<string, unknown> = {}
    circular['self'] = circular
    const refused: readonly (readonly [string, unknown])[] = [
      ['parameter 2 of it is undefined; give null for NULL', undefined],
      ['parameter 2 of it is undefined; give null for NULL', [undefined]],
      ['parameter 2 of it is an invalid Date', new Date(Number.NaN)],
      ['parameter 2 of it is a function', () => 1],
      ['parameter 2 of it is a symbol', Symbol('s')],
      ['parameter 2 of it is an instance of Map', new Map()],
      ['parameter 2 of it is an instance of Money', new Money()],
      ['parameter 2 of it cannot be written as JSON', circular],
      ['parameter 2 of it cannot be written as JSON', { a: 1n }],
    ]

    it.each(refused)('is refused with its place: %s', async (said, given) => {
      const connection = await connections.open()
      const work = run(connection, 'select $1::text, $2::text', ['a', given])
      await expect(work).rejects.toThrow(ArgumentError)
      await expect(work).rejects.toThrow(said.replace('parameter 2 of it', `The statement's parameter 2`))
    })

    it('is refused where there are too many, and the connection lives on', async () => {
      const connection = await connections.open()
      await expect(run(connection, 'select 1', new Array(65_536).fill(1))).rejects.toThrow(/has 65536 parameters/)
      await expect(run(connection, 'select 1 \0, 2')).rejects.toThrow(/zero character/)
      expect(await value(connection, 'select 1')).toBe(1)
    })
  })
})
