import makeKnex, { type Knex } from 'knex'
import { knexSnakeCaseMappers, Model, raw } from 'objection'
import type { Library, Target } from '../contract.ts'
import { viewsAndTagsOf, viewsOf } from '../sums.ts'
import { W6 } from '../workloads.ts'

class User extends Model {
  static override readonly tableName = 'users'
  static override readonly relationMappings = () => ({
    posts: { relation: Model.HasManyRelation, modelClass: Post, join: { from: 'users.id', to: 'posts.userId' } },
  })
  declare id: number
  declare name: string
  declare email: string
  declare age: number
  declare active: boolean | number
  declare createdAt: Date | string
  declare balance: number
  declare version: number
  declare posts: Post[]
}

class Post extends Model {
  static override readonly tableName = 'posts'
  static override readonly relationMappings = () => ({
    tags: {
      relation: Model.ManyToManyRelation,
      modelClass: Tag,
      join: {
        from: 'posts.id',
        through: { from: 'post_tags.postId', to: 'post_tags.tagId' },
        to: 'tags.id',
      },
    },
  })
  declare id: number
  declare userId: number
  declare title: string
  declare body: string
  declare views: number
  declare createdAt: Date | string
  declare tags: Tag[]
}

class Tag extends Model {
  static override readonly tableName = 'tags'
  declare id: number
  declare name: string
}

function connect(target: Target): Knex {
  const { product, file, host, port, user, password, database } = target
  const mappers = knexSnakeCaseMappers()
  if (product !== 'sqlite') {
    const client = product === 'postgres' ? 'pg' : 'mysql2'
    const connection = { host, port, user, password, database }
    return makeKnex({ client, connection, pool: { min: 0, max: W6.pool }, ...mappers })
  }
  const afterCreate = (db: { pragma(text: string): void }, done: (error: Error | null, db: unknown) => void) => {
    db.pragma('journal_mode = wal')
    db.pragma('synchronous = normal')
    done(null, db)
  }
  const connection = { filename: file }
  return makeKnex({ client: 'better-sqlite3', connection, pool: { afterCreate }, useNullAsDefault: true, ...mappers })
}

export const library: Library = {
  name: 'objection',
  version: '3.1.5',
  async open(target) {
    const knex = connect(target)
    Model.knex(knex)
    const isSqlite = target.product === 'sqlite'
    // Knex writes the rows for SQLite as a UNION, which takes 500 members.
    const batch = isSqlite ? 500 : 1_000
    const created = isSqlite ? '2026-01-01 00:00:00.000' : new Date(2026, 0, 1)
    const active = target.product === 'postgres' ? true : 1
    const key = (on: Knex, id: number) => User.query(on).findById(id).throwIfNotFound()
    const users = (on: Knex, count: number) => User.query(on).where('id', '<=', count).orderBy('id')
    /** Batches are Objection's on PostgreSQL alone; elsewhere they are those of the query builder below it. */
    const insert = async (on: Knex, rows: readonly { name: string; email: string; age: number }[]) => {
      const values = rows.map((row) => ({ ...row, active, createdAt: created, balance: 0, version: 1 }))
      if (target.product === 'postgres') return (await User.query(on).insert(values)).map(({ id }) => id)
      if (isSqlite) return (await on('users').insert(values, 'id')).map(({ id }: { id: number }) => id)
      const [first] = await on('users').insert(values)
      return rows.map((_, n) => Number(first) + n)
    }
    return {
      async w1a(ids) {
        let sum = 0
        for (const id of ids) sum += await knex.transaction(async (on) => (await key(on, id)).age)
        return sum
      },
      w1b: (ids) =>
        knex.transaction(async (on) => {
          let sum = 0
          for (const id of ids) sum += (await key(on, id)).age
          return sum
        }),
      async w2(count) {
        return (await users(knex, count)).reduce((sum, { age }) => sum + age, 0)
      },
      w3: (people) =>
        knex.transaction(async (on) => {
          const ids = new Set<number>()
          for (let i = 0; i < people.length; i += batch) {
            for (const id of await insert(on, people.slice(i, i + batch))) ids.add(id)
          }
          return ids.size
        }),
      w4: (count) =>
        knex.transaction(async (on) => {
          const loaded = await users(on, count)
          for (const user of loaded) {
            const changed = { balance: user.age + user.id, version: user.version + 1 }
            await user.$query(on).patch(changed).where('version', user.version)
          }
          return loaded.length
        }),
      async w5a(count) {
        const found = await User.query().where('id', '<=', count).withGraphFetched('posts')
        return viewsOf(found)
      },
      async w5b(count) {
        const found = await User.query().where('id', '<=', count).withGraphFetched('posts.tags')
        return viewsAndTagsOf(found, (post: Post) => post.tags)
      },
      ...(!isSqlite && {
        w6: (userId: number) =>
          knex.transaction(async (on) => {
            const user = await key(on, userId)
            const read = await Post.query(on).where('userId', userId).orderBy('id').limit(10)
            const post = { userId: user.id, title: 'a title', body: 'a body', views: 0, createdAt: created }
            await Post.query(on).insert(post)
            await user.$query(on).patch({ balance: raw('balance + 1'), version: raw('version + 1') } as never)
            return read.length
          }),
      }),
      w7: async (count) => await User.query().where('id', '<=', count),
      close: () => knex.destroy(),
    }
  },
}
