import { type Generated, Kysely, sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import { createEngine, type Engine, engineDialect } from '../../src/engine/index.ts'
import { InvalidRequestError, ResourceClosedError, UniqueViolationError } from '../../src/errors.ts'
import { onEvery } from '../support/index.ts'
import { openEngine, record, statements, thrownBy } from './engines.ts'

interface Tables {
  t: { id: number; name: string | null }
}
interface Named {
  personNames: { id: Generated<number>; firstName: string; extraData: string | null }
}

onEvery({ on: ['sqlite', 'postgres', 'mysql', 'pglite'] }, (db) => {
  beforeEach(async () => {
    const engine = createEngine(db.url)
    await engine.begin(async (c) => {
      await c.execute(sql`create table if not exists t (id integer primary key, name varchar(50))`)
      await c.execute(sql`delete from t`)
    })
    await engine.dispose()
  })
  const stored = (engine: Engine) =>
    engine.begin(async (c) => (await c.execute(sql`select id from t order by id`)).scalars<number>())

  describe('connection.db', () => {
    it('runs queries of Kysely in the transaction of the connection', async () => {
      const engine = openEngine(db)
      await using connection = await engine.connect()
      const kysely: Kysely<Tables> = connection.db
      const written = await kysely
        .insertInto('t')
        .values([
          { id: 1, name: 'a' },
          { id: 2, name: 'b' },
        ])
        .executeTakeFirst()
      expect(written.numInsertedOrUpdatedRows).toBe(2n)
      expect(connection.inTransaction()).toBe(true)
      const updated = await kysely.updateTable('t').set({ name: 'c' }).where('id', '=', 1).executeTakeFirst()
      expect(updated.numUpdatedRows).toBe(1n)
      expect(await kysely.selectFrom('t').selectAll().orderBy('id').execute()).toEqual([
        { id: 1, name: 'c' },
        { id: 2, name: 'b' },
      ])
      const seen: number[] = []
      for await (const row of kysely.selectFrom('t').select('id').orderBy('id').stream(1)) seen.push(row.id)
      expect(seen).toEqual([1, 2])
      expect(
        (await sql<{ n: number }>`select count(*) as n from t`.execute(kysely)).rows.map((row) => Number(row.n)),
      ).toEqual([2])
      await connection.rollback()
      expect(await kysely.selectFrom('t').selectAll().execute()).toEqual([])
    })

    it('refuses what begins, ends or fetches connections, however it was derived, and says what to use', async () => {
      await using connection = await openEngine(db).connect()
      const kysely: Kysely<Tables> = connection.db
      const derived = [
        kysely,
        kysely.withoutPlugins(),
        kysely.withSchema('x'),
        kysely.$extendTables<{ u: { id: number } }>(),
        kysely.$pickTables<'t'>(),
        kysely.$omitTables<'t'>(),
      ]
      for (const each of derived as Kysely<Tables>[]) {
        const calls = [
          () => each.transaction(),
          () => each.startTransaction(),
          () => each.connection(),
          () => each.destroy(),
        ]
        for (const call of calls) {
          const error = await thrownBy(call)
          expect(error).toBeInstanceOf(InvalidRequestError)
          expect((error as Error).message).toContain('connection')
        }
      }
      await connection.execute(sql`select 1`)
    })

    it('takes and gives the names of properties with the naming camelToSnake, and leaves JSON alone', async () => {
      const engine = openEngine(db, { naming: 'camelToSnake' })
      await using connection = await engine.connect()
      const kysely: Kysely<Named> = connection.db
      await connection.execute(sql`drop table if exists person_names`)
      await connection.execute(
        sql`create table person_names (id integer primary key, first_name text, extra_data json)`,
      )
      const sent = statements(engine)
      await kysely.insertInto('personNames').values({ id: 1, firstName: 'ed', extraData: '{"some_key":1}' }).execute()
      const row = await kysely.selectFrom('personNames').selectAll().executeTakeFirstOrThrow()
      expect(row).toEqual({ id: 1, firstName: 'ed', extraData: { some_key: 1 } })
      expect(sent[0]).toContain('first_name')
      await connection.execute(sql`drop table person_names`)
    })
  })

  describe('engineDialect', () => {
    const open = (engine: Engine) => new Kysely<Tables>({ dialect: engineDialect(engine) })

    it('runs queries outside of transactions by themselves, and gives every connection back', async () => {
      const engine = openEngine(db)
      const kysely = open(engine)
      const written = await kysely.insertInto('t').values({ id: 1, name: 'a' }).executeTakeFirst()
      expect(written.numInsertedOrUpdatedRows).toBe(1n)
      expect(await thrownBy(() => kysely.insertInto('t').values({ id: 1, name: 'a' }).execute())).toBeInstanceOf(
        UniqueViolationError,
      )
      expect(await thrownBy(() => sql`selec`.execute(kysely))).toHaveProperty('sql', 'selec')
      expect(await kysely.selectFrom('t').select('name').execute()).toEqual([{ name: 'a' }])
      expect(engine.pool.status().checkedOut).toBe(0)
      await kysely.destroy()
      expect(await stored(engine)).toEqual([1])
    })

    it('commits and rolls back with transaction(), and tells the listeners of the engine', async () => {
      const engine = openEngine(db)
      const events = record(engine, 'begin', 'commit', 'rollback')
      const kysely = open(engine)
      await kysely.transaction().execute(async (trx) => {
        await trx.insertInto('t').values({ id: 1, name: 'a' }).execute()
      })
      const failure = new Error('no')
      const failing = kysely.transaction().execute(async (trx) => {
        await trx.insertInto('t').values({ id: 2, name: 'b' }).execute()
        throw failure
      })
      expect(await thrownBy(() => failing)).toBe(failure)
      expect(events).toEqual(['begin', 'commit', 'begin', 'rollback'])
      expect([engine.pool.status().checkedOut, await stored(engine)]).toEqual([0, [1]])
    })

    it('takes isolation level and access mode', async () => {
      const engine = openEngine(db)
      const seen: unknown[] = []
      engine.on('begin', ({ isolation, readOnly }) => void seen.push([isolation, readOnly]))
      const kysely = open(engine)
      await kysely
        .transaction()
        .setIsolationLevel('serializable')
        .setAccessMode('read only')
        .execute(async (trx) => {
          expect(await trx.selectFrom('t').selectAll().execute()).toEqual([])
          await expect(trx.insertInto('t').values({ id: 1, name: 'a' }).execute()).rejects.toThrow()
        })
        .catch(() => {})
      expect(seen).toEqual([['serializable', true]])
      expect([engine.pool.status().checkedOut, await stored(engine)]).toEqual([0, []])
    })

    it('sets, releases and rolls back to savepoints in a controlled transaction', async () => {
      const engine = openEngine(db)
      const trx = await open(engine).startTransaction().execute()
      await trx.insertInto('t').values({ id: 1, name: 'a' }).execute()
      const saved = await trx.savepoint('some point').execute()
      await saved.insertInto('t').values({ id: 2, name: 'b' }).execute()
      const back = await saved.rollbackToSavepoint('some point').execute()
      await back.insertInto('t').values({ id: 3, name: 'c' }).execute()
      await (await back.releaseSavepoint('some point').execute()).commit().execute()
      await expect.poll(() => engine.pool.status().checkedOut).toBe(0)
      expect(await stored(engine)).toEqual([1, 3])
    })

    it('refuses queries that come late: nothing of a rolled back transaction is stored', async () => {
      const engine = openEngine(db)
      const kysely = open(engine)
      const late: Promise<unknown>[] = []
      const block = kysely.transaction().execute(async (trx) => {
        const failing = trx.executeQuery(sql`selec`.compile(trx))
        for (let id = 1; id <= 10; id++) late.push(trx.insertInto('t').values({ id, name: 'late' }).execute())
        await Promise.all([failing, ...late])
      })
      await expect(block).rejects.toThrow(/selec/)
      await Promise.allSettled(late)
      expect([engine.pool.status().checkedOut, await stored(engine)]).toEqual([0, []])
    })

    it('refuses queries that nobody awaited before the end of their transaction', async () => {
      const engine = openEngine(db)
      let late: Promise<unknown> | undefined
      const block = open(engine)
        .transaction()
        .execute(async (trx) => {
          await trx.insertInto('t').values({ id: 1, name: 'a' }).execute()
          late = Promise.allSettled([2, 3, 4].map((id) => trx.insertInto('t').values({ id, name: 'late' }).execute()))
        })
      const failed = await block.then(
        () => false,
        () => true,
      )
      const outcomes = (await late) as PromiseSettledResult<unknown>[]
      const kept = outcomes.flatMap((each, index) => (each.status === 'fulfilled' && !failed ? [index + 2] : []))
      expect(await stored(engine)).toEqual(failed ? [] : [1, ...kept])
      for (const each of outcomes) {
        if (each.status === 'rejected') expect(String(each.reason)).toMatch(/has ended|already committed/)
      }
    })

    it('lets a connection that Kysely was given go on after a transaction on it', async () => {
      const engine = openEngine(db)
      await open(engine)
        .connection()
        .execute(async (own) => {
          await own.transaction().execute((trx) => trx.insertInto('t').values({ id: 1, name: 'a' }).execute())
          await own.insertInto('t').values({ id: 2, name: 'b' }).execute()
        })
      expect(await stored(engine)).toEqual([1, 2])
    })

    it('streams, and closes the stream when the loop is left', async () => {
      const engine = openEngine(db)
      const kysely = open(engine)
      await kysely
        .insertInto('t')
        .values([1, 2, 3, 4, 5].map((id) => ({ id, name: null })))
        .execute()
      const seen: number[] = []
      for await (const row of kysely.selectFrom('t').select('id').orderBy('id').stream(2)) {
        seen.push(row.id)
        if (row.id === 3) break
      }
      expect(seen).toEqual([1, 2, 3])
      await expect.poll(() => engine.pool.status().checkedOut).toBe(0)
      expect(await stored(engine)).toHaveLength(5)
    })

    it('refuses a transaction of a connection that was given back', async () => {
      const engine = openEngine(db)
      const trx = await open(engine).startTransaction().execute()
      await trx.rollback().execute()
      await expect(trx.insertInto('t').values({ id: 1, name: 'a' }).execute()).rejects.toThrow(/already rolled back/)
      await expect.poll(() => engine.pool.status().checkedOut).toBe(0)
      const driver = engineDialect(engine).createDriver()
      const connection = await driver.acquireConnection()
      await driver.releaseConnection(connection)
      const query = sql`select 1`.compile(open(engine))
      await expect(connection.executeQuery(query)).rejects.toThrow(ResourceClosedError)
      await expect(connection.streamQuery(query, 1).next()).rejects.toThrow(ResourceClosedError)
    })

    it('reads the tables of the database for Kysely', async () => {
      const tables = await open(openEngine(db)).introspection.getTables()
      expect(tables.find((table) => table.name === 't')?.columns.map((column) => column.name)).toEqual(['id', 'name'])
    })
  })
})
