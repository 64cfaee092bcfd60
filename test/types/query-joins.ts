// Compiled, never run: what joins, selections and conditions on relations accept and give, and what they must refuse.
import { sql } from 'kysely'
import { Query } from '../../src/loading/query.ts'
import type { QueryTarget } from '../../src/loading/query-target.ts'
import {
  bigint,
  decimal,
  type EntityFunction,
  integer,
  manyToMany,
  manyToOne,
  oneToMany,
  text,
} from '../../src/mapping/index.ts'

declare const entity: EntityFunction
declare const target: QueryTarget

class User extends entity('users', {
  id: integer().primaryKey(),
  name: text(),
  bossId: integer().nullable(),
  get boss() {
    return manyToOne(() => User, { foreignKey: 'bossId' }).nullable()
  },
  get posts() {
    return oneToMany(() => Post, { backPopulates: 'user' })
  },
  get groups() {
    return manyToMany(() => Group, { through: 'user_groups' })
  },
}) {}

class Post extends entity('posts', {
  id: integer().primaryKey(),
  userId: integer().references('users.id'),
  title: text(),
  price: decimal(10, 2),
  views: bigint(),
  get user() {
    return manyToOne(() => User, { foreignKey: 'userId', backPopulates: 'posts' })
  },
}) {}

class Group extends entity('groups', { id: integer().primaryKey(), label: text().nullable() }) {}

const users = new Query(target, User)
const posts = new Query(target, Post)
const ed = new User({ name: 'ed' })

export const joins = [
  users.join('posts').where('posts.title', '=', 'a').orderBy('posts.views', 'desc'),
  users.join('posts', { as: 'p' }).where('p.views', '>', 5n).whereRef('p.userId', '=', 'users.id'),
  users.join('posts.user', { as: 'author' }).where('author.name', '=', 'x').where('posts.title', 'like', 'x%'),
  users.join('posts').join('posts.user', { as: 'author' }).orderBy('author.name'),
  users.leftJoin('boss', { on: (eb) => eb('boss.name', '=', 'x') }).where('boss.id', 'is', null),
  users.join('groups').where((eb) => eb.or([eb('groups.label', '=', 'a'), eb('users.name', '=', 'b')])),
]

export const related = [
  users.whereHas('posts'),
  users.whereHas('posts', (post) =>
    post.where('title', '=', 'a').whereHas('user', (user) => user.where('user.id', '=', 1)),
  ),
  users.whereHasNo('groups', (group) => group.where('label', 'is', null)),
  users.whereHas('posts.user', (user) => user.where('name', '=', 'ed')),
  posts.where('user', '=', ed),
  posts.where('user', 'in', [ed]),
  users.where('boss', 'is', null),
  users.whereContains('groups', new Group()),
  posts.withParent(ed, 'posts'),
]

export async function rows(): Promise<unknown> {
  const some = await users.select('id', 'users.name').all()
  const named: { id: number; name: string }[] = some
  const joined = await users
    .leftJoin('posts')
    .select(({ count, sum, max, entity: whole }) => ({
      user: whole(),
      post: whole('posts'),
      title: 'posts.title',
      posts: count('posts.id'),
      price: sum('posts.price'),
      views: sum('posts.views'),
      last: max('posts.id'),
      loud: sql<string>`upper(name)`,
    }))
    .groupBy('id')
    .having((eb) => eb.fn.countAll(), '>', 1)
    .orderBy('views', 'desc')
    .one()
  const user: User = joined.user
  const title: string | null = joined.title
  const price: string | null = joined.price
  const views: bigint | null = joined.views
  const count: number = joined.posts
  const last: number | null = joined.last
  const loud: string = joined.loud
  // @ts-expect-error an outer join may find no post
  joined.post.title
  // @ts-expect-error may be null
  const sure: string = joined.title
  const scalars: string[] = await users.select('name').scalars()
  const page = await users.paginate({ perPage: 5 })
  const item: User | undefined = page.items[0]
  const keyset = await users.orderBy('name').page({ size: 5, after: null })
  const next: string | null = keyset.next
  const updated: number = await users.where('id', '=', 1).update({ name: (eb) => eb.fn<string>('upper', ['name']) })
  const returned: User[] = await users.update({ bossId: null }, { returning: true })
  return [named, user, title, price, views, count, last, loud, sure, scalars, item, next, updated, returned]
}

export function refusals(): unknown {
  return [
    // @ts-expect-error no relation of that name
    users.join('pots'),
    // @ts-expect-error a column is no relation
    users.join('name'),
    // @ts-expect-error no property of that name behind the join
    users.join('posts').where('posts.titel', '=', 'a'),
    // @ts-expect-error nothing was joined
    users.where('posts.title', '=', 'a'),
    // @ts-expect-error a wrong value behind the join
    users.join('posts').where('posts.title', '=', 5),
    // @ts-expect-error joined by another name
    users.join('posts', { as: 'p' }).orderBy('posts.title'),
    // @ts-expect-error no such relation
    users.whereHas('pots'),
    // @ts-expect-error no property of the related entity
    users.whereHas('posts', (post) => post.where('name', '=', 'x')),
    // @ts-expect-error another entity
    posts.where('user', '=', new Group()),
    // @ts-expect-error a collection is compared with nothing
    users.where('posts', '=', new Post({ title: '', price: '1', views: 1n })),
    // @ts-expect-error to one instance
    posts.whereContains('user', ed),
    // @ts-expect-error no relation of the parent
    posts.withParent(ed, 'nope'),
    // @ts-expect-error no property
    users.select('nam'),
    // @ts-expect-error no property in an object
    users.select({ x: 'nam' }),
    // @ts-expect-error no property to add up
    users.select(({ sum }) => ({ x: sum('nope') })),
    // @ts-expect-error not joined
    users.select(({ entity: whole }) => ({ x: whole('posts') })),
    // @ts-expect-error not selected
    users.select('id').orderBy('nope'),
    // @ts-expect-error no property to set
    users.update({ nam: 'x' }),
    // @ts-expect-error a wrong value
    users.update({ name: 5 }),
    // @ts-expect-error no such way
    users.update({ name: 'x' }, { synchronize: 'never' }),
  ]
}
