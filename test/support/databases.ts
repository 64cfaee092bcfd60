import { randomBytes } from 'node:crypto'
import { appendFileSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FoundDatabases, FoundServer } from './found.ts'
import { connectMysql } from './servers/mysql.ts'
import { connectPostgres } from './servers/postgres.ts'

/** The databases a test can run on. The server of 'mysql' is MariaDB where the name is 'mariadb'. */
export type DatabaseName = 'sqlite' | 'sqlite-memory' | 'better-sqlite3' | 'postgres' | 'pglite' | 'mariadb' | 'mysql'

/** An empty database of a test file's own: where it is, and how it comes and goes. */
export interface OwnDatabase {
  /** The heddle URL. Known before the database exists. */
  readonly url: string
  create(): Promise<void>
  /** Removes the database and all in it, also when connections are still open. */
  drop(): Promise<void>
}

/** Databases that are older than this were left behind by a run that was killed, in milliseconds. */
const leftoverAge = 2 * 60 * 60 * 1000

/** A new database that no other test file uses; it exists after `create()`. */
export function ownDatabase(name: DatabaseName, found: FoundDatabases): OwnDatabase {
  const own = `heddle_${Date.now().toString(36)}_${randomBytes(5).toString('hex')}`
  const folder = join(found.folder, own)
  switch (name) {
    case 'sqlite-memory':
      return { url: 'sqlite://', create: async () => {}, drop: async () => {} }
    case 'sqlite':
      return inFolder(`sqlite:///${folder}/test.db`, folder)
    case 'better-sqlite3':
      return inFolder(`sqlite+better-sqlite3:///${folder}/test.db`, folder)
    case 'pglite':
      return { ...inFolder(`pglite:///${folder}`, folder), create: () => copyPgliteTemplate(found.folder, folder) }
    case 'postgres':
      return onPostgres(required(found.postgres, name), own)
    default:
      return onMysql(required(found.mysql, name), own)
  }
}

/** Drops the databases on the servers that a killed run has left behind. */
export async function dropLeftovers(found: FoundDatabases): Promise<void> {
  if (found.postgres) {
    const client = await connectPostgres(found.postgres.url)
    const { rows } = await client.query<{ name: string }>('select datname as name from pg_database')
    for (const name of rows.map((row) => row.name).filter(isLeftover)) {
      await client.query(`drop database if exists ${name} with (force)`)
    }
    await client.end()
  }
  if (found.mysql) {
    const connection = await connectMysql(found.mysql.url)
    const [rows] = await connection.query({ sql: 'show databases', rowsAsArray: true })
    for (const name of (rows as string[][]).map((row) => String(row[0])).filter(isLeftover)) {
      await connection.query(`drop database if exists ${name}`)
    }
    await connection.end()
  }
}

function isLeftover(name: string): boolean {
  const made = /^heddle_([0-9a-z]{8,9})_[0-9a-f]{10}$/.exec(name)?.[1]
  return made !== undefined && Date.now() - Number.parseInt(made, 36) > leftoverAge
}

function required<T>(server: T | undefined, name: string): T {
  if (!server) throw new Error(`There is no ${name} in this run; a test on it must be skipped.`)
  return server
}

function inFolder(url: string, folder: string): OwnDatabase {
  return {
    url,
    create: async () => void mkdirSync(folder),
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

function onPostgres(server: FoundServer, name: string): OwnDatabase {
  const url = new URL(server.url)
  url.pathname = `/${name}`
  const run = async (sql: string) => {
    const client = await connectPostgres(server.url)
    await client.query(sql).finally(() => client.end())
  }
  return {
    url: url.href,
    create: () => run(`create database ${name} template template0 encoding 'UTF8'`),
    drop: () => run(`drop database if exists ${name} with (force)`),
  }
}

function onMysql(server: FoundServer, name: string): OwnDatabase {
  const url = new URL(server.url)
  url.pathname = `/${name}`
  const run = async (sql: string) => {
    const connection = await connectMysql(server.url)
    await connection.query(sql).finally(() => connection.end())
  }
  return {
    url: url.href,
    create: () => run(`create database ${name} character set utf8mb4`),
    drop: async () => {
      await endConnections(server, name)
      await run(`drop database if exists ${name}`)
    },
  }
}

/** An open transaction on a table of the database would make DROP DATABASE wait for it. */
async function endConnections(server: FoundServer, name: string): Promise<void> {
  const connection = await connectMysql(server.url)
  try {
    const [rows] = await connection.query({ sql: 'show processlist', rowsAsArray: true })
    const ids = (rows as unknown[][]).filter((row) => row[3] === name).map((row) => Number(row[0]))
    await Promise.allSettled(ids.map((id) => connection.query(`kill ${id}`)))
  } finally {
    await connection.end()
  }
}

/**
 * Starting PGlite in an empty folder takes a second or two, opening a copy of a prepared one a tenth of that; half of the rest went
 * into clearing 128 MB of buffers. The first file of a run that needs PGlite prepares it; the rename decides when two do so at once.
 */
async function copyPgliteTemplate(runFolder: string, target: string): Promise<void> {
  const template = join(runFolder, 'pglite-template')
  if (!existsSync(template)) {
    const draft = `${template}-${process.pid}-${randomBytes(4).toString('hex')}`
    const { PGlite } = await import('@electric-sql/pglite')
    const database = await PGlite.create(draft)
    await database.close()
    appendFileSync(join(draft, 'postgresql.conf'), '\nshared_buffers = 2MB\n')
    try {
      renameSync(draft, template)
    } catch (error) {
      if (!existsSync(template)) throw error
      rmSync(draft, { recursive: true, force: true })
    }
  }
  cpSync(template, target, { recursive: true })
}
