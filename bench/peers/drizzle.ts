import SqliteDatabase from 'better-sqlite3'
import { and, asc, eq, lte, relations, sql } from 'drizzle-orm'
import { drizzle as overSqlite } from 'drizzle-orm/better-sqlite3'
import * as m from 'drizzle-orm/mysql-core'
import { drizzle as overMysql } from 'drizzle-orm/mysql2'
import { drizzle as overPostgres } from 'drizzle-orm/node-postgres'
import * as p from 'drizzle-orm/pg-core'
import * as s from 'drizzle-orm/sqlite-core'
import mysql from 'mysql2/promise'
import pg from 'pg'
import type { Library, Target } from '../contract.ts'
import { viewsAndTagsOf, viewsOf } from '../sums.ts'
import { W6 } from '../workloads.ts'

// biome-ignore lint/suspicious/noExplicitAny: one runner serves three dialects whose types have nothing in common
type Any = any

function postgresTables() {
  const users = p.pgTable('users', {
    id: p.serial('id').primaryKey(),
    name: p.text('name').notNull(),
    email: p.text('email').notNull(),
    age: p.integer('age').notNull(),
    active: p.boolean('active').notNull(),
    createdAt: p.timestamp('created_at', { withTimezone: true }).notNull(),
    balance: p.integer('balance').notNull(),
    version: p.integer('version').notNull(),
  })
  const posts = p.pgTable('posts', {
    id: p.serial('id').primaryKey(),
    userId: p.integer('user_id').notNull(),
    title: p.text('title').notNull(),
    body: p.text('body').notNull(),
    views: p.integer('views').notNull(),
    createdAt: p.timestamp('created_at', { withTimezone: true }).notNull(),
  })
  const tags = p.pgTable('tags', { id: p.serial('id').primaryKey(), name: p.text('name').notNull() })
  const postTags = p.pgTable('post_tags', {
    postId: p.integer('post_id').notNull(),
    tagId: p.integer('tag_id').notNull(),
  })
  return { users, posts, tags, postTags }
}

function mysqlTables() {
  const users = m.mysqlTable('users', {
    id: m.int('id').primaryKey().autoincrement(),
    name: m.varchar('name', { length: 200 }).notNull(),
    email: m.varchar('email', { length: 200 }).notNull(),
    age: m.int('age').notNull(),
    active: m.boolean('active').notNull(),
    createdAt: m.datetime('created_at', { fsp: 3 }).notNull(),
    balance: m.int('balance').notNull(),
    version: m.int('version').notNull(),
  })
  const posts = m.mysqlTable('posts', {
    id: m.int('id').primaryKey().autoincrement(),
    userId: m.int('user_id').notNull(),
    title: m.varchar('title', { length: 200 }).notNull(),
    body: m.varchar('body', { length: 200 }).notNull(),
    views: m.int('views').notNull(),
    createdAt: m.datetime('created_at', { fsp: 3 }).notNull(),
  })
  const tags = m.mysqlTable('tags', {
    id: m.int('id').primaryKey().autoincrement(),
    name: m.varchar('name', { length: 200 }).notNull(),
  })
  const postTags = m.mysqlTable('post_tags', { postId: m.int('post_id').notNull(), tagId: m.int('tag_id').notNull() })
  return { users, posts, tags, postTags }
}

function sqliteTables() {
  const users = s.sqliteTable('users', {
    id: s.integer('id').primaryKey({ autoIncrement: true }),
    name: s.text('name').notNull(),
    email: s.text('email').notNull(),
    age: s.integer('age').notNull(),
    active: s.integer('active', { mode: 'boolean' }).notNull(),
    createdAt: s.text('created_at').notNull(),
    balance: s.integer('balance').notNull(),
    version: s.integer('version').notNull(),
  })
  const posts = s.sqliteTable('posts', {
    id: s.integer('id').primaryKey({ autoIncrement: true }),
    userId: s.integer('user_id').notNull(),
    title: s.text('title').notNull(),
    body: s.text('body').notNull(),
    views: s.integer('views').notNull(),
    createdAt: s.text('created_at').notNull(),
  })
  const tags = s.sqliteTable('tags', { id: s.integer('id').primaryKey(), name: s.text('name').notNull() })
  const postTags = s.sqliteTable('post_tags', {
    postId: s.integer('post_id').notNull(),
    tagId: s.integer('tag_id').notNull(),
  })
  return { users, posts, tags, postTags }
}

function relate({ users, posts, tags, postTags }: Any) {
  return {
    users,
    posts,
    tags,
    postTags,
    usersRelations: relations(users, ({ many }: Any) => ({ posts: many(posts) })),
    postsRelations: relations(posts, ({ one, many }: Any) => ({
      user: one(users, { fields: [posts.userId], references: [users.id] }),
      postTags: many(postTags),
    })),
    postTagsRelations: relations(postTags, ({ one }: Any) => ({
      post: one(posts, { fields: [postTags.postId], references: [posts.id] }),
      tag: one(tags, { fields: [postTags.tagId], references: [tags.id] }),
    })),
  }
}

function open(target: Target): { db: Any; schema: Any; close: () => Promise<void> } {
  const { host, port, user, password, database } = target
  if (target.product === 'postgres') {
    const schema = relate(postgresTables())
    const pool = new pg.Pool({ host, port, user, password, database, max: W6.pool })
    return { db: overPostgres(pool, { schema }), schema, close: () => pool.end() }
  }
  if (target.product === 'mariadb') {
    const schema = relate(mysqlTables())
    const pool = mysql.createPool({ host, port, user, password, database, connectionLimit: W6.pool })
    // Its other mode reads relations by LATERAL, which MariaDB does not have.
    return { db: overMysql(pool as Any, { schema, mode: 'planetscale' } as Any), schema, close: () => pool.end() }
  }
  const schema = relate(sqliteTables())
  const file = new SqliteDatabase(target.file)
  file.pragma('journal_mode = wal')
  file.pragma('synchronous = normal')
  return { db: overSqlite(file, { schema }), schema, close: async () => void file.close() }
}

export const library: Library = {
  name: 'drizzle',
  version: '0.45.4',
  async open(target) {
    const { db, schema, close } = open(target)
    const { users, posts } = schema
    const isSqlite = target.product === 'sqlite'
    const created = isSqlite ? '2026-01-01 00:00:00.000' : new Date(2026, 0, 1)
    const key = async (on: Any, id: number) => (await on.select().from(users).where(eq(users.id, id)))[0]
    const all = (on: Any, count: number) => on.select().from(users).where(lte(users.id, count)).orderBy(asc(users.id))
    // SQLite's driver is synchronous, and so are its transactions: by hand, statements can be awaited in them.
    const inTransaction = async (work: (on: Any) => Promise<number>): Promise<number> => {
      if (!isSqlite) return db.transaction(work)
      db.run(sql`begin`)
      const result = await work(db)
      db.run(sql`commit`)
      return result
    }
    const insert = async (on: Any, rows: readonly Any[]): Promise<number[]> => {
      const values = rows.map((row) => ({ ...row, active: true, createdAt: created, balance: 0, version: 1 }))
      const query = on.insert(users).values(values)
      const made = target.product === 'mariadb' ? await query.$returningId() : await query.returning({ id: users.id })
      return made.map(({ id }: { id: number }) => id)
    }
    return {
      async w1a(ids) {
        let sum = 0
        for (const id of ids) sum += await inTransaction(async (on) => (await key(on, id)).age)
        return sum
      },
      w1b: (ids) =>
        inTransaction(async (on) => {
          let sum = 0
          for (const id of ids) sum += (await key(on, id)).age
          return sum
        }),
      async w2(count) {
        return (await all(db, count)).reduce((sum: number, { age }: { age: number }) => sum + age, 0)
      },
      w3: (people) =>
        inTransaction(async (on) => {
          const ids = new Set<number>()
          for (let i = 0; i < people.length; i += 1_000) {
            for (const id of await insert(on, people.slice(i, i + 1_000))) ids.add(id)
          }
          return ids.size
        }),
      w4: (count) =>
        inTransaction(async (on) => {
          const loaded = await all(on, count)
          for (const { id, age } of loaded) {
            await on
              .update(users)
              .set({ balance: age + id, version: sql`version + 1` })
              .where(and(eq(users.id, id), eq(users.version, 1)))
          }
          return loaded.length
        }),
      async w5a(count) {
        const found = await db.query.users.findMany({ where: lte(users.id, count), with: { posts: true } })
        return viewsOf(found)
      },
      async w5b(count) {
        const found = await db.query.users.findMany({
          where: lte(users.id, count),
          with: { posts: { with: { postTags: { with: { tag: true } } } } },
        })
        return viewsAndTagsOf(found, (post: Any) => post.postTags.map(({ tag }: Any) => tag))
      },
      ...(!isSqlite && {
        w6: (userId: number): Promise<number> =>
          db.transaction(async (on: Any) => {
            const user = await key(on, userId)
            const read = await on.select().from(posts).where(eq(posts.userId, userId)).orderBy(asc(posts.id)).limit(10)
            const post = { userId: user.id, title: 'a title', body: 'a body', views: 0, createdAt: created }
            await on.insert(posts).values(post)
            await on
              .update(users)
              .set({ balance: sql`balance + 1`, version: sql`version + 1` })
              .where(eq(users.id, userId))
            return read.length
          }),
      }),
      w7: (count) => all(db, count),
      close,
    }
  },
}
