import { DatabaseSync } from 'node:sqlite'
import mysql from 'mysql2/promise'
import pg from 'pg'
import type { Product, Target } from './contract.ts'
import { SIZES } from './workloads.ts'

/** The one who makes the tables, fills them, and puts right what a workload has changed: a plain connection. */
export interface Keeper {
  run(...statements: readonly string[]): Promise<void>
  close(): Promise<void>
}

type Value = string | number

const TYPES: Readonly<Record<Product, { key: string; text: string; bool: string; time: string; ending: string }>> = {
  sqlite: { key: 'integer primary key', text: 'text', bool: 'integer', time: 'text', ending: '' },
  postgres: { key: 'serial primary key', text: 'text', bool: 'boolean', time: 'timestamptz(3)', ending: '' },
  mariadb: {
    key: 'int primary key auto_increment',
    text: 'varchar(200)',
    bool: 'tinyint(1)',
    time: 'datetime(3)',
    ending: ' engine=innodb',
  },
}

function tables(product: Product): string[] {
  const { key, text, bool, time, ending } = TYPES[product]
  return [
    `create table users (id ${key}, name ${text} not null, email ${text} not null, age integer not null, active ${bool} not null, created_at ${time} not null, balance integer not null, version integer not null default 1)${ending}`,
    `create table posts (id ${key}, user_id integer not null references users (id), title ${text} not null, body ${text} not null, views integer not null, created_at ${time} not null)${ending}`,
    `create table tags (id ${key}, name ${text} not null)${ending}`,
    `create table post_tags (post_id integer not null references posts (id), tag_id integer not null references tags (id), primary key (post_id, tag_id))${ending}`,
    'create index posts_user_id on posts (user_id)',
  ]
}

const created = (n: number) => `2026-01-${String((n % 28) + 1).padStart(2, '0')} 10:20:30.000`

function* rowsOf(table: string, product: Product): Generator<Value[]> {
  const yes = product === 'postgres' ? 'true' : 1
  const posts = SIZES.authors * SIZES.postsEach
  if (table === 'users') {
    for (let n = 1; n <= SIZES.users; n++) yield [n, `name ${n}`, `user${n}@example.org`, n % 90, yes, created(n), 0, 1]
  } else if (table === 'posts') {
    for (let n = 1; n <= posts; n++) {
      const user = Math.ceil(n / SIZES.postsEach)
      yield [
        n,
        user,
        `title ${n}`,
        `the body of post ${n}, which is a little longer than its title`,
        n % 100,
        created(n),
      ]
    }
  } else if (table === 'tags') for (let n = 1; n <= SIZES.tags; n++) yield [n, `tag ${n}`]
  else {
    for (let n = 1; n <= posts; n++) for (let i = 0; i < SIZES.tagsEach; i++) yield [n, ((n + i * 17) % SIZES.tags) + 1]
  }
}

function* inserts(product: Product): Generator<string> {
  for (const table of ['users', 'posts', 'tags', 'post_tags']) {
    let list: string[] = []
    for (const row of rowsOf(table, product)) {
      list.push(
        `(${row.map((value) => (typeof value === 'number' ? value : value === 'true' ? value : `'${value}'`)).join(', ')})`,
      )
      if (list.length === 500) {
        yield `insert into ${table} values ${list.join(', ')}`
        list = []
      }
    }
    if (list.length > 0) yield `insert into ${table} values ${list.join(', ')}`
  }
}

/** Makes the library's own database with its tables and rows. */
export async function makeDatabase(target: Target): Promise<Keeper> {
  const keeper = await openKeeper(target)
  const begin = target.product === 'mariadb' ? 'start transaction' : 'begin'
  await keeper.run(begin, ...tables(target.product), ...inserts(target.product), 'commit')
  if (target.product === 'postgres') {
    for (const table of ['users', 'posts', 'tags']) {
      await keeper.run(`select setval('${table}_id_seq', (select max(id) from ${table}))`)
    }
    await keeper.run('vacuum analyze')
  }
  return keeper
}

async function openKeeper(target: Target): Promise<Keeper> {
  if (target.product === 'sqlite') return sqliteKeeper(target.file)
  return target.product === 'postgres' ? postgresKeeper(target) : mariadbKeeper(target)
}

function sqliteKeeper(file: string): Keeper {
  const db = new DatabaseSync(file)
  db.exec('pragma journal_mode = wal; pragma synchronous = normal')
  return {
    run: async (...statements) => {
      for (const sql of statements) db.exec(sql)
    },
    close: async () => db.close(),
  }
}

/** Connects each time: the pools of all libraries together leave a server with its usual settings hardly a connection. */
async function postgresKeeper({ host, port, user, password, database: own }: Target): Promise<Keeper> {
  const runIn = async (database: string, statements: readonly string[]) => {
    const client = new pg.Client({ host, port, user, password, database })
    await client.connect()
    for (const sql of statements) await client.query(sql)
    await client.end()
  }
  const drop = `drop database if exists ${own} with (force)`
  await runIn('postgres', [drop, `create database ${own}`])
  return { run: (...statements) => runIn(own, statements), close: () => runIn('postgres', [drop]) }
}

async function mariadbKeeper({ host, port, user, password, database }: Target): Promise<Keeper> {
  const connection = await mysql.createConnection({ host, port, user, password })
  const run = async (...statements: readonly string[]) => {
    for (const sql of statements) await connection.query(sql)
  }
  const drop = `drop database if exists ${database}`
  await run(drop, `create database ${database}`, `use ${database}`)
  return { run, close: () => run(drop).then(() => connection.end()) }
}
