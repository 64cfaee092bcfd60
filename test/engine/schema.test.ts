import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { createAll, createEngine, dropAll, schemaSql } from '../../src/engine/index.ts'
import { ArgumentError, MappingError } from '../../src/errors.ts'
import { integer, varchar } from '../../src/mapping/index.ts'
import { entity } from '../../src/state/index.ts'
import { onEvery } from '../support/index.ts'
import { openEngine, statements } from './engines.ts'

class Parent extends entity('parents', { id: integer().primaryKey(), name: varchar(20) }) {}
class Child extends entity('children', {
  id: integer().primaryKey(),
  parentId: integer().references('parents.id'),
}) {}

onEvery({ on: ['sqlite', 'postgres', 'mysql', 'pglite'] }, (db) => {
  it('createAll makes tables parents first, leaves alone what exists, and dropAll removes them children first', async () => {
    const engine = openEngine(db)
    await createAll(engine, [Child, Parent])
    await engine.begin(async (c) => {
      await c.execute(c.db.insertInto('parents').values({ id: 1, name: 'a' }))
      await c.execute(c.db.insertInto('children').values({ id: 1, parentId: 1 }))
    })
    const sent = statements(engine)
    await createAll(engine, [Child, Parent])
    expect(sent.filter((text) => /create table/i.test(text))).toEqual([])
    await createAll(engine, [Child, Parent], { checkFirst: false })
    const count = await engine.begin(async (c) => (await c.execute(sql`select count(*) as n from children`)).scalar())
    expect(Number(count)).toBe(1)
    await dropAll(engine, [Parent, Child])
    await dropAll(engine, [Parent, Child])
    await expect(engine.begin((c) => c.execute(sql`select * from parents`))).rejects.toThrow()
  })

  it('createAll works on a connection, in its transaction', async () => {
    const engine = openEngine(db)
    await using connection = await engine.connect()
    await createAll(connection, [Parent, Child])
    expect(connection.inTransaction()).toBe(true)
    await connection.rollback()
    const there = await connection.execute(sql`select count(*) as n from parents`).then(
      () => true,
      () => false,
    )
    expect(there).toBe(!db.can('transactionalDdl'))
    await connection.rollback()
    await dropAll(connection, [Parent, Child])
    await connection.commit()
  })

  it('refuses options that it does not know, and entities without what they refer to', async () => {
    const engine = openEngine(db)
    await expect(createAll(engine, [Parent], { checkfirst: false } as never)).rejects.toThrow(ArgumentError)
    await expect(createAll(engine, [Child])).rejects.toThrow(MappingError)
    expect(engine.pool.status().checkedOut).toBe(0)
  })
})

onEvery({ on: ['postgres', 'mysql', 'sqlite'] }, (db) => {
  it('createAll writes the remarks of columns where the database keeps them', async () => {
    class Remarked extends entity('remarked', {
      id: integer().primaryKey().comment("it's \\ the key"),
      price: integer().comment('in cents'),
      double: integer().computed(sql`price * 2`).comment('twice that'),
    }) {}
    const engine = openEngine({ url: await db.freshUrl() })
    await createAll(engine, [Remarked])
    await createAll(engine, [Remarked])
    const remarks = {
      postgres: sql`select col_description('remarked'::regclass, attnum) from pg_attribute where attrelid = 'remarked'::regclass and attnum > 0 order by attnum`,
      mysql: sql`select column_comment from information_schema.columns where table_schema = database() and table_name = 'remarked' order by ordinal_position`,
    }
    await engine.begin(async (connection) => {
      if (engine.dialect.name === 'sqlite') {
        expect((await connection.execute(sql`select * from remarked`)).rows).toEqual([])
        return
      }
      const { rows } = await connection.execute(remarks[engine.dialect.name as 'mysql'])
      expect(rows.map((row) => Object.values(row as object)[0])).toEqual(["it's \\ the key", 'in cents', 'twice that'])
    })
  })
})

it('schemaSql gives the statements as text without connecting', () => {
  const engine = createEngine('postgresql://nobody@host.invalid/db', { naming: 'camelToSnake' })
  const text = schemaSql(engine, [Child, Parent])
  expect(text.indexOf('"parents"')).toBeLessThan(text.indexOf('"children"'))
  expect(text).toContain('"parent_id"')
})
