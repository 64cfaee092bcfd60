import pg from 'pg'
import type { Runner, Target } from '../contract.ts'
import { W6 } from '../workloads.ts'

const USER = 'id, name, email, age, active, created_at, balance, version'
const POST = 'id, user_id, title, body, views, created_at'

interface Row {
  id: number
  age: number
  user_id: number
  views: number
  post_id: number
}

export async function openBarePostgres({ host, port, user, password, database }: Target): Promise<Runner> {
  const pool = new pg.Pool({ host, port, user, password, database, max: W6.pool })
  const client = await pool.connect()
  const query = async (on: pg.PoolClient, name: string, text: string, values: unknown[] = []) =>
    (await on.query<Row>({ name, text, values })).rows
  const key = async (on: pg.PoolClient, id: number) =>
    (await query(on, 'key', `select ${USER} from users where id = $1`, [id]))[0] as Row
  const users = (count: number) =>
    query(client, 'users', `select ${USER} from users where id <= $1 order by id`, [count])
  const posts = async (count: number) => {
    const found = await query(client, 'posts', `select ${POST} from posts where user_id <= $1 order by id`, [count])
    return Map.groupBy(found, ({ user_id }) => user_id)
  }
  const inTransaction = async <T>(work: () => Promise<T>): Promise<T> => {
    await client.query('begin')
    const result = await work()
    await client.query('commit')
    return result
  }
  return {
    async w1a(ids) {
      let sum = 0
      for (const id of ids) sum += await inTransaction(async () => (await key(client, id)).age)
      return sum
    },
    w1b: (ids) =>
      inTransaction(async () => {
        let sum = 0
        for (const id of ids) sum += (await key(client, id)).age
        return sum
      }),
    async w2(count) {
      return (await users(count)).reduce((sum, { age }) => sum + age, 0)
    },
    w3: (people) =>
      inTransaction(async () => {
        const text =
          'insert into users (name, email, age, active, created_at, balance, version) select n, e, a, true, now(), 0, 1 ' +
          'from unnest($1::text[], $2::text[], $3::int[]) with ordinality as v(n, e, a, o) order by o returning id'
        const columns = [people.map(({ name }) => name), people.map(({ email }) => email), people.map(({ age }) => age)]
        return new Set((await query(client, 'insert', text, columns)).map(({ id }) => id)).size
      }),
    w4: (count) =>
      inTransaction(async () => {
        const loaded = await users(count)
        const text =
          'update users as u set balance = v.balance, version = u.version + 1 ' +
          'from unnest($1::int[], $2::int[]) as v(id, balance) where u.id = v.id and u.version = 1'
        await query(client, 'update', text, [loaded.map(({ id }) => id), loaded.map(({ id, age }) => age + id)])
        return loaded.length
      }),
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
      const text =
        'select p.post_id, t.id, t.name from post_tags p join tags t on t.id = p.tag_id join posts o on o.id = p.post_id where o.user_id <= $1'
      const tags = Map.groupBy(await query(client, 'tags', text, [count]), ({ post_id }) => post_id)
      let sum = 0
      for (const { id } of authors) {
        for (const post of byAuthor.get(id) ?? []) {
          sum += post.views
          for (const tag of tags.get(post.id) ?? []) sum += tag.id
        }
      }
      return sum
    },
    async w6(userId) {
      const on = await pool.connect()
      try {
        await on.query('begin')
        const found = await key(on, userId)
        const read = await query(on, 'ten', `select ${POST} from posts where user_id = $1 order by id limit 10`, [
          userId,
        ])
        await query(
          on,
          'post',
          "insert into posts (user_id, title, body, views, created_at) values ($1, 'a title', 'a body', 0, now()) returning id",
          [found.id],
        )
        await query(on, 'count', 'update users set balance = balance + 1, version = version + 1 where id = $1', [
          userId,
        ])
        await on.query('commit')
        return read.length
      } finally {
        on.release()
      }
    },
    w7: (count) => users(count),
    async close() {
      client.release()
      await pool.end()
    },
  }
}
