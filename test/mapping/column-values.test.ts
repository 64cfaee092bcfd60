import { describe, expect, it } from 'vitest'
import {
  bigint,
  boolean,
  bytes,
  type Column,
  type ColumnType,
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

function typeOf<Value>(column: Column<Value, 'numbered'> | Column<Value>): ColumnType {
  const model = defineEntity('things', { id: integer().primaryKey(), value: column })
  return model.columns[1]!.type
}

class Point {
  readonly x: number
  readonly y: number
  constructor(x: number, y: number) {
    this.x = x
    this.y = y
  }
}
const point = () =>
  custom({
    storage: varchar(9),
    toDatabase: (value: Point) => {
      if (!(value instanceof Point)) throw new TypeError('a Point is needed')
      return `${value.x},${value.y}`
    },
    fromDatabase: (stored) => new Point(Number(stored.split(',')[0]), Number(stored.split(',')[1])),
  })

const UUID = '0b5f8f9e-6d3c-4a55-9d52-0f5f8d0a7c11'
const cyclic: Record<string, unknown> = { name: 'a' }
cyclic['self'] = cyclic
const deep = JSON.parse('['.repeat(1500) + ']'.repeat(1500))

const good: readonly [string, ColumnType, readonly unknown[]][] = [
  ['integer', typeOf(integer()), [0, -0, -1, 2 ** 31, Number.MAX_SAFE_INTEGER]],
  ['bigint', typeOf(bigint()), [0n, 2n ** 63n - 1n, -(2n ** 63n)]],
  ['real', typeOf(real()), [0, -1.5, Number.MAX_VALUE]],
  ['decimal', typeOf(decimal(5, 2)), ['0', '-0', '123.45', '-123.4', '000123.4500', '999.99']],
  ['decimal of fractions only', typeOf(decimal(2, 2)), ['0.12', '-0.1', '0']],
  ['text', typeOf(text()), ['', 'a', '😀', '\u0000']],
  ['varchar', typeOf(varchar(3)), ['', 'abc', '😀😀😀']],
  ['boolean', typeOf(boolean()), [true, false]],
  ['timestamp', typeOf(timestamp()), [new Date(0), new Date('2024-02-29T12:00:00.123Z')]],
  ['date', typeOf(date()), ['2024-02-29', '0001-01-01', '9999-12-31']],
  ['json', typeOf(json()), [1, 'a', false, [], {}, [null], { a: undefined, b: [{ c: null }] }, Object.create(null)]],
  ['uuid', typeOf(uuid()), [UUID, UUID.toUpperCase()]],
  ['bytes', typeOf(bytes()), [new Uint8Array(), Buffer.from('a')]],
  ['enumeration', typeOf(enumeration('open', 'closed')), ['open', 'closed']],
  ['custom', typeOf(point()), [new Point(1, 2)]],
]

const bad: readonly [string, ColumnType, readonly [value: unknown, problem: string][]][] = [
  [
    'integer',
    typeOf(integer()),
    [
      ['5', "expected an integer, got '5' (string)"],
      [1.5, 'expected an integer, got 1.5 (number)'],
      [Number.NaN, 'expected an integer, got NaN (number)'],
      [5n, 'expected an integer, got 5n (bigint)'],
      [2 ** 53, 'expected an integer within ±(2^53 − 1), got 9007199254740992 (number); use bigint() for it'],
      [undefined, 'expected an integer, got undefined'],
      [true, 'expected an integer, got true (boolean)'],
    ],
  ],
  [
    'bigint',
    typeOf(bigint()),
    [
      [5, 'expected a bigint, got 5 (number); write 5n'],
      [1.5, 'expected a bigint, got 1.5 (number)'],
      [2n ** 63n, 'expected a bigint of 64 bits, got 9223372036854775808n (bigint)'],
    ],
  ],
  ['real', typeOf(real()), [[Number.NaN, 'expected a finite number, got NaN (number)']]],
  [
    'decimal',
    typeOf(decimal(5, 2)),
    [
      [1.5, "expected a decimal as a string, got 1.5 (number); write '1.5', numbers are not exact"],
      ['1e3', "expected a decimal such as '12.50', got '1e3' (string)"],
      ['.5', "expected a decimal such as '12.50', got '.5' (string)"],
      ['5.', "expected a decimal such as '12.50', got '5.' (string)"],
      [' 5', "expected a decimal such as '12.50', got ' 5' (string)"],
      ['1\n', "expected a decimal such as '12.50', got '1\n' (string)"],
      ['', "expected a decimal such as '12.50', got '' (string)"],
      ['1.234', "expected at most 2 digits after the point, got '1.234' (string)"],
      ['1234', "expected at most 3 digits before the point, got '1234' (string)"],
    ],
  ],
  [
    'text',
    typeOf(text()),
    [
      [5, 'expected a string, got 5 (number)'],
      ['a\ud83d', 'expected well-formed text, got half of a surrogate pair'],
    ],
  ],
  ['varchar', typeOf(varchar(3)), [['abcd', 'expected at most 3 characters, got 4']]],
  ['boolean', typeOf(boolean()), [[1, 'expected true or false, got 1 (number)']]],
  [
    'timestamp',
    typeOf(timestamp()),
    [
      ['2024-01-01', "expected a valid Date, got '2024-01-01' (string); write new Date(…)"],
      [new Date(Number.NaN), 'expected a valid Date, got an invalid Date'],
    ],
  ],
  [
    'date',
    typeOf(date()),
    [
      ['2023-02-29', "expected a day as 'YYYY-MM-DD', got '2023-02-29' (string)"],
      ['0000-01-01', "expected a day as 'YYYY-MM-DD', got '0000-01-01' (string)"],
      ['2024-1-1', "expected a day as 'YYYY-MM-DD', got '2024-1-1' (string)"],
      [new Date(0), "expected a day as 'YYYY-MM-DD', got Date 1970-01-01T00:00:00.000Z"],
    ],
  ],
  [
    'json',
    typeOf(json()),
    [
      [{ a: [1, new Date(0)] }, 'expected a JSON value, got Date 1970-01-01T00:00:00.000Z at $.a[1]'],
      [[undefined], 'expected a JSON value, got undefined at $[0]'],
      [{ a: Number.POSITIVE_INFINITY }, 'expected a JSON value, got Infinity (number) at $.a'],
      [5n, 'expected a JSON value, got 5n (bigint) at $'],
      [new Map(), 'expected a JSON value, got an instance of Map at $'],
      [new Point(1, 2), 'expected a JSON value, got an instance of Point at $'],
      [cyclic, 'expected a JSON value, got a cycle at $.self'],
      [deep, 'expected a JSON value, got one nested deeper than 1000 levels'],
    ],
  ],
  ['uuid', typeOf(uuid()), [['x', `expected a UUID such as '${UUID}', got 'x' (string)`]]],
  ['bytes', typeOf(bytes()), [[[1], 'expected a Uint8Array, got an array of 1']]],
  [
    'enumeration',
    typeOf(enumeration('open', 'closed')),
    [
      ['opne', "expected one of 'open', 'closed', got 'opne' (string); did you mean 'open'?"],
      [1, "expected one of 'open', 'closed', got 1 (number)"],
    ],
  ],
  [
    'custom',
    typeOf(point()),
    [
      ['1,2', "toDatabase refused '1,2' (string): a Point is needed"],
      [
        new Point(12345, 67890),
        'toDatabase made a wrong value of an instance of Point: expected at most 9 characters, got 11',
      ],
    ],
  ],
]

describe('values of columns', () => {
  it.each(good)('%s takes its own values', (_, type, values) => {
    for (const value of values) expect(type.problem(value)).toBeUndefined()
  })

  it.each(bad)('%s says what is wrong with a wrong value', (_, type, cases) => {
    for (const [value, problem] of cases) expect(type.problem(value)).toBe(problem)
  })

  it('text of any length is told shortly', () => {
    const problem = typeOf(varchar(3)).problem('x'.repeat(5000))
    expect(problem).toBe('expected at most 3 characters, got 5000')
  })

  it('a very long decimal is judged in time that grows with its length only', () => {
    const type = typeOf(decimal(5, 2))
    expect(type.problem(`${'0'.repeat(300_000)}1${'0'.repeat(300_000)}x`)).toContain('expected a decimal such as')
    expect(type.problem(`1.${'0'.repeat(300_000)}`)).toBeUndefined()
  })

  it('one object in two places of a JSON document is no cycle', () => {
    const shared = { a: 1 }
    expect(typeOf(json()).problem({ first: shared, second: [shared] })).toBeUndefined()
  })

  it('types are frozen, and shared where they have no parameters', () => {
    for (const [, type] of good) expect(Object.isFrozen(type)).toBe(true)
    expect(typeOf(integer())).toBe(typeOf(integer()))
  })
})

describe('equality by value', () => {
  const equal: readonly [string, ColumnType, unknown, unknown][] = [
    ['zeros of either sign', typeOf(integer()), 0, -0],
    ['NaN read from a database', typeOf(real()), Number.NaN, Number.NaN],
    ['decimals worth the same', typeOf(decimal()), '1.50', '1.5'],
    ['decimals with leading zeros', typeOf(decimal()), '-01.0', '-1'],
    ['zero decimals of either sign', typeOf(decimal()), '-0.00', '0'],
    ['dates of one time', typeOf(timestamp()), new Date(5), new Date(5)],
    ['bytes of one content', typeOf(bytes()), Buffer.from('ab'), new Uint8Array([97, 98])],
    ['UUIDs in either case', typeOf(uuid()), UUID, UUID.toUpperCase()],
    ['JSON in another order', typeOf(json()), { a: 1, b: { c: [1] } }, { b: { c: [1] }, a: 1 }],
    ['JSON where undefined is absent', typeOf(json()), { a: 1, b: undefined }, { a: 1 }],
    ['custom values stored alike', typeOf(point()), new Point(1, 2), new Point(1, 2)],
    ['nulls', typeOf(timestamp()), null, null],
  ]
  const different: readonly [string, ColumnType, unknown, unknown][] = [
    ['a number and its text', typeOf(integer()), 1, '1'],
    ['null and a value', typeOf(timestamp()), null, new Date(0)],
    ['a value and null', typeOf(point()), new Point(1, 2), null],
    ['other decimals', typeOf(decimal()), '1.05', '1.5'],
    ['malformed decimals', typeOf(decimal()), 'a', 'b'],
    ['other times', typeOf(timestamp()), new Date(5), new Date(6)],
    ['bytes of other lengths', typeOf(bytes()), new Uint8Array([1]), new Uint8Array([1, 2])],
    ['JSON in another order of items', typeOf(json()), [1, 2], [2, 1]],
    ['JSON lists and objects', typeOf(json()), [], {}],
    ['JSON with another property', typeOf(json()), { a: undefined, b: 1 }, { a: 1, b: undefined }],
    ['two cycles', typeOf(json()), cyclic, { ...cyclic, self: { ...cyclic, name: 'b' } }],
  ]
  it.each(equal)('%s are equal', (_, type, a, b) => {
    expect(type.equals(a, b)).toBe(true)
    expect(type.equals(b, a)).toBe(true)
  })
  it.each(different)('%s are different', (_, type, a, b) => {
    expect(type.equals(a, b)).toBe(false)
    expect(type.equals(b, a)).toBe(false)
  })
  it('custom() takes an equality of its own', () => {
    const options = { storage: text(), toDatabase: (value: string) => value, fromDatabase: (stored: string) => stored }
    const type = typeOf(custom({ ...options, equals: (a: string, b: string) => a.length === b.length }))
    expect(type.equals('ab', 'cd')).toBe(true)
    expect(type.equals('ab', null)).toBe(false)
  })
})

describe('identity', () => {
  it('equal values have equal parts of a key, and different values different ones', () => {
    const parts = (
      column: Column<never> | Column<string> | Column<Date> | Column<Uint8Array> | Column<Point>,
      ...values: unknown[]
    ) => new Set(values.map((value) => typeOf(column as Column<unknown>).keyOf?.(value)))
    expect(parts(timestamp(), new Date(5), new Date(5), new Date(6))).toEqual(new Set([5, 6]))
    expect(parts(bytes(), Buffer.from([1, 255]), new Uint8Array([1, 255]))).toEqual(new Set(['01ff']))
    expect(parts(uuid(), UUID, UUID.toUpperCase())).toEqual(new Set([UUID]))
    expect(parts(decimal(), '1.50', '01.5', '-0', '0', 'nothing')).toEqual(new Set(['1.5', '0', 'nothing']))
    expect(parts(point(), new Point(1, 2), new Point(1, 2), new Point(2, 1))).toEqual(new Set(['1,2', '2,1']))
  })

  it('primitives stand for themselves', () => {
    for (const column of [integer(), bigint(), text(), varchar(5), enumeration('a'), date(), boolean(), real()]) {
      expect(typeOf(column as Column<unknown>).keyOf).toBeUndefined()
    }
  })
})

describe('custom()', () => {
  it('converts in both directions and keeps the facts of its storage', () => {
    const type = typeOf(point())
    expect(type).toMatchObject({ kind: 'varchar', length: 9 })
    expect(type.convert?.toStored(new Point(1, 2))).toBe('1,2')
    expect(type.convert?.fromStored('3,4')).toEqual(new Point(3, 4))
  })

  it('can be stored as another custom()', () => {
    const shifted = custom({
      storage: point(),
      toDatabase: (value: number) => new Point(value, value + 1),
      fromDatabase: (stored) => stored.x,
    })
    const type = typeOf(shifted)
    expect(type.convert?.toStored(4)).toBe('4,5')
    expect(type.convert?.fromStored('4,5')).toBe(4)
    expect(type.problem(4)).toBeUndefined()
    expect(type.problem(123456789)).toContain('toDatabase made a wrong value')
    expect(type.keyOf?.(4)).toBe('4,5')
  })

  it('says when toDatabase makes nothing of a value', () => {
    const type = typeOf(
      custom({ storage: text(), toDatabase: () => null as unknown as string, fromDatabase: (s) => s }),
    )
    expect(type.problem(1)).toBe('toDatabase made null of 1 (number)')
  })
})
