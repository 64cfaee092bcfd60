// Compiled, never run: what queries accept and give, and what they must refuse.
import { sql } from 'kysely'
import { Query } from '../../src/loading/query.ts'
import type { QueryTarget } from '../../src/loading/query-target.ts'
import {
  bigint,
  boolean,
  type EntityFunction,
  enumeration,
  integer,
  json,
  manyToOne,
  oneToMany,
  text,
  timestamp,
} from '../../src/mapping/index.ts'

declare const entity: EntityFunction
declare const target: QueryTarget

class User extends entity('users', {
  id: integer().primaryKey(),
  name: text(),
  nickname: text().nullable(),
  active: boolean(),
  size: bigint(),
  role: enumeration('admin', 'guest'),
  settings: json<{ theme: string; tags: string[] }>(),
  createdAt: timestamp(),
  get posts() {
    return oneToMany(() => Post, { backPopulates: 'user' })
  },
}) {
  greet(): string {
    return `hi ${this.name}`
  }
}

class Post extends entity('posts', {
  id: integer().primaryKey(),
  userId: integer().references('users.id'),
  title: text(),
  get user() {
    return manyToOne(() => User, { foreignKey: 'userId', backPopulates: 'posts' })
  },
}) {}

const users = new Query(target, User)

export async function ends(): Promise<unknown> {
  const all: User[] = await users.all()
  const first: User | null = await users.first()
  const one: User = await users.one()
  const oneOrNull: User | null = await users.oneOrNull()
  const count: number = await users.count()
  const exists: boolean = await users.exists()
  for await (const user of users.stream({ batch: 10 })) user.greet()
  for await (const user of users) user.greet()
  // @ts-expect-error one instance, not an array of them
  const wrong: User[] = await users.one()
  // @ts-expect-error may be null
  first.greet()
  // @ts-expect-error a query is no promise: awaiting it gives the query
  ;(await users).length
  return [all, first?.greet(), one.greet(), oneOrNull, count, exists, wrong]
}

export const conditions = [
  users.where('id', '=', 1),
  users.where('users.id', '=', 1),
  users.where('id', 'in', [1, 2, 3]),
  users.where('id', 'not in', [1, 2, 3] as const),
  users.where('name', 'like', 'e%'),
  users.where('nickname', '=', null),
  users.where('nickname', 'is', null),
  users.where('active', 'is', true),
  users.where('size', '>', 10n),
  users.where('role', '=', 'admin'),
  users.where('role', 'in', ['admin', 'guest']),
  users.where('createdAt', '<', new Date()),
  users.where('settings', '=', { theme: 'dark', tags: [] }),
  users.where('name', '=', sql<string>`lower('ED')`),
  users.where('name', '=', (eb) => eb.ref('nickname').$castTo<string>()),
  users.where('id', 'in', (eb) => eb.selectFrom('posts').select('posts.userId').where('posts.title', '=', 'a')),
  users.where('name', sql`~*`, '^e'),
  users.where((eb) => eb.or([eb('id', '=', 1), eb.and([eb('name', '=', 'ed'), eb('users.active', '=', true)])])),
  users.where((eb) => eb.between('createdAt', new Date(), new Date())),
  users.where((eb) => eb.exists(eb.selectFrom('posts').select('posts.id').whereRef('posts.userId', '=', 'users.id'))),
  users.where((eb) => eb.not(eb('name', '=', 'ed'))),
  users.where((eb) => eb.fn<string>('lower', ['name']), '=', 'ed'),
  users.where(sql<boolean>`length(name) > 3`),
  users.where(sql<string>`lower(name)`, 'in', ['ed', 'jo']),
  users.whereRef('createdAt', '>', 'users.createdAt'),
  users.filterBy({ name: 'ed', nickname: null, active: true }),
  users.filterBy({}),
]

export const order = [
  users.orderBy('id'),
  users.orderBy('users.id', 'desc'),
  users.orderBy('nickname', { direction: 'desc', nulls: 'last' }),
  users.orderBy('nickname', (ob) => ob.desc().nullsFirst()),
  users.orderBy(sql`lower(name)`, 'asc'),
  users.orderBy((eb) => eb.fn('lower', ['name'])),
  users.limit(10).offset(5).distinct(),
]

export const more = [
  users.forUpdate(),
  users.forUpdate({ nowait: true, of: 'users' }),
  users.forShare({ skipLocked: true, of: ['users'] }),
  users.forNoKeyUpdate().forKeyShare(),
  users.populateExisting().autoflush(false).executionOptions({ label: 'report' }),
  users.modify((qb) =>
    qb.innerJoin('posts', 'posts.userId', 'users.id').where('posts.title', '=', 'a').groupBy('users.id'),
  ),
  users.modify((qb) =>
    qb.leftJoin('posts as p', (join) => join.onRef('p.userId', '=', 'users.id').on('p.title', '=', 'a')),
  ),
]

export function refusals(): unknown {
  return [
    // @ts-expect-error no such property
    users.where('naem', '=', 'ed'),
    // @ts-expect-error no such property behind the table
    users.where('users.naem', '=', 'ed'),
    // @ts-expect-error another table's property
    users.where('title', '=', 'a'),
    // @ts-expect-error a relation is no column
    users.where('posts', '=', 1),
    // @ts-expect-error a method is no column
    users.where('greet', '=', 1),
    // @ts-expect-error a number, not a string
    users.where('id', '=', '1'),
    // @ts-expect-error one value, not a list
    users.where('id', '=', [1]),
    // @ts-expect-error a list, not one value
    users.where('id', 'in', 1),
    // @ts-expect-error numbers in the list
    users.where('id', 'in', ['1']),
    // @ts-expect-error a bigint, not a number
    users.where('size', '>', 10),
    // @ts-expect-error not one of the values
    users.where('role', '=', 'root'),
    // @ts-expect-error a Date, not a string
    users.where('createdAt', '<', '2026-01-01'),
    // @ts-expect-error never null
    users.where('name', '=', null),
    // @ts-expect-error a pattern is a string
    users.where('id', 'like', 5),
    // @ts-expect-error no operator
    users.where('id', '=>', 5),
    // @ts-expect-error an operator needs a value
    users.where('id', '='),
    // @ts-expect-error no such property in an expression
    users.where((eb) => eb('naem', '=', 'ed')),
    // @ts-expect-error wrong value in an expression
    users.where((eb) => eb.or([eb('id', '=', 'x')])),
    // @ts-expect-error no such property
    users.whereRef('createdAt', '>', 'updatedAt'),
    // @ts-expect-error no such property
    users.filterBy({ naem: 'ed' }),
    // @ts-expect-error wrong value
    users.filterBy({ name: 5 }),
    // @ts-expect-error never null
    users.filterBy({ name: null }),
    // @ts-expect-error undefined is no filter
    users.filterBy({ name: undefined }),
    // @ts-expect-error no such property
    users.orderBy('naem'),
    // @ts-expect-error no such direction
    users.orderBy('id', 'down'),
    // @ts-expect-error no such place for nulls
    users.orderBy('id', { nulls: 'never' }),
    // @ts-expect-error a number
    users.limit('10'),
    // @ts-expect-error no such option
    users.forUpdate({ noWait: true }),
    // @ts-expect-error no such property of the entity in Kysely's builder
    users.modify((qb) => qb.where('users.naem', '=', 1)),
    // @ts-expect-error no builder comes back
    users.modify((qb) => qb.compile()),
    // @ts-expect-error no entity
    new Query(target, Date),
  ]
}
