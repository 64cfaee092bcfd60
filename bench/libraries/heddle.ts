import {
  boolean,
  createEngine,
  entity,
  integer,
  manyToMany,
  manyToOne,
  oneToMany,
  sessionmaker,
  text,
  timestamp,
} from '../../src/index.ts'
import type { Library, Target } from '../contract.ts'
import { viewsOf } from '../sums.ts'
import { W6 } from '../workloads.ts'

class User extends entity('users', {
  id: integer().primaryKey(),
  name: text(),
  email: text(),
  age: integer(),
  active: boolean().default(true),
  createdAt: timestamp().default(() => new Date()),
  balance: integer().default(0),
  version: integer().version(),
  get posts() {
    return oneToMany(() => Post, { backPopulates: 'user', orderBy: 'id' })
  },
}) {}

class Post extends entity('posts', {
  id: integer().primaryKey(),
  userId: integer().references('users.id'),
  title: text(),
  body: text(),
  views: integer().default(0),
  createdAt: timestamp().default(() => new Date()),
  get user() {
    return manyToOne(() => User, { backPopulates: 'posts' })
  },
  get tags() {
    return manyToMany(() => Tag, { through: 'post_tags', throughColumns: ['postId', 'tagId'] })
  },
}) {}

class Tag extends entity('tags', { id: integer().primaryKey(), name: text() }) {}

function urlOf({ product, file, host, port, user, password, database }: Target): string {
  if (product === 'sqlite') return `sqlite:///${file}`
  const scheme = product === 'postgres' ? 'postgresql' : 'mariadb'
  const secret = password === '' ? '' : `:${encodeURIComponent(password)}`
  return `${scheme}://${user}${secret}@${host}:${port}/${database}`
}

export const library: Library = {
  name: 'heddle',
  version: 'this tree',
  async open(target) {
    const engine = createEngine(urlOf(target), { naming: 'camelToSnake', pool: { size: W6.pool, maxOverflow: 0 } })
    const Sessions = sessionmaker({ bind: engine })
    const Readers = sessionmaker({ bind: engine, readOnly: true })
    return {
      async w1a(ids) {
        let sum = 0
        for (const id of ids) sum += await Readers.begin(async (session) => (await session.getOne(User, id)).age)
        return sum
      },
      w1b: (ids) =>
        Readers.begin(async (session) => {
          let sum = 0
          for (const id of ids) sum += (await session.getOne(User, id)).age
          return sum
        }),
      w2: (count) =>
        Readers.begin(async (session) => {
          const users = await session.query(User).where('id', '<=', count).orderBy('id').all()
          return users.reduce((sum, { age }) => sum + age, 0)
        }),
      w3: (people) =>
        Sessions.begin(async (session) => {
          const users = people.map(({ name, email, age }) => new User({ name, email, age }))
          session.addAll(users)
          await session.flush()
          return new Set(users.map(({ id }) => id)).size
        }),
      w4: (count) =>
        Sessions.begin(async (session) => {
          const users = await session.query(User).where('id', '<=', count).orderBy('id').all()
          for (const user of users) user.balance = user.age + user.id
          return users.length
        }),
      w5a: (count) =>
        Readers.begin(async (session) => {
          return viewsOf(await session.query(User).where('id', '<=', count).orderBy('id').with('posts').all())
        }),
      w5b: (count) =>
        Readers.begin(async (session) => {
          const users = await session.query(User).where('id', '<=', count).orderBy('id').with('posts.tags').all()
          let sum = 0
          for (const user of users) {
            for (const post of user.posts) {
              sum += post.views
              for (const tag of post.tags) sum += tag.id
            }
          }
          return sum
        }),
      ...(target.product !== 'sqlite' && {
        w6: (userId: number) =>
          Sessions.begin(async (session) => {
            const user = await session.getOne(User, userId)
            const posts = await session.query(Post).where('userId', '=', userId).orderBy('id').limit(10).all()
            session.add(new Post({ userId: user.id, title: 'a title', body: 'a body' }))
            user.balance += 1
            return posts.length
          }),
      }),
      async w7(count) {
        const session = Sessions()
        const users = await session.query(User).where('id', '<=', count).all()
        return [session, users]
      },
      close: () => engine.dispose(),
    }
  },
}
