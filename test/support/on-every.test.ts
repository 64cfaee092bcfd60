import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { PGlite } from '@electric-sql/pglite'
import Database from 'better-sqlite3'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { expect, it } from 'vitest'
import { type DatabaseName, onEvery } from './index.ts'

type Run = (url: string, sql: string) => Promise<unknown>

const runSqlite: Run = async (url, sql) => {
  const database = new DatabaseSync(url === 'sqlite://' ? ':memory:' : new URL(url).pathname)
  database.exec(sql)
  database.close()
}
const runMysql: Run = async (url, sql) => {
  const connection = await mysql.createConnection(url)
  await connection.query(sql).finally(() => connection.end())
}

/** Each database reached by its driver alone, as the tests of the tests must not lean on heddle. */
const run: Readonly<Record<DatabaseName, Run>> = {
  sqlite: runSqlite,
  'sqlite-memory': runSqlite,
  'better-sqlite3': async (url, sql) => void new Database(new URL(url).pathname).exec(sql).close(),
  mariadb: runMysql,
  mysql: runMysql,
  postgres: async (url, sql) => {
    const client = new pg.Client(url)
    await client.connect()
    await client.query(sql).finally(() => client.end())
  },
  pglite: async (url, sql) => {
    const database = await PGlite.create(new URL(url).pathname)
    await database.exec(sql).finally(() => database.close())
  },
}

const everywhere: DatabaseName[] = ['sqlite', 'sqlite-memory', 'better-sqlite3', 'postgres', 'pglite', 'mysql']

onEvery({ on: everywhere }, (db) => {
  it('gives an empty database that keeps what is stored, and another one on request', async () => {
    await run[db.name](db.url, 'create table a (id integer)')
    const fresh = await db.freshUrl()
    await run[db.name](fresh, 'create table a (id integer)')
    if (db.name === 'sqlite-memory') return
    expect(fresh).not.toBe(db.url)
    await expect(run[db.name](db.url, 'create table a (id integer)')).rejects.toThrow(/exists/)
    await run[db.name](db.url, 'insert into a values (1)')
  })
})

onEvery({ on: everywhere, needs: ['server'] }, (db) => {
  it('leaves out databases that lack what a block needs', () => {
    expect(['postgres', 'mariadb', 'mysql']).toContain(db.name)
  })
})

onEvery({ on: ['sqlite', 'better-sqlite3'] }, (db) => {
  it('puts files into the folder of the run', () => {
    expect(existsSync(new URL('.', db.url.replace(/^.*:/, 'file:')))).toBe(true)
  })
})
