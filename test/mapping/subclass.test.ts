import { describe, expect, it } from 'vitest'
import {
  createEngine,
  entity,
  enumeration,
  integer,
  MappingError,
  oneToMany,
  schemaSql,
  sql,
  subclass,
  text,
  varchar,
} from '../../src/index.ts'

function base() {
  return class Employee extends entity('employees', {
    id: integer().primaryKey(),
    type: varchar(20).discriminator('employee'),
    name: text(),
  }) {}
}

/** What the types refuse, for programs without types. */
// biome-ignore lint/suspicious/noExplicitAny: the arguments are wrong on purpose
const wrongly = subclass as (...given: any[]) => new (...given: any[]) => object

describe('a wrong definition of a class that inherits says how to mend it', () => {
  const plain = class Plain extends entity('plain', { id: integer().primaryKey() }) {}

  it.each<[what: string, define: () => unknown, reason: string | RegExp]>([
    [
      'a parent without a discriminator',
      () => subclass(plain, {}, {}),
      /Plain has no column that tells.*discriminator\('plain'\)/,
    ],
    ['a parent that is no entity', () => wrongly(class {}, {}), 'An entity class is needed'],
    ['an inherited property', () => wrongly(base(), { name: text() }), "'name' is inherited from Employee already"],
    ['a key of its own', () => wrongly(base(), { code: text().primaryKey() }), /cannot be part of the primary key/],
    ['a version of its own', () => wrongly(base(), { rev: integer().version() }), /cannot be a version/],
    [
      'a discriminator of its own',
      () => wrongly(base(), { k: text().discriminator('x') }),
      /cannot be a discriminator/,
    ],
    ['a value that does not fit', () => wrongly(base(), {}, { discriminator: 5 }), "does not fit the column 'type'"],
    ['null for a value', () => wrongly(base(), {}, { discriminator: null }), 'does not fit'],
    [
      'the value of the root',
      () => wrongly(base(), {}, { discriminator: 'employee' }),
      "'employee' (string) is that of Employee already",
    ],
    ['an unknown option', () => wrongly(base(), {}, { discriminatr: 'x' }), "did you mean 'discriminator'?"],
    [
      'the table of the root',
      () => wrongly(base(), {}, { table: 'employees', discriminator: 'x' }),
      "'employees' is that of Employee already",
    ],
    ['a table that is no name', () => wrongly(base(), {}, { table: '', discriminator: 'x' }), 'must not be empty'],
    ['an index of unknown properties', () => wrongly(base(), { a: text() }, { indexes: [['b']] }), 'is no column'],
    [
      'an index over two tables',
      () => wrongly(base(), { a: text() }, { table: 't', indexes: [['name', 'a']] }),
      'is no column',
    ],
    [
      'two names that meet in the database',
      () => wrongly(base(), { other: text().named('name') }),
      "would both be the column 'name'",
    ],
    [
      'a discriminator of a wrong kind',
      () =>
        wrongly(
          class X extends entity('x', {
            id: integer().primaryKey(),
            at: (text().nullable() as never as ReturnType<typeof text>).discriminator('x'),
          }) {},
          {},
        ),
      'it cannot be null',
    ],
  ])('%s', (_, define, reason) => {
    expect(define).toThrow(MappingError)
    expect(define).toThrow(reason)
  })

  it('two discriminators, and one that the database fills in', () => {
    const two = { id: integer().primaryKey(), a: text().discriminator('a'), b: text().discriminator('b') }
    expect(() => entity('x', two)).toThrow("one column tells the classes apart, but there are 'a', 'b'")
    const given = { id: integer().primaryKey(), a: text().serverDefault(sql`'a'`).discriminator('a') }
    expect(() => entity('x', given)).toThrow('heddle itself sets a discriminator')
    const choice = { id: integer().primaryKey(), a: enumeration('x', 'y').discriminator('z' as 'x') }
    expect(() => entity('x', choice)).toThrow("the discriminator's value does not fit")
  })

  it('a value, or a table, that a sibling has', () => {
    const Employee = base()
    class Manager extends subclass(Employee, { level: integer() }, { discriminator: 'manager', table: 'managers' }) {}
    expect(Manager.name).toBe('Manager')
    expect(() => wrongly(Employee, {}, { discriminator: 'manager' })).toThrow(/'manager' \(string\) is that of/)
    expect(() => wrongly(Employee, {}, { discriminator: 'x', table: 'managers' })).toThrow(/'managers' is that of/)
  })

  it('a column that siblings in one table declare differently; one that they declare alike is one column', () => {
    const Employee = base()
    subclass(Employee, { grade: integer() }, { discriminator: 'a' })
    expect(() => wrongly(Employee, { grade: text() }, { discriminator: 'b' })).toThrow(
      "'grade' is declared differently by two classes that share the table 'employees'",
    )
    subclass(Employee, { grade: integer() }, { discriminator: 'c' })
    const made = schemaSql(createEngine('sqlite://'), [Employee])
    expect(made.match(/"grade"/g)).toHaveLength(1)
  })
})

describe('the tables of a family', () => {
  it('a shared table has the columns of all its classes, which may be null; a joined one has the key of the table above', () => {
    const Employee = base()
    class Manager extends subclass(
      Employee,
      {
        level: integer(),
        get reports() {
          return oneToMany(() => Engineer)
        },
      },
      { discriminator: 'manager' },
    ) {}
    class Engineer extends subclass(
      Employee,
      { language: text(), managerId: integer().nullable().references('employees.id') },
      { discriminator: 'engineer', table: 'engineers', indexes: [['language']] },
    ) {}
    class Architect extends subclass(
      Engineer,
      { rank: integer() },
      { discriminator: 'architect', table: 'architects' },
    ) {}
    const made = schemaSql(createEngine('sqlite://'), [Manager])
    expect(made).toContain('"name" text not null, "level" integer)')
    expect(made).toContain('"language" text not null')
    expect(made).toContain('foreign key ("id") references "employees" ("id") on delete cascade on update cascade')
    expect(made).toContain('foreign key ("id") references "engineers" ("id") on delete cascade on update cascade')
    expect(made).toContain('create index if not exists "engineers_language_idx" on "engineers" ("language")')
    expect(new Architect({ name: 'x', language: 'y', rank: 1 }).toObject()).toMatchObject({ type: 'architect' })
  })
})
