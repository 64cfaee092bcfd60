import { DatabaseSync } from 'node:sqlite'
import mysql from 'mysql2/promise'
import pg from 'pg'
import type { EngineUrl } from '../src/index.ts'

/** The same work by the bare driver. Rows are arrays; the key comes first. */
export interface Bare {
  byKey(id: number, inTransaction: boolean): Promise<unknown[] | undefined>
  all(): Promise<unknown[][]>
  insert(rows: readonly (readonly [name: string, email: string, age: number])[]): Promise<number[]>
  updateAges(ages: readonly (readonly [id: number, age: number])[]): Promise<void>
  run(text: string): Promise<void>
  close(): Promise<void>
}

const COLUMNS = 'id, name, email, age, active, balance, version'

/** Opens the bare driver of a URL's database. */
export async function openBare(url: EngineUrl): Promise<Bare> {
  switch (url.dialect) {
    case 'sqlite':
      return bareSqlite(url.database as string)
    case 'postgres':
      return barePostgres(url.render({ hidePassword: false }))
    default:
      return bareMysql(url)
  }
}

function bareSqlite(file: string): Bare {
  const db = new DatabaseSync(file)
  db.exec(
    'pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on; pragma busy_timeout = 5000',
  )
  const prepare = (text: string) => {
    const statement = db.prepare(text)
    statement.setReturnArrays?.(true)
    return statement
  }
  const prepared = new Map<string, ReturnType<typeof prepare>>()
  const get = (text: string) => {
    const known = prepared.get(text) ?? prepare(text)
    prepared.set(text, known)
    return known
  }
  return {
    async byKey(id, inTransaction) {
      if (inTransaction) get('begin').run()
      const row = get(`select ${COLUMNS} from bench_users where id = ?`).get(id) as unknown as unknown[] | undefined
      if (inTransaction) get('commit').run()
      return row
    },
    async all() {
      return get(`select ${COLUMNS} from bench_users order by id`).all() as unknown as unknown[][]
    },
    async insert(rows) {
      get('begin immediate').run()
      const insert = get(
        'insert into bench_users (name, email, age, active, balance, version) values (?, ?, ?, 1, 0, 1)',
      )
      const ids = rows.map(([name, email, age]) => Number(insert.run(name, email, age).lastInsertRowid))
      get('commit').run()
      return ids
    },
    async updateAges(ages) {
      get('begin immediate').run()
      const update = get('update bench_users set age = ?, version = version + 1 where id = ? and version = 1')
      for (const [id, age] of ages) update.run(age, id)
      get('commit').run()
    },
    run: async (text) => db.exec(text),
    close: async () => db.close(),
  }
}

async function barePostgres(connectionString: string): Promise<Bare> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  const query = async (name: string, text: string, values: unknown[] = []) =>
    (await client.query<unknown[]>({ name, text, values, rowMode: 'array' })).rows
  return {
    async byKey(id, inTransaction) {
      if (inTransaction) await client.query('begin')
      const [row] = await query('key', `select ${COLUMNS} from bench_users where id = $1`, [id])
      if (inTransaction) await client.query('commit')
      return row
    },
    all: () => query('all', `select ${COLUMNS} from bench_users order by id`),
    async insert(rows) {
      await client.query('begin')
      const text =
        'insert into bench_users (name, email, age, active, balance, version) select n, e, a, true, 0, 1 ' +
        'from unnest($1::text[], $2::text[], $3::int[]) with ordinality as v(n, e, a, o) order by o returning id'
      const ids = await query(
        'insert',
        text,
        [0, 1, 2].map((i) => rows.map((row) => row[i])),
      )
      await client.query('commit')
      return ids.map(([id]) => id as number)
    },
    async updateAges(ages) {
      await client.query('begin')
      const text =
        'update bench_users as u set age = v.age, version = u.version + 1 ' +
        'from unnest($1::int[], $2::int[]) as v(id, age) where u.id = v.id and u.version = 1'
      await query(
        'update',
        text,
        [0, 1].map((i) => ages.map((row) => row[i])),
      )
      await client.query('commit')
    },
    run: async (text) => void (await client.query(text)),
    close: () => client.end(),
  }
}

async function bareMysql({ host, port, user, password, database }: EngineUrl): Promise<Bare> {
  const options = { host, port, user, password, database, rowsAsArray: true as const }
  const connection = await mysql.createConnection(
    Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as mysql.ConnectionOptions,
  )
  const rowsOf = async (text: string, values: (string | number)[] = []) =>
    (await connection.execute<mysql.RowDataPacket[][]>(text, values))[0] as unknown as unknown[][]
  return {
    async byKey(id, inTransaction) {
      if (inTransaction) await connection.query('start transaction')
      const [row] = await rowsOf(`select ${COLUMNS} from bench_users where id = ?`, [id])
      if (inTransaction) await connection.query('commit')
      return row
    },
    all: () => rowsOf(`select ${COLUMNS} from bench_users order by id`),
    async insert(rows) {
      await connection.query('start transaction')
      const ids: number[] = []
      for (let i = 0; i < rows.length; i += 1_000) {
        const chunk = rows.slice(i, i + 1_000)
        const values = chunk.map(() => '(?, ?, ?, 1, 0, 1)').join(', ')
        const text = `insert into bench_users (name, email, age, active, balance, version) values ${values}`
        const [result] = await connection.execute<mysql.ResultSetHeader>(text, chunk.flat())
        ids.push(...chunk.map((_, n) => result.insertId + n))
      }
      await connection.query('commit')
      return ids
    },
    async updateAges(ages) {
      await connection.query('start transaction')
      const cases = ages.map(() => 'when ? then ?').join(' ')
      const list = ages.map(() => '?').join(', ')
      const text = `update bench_users set age = case id ${cases} end, version = version + 1 where version = 1 and id in (${list})`
      await connection.execute(text, [...ages.flat(), ...ages.map(([id]) => id)])
      await connection.query('commit')
    },
    run: async (text) => void (await connection.query(text)),
    close: () => connection.end(),
  }
}
