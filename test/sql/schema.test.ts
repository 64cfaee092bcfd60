import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import {
  bigint,
  boolean,
  date,
  decimal,
  defineEntity,
  type EntityModel,
  enumeration,
  integer,
  text,
  timestamp,
  varchar,
} from '../../src/mapping/index.ts'
import { createDialect, createStatements, dropStatements, existingTables, schemaSql } from '../../src/sql/index.ts'
import { onEvery } from '../support/index.ts'
import { NAMING, openPlace, Place } from './database.ts'

const User = defineEntity(
  'users',
  {
    id: integer().primaryKey(),
    userName: varchar(40).unique(),
    status: enumeration('open', "it's shut").serverDefault(sql`'open'`),
    createdAt: timestamp().serverDefault(sql`current_timestamp`),
    age: integer().nullable(),
  },
  {
    checks: [sql`age > ${18}`, sql`user_name <> ${"o'x\\"}`],
    indexes: [['age', 'status'], { properties: ['age', 'userName'], unique: true }],
  },
)
const Order = defineEntity('orders', {
  year: integer().primaryKey(),
  no: integer().primaryKey(),
  userId: integer().references('users.id', { onDelete: 'cascade', onUpdate: 'restrict' }),
  total: decimal(12, 2),
  paid: boolean(),
})
const Line = defineEntity('lines', {
  id: bigint().primaryKey(),
  orderYear: integer().references('orders.year').nullable(),
  orderNo: integer().references('orders.no').nullable(),
  parentId: bigint().nullable().references('lines.id', { onDelete: 'set null' }),
})
const Chicken = defineEntity('chickens', {
  id: integer().primaryKey(),
  eggId: integer().nullable().references('eggs.id'),
})
const Egg = defineEntity('eggs', {
  id: integer().primaryKey(),
  chickenId: integer().nullable().references('chickens.id'),
})
const Long = defineEntity('a_table_whose_name_is_rather_long_already', {
  id: integer().primaryKey(),
  aColumnWithANameThatIsAlsoLong: text().unique(),
  aColumnWithANameThatIsAlsoLonger: text().unique(),
})
const shop: readonly EntityModel[] = [Line, Order, User]
const all: readonly EntityModel[] = [...shop, Egg, Chicken, Long]

onEvery({}, (db) => {
  const place = openPlace(db, [])

  const attempt = async (statement: string) => {
    const own = new Place()
    await own.open(db)
    try {
      return await own.query(statement)
    } finally {
      await own.close()
    }
  }
  const make = async (connection: Place, models: readonly EntityModel[]) => connection.create(models)

  it('tables are made with all they have, twice without harm, and dropped with all they hold', async () => {
    await place.connection.rollback()
    await make(place, all)
    expect([...(await existingTables(place.dialect, place.connection, all))].map(({ table }) => table).sort()).toEqual(
      all.map(({ table }) => table).sort(),
    )
    await make(place, all)
    for (const statement of createStatements(place.dialect, shop)) await place.query(statement)

    await place.connection.begin({})
    const [first] = await place.insert(User, ['userName'], ['id', 'status'], [['ed']])
    expect(first).toEqual([1, 'open'])
    await place.insert(Order, ['year', 'no', 'userId', 'total', 'paid'], [], [[2024, 1, 1, '1.00', true]])
    await place.insert(Line, ['orderYear', 'orderNo'], ['id'], [[2024, 1]])
    await place.insert(Chicken, ['id'], [], [[1]])
    await place.insert(Egg, ['id', 'chickenId'], [], [[1, 1]])
    await place.update(Chicken, ['eggId'], ['id'], [{ set: [1], match: [1] }])
    await place.connection.commit()

    await place.connection.begin({})
    const existing = await existingTables(place.dialect, place.connection, all)
    for (const statement of dropStatements(place.dialect, all, { existing })) await place.query(statement)
    await place.connection.commit()
    expect((await existingTables(place.dialect, place.connection, all)).size).toBe(0)
    await place.connection.begin({})
    for (const statement of dropStatements(place.dialect, shop)) await place.query(statement)
  })

  it('constraints hold', async () => {
    await place.connection.rollback()
    await make(place, shop)
    await place.connection.begin({})
    const row = (name: string, age: number | null = null, status = 'open') => [[name, age, status]]
    await place.insert(User, ['userName', 'age', 'status'], [], row('ed', 30))
    const refused = async (work: () => Promise<unknown>) => {
      await place.connection.run({ sql: 'savepoint attempt', parameters: [] })
      await expect(work()).rejects.toThrow()
      await place.connection.run({ sql: 'rollback to savepoint attempt', parameters: [] })
    }
    await refused(() => place.insert(User, ['userName', 'age', 'status'], [], row('ed', 31)))
    await refused(() => place.insert(User, ['userName', 'age', 'status'], [], row('al', 17)))
    await refused(() => place.insert(User, ['userName', 'age', 'status'], [], row("o'x\\", 19)))
    await refused(() => place.insert(User, ['userName', 'age', 'status'], [], row('bo', 19, 'shut')))
    await refused(() => place.insert(Order, ['year', 'no', 'userId', 'total', 'paid'], [], [[1, 1, 77, '1.00', true]]))
    await refused(() => place.insert(Order, ['year', 'no', 'userId', 'total'], [], [[1, 1, 1, '1.00']]))
    await refused(() => place.insert(Line, ['orderYear', 'orderNo'], [], [[1, 1]]))
    await place.insert(User, ['userName', 'age', 'status'], [], row('bo', 19, "it's shut"))
  })

  it('the key of a deleted row is never given again', async () => {
    await place.connection.rollback()
    await make(place, shop)
    await place.connection.begin({})
    const [[id]] = (await place.insert(Line, [], ['id'], [[]])) as [[bigint]]
    await place.delete(Line, ['id'], [[id]])
    expect(await place.insert(Line, [], ['id'], [[]])).toEqual([[id + 1n]])
  })

  it('the script can be run as it is', async () => {
    if (!place.dialect.capabilities.transactionalDdl)
      return expect(schemaSql(place.dialect, shop)).toContain('create table')
    const tables = schemaSql(place.dialect, [Chicken, Egg])
    for (const statement of tables.split(';\n').filter((part) => part.trim() !== '')) await place.query(statement)
    expect((await existingTables(place.dialect, place.connection, [Chicken, Egg])).size).toBe(2)
    expect(await attempt('select 1')).toEqual([[1]])
  })
})

describe('the text of a schema', () => {
  const Note = defineEntity('notes', {
    id: integer().primaryKey(),
    slug: text().unique(),
    body: text(),
    day: date(),
    userId: integer().references('users.id'),
  })

  it('is PostgreSQL on PostgreSQL, parents first', () => {
    const [users, , notes] = createStatements(createDialect('postgres', NAMING), [Note, User])
    expect(users).toBe(
      'create table if not exists "users" ("id" integer generated by default as identity primary key, ' +
        `"user_name" varchar(40) not null, "status" text default ('open') not null, ` +
        '"created_at" timestamptz(3) default (current_timestamp) not null, "age" integer, ' +
        'constraint "users_user_name_key" unique ("user_name"), ' +
        'constraint "users_age_user_name_key" unique ("age", "user_name"), ' +
        `constraint "users_status_check" check ("status" in ('open', 'it''s shut')), ` +
        `constraint "users_check" check (age > 18), constraint "users_check1" check (user_name <> 'o''x\\'))`,
    )
    expect(notes).toContain('constraint "notes_user_id_fkey" foreign key ("user_id") references "users" ("id")')
  })

  it('has indexes of its own, and INSERT numbers keys anew on SQLite', () => {
    const statements = createStatements(createDialect('sqlite', NAMING), [User])
    expect(statements[0]).toContain('"id" integer not null primary key autoincrement')
    expect(statements[1]).toBe('create index if not exists "users_age_status_idx" on "users" ("age", "status")')
  })

  it('gives text a length on MySQL where it is a key, and the collation that each server has', () => {
    const mysql = createDialect('mysql', NAMING)
    const [, notes] = createStatements(mysql, [Note, User])
    expect(notes).toContain('`slug` varchar(255) not null, `body` longtext not null')
    expect(notes).toContain('collate=utf8mb4_bin')
    const on = (product: string, version: string) =>
      createStatements(mysql.forServer({ product, version }), [User]).join()
    expect(on('mariadb', '10.11.6')).toContain('collate=utf8mb4_nopad_bin')
    expect(on('mysql', '8.0.40')).toContain('collate=utf8mb4_0900_bin')
    expect(on('mysql', '8.0.40')).toContain("<> 'o''x\\\\'")
  })

  it('adds the foreign keys of a cycle at the end, except where they can only be inline', () => {
    expect(createStatements(createDialect('postgres', NAMING), [Chicken, Egg]).at(-1)).toMatch(
      /^alter table "\w+" add constraint "\w+_fkey" foreign key/,
    )
    expect(createStatements(createDialect('sqlite', NAMING), [Chicken, Egg])).toHaveLength(2)
  })

  it('leaves out tables that exist, and the foreign keys of those', () => {
    const dialect = createDialect('postgres', NAMING)
    expect(createStatements(dialect, [Chicken, Egg], { existing: new Set([Chicken, Egg]) })).toEqual([])
  })

  it('shortens names that a database would cut, and keeps them apart', () => {
    const [text = ''] = createStatements(createDialect('postgres', NAMING), [Long])
    const names = [...text.matchAll(/constraint "(\w+)"/g)].map(([, name]) => name as string)
    expect(names).toHaveLength(2)
    expect(new Set(names).size).toBe(2)
    expect(names.every((name) => name.length <= 63)).toBe(true)
  })

  it('holds no parameters, and refuses values that have no text', () => {
    const Bad = defineEntity('bad', { id: integer().primaryKey() }, { checks: [sql`id <> ${new Uint8Array(1)}`] })
    expect(() => createStatements(createDialect('postgres', NAMING), [Bad])).toThrow(/check or a default/)
    const Dated = defineEntity('dated', { id: integer().primaryKey() }, { checks: [sql`now() > ${new Date(0)}`] })
    expect(createStatements(createDialect('mysql', NAMING), [Dated])[0]).toContain("'1970-01-01 00:00:00.000'")
  })
})
