import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { ArgumentError, MappingError } from '../../src/errors.ts'
import {
  custom,
  decimal,
  defineEntity,
  type EntityModel,
  enumeration,
  integer,
  json,
  manyToOne,
  oneToMany,
  text,
  timestamp,
  varchar,
} from '../../src/mapping/index.ts'

const id = integer().primaryKey()
const column = (model: EntityModel, property: string) => model.columnOf.get(property)!
const options = (given: object) => () => defineEntity('users', { id, name: text() }, given)
const defining = (definition: object) => () => defineEntity('users', definition)
const loosely = (value: unknown) => value as never

describe('defineEntity', () => {
  it('makes the model of a table from a definition', () => {
    const check = sql`length(name) > 0`
    const model = defineEntity(
      'users',
      {
        id,
        name: text(),
        email: varchar(200).unique().named('e_mail'),
        teamId: integer().nullable().references('teams.id'),
      },
      {
        schema: 'app',
        indexes: [['name'], { properties: ['name', 'email'], name: 'both' }],
        uniques: [['email', 'teamId']],
        checks: [check],
      },
    )
    expect(model).toMatchObject({ table: 'users', schema: 'app', name: 'users', version: undefined, relations: [] })
    expect(model.columns.map((each) => [each.index, each.property, each.type.kind])).toEqual([
      [0, 'id', 'integer'],
      [1, 'name', 'text'],
      [2, 'email', 'varchar'],
      [3, 'teamId', 'integer'],
    ])
    expect(model.key).toEqual([column(model, 'id')])
    expect(model.generated).toEqual([column(model, 'id')])
    expect(column(model, 'email')).toMatchObject({ unique: true, explicitName: 'e_mail', nullable: false })
    expect(column(model, 'teamId')).toMatchObject({ nullable: true, references: { table: 'teams', column: 'id' } })
    expect(model.checks).toEqual([check])
    expect(model.indexes).toEqual([
      { name: undefined, properties: ['name'], unique: false },
      { name: 'both', properties: ['name', 'email'], unique: false },
      { name: undefined, properties: ['email', 'teamId'], unique: true },
    ])
  })

  it('freezes the model and what is in it, but its lists', () => {
    const model = defineEntity(
      'users',
      {
        id,
        state: enumeration('a'),
        ref: integer().references('a.b', { onDelete: 'cascade' }),
        get other() {
          return manyToOne(() => null)
        },
      },
      { indexes: [['state']], checks: [sql`true`] },
    )
    const parts = [model, model.indexes, model.checks, model.columnOf]
    const inner = [
      ...model.columns,
      ...model.indexes,
      model.indexes[0]!.properties,
      ...model.relations,
      column(model, 'state').type,
    ]
    for (const part of [...parts, ...inner, column(model, 'state').type.values, column(model, 'ref').references]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
    for (const list of [model.columns, model.loaded, model.key, model.generated, model.changing, model.moments]) {
      expect(Object.isFrozen(list)).toBe(false)
    }
    const map = model.columnOf as Map<string, unknown>
    expect(() => map.set('x', 1)).toThrow(TypeError)
    expect(() => map.delete('id')).toThrow(TypeError)
    expect(() => map.clear()).toThrow(TypeError)
    expect(model.columnOf.size).toBe(3)
  })

  it('never calls a getter of the definition', () => {
    let calls = 0
    const definition = {
      id,
      get other() {
        calls += 1
        return oneToMany(() => Later)
      },
    }
    const model = defineEntity('users', definition)
    class Later {}
    expect(calls).toBe(0)
    expect(model.relations.map((relation) => relation.property)).toEqual(['other'])
    expect(model.columnOf.has('other')).toBe(false)
  })

  it('leaves columns as they were when one is made from another', () => {
    const name = text()
    const wide = name.nullable().unique().named('x')
    const model = defineEntity('users', { id, name, wide })
    expect(column(model, 'name')).toMatchObject({ nullable: false, unique: false, explicitName: undefined })
    expect(column(model, 'wide')).toMatchObject({ nullable: true, unique: true, explicitName: 'x' })
    expect(Object.isFrozen(name)).toBe(true)
  })

  it('orders a composite key as it is written', () => {
    const model = defineEntity('memberships', {
      since: timestamp(),
      team: text().primaryKey(),
      user: integer().primaryKey(),
    })
    expect(model.key.map((each) => each.property)).toEqual(['team', 'user'])
    expect(model.generated).toEqual([])
  })
})

describe('names', () => {
  it.each([
    ['', 'must not be empty'],
    [' users', 'must not begin or end with a space'],
    ['us"ers', 'must not hold quotes'],
    ['us\u0000ers', 'control characters'],
    ['app.users', 'must not hold a point; a schema is an option: { schema }'],
    ['ü'.repeat(40), 'must not be longer than 63 bytes (it has 80)'],
    [undefined, 'must be a string'],
  ])('the table name %j is refused', (table, reason) => {
    expect(() => defineEntity(loosely(table), { id })).toThrow(MappingError)
    expect(() => defineEntity(loosely(table), { id })).toThrow(reason)
  })

  it('unusual names that every database can hold are accepted', () => {
    for (const table of ['order', 'my table', 'größe', 'a-b', 'Users$1'])
      expect(defineEntity(table, { id }).table).toBe(table)
  })

  it.each([
    'constructor',
    'toString',
    'valueOf',
    'hasOwnProperty',
    'toObject',
    'toJSON',
    'then',
    '__defineGetter__',
    'first name',
    '0',
    '',
  ])('the property %j is refused, and the column can still have the name', (property) => {
    expect(defining({ id, [property]: text() })).toThrow(MappingError)
    expect(defining({ id, [property]: text() })).toThrow(`entity('users'): the property '${property}'`)
    if (property !== '')
      expect(column(defineEntity('users', { id, other: text().named(property) }), 'other').explicitName).toBe(property)
  })

  it('__proto__ and symbols are refused as properties', () => {
    const definition = JSON.parse('{"__proto__": 1}')
    expect(defining({ id, [Symbol('s')]: text() })).toThrow('is a symbol')
    expect(defining(definition)).toThrow("the property '__proto__'")
  })

  it.each([
    [
      'a given name twice',
      { id, a: text().named('x'), b: text().named('X') },
      "'a' and 'b' would both be the column 'X'",
    ],
    [
      'a given name and a property',
      { id, userId: text(), b: text().named('user_id') },
      "would both be the column 'user_id'",
    ],
    [
      'two properties',
      { id, userId: text(), user_id: text() },
      "'userId' and 'user_id' would both be the column 'user_id'",
    ],
    [
      'a given name and a property as written',
      { id, userId: text(), b: text().named('userId') },
      "would both be the column 'userId'",
    ],
  ])('one column name for two columns is refused: %s', (_, definition, reason) => {
    expect(defining(definition)).toThrow(MappingError)
    expect(defining(definition)).toThrow(reason)
  })

  it('named() refuses what is no name', () => {
    expect(() => text().named('')).toThrow("named('' (string)): a column's name must not be empty")
    expect(() => text().named(loosely(5))).toThrow('must be a string')
  })
})

describe('definitions', () => {
  it.each([
    [
      'no key',
      { name: text() },
      "entity('users'): there is no primary key; add a column such as id: integer().primaryKey()",
    ],
    ['no key, but an id', { id: integer() }, "there is no primary key; add .primaryKey() to 'id'"],
    ['nothing', {}, 'there is no primary key'],
    ['a nullable key', { id: id.nullable() }, "column 'id': a primary key cannot be null; remove nullable()"],
    ['a JSON key', { id: json().primaryKey() }, 'JSON documents cannot be a primary key'],
    ['a builder that was not called', { id, name: text }, "property 'name': expected a column such as text()"],
    ['a text', { id, name: 'text' }, "got 'text' (string)"],
    ['a setter', { id, set name(_: string) {} }, 'got undefined'],
  ])('%s is refused', (_, definition, reason) => {
    expect(defining(definition)).toThrow(MappingError)
    expect(defining(definition)).toThrow(reason)
  })

  it('says that parentheses are missing', () => {
    expect(defining({ id, name: text })).toThrow('it may lack its parentheses, as in text()')
  })

  it.each([null, undefined, 'x', [id]])('%j is no definition', (definition) => {
    expect(defining(loosely(definition))).toThrow('the definition must be an object of columns and relations')
  })

  it.each([
    ['an unknown option', { index: [] }, "entity('users'): there is no option 'index'; did you mean 'indexes'?"],
    ['options that are none', loosely('x'), "the options must be an object, got 'x' (string)"],
    ['an index over nothing', { indexes: [[]] }, 'an index needs an array of properties'],
    [
      'an index over an unknown property',
      { indexes: [['nmae']] },
      "indexes: 'nmae' (string) is no column; did you mean 'name'?",
    ],
    ['an index with an unknown option', { indexes: [{ properties: ['name'], uniqe: true }] }, "did you mean 'unique'?"],
    ['an index over one property twice', { indexes: [['name', 'name']] }, 'stands twice in one index'],
    ['an index with a wrong flag', { indexes: [{ properties: ['name'], unique: 1 }] }, 'unique must be true or false'],
    [
      'an index with a wrong name',
      { indexes: [{ properties: ['name'], name: '' }] },
      "an index's name must not be empty",
    ],
    ['an index that is a text', { indexes: ['name'] }, "the options must be an object, got 'name' (string)"],
    ['indexes that are no array', { indexes: 'name' }, "indexes must be an array, got 'name' (string)"],
    ['a check that is a text', { checks: ['a > 0'] }, 'checks takes SQL expressions such as sql`price > 0`'],
    ['a schema without a name', { schema: '' }, "a schema's name must not be empty"],
  ])('%s is refused', (_, given, reason) => {
    expect(options(given)).toThrow(MappingError)
    expect(options(given)).toThrow(reason)
  })
})

describe('column builders', () => {
  it.each<[string, () => unknown, string]>([
    [
      'varchar() without a length',
      () => varchar(loosely(undefined)),
      'varchar(): the length must be an integer of at least 1',
    ],
    ['varchar(0)', () => varchar(0), 'varchar(0)'],
    ['varchar(1.5)', () => varchar(1.5), 'varchar(1.5)'],
    ['decimal(0)', () => decimal(0), 'decimal(0, 2)'],
    ['decimal(2, 3)', () => decimal(2, 3), 'scale an integer from 0 to the precision'],
    ['enumeration()', () => enumeration(), 'enumeration(): at least one value is needed'],
    ['enumeration([])', () => enumeration([]), 'at least one value is needed'],
    ['enumeration of an empty text', () => enumeration('a', ''), "texts that are not empty, got '' (string)"],
    ['enumeration of a number', () => enumeration(loosely(1)), 'got 1 (number)'],
    ['enumeration with a value twice', () => enumeration('a', 'a'), "'a' (string) is given twice"],
    ['a reference without a column', () => integer().references(loosely('users')), "write 'table.column'"],
    ['a reference with empty parts', () => integer().references('users.'), "write 'table.column'"],
    ['a reference with too many parts', () => integer().references('a.b.c.d'), "write 'table.column'"],
    ['a reference to a class', () => integer().references(loosely(class User {})), 'references(User (function))'],
    [
      'an unknown action',
      () => integer().references('a.b', { onDelete: loosely('explode') }),
      "onDelete must be one of 'cascade'",
    ],
    [
      'an unknown option',
      () => integer().references('a.b', loosely({ onDelte: 'cascade' })),
      "did you mean 'onDelete'?",
    ],
    [
      'custom() without options',
      () => custom(loosely(undefined)),
      'custom(…): the options must be an object, got undefined',
    ],
    [
      'custom() without a direction',
      () => custom(loosely({ storage: text(), toDatabase: String })),
      'fromDatabase must be a function',
    ],
    [
      'custom() without a storage',
      () => custom(loosely({ toDatabase: String, fromDatabase: String })),
      'storage must be a column',
    ],
    [
      'custom() over a chained column',
      () => custom({ storage: text().unique(), toDatabase: String, fromDatabase: String }),
      'storage must be a column without anything chained to it',
    ],
    [
      'autoincrement() of a text',
      () => integer().autoincrement(loosely('no')),
      "takes true or false, got 'no' (string)",
    ],
  ])('%s is refused at once', (_, build, reason) => {
    expect(build).toThrow(MappingError)
    expect(build).toThrow(ArgumentError)
    expect(build).toThrow(reason)
  })

  it('a reference can name a schema and what the database does', () => {
    const model = defineEntity('users', {
      id,
      a: integer().references('app.teams.id', { onDelete: 'set null', onUpdate: 'cascade' }),
    })
    expect(column(model, 'a').references).toEqual({
      schema: 'app',
      table: 'teams',
      column: 'id',
      onDelete: 'set null',
      onUpdate: 'cascade',
    })
  })
})
