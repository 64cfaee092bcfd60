import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { MappingError } from '../../src/errors.ts'
import {
  bigint,
  bytes,
  custom,
  decimal,
  defineEntity,
  type EntityModel,
  integer,
  json,
  text,
  timestamp,
  uuid,
} from '../../src/mapping/index.ts'

const id = integer().primaryKey()
const column = (model: EntityModel, property: string) => model.columnOf.get(property)!
const defining = (definition: object) => () => defineEntity('users', definition)
const loosely = (value: unknown) => value as never

describe('numbered keys', () => {
  const numbered = (definition: object) => defineEntity('users', definition).key[0]?.autoincrement
  it('a sole integer or bigint key is numbered by the database', () => {
    expect(numbered({ id })).toBe(true)
    expect(numbered({ id: bigint().primaryKey() })).toBe(true)
    expect(numbered({ id: integer().primaryKey().autoincrement() })).toBe(true)
  })
  it('a key that something else makes is not', () => {
    expect(numbered({ id: id.autoincrement(false) })).toBe(false)
    expect(numbered({ id: id.default(() => 5) })).toBe(false)
    expect(numbered({ id: id.serverDefault(sql`nextval('s')`) })).toBe(false)
    expect(numbered({ id: id.references('users.id') })).toBe(false)
    expect(numbered({ id, other: integer().primaryKey() })).toBe(false)
    expect(numbered({ id: uuid().primaryKey() })).toBe(false)
  })
  it('a server default is read back like a numbered key', () => {
    const model = defineEntity('users', { id, createdAt: timestamp().serverDefault(sql`now()`), name: text() })
    expect(model.generated.map((each) => each.property)).toEqual(['id', 'createdAt'])
  })
  const converted = () =>
    custom({ storage: integer(), toDatabase: (n: number) => n, fromDatabase: (n) => n }).primaryKey()
  it.each([
    ['no key', { id, n: integer().autoincrement() }, 'the column is no primary key; add primaryKey()'],
    ['a composite key', { id: id.autoincrement(), b: integer().primaryKey() }, 'the primary key has several columns'],
    ['a text', { id: text().primaryKey().autoincrement() }, 'databases number integer() and bigint() only, not text()'],
    ['a custom type', { id: converted().autoincrement() }, 'not custom() over integer()'],
    ['a default', { id: id.default(1).autoincrement() }, 'the column has a default; remove one of the two'],
    [
      'a reference',
      { id: id.references('a.b').autoincrement() },
      'the key is that of another row, which references() names',
    ],
  ])('autoincrement() of %s is refused', (_, definition, reason) => {
    expect(defining(definition)).toThrow(MappingError)
    expect(defining(definition)).toThrow(reason)
  })
})

describe('defaults', () => {
  const maker = (made: object) => column(defineEntity('users', { id, value: loosely(made) }), 'value').makeDefault

  it('a function makes a value for each instance', () => {
    let count = 0
    const make = maker(integer().default(() => ++count))
    expect([make?.(), make?.()]).toEqual([1, 2])
    expect(maker(text())).toBeUndefined()
  })

  it('a plain value is the same for all', () => {
    expect(maker(text().default('x'))?.()).toBe('x')
    expect(maker(text().nullable().default(null))?.()).toBeNull()
    expect(maker(json().default(false))?.()).toBe(false)
  })

  it('an object given as a value is copied for each instance, and from the start', () => {
    const given = { tags: ['a'] }
    const make = maker(json<{ tags: string[] }>().default(given))
    given.tags.push('changed by the program')
    const first = make?.() as { tags: string[] }
    first.tags.push('changed in an instance')
    expect(make?.()).toEqual({ tags: ['a'] })
  })

  it('dates and bytes are copied too', () => {
    const day = new Date(5)
    const make = maker(timestamp().default(day))
    expect(make?.()).toEqual(day)
    expect(make?.()).not.toBe(make?.())
    const bytesMake = maker(bytes().default(new Uint8Array([1, 2])))
    expect(bytesMake?.()).toEqual(new Uint8Array([1, 2]))
    expect(bytesMake?.()).not.toBe(bytesMake?.())
  })

  it('an object of a custom type is shared when it is frozen, and refused when it is not', () => {
    const wrapped = custom({ storage: integer(), toDatabase: (v: { n: number }) => v.n, fromDatabase: (n) => ({ n }) })
    const frozen = Object.freeze({ n: 1 })
    expect(maker(wrapped.default(frozen))?.()).toBe(frozen)
    expect(() => maker(wrapped.default({ n: 1 }))).toThrow(
      'all instances would share one default, an object; give a function',
    )
    expect(maker(wrapped.default(() => ({ n: 2 })))?.()).toEqual({ n: 2 })
  })

  it('a default that does not fit its column is refused where it is declared', () => {
    expect(() => maker(integer().default(loosely('5')))).toThrow(
      "entity('users'), column 'value': the default does not fit: expected an integer, got '5' (string).",
    )
    expect(() => maker(decimal(3, 2).default('10.00'))).toThrow('expected at most 1 digits before the point')
    expect(() => maker(text().default(loosely(null)))).toThrow('default(null) needs nullable()')
    expect(() => text().default(loosely(undefined))).toThrow('default(undefined) is no default')
  })

  it('onUpdate() and serverDefault() refuse what they cannot use', () => {
    expect(() => text().onUpdate(loosely('x'))).toThrow(
      "onUpdate(…) takes a function such as () => new Date(), got 'x' (string)",
    )
    expect(() => text().serverDefault(loosely('now()'))).toThrow(
      "takes an SQL expression such as sql`now()`, got 'now()' (string)",
    )
    const make = () => 'later'
    expect(column(defineEntity('users', { id, a: text().onUpdate(make) }), 'a').makeOnUpdate).toBe(make)
  })
})

describe('version columns', () => {
  it('is a counter of the entity', () => {
    const model = defineEntity('users', { id, rev: integer().version() })
    expect(model.version).toBe(column(model, 'rev'))
  })
  it.each([
    ['a text', { id, rev: (text() as never as ReturnType<typeof integer>).version() }, 'must be integer(), not text()'],
    [
      'a bigint',
      { id, rev: (bigint() as never as ReturnType<typeof integer>).version() },
      'must be integer(), not bigint()',
    ],
    ['a nullable column', { id, rev: integer().version().nullable() }, 'a version cannot be null; remove nullable()'],
    ['a key', { id: integer().version().primaryKey() }, 'cannot be part of the primary key'],
    ['a default', { id, rev: integer().version().default(0) }, 'heddle itself sets a version'],
    [
      'an onUpdate()',
      {
        id,
        rev: integer()
          .version()
          .onUpdate(() => 1),
      },
      'heddle itself sets a version',
    ],
    ['a reference', { id, rev: integer().version().references('a.b') }, 'it cannot reference another table'],
    [
      'a second one',
      { id, a: integer().version(), b: integer().version() },
      "one version column at most, but there are 'a', 'b'",
    ],
  ])('%s as version is refused', (_, definition, reason) => {
    expect(defining(definition)).toThrow(MappingError)
    expect(defining(definition)).toThrow(reason)
  })
})
