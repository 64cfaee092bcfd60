import SqliteDatabase from 'better-sqlite3'
import { type Generated, Kysely, MysqlDialect, PostgresDialect, SqliteDialect, sql } from 'kysely'
import { createPool } from 'mysql2'
import pg from 'pg'
import type { Library, Target } from '../contract.ts'
import { W6 } from '../workloads.ts'

interface Tables {
  users: {
    id: Generated<number>
    name: string
    email: string
    age: number
    active: boolean | number
    created_at: Date | string
    balance: number
    version: number
  }
  posts: {
    id: Generated<number>
    user_id: number
    title: string
    body: string
    views: number
    created_at: Date | string
  }
  tags: { id: Generated<number>; name: string }
  post_tags: { post_id: number; tag_id: number }
}

function dialectOf(target: Target) {
  const { host, port, user, password, database } = target
  if (target.product === 'postgres')
    return new PostgresDialect({ pool: new pg.Pool({ host, port, user, password, database, max: W6.pool }) })
  if (target.product === 'mariadb')
    return new MysqlDialect({ pool: createPool({ host, port, user, password, database, connectionLimit: W6.pool }) })
  const database3 = new SqliteDatabase(target.file)
  database3.pragma('journal_mode = wal')
  database3.pragma('synchronous = normal')
  return new SqliteDialect({ database: database3 })
}

export const library: Library = {
  name: 'kysely',
  version: '0.29.9',
  async open(target) {
    const db = new Kysely<Tables>({ dialect: dialectOf(target) })
    const isSqlite = target.product === 'sqlite'
    const created = isSqlite ? '2026-01-01 00:00:00.000' : new Date(2026, 0, 1)
    const active = target.product === 'postgres' ? true : 1
    const key = (on: Kysely<Tables>, id: number) =>
      on.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    const users = (on: Kysely<Tables>, count: number) =>
      on.selectFrom('users').selectAll().where('id', '<=', count).orderBy('id').execute()
    const postsOf = async (count: number) => {
      const found = await db.selectFrom('posts').selectAll().where('user_id', '<=', count).orderBy('id').execute()
      return Map.groupBy(found, ({ user_id }) => user_id)
    }
    const insert = async (on: Kysely<Tables>, rows: readonly { name: string; email: string; age: number }[]) => {
      const values = rows.map((row) => ({ ...row, active, created_at: created, balance: 0, version: 1 }))
      if (target.product !== 'mariadb') {
        return (await on.insertInto('users').values(values).returning('id').execute()).map(({ id }) => id)
      }
      const { insertId } = await on.insertInto('users').values(values).executeTakeFirstOrThrow()
      return rows.map((_, n) => Number(insertId) + n)
    }
    return {
      async w1a(ids) {
        let sum = 0
        for (const id of ids) sum += await db.transaction().execute(async (trx) => (await key(trx, id)).age)
        return sum
      },
      w1b: (ids) =>
        db.transaction().execute(async (trx) => {
          let sum = 0
          for (const id of ids) sum += (await key(trx, id)).age
          return sum
        }),
      async w2(count) {
        return (await users(db, count)).reduce((sum, { age }) => sum + age, 0)
      },
      w3: (people) =>
        db.transaction().execute(async (trx) => {
          const ids = new Set<number>()
          for (let i = 0; i < people.length; i += 1_000) {
            for (const id of await insert(trx, people.slice(i, i + 1_000))) ids.add(id)
          }
          return ids.size
        }),
      w4: (count) =>
        db.transaction().execute(async (trx) => {
          const loaded = await users(trx, count)
          for (const { id, age } of loaded) {
            await trx
              .updateTable('users')
              .set({ balance: age + id, version: sql`version + 1` })
              .where('id', '=', id)
              .where('version', '=', 1)
              .execute()
          }
          return loaded.length
        }),
      async w5a(count) {
        const authors = await users(db, count)
        const byAuthor = await postsOf(count)
        let sum = 0
        for (const { id } of authors) for (const { views } of byAuthor.get(id) ?? []) sum += views
        return sum
      },
      async w5b(count) {
        const authors = await users(db, count)
        const byAuthor = await postsOf(count)
        const pairs = await db
          .selectFrom('post_tags')
          .innerJoin('tags', 'tags.id', 'post_tags.tag_id')
          .innerJoin('posts', 'posts.id', 'post_tags.post_id')
          .select(['post_tags.post_id', 'tags.id', 'tags.name'])
          .where('posts.user_id', '<=', count)
          .execute()
        const tags = Map.groupBy(pairs, ({ post_id }) => post_id)
        let sum = 0
        for (const { id } of authors) {
          for (const post of byAuthor.get(id) ?? []) {
            sum += post.views
            for (const tag of tags.get(post.id) ?? []) sum += tag.id
          }
        }
        return sum
      },
      ...(!isSqlite && {
        w6: (userId: number) =>
          db.transaction().execute(async (trx) => {
            const user = await key(trx, userId)
            const posts = await trx
              .selectFrom('posts')
              .selectAll()
              .where('user_id', '=', userId)
              .orderBy('id')
              .limit(10)
              .execute()
            const post = { user_id: user.id, title: 'a title', body: 'a body', views: 0, created_at: created }
            await trx.insertInto('posts').values(post).execute()
            await trx
              .updateTable('users')
              .set({ balance: sql`balance + 1`, version: sql`version + 1` })
              .where('id', '=', userId)
              .execute()
            return posts.length
          }),
      }),
      w7: (count) => users(db, count),
      close: () => db.destroy(),
    }
  },
}
