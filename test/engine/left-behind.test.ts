import { sql } from 'kysely'
import { expect, it } from 'vitest'
import type { Connection, Engine } from '../../src/engine/index.ts'
import { onEvery } from '../support/index.ts'
import { openEngine } from './engines.ts'

const scalar = async (connection: Connection, text: string) => (await connection.execute(sql.raw(text))).scalar()

/** A pool of one connection, so that the next holder gets the very one that the last has left. */
const one = { pool: { size: 1, maxOverflow: 0, timeout: 2_000 } } as const

/** What one holder does to its connection, then what the next one finds. */
async function inTurn<T>(
  engine: Engine,
  leave: (c: Connection) => Promise<unknown>,
  look: (c: Connection) => Promise<T>,
) {
  await using first = await engine.connect({ label: 'first' })
  await leave(first)
  await first.close()
  await using second = await engine.connect({ label: 'second' })
  return await look(second)
}

onEvery({}, (db) => {
  it('an open transaction, a savepoint and an unread stream of one holder never reach the next', async () => {
    const engine = openEngine({ url: await db.freshUrl() }, one)
    await engine.begin(async (connection) => {
      await connection.execute(sql`create table t (id integer primary key)`)
      for (let id = 0; id < 20; id++) await connection.execute(sql`insert into t values (${id})`)
    })
    const leave = async (connection: Connection) => {
      await connection.execute(sql`insert into t values (99)`)
      await connection.beginNested()
      const rows = connection.stream(sql`select id from t order by id`, { batch: 2 })
      await rows.next()
    }
    const found = await inTurn(engine, leave, async (connection) => {
      expect(connection.inTransaction()).toBe(false)
      return [await scalar(connection, 'select count(*) as n from t'), await scalar(connection, 'select 1 as n')]
    })
    expect(found).toEqual([20, 1])
  })

  it('a temporary table of one holder is not there for the next, nor does a failed transaction stay', async () => {
    const engine = openEngine({ url: await db.freshUrl() }, one)
    const leave = async (connection: Connection) => {
      await connection.execute(sql`create temporary table mine (id integer)`)
      await connection.commit()
      await expect(connection.execute(sql`select nothing from nowhere`)).rejects.toThrow()
    }
    await inTurn(engine, leave, async (connection) => {
      await expect(connection.execute(sql`select * from mine`)).rejects.toThrow(/mine/)
      await connection.rollback()
    })
  })
})

onEvery({ on: ['postgres', 'pglite', 'mysql'] }, (db) => {
  const isMysql = () => db.name === 'mysql' || db.name === 'mariadb'

  it('settings and locks of one holder never reach the next, and what heddle has set stays', async () => {
    const engine = openEngine(db, one)
    const [set, lock] = isMysql()
      ? ["set @mine = 7, time_zone = '+05:00'", "select get_lock('heddle_left_behind', 1)"]
      : ["set time zone 'Asia/Tokyo'; set my.own = '7'", 'select pg_advisory_lock(4711)']
    const leave = async (connection: Connection) => {
      await connection.execute(sql.raw(set as string))
      await connection.execute(sql.raw(lock as string))
      await connection.commit()
    }
    const [zone, own, held] = isMysql()
      ? ['select @@time_zone as z', 'select @mine as m', "select is_used_lock('heddle_left_behind') as l"]
      : [
          'show timezone',
          "select nullif(current_setting('my.own', true), '') as m",
          "select nullif(count(*), 0) as l from pg_locks where locktype = 'advisory' and objid = 4711",
        ]
    const found = await inTurn(engine, leave, async (connection) => [
      await scalar(connection, zone as string),
      await scalar(connection, own as string),
      await scalar(connection, held as string),
    ])
    expect(found).toEqual([isMysql() ? '+00:00' : 'UTC', null, null])
  })
})
