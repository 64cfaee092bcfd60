import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  boolean,
  createAll,
  createEngine,
  dropAll,
  entity,
  integer,
  type Sessionmaker,
  sessionmaker,
  varchar,
} from '../src/index.ts'
import { type Bare, openBare } from './bare.ts'
import { compare, type Workload } from './rounds.ts'

class User extends entity('bench_users', {
  id: integer().primaryKey(),
  name: varchar(100),
  email: varchar(100),
  age: integer(),
  active: boolean().default(true),
  balance: integer().default(0),
  version: integer().version(),
}) {}

const ROWS = 10_000
const people = Array.from({ length: ROWS }, (_, n) => [`name ${n}`, `user${n}@example.org`, n % 90] as const)

function workloads(
  Sessions: Sessionmaker,
  bare: Bare,
  keys: () => readonly number[],
  refill: () => Promise<void>,
): Workload[] {
  const some = (count: number) => keys().slice(0, count)
  return [
    {
      name: 'W1a key lookup, a session each (1,000)',
      async heddle() {
        let sum = 0
        for (const id of some(1_000)) {
          const session = Sessions({ readOnly: true })
          sum += (await session.getOne(User, id)).age
          await session.commit()
          await session.close()
        }
        return sum
      },
      async bare() {
        let sum = 0
        for (const id of some(1_000)) sum += (await bare.byKey(id, true))?.[3] as number
        return sum
      },
    },
    {
      name: 'W1b key lookup, one session (5,000)',
      heddle: () =>
        Sessions.begin(async (session) => {
          let sum = 0
          for (const id of some(5_000)) sum += (await session.getOne(User, id)).age
          return sum
        }),
      async bare() {
        await bare.run('begin')
        let sum = 0
        for (const id of some(5_000)) sum += (await bare.byKey(id, false))?.[3] as number
        await bare.run('commit')
        return sum
      },
    },
    {
      name: 'W2 10,000 rows into instances',
      heddle: () =>
        Sessions.begin(async (session) => {
          const users = await session.query(User).orderBy('id').all()
          return users.reduce((sum, user) => sum + user.age, 0)
        }),
      bare: async () => (await bare.all()).reduce((sum, row) => sum + (row[3] as number), 0),
    },
    {
      name: 'W3 10,000 inserts, keys back',
      prepare: () => bare.run('delete from bench_users'),
      heddle: () =>
        Sessions.begin(async (session) => {
          const users = people.map(([name, email, age]) => new User({ name, email, age }))
          session.addAll(users)
          await session.flush()
          return new Set(users.map((user) => user.id)).size
        }),
      bare: async () => new Set(await bare.insert(people)).size,
    },
    {
      name: 'W4 1,000 different updates',
      prepare: refill,
      heddle: () =>
        Sessions.begin(async (session) => {
          const users = await session.query(User).orderBy('id').limit(1_000).all()
          for (const user of users) user.age += 1_000 + (user.age % 7)
          await session.flush()
          return users.length
        }),
      async bare() {
        const rows = (await bare.all()).slice(0, 1_000)
        await bare.updateAges(
          rows.map((row) => [row[0] as number, (row[3] as number) + 1_000 + ((row[3] as number) % 7)]),
        )
        return rows.length
      },
    },
  ]
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { url: { type: 'string' }, rounds: { type: 'string', default: '9' } } })
  const folder = mkdtempSync(join(tmpdir(), 'heddle-bench-'))
  await using engine = createEngine(values.url ?? `sqlite:///${join(folder, 'bench.db')}`)
  await dropAll(engine, [User])
  await createAll(engine, [User])
  const Sessions = sessionmaker({ bind: engine })
  const bare = await openBare(engine.url)
  let keys: readonly number[] = []
  const refill = async () => {
    await bare.run('delete from bench_users')
    keys = await bare.insert(people)
  }
  try {
    await refill()
    console.log(`heddle ÷ bare driver on ${engine.dialect.name}, medians of ${values.rounds} rounds\n`)
    for (const workload of workloads(Sessions, bare, () => keys, refill)) {
      const { name, heddle, bare: hand, ratio } = await compare(workload, Number(values.rounds))
      if (workload.name.startsWith('W3')) await refill()
      const spread = `heddle ${heddle.median.toFixed(1)} ms (${heddle.least.toFixed(1)}–${heddle.most.toFixed(1)})`
      const other = `bare ${hand.median.toFixed(1)} ms (${hand.least.toFixed(1)}–${hand.most.toFixed(1)})`
      console.log(`${name.padEnd(42)} ${ratio.toFixed(2).padStart(6)}   ${spread}, ${other}`)
    }
  } finally {
    await bare.close()
    await dropAll(engine, [User])
    await engine.dispose()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
