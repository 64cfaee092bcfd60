import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Runner, Target } from '../contract.ts'

interface User {
  id: number
  age: number
}
interface Post {
  id: number
  user_id: number
  views: number
}

const USER = 'id, name, email, age, active, created_at, balance, version'
const POST = 'id, user_id, title, body, views, created_at'

export async function openBareSqlite({ file }: Target): Promise<Runner> {
  const db = new DatabaseSync(file)
  db.exec(
    'pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on; pragma busy_timeout = 5000',
  )
  const prepared = new Map<string, StatementSync>()
  const get = (text: string): StatementSync => {
    const known = prepared.get(text) ?? db.prepare(text)
    prepared.set(text, known)
    return known
  }
  const key = async (id: number) => get(`select ${USER} from users where id = ?`).get(id) as unknown as User
  const users = async (count: number) =>
    get(`select ${USER} from users where id <= ? order by id`).all(count) as unknown as User[]
  const posts = async (count: number) => {
    const found = get(`select ${POST} from posts where user_id <= ? order by id`).all(count) as unknown as Post[]
    return Map.groupBy(found, ({ user_id }) => user_id)
  }
  return {
    async w1a(ids) {
      let sum = 0
      for (const id of ids) {
        get('begin').run()
        sum += (await key(id)).age
        get('commit').run()
      }
      return sum
    },
    async w1b(ids) {
      get('begin').run()
      let sum = 0
      for (const id of ids) sum += (await key(id)).age
      get('commit').run()
      return sum
    },
    async w2(count) {
      return (await users(count)).reduce((sum, { age }) => sum + age, 0)
    },
    async w3(people) {
      get('begin immediate').run()
      const insert = get(
        "insert into users (name, email, age, active, created_at, balance, version) values (?, ?, ?, 1, '2026-01-01 00:00:00.000', 0, 1)",
      )
      const ids = people.map(({ name, email, age }) => Number(insert.run(name, email, age).lastInsertRowid))
      get('commit').run()
      return new Set(ids).size
    },
    async w4(count) {
      get('begin immediate').run()
      const loaded = await users(count)
      const update = get('update users set balance = ?, version = version + 1 where id = ? and version = 1')
      for (const { id, age } of loaded) update.run(age + id, id)
      get('commit').run()
      return loaded.length
    },
    async w5a(count) {
      const authors = await users(count)
      const byAuthor = await posts(count)
      let sum = 0
      for (const { id } of authors) for (const { views } of byAuthor.get(id) ?? []) sum += views
      return sum
    },
    async w5b(count) {
      const authors = await users(count)
      const byAuthor = await posts(count)
      const pairs = get(
        'select p.post_id, t.id, t.name from post_tags p join tags t on t.id = p.tag_id join posts o on o.id = p.post_id where o.user_id <= ?',
      ).all(count) as unknown as { post_id: number; id: number }[]
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
    w7: (count) => users(count),
    close: async () => db.close(),
  }
}
