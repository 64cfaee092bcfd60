import {
  DataSource,
  type DataSourceOptions,
  type EntityManager,
  EntitySchema,
  type EntitySchemaColumnOptions,
  LessThanOrEqual,
} from 'typeorm'
import type { Library, Product, Target } from '../contract.ts'
import { viewsAndTagsOf, viewsOf } from '../sums.ts'
import { W6 } from '../workloads.ts'

interface User {
  id: number
  name: string
  email: string
  age: number
  active: boolean
  createdAt: Date
  balance: number
  version: number
  posts: Post[]
}

interface Post {
  id: number
  userId: number
  title: string
  body: string
  views: number
  createdAt: Date
  user: User
  tags: Tag[]
}

interface Tag {
  id: number
  name: string
}

function schemas(product: Product) {
  const id = { type: 'integer', primary: true, generated: 'increment' } as const
  const createdAt: EntitySchemaColumnOptions = {
    name: 'created_at',
    type: product === 'postgres' ? 'timestamptz' : 'datetime',
    ...(product !== 'sqlite' && { precision: 3 }),
  }
  const words = { type: product === 'mariadb' ? 'varchar' : 'text' } as const
  const users = new EntitySchema<User>({
    name: 'User',
    tableName: 'users',
    columns: {
      id,
      name: words,
      email: words,
      age: { type: 'integer' },
      active: { type: 'boolean' },
      createdAt,
      balance: { type: 'integer' },
      version: { type: 'integer', version: true },
    },
    relations: { posts: { type: 'one-to-many', target: 'Post', inverseSide: 'user' } },
  })
  const posts = new EntitySchema<Post>({
    name: 'Post',
    tableName: 'posts',
    columns: {
      id,
      userId: { name: 'user_id', type: 'integer' },
      title: words,
      body: words,
      views: { type: 'integer' },
      createdAt,
    },
    relations: {
      user: { type: 'many-to-one', target: 'User', inverseSide: 'posts', joinColumn: { name: 'user_id' } },
      tags: {
        type: 'many-to-many',
        target: 'Tag',
        joinTable: {
          name: 'post_tags',
          joinColumn: { name: 'post_id', referencedColumnName: 'id' },
          inverseJoinColumn: { name: 'tag_id', referencedColumnName: 'id' },
        },
      },
    },
  })
  const tags = new EntitySchema<Tag>({ name: 'Tag', tableName: 'tags', columns: { id, name: words } })
  return { users, posts, tags }
}

function optionsOf(target: Target): DataSourceOptions {
  const { product, file, host, port, user, password, database } = target
  if (product === 'sqlite') {
    const prepareDatabase = (db: { pragma(text: string): void }) => db.pragma('synchronous = normal')
    return { type: 'better-sqlite3', database: file, enableWAL: true, prepareDatabase }
  }
  return { type: product, host, port, username: user, password, database, poolSize: W6.pool }
}

export const library: Library = {
  name: 'typeorm',
  version: '1.1.1',
  async open(target) {
    const { users, posts, tags } = schemas(target.product)
    const options = { ...optionsOf(target), entities: [users, posts, tags] } as DataSourceOptions
    const source = await new DataSource(options).initialize()
    // The keys are read back by a chain of OR for each row, which SQLite bounds to a depth of 1,000.
    const batch = target.product === 'sqlite' ? 500 : 1_000
    const key = (on: EntityManager, id: number) => on.findOneByOrFail(users, { id })
    const all = (on: EntityManager, count: number) =>
      on.find(users, { where: { id: LessThanOrEqual(count) }, order: { id: 'ASC' } })
    return {
      async w1a(ids) {
        let sum = 0
        for (const id of ids) sum += await source.transaction(async (on) => (await key(on, id)).age)
        return sum
      },
      w1b: (ids) =>
        source.transaction(async (on) => {
          let sum = 0
          for (const id of ids) sum += (await key(on, id)).age
          return sum
        }),
      async w2(count) {
        return (await all(source.manager, count)).reduce((sum, { age }) => sum + age, 0)
      },
      w3: (people) =>
        source.transaction(async (on) => {
          const made = people.map(({ name, email, age }) =>
            on.create(users, { name, email, age, active: true, createdAt: new Date(), balance: 0 }),
          )
          // One INSERT for each batch, its keys put into the entities: `save` of new entities does the same and more.
          for (let i = 0; i < made.length; i += batch) await on.insert(users, made.slice(i, i + batch) as never)
          return new Set(made.map(({ id }) => id)).size
        }),
      w4: (count) =>
        source.transaction(async (on) => {
          const loaded = await all(on, count)
          for (const user of loaded) user.balance = user.age + user.id
          await on.save(users, loaded)
          return loaded.length
        }),
      async w5a(count) {
        const found = await source.manager.find(users, {
          where: { id: LessThanOrEqual(count) },
          relations: { posts: true },
        })
        return viewsOf(found)
      },
      async w5b(count) {
        const found = await source.manager.find(users, {
          where: { id: LessThanOrEqual(count) },
          relations: { posts: { tags: true } },
        })
        return viewsAndTagsOf(found, (post: Post) => post.tags)
      },
      ...(target.product !== 'sqlite' && {
        w6: (userId: number) =>
          source.transaction(async (on) => {
            const user = await key(on, userId)
            const read = await on.find(posts, { where: { userId }, order: { id: 'ASC' }, take: 10 })
            await on.insert(posts, {
              userId: user.id,
              title: 'a title',
              body: 'a body',
              views: 0,
              createdAt: new Date(),
            })
            await on.increment(users, { id: userId }, 'balance', 1)
            return read.length
          }),
      }),
      w7: (count) => source.manager.find(users, { where: { id: LessThanOrEqual(count) } }),
      close: () => source.destroy(),
    }
  },
}
