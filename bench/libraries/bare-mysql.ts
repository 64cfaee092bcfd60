import mysql from 'mysql2/promise'
import type { Runner, Target } from '../contract.ts'
import { W6 } from '../workloads.ts'

const USER = 'id, name, email, age, active, created_at, balance, version'
const POST = 'id, user_id, title, body, views, created_at'

interface Row extends mysql.RowDataPacket {
  id: number
  age: number
  user_id: number
  views: number
  post_id: number
}
type Value = string | number

export async function openBareMysql({ host, port, user, password, database }: Target): Promise<Runner> {
  const pool = mysql.createPool({ host, port, user, password, database, connectionLimit: W6.pool })
  const connection = await mysql.createConnection({ host, port, user, password, database })
  const rowsOf = async (on: mysql.Connection, text: string, values: Value[] = []) =>
    (await on.execute<Row[]>(text, values))[0]
  const key = async (on: mysql.Connection, id: number) =>
    (await rowsOf(on, `select ${USER} from users where id = ?`, [id]))[0] as Row
  const users = (count: number) => rowsOf(connection, `select ${USER} from users where id <= ? order by id`, [count])
  const posts = async (count: number) => {
    const found = await rowsOf(connection, `select ${POST} from posts where user_id <= ? order by id`, [count])
    return Map.groupBy(found, ({ user_id }) => user_id)
  }
  const inTransaction = async <T>(work: () => Promise<T>): Promise<T> => {
    await connection.query('start transaction')
    const result = await work()
    await connection.query('commit')
    return result
  }
  return {
    async w1a(ids) {
      let sum = 0
      for (const id of ids) sum += await inTransaction(async () => (await key(connection, id)).age)
      return sum
    },
    w1b: (ids) =>
      inTransaction(async () => {
        let sum = 0
        for (const id of ids) sum += (await key(connection, id)).age
        return sum
      }),
    async w2(count) {
      return (await users(count)).reduce((sum, { age }) => sum + age, 0)
    },
    w3: (people) =>
      inTransaction(async () => {
        const ids: number[] = []
        for (let i = 0; i < people.length; i += 1_000) {
          const chunk = people.slice(i, i + 1_000)
          const values = chunk.map(() => "(?, ?, ?, 1, '2026-01-01', 0, 1)").join(', ')
          const text = `insert into users (name, email, age, active, created_at, balance, version) values ${values}`
          const given = chunk.flatMap(({ name, email, age }) => [name, email, age])
          const [{ insertId }] = await connection.execute<mysql.ResultSetHeader>(text, given)
          ids.push(...chunk.map((_, n) => insertId + n))
        }
        return new Set(ids).size
      }),
    w4: (count) =>
      inTransaction(async () => {
        const loaded = await users(count)
        const cases = loaded.map(() => 'when ? then ?').join(' ')
        const list = loaded.map(() => '?').join(', ')
        const text = `update users set balance = case id ${cases} end, version = version + 1 where version = 1 and id in (${list})`
        const given = [...loaded.flatMap(({ id, age }) => [id, age + id]), ...loaded.map(({ id }) => id)]
        await connection.execute(text, given)
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
        'select p.post_id, t.id, t.name from post_tags p join tags t on t.id = p.tag_id join posts o on o.id = p.post_id where o.user_id <= ?'
      const tags = Map.groupBy(await rowsOf(connection, text, [count]), ({ post_id }) => post_id)
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
      const on = await pool.getConnection()
      try {
        await on.query('start transaction')
        const found = await key(on, userId)
        const read = await rowsOf(on, `select ${POST} from posts where user_id = ? order by id limit 10`, [userId])
        const insert =
          "insert into posts (user_id, title, body, views, created_at) values (?, 'a title', 'a body', 0, now())"
        await on.execute(insert, [found.id])
        await on.execute('update users set balance = balance + 1, version = version + 1 where id = ?', [userId])
        await on.query('commit')
        return read.length
      } finally {
        on.release()
      }
    },
    w7: (count) => users(count),
    async close() {
      await connection.end()
      await pool.end()
    },
  }
}
