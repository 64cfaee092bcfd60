import { pathToFileURL } from 'node:url'
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'
import type { Library, Target } from '../contract.ts'
import { viewsAndTagsOf, viewsOf } from '../sums.ts'
import { W6 } from '../workloads.ts'
import { clientFor, version } from './prisma-client.ts'

// biome-ignore lint/suspicious/noExplicitAny: the client and its types are generated, and not there when this is checked
type Any = any

/** Names each statement for the driver, which prepares those that have a name once for each connection. */
function statementNames(): (query: { sql: string }) => string {
  const names = new Map<string, string>()
  return ({ sql }) => {
    const name = names.get(sql) ?? `s${names.size}`
    names.set(sql, name)
    return name
  }
}

function adapterOf({ product, file, host, port, user, password, database }: Target): object {
  if (product === 'sqlite') return new PrismaBetterSqlite3({ url: `file:${file}` })
  if (product === 'postgres') {
    const config = { host, port, user, password, database, max: W6.pool }
    return new PrismaPg(config, { statementNameGenerator: statementNames() })
  }
  // As many prepared statements are kept as the driver itself would keep: without this number the adapter keeps none of them.
  const config = { host, port, user, password, database, connectionLimit: W6.pool, prepareCacheLength: 256 }
  return new PrismaMariaDb(config, { database })
}

async function open(target: Target): Promise<Any> {
  const { PrismaClient } = await import(pathToFileURL(clientFor(target.product)).href)
  // As given, a transaction is ended after five seconds, and may wait two for a connection.
  const transactionOptions = { timeout: 120_000, maxWait: 120_000 }
  const client = new PrismaClient({ adapter: adapterOf(target), transactionOptions })
  await client.$connect()
  if (target.product === 'sqlite') await client.$executeRawUnsafe('pragma synchronous = normal')
  return client
}

export const library: Library = {
  name: 'prisma',
  version,
  async open(target) {
    const client = await open(target)
    const key = (on: Any, id: number) => on.user.findUniqueOrThrow({ where: { id } })
    const all = (on: Any, count: number) => on.user.findMany({ where: { id: { lte: count } }, orderBy: { id: 'asc' } })
    const insert = async (on: Any, data: readonly Any[]): Promise<{ id: number }[]> => {
      if (target.product !== 'mariadb') return on.user.createManyAndReturn({ data, select: { id: true } })
      // What brings keys back from MariaDB is one statement for each row.
      const made: { id: number }[] = []
      for (const row of data) made.push(await on.user.create({ data: row, select: { id: true } }))
      return made
    }
    return {
      async w1a(ids) {
        let sum = 0
        for (const id of ids) sum += await client.$transaction(async (on: Any) => (await key(on, id)).age)
        return sum
      },
      w1b: (ids) =>
        client.$transaction(async (on: Any) => {
          let sum = 0
          for (const id of ids) sum += (await key(on, id)).age
          return sum
        }),
      async w2(count) {
        return (await all(client, count)).reduce((sum: number, { age }: { age: number }) => sum + age, 0)
      },
      w3: (people) =>
        client.$transaction(async (on: Any) => {
          const createdAt = new Date()
          const made = await insert(
            on,
            people.map(({ name, email, age }) => ({ name, email, age, active: true, createdAt, balance: 0 })),
          )
          return new Set(made.map(({ id }) => id)).size
        }),
      w4: (count) =>
        client.$transaction(async (on: Any) => {
          const loaded = await all(on, count)
          for (const { id, age, version } of loaded) {
            const data = { balance: age + id, version: { increment: 1 } }
            const { count: changed } = await on.user.updateMany({ where: { id, version }, data })
            if (changed !== 1) throw new Error(`user ${id} was changed by another`)
          }
          return loaded.length
        }),
      async w5a(count) {
        const found = await client.user.findMany({
          where: { id: { lte: count } },
          orderBy: { id: 'asc' },
          include: { posts: true },
        })
        return viewsOf(found)
      },
      async w5b(count) {
        const found = await client.user.findMany({
          where: { id: { lte: count } },
          orderBy: { id: 'asc' },
          include: { posts: { include: { postTags: { include: { tag: true } } } } },
        })
        return viewsAndTagsOf(found, (post: Any) => post.postTags.map(({ tag }: Any) => tag))
      },
      ...(target.product !== 'sqlite' && {
        w6: (userId: number): Promise<number> =>
          client.$transaction(async (on: Any) => {
            const user = await key(on, userId)
            const read = await on.post.findMany({ where: { userId }, orderBy: { id: 'asc' }, take: 10 })
            const post = { userId: user.id, title: 'a title', body: 'a body', views: 0, createdAt: new Date() }
            await on.post.create({ data: post, select: { id: true } })
            // The row is not needed again, which `update` would read on MariaDB, before the change and after it.
            const data = { balance: { increment: 1 }, version: { increment: 1 } }
            await on.user.updateMany({ where: { id: userId }, data })
            return read.length
          }),
      }),
      w7: (count) => all(client, count),
      close: () => client.$disconnect(),
    }
  },
}
