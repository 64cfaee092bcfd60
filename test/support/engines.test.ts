import { sql } from 'kysely'
import { expect, it, onTestFinished } from 'vitest'
import type { Connection } from '../../src/engine/index.ts'
import { openEngine, recordStatements } from './engines.ts'
import { type DatabaseName, onEvery } from './index.ts'

const everywhere: DatabaseName[] = ['sqlite', 'sqlite-memory', 'better-sqlite3', 'postgres', 'pglite', 'mysql']

onEvery({ on: everywhere }, (db) => {
  it('opens an engine on every database and records what it sends', async () => {
    const engine = openEngine(db)
    const recorder = recordStatements(engine)
    await engine.begin(async (connection) => {
      await connection.execute(sql`create table items (id integer)`)
      await connection.execute(sql`insert into items values (${1})`)
    })
    recorder.expectExactly('create table items', 'insert into items')
    const { rows } = await engine.begin((connection) => connection.execute(sql`select id from items`))
    expect(rows).toEqual([{ id: 1 }])
    recorder.expectCount(3)
  })

  it('opens several engines, one after another, on one database', async () => {
    const url = await db.freshUrl()
    for (const _ of [1, 2]) {
      const engine = openEngine(url)
      await engine.begin((connection) => connection.execute(sql`select 1 as one`))
      await engine.dispose()
    }
  })
})

onEvery({ on: ['sqlite'] }, (db) => {
  it.fails('fails the test that keeps a connection', async () => {
    let kept: Connection | undefined
    // Runs after the check, since what is registered first runs last.
    onTestFinished(() => kept?.close())
    kept = await openEngine(db).connect()
    await kept.execute(sql`select 1 as one`)
  })
})
