import { Collection, type EntityManager, EntitySchema, MikroORM } from '@mikro-orm/core'
import { MariaDbDriver } from '@mikro-orm/mariadb'
import { PostgreSqlDriver } from '@mikro-orm/postgresql'
import { SqliteDriver } from '@mikro-orm/sqlite'
import type { Library, Target } from '../contract.ts'
import { viewsAndTagsOf, viewsOf } from '../sums.ts'
import { W6 } from '../workloads.ts'

class User {
  declare id: number
  declare name: string
  declare email: string
  declare age: number
  declare active: boolean
  declare createdAt: Date | string
  declare balance: number
  declare version: number
  posts = new Collection<Post>(this)
}

class Post {
  declare id: number
  declare user: User
  declare title: string
  declare body: string
  declare views: number
  declare createdAt: Date | string
  tags = new Collection<Tag>(this)
}

class Tag {
  declare id: number
  declare name: string
}

function schemas(isSqlite: boolean) {
  const id = { type: 'integer', primary: true, autoincrement: true } as const
  // Its own form of a date in SQLite is a number; that of these tables is text.
  const createdAt = isSqlite
    ? ({ type: 'text', onCreate: () => '2026-01-01 00:00:00.000' } as const)
    : ({ type: 'datetime', length: 3, onCreate: () => new Date() } as const)
  const users = new EntitySchema({
    class: User,
    tableName: 'users',
    properties: {
      id,
      name: { type: 'text' },
      email: { type: 'text' },
      age: { type: 'integer' },
      active: { type: 'boolean', onCreate: () => true },
      createdAt,
      balance: { type: 'integer', onCreate: () => 0 },
      version: { type: 'integer', version: true },
      posts: { kind: '1:m', entity: () => Post, mappedBy: 'user' },
    },
  })
  const posts = new EntitySchema({
    class: Post,
    tableName: 'posts',
    properties: {
      id,
      user: { kind: 'm:1', entity: () => User, inversedBy: 'posts', fieldName: 'user_id' },
      title: { type: 'text' },
      body: { type: 'text' },
      views: { type: 'integer', onCreate: () => 0 },
      createdAt,
      tags: {
        kind: 'm:n',
        entity: () => Tag,
        owner: true,
        pivotTable: 'post_tags',
        joinColumn: 'post_id',
        inverseJoinColumn: 'tag_id',
      },
    },
  })
  return [users, posts, new EntitySchema({ class: Tag, tableName: 'tags', properties: { id, name: { type: 'text' } } })]
}

async function connect(target: Target): Promise<MikroORM> {
  const { product, file, host, port, user, password, database } = target
  const entities = schemas(product === 'sqlite')
  if (product === 'sqlite') {
    const orm = await MikroORM.init({ driver: SqliteDriver, dbName: file, entities })
    await orm.em.getConnection().execute('pragma synchronous = normal')
    return orm as unknown as MikroORM
  }
  const pool = { min: 0, max: W6.pool }
  const options = { dbName: database, host, port, user, password, pool, entities }
  const orm =
    product === 'postgres'
      ? await MikroORM.init({ driver: PostgreSqlDriver, ...options })
      : await MikroORM.init({ driver: MariaDbDriver, ...options })
  return orm as unknown as MikroORM
}

export const library: Library = {
  name: 'mikro-orm',
  version: '7.2.1',
  async open(target) {
    const orm = await connect(target)
    /** A fork with a transaction of its own: quicker than `transactional`, which forks once more and merges back. */
    const inTransaction = async (work: (em: EntityManager) => Promise<number>): Promise<number> => {
      const em = orm.em.fork()
      await em.begin()
      try {
        const result = await work(em)
        await em.commit()
        return result
      } catch (error) {
        await em.rollback()
        throw error
      }
    }
    const key = (em: EntityManager, id: number) => em.findOneOrFail(User, id)
    const users = (em: EntityManager, count: number) =>
      em.find(User, { id: { $lte: count } }, { orderBy: { id: 'asc' } })
    return {
      async w1a(ids) {
        let sum = 0
        for (const id of ids) sum += await inTransaction(async (em) => (await key(em, id)).age)
        return sum
      },
      w1b: (ids) =>
        inTransaction(async (em) => {
          let sum = 0
          for (const id of ids) sum += (await key(em, id)).age
          return sum
        }),
      async w2(count) {
        return (await users(orm.em.fork(), count)).reduce((sum, { age }) => sum + age, 0)
      },
      w3: (people) =>
        inTransaction(async (em) => {
          const made = people.map(({ name, email, age }) => em.create(User, { name, email, age } as User))
          await em.persist(made).flush()
          return new Set(made.map(({ id }) => id)).size
        }),
      w4: (count) =>
        inTransaction(async (em) => {
          const loaded = await users(em, count)
          for (const user of loaded) user.balance = user.age + user.id
          await em.flush()
          return loaded.length
        }),
      async w5a(count) {
        const where = { id: { $lte: count } }
        const found = await orm.em.fork().find(User, where, { populate: ['posts'] })
        return viewsOf(found)
      },
      async w5b(count) {
        const where = { id: { $lte: count } }
        const found = await orm.em.fork().find(User, where, { populate: ['posts.tags'] })
        return viewsAndTagsOf(found, (post) => post.tags)
      },
      ...(target.product !== 'sqlite' && {
        w6: (userId: number) =>
          inTransaction(async (em) => {
            const user = await key(em, userId)
            const read = await em.find(Post, { user }, { orderBy: { id: 'asc' }, limit: 10 })
            em.persist(em.create(Post, { user, title: 'a title', body: 'a body' } as Post))
            user.balance += 1
            await em.flush()
            return read.length
          }),
      }),
      async w7(count) {
        const em = orm.em.fork()
        return [em, await em.find(User, { id: { $lte: count } })]
      },
      close: () => orm.close(true),
    }
  },
}
