import {
  createAll,
  type Engine,
  type EngineOptions,
  entity,
  integer,
  manyToMany,
  manyToOne,
  oneToMany,
  type Session,
  sessionmaker,
  text,
  varchar,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'

/** The entities of the measurements: what is measured there is counted here. */
export class User extends entity('users', {
  id: integer().primaryKey(),
  name: varchar(60),
  balance: integer().default(0),
  version: integer().version(),
  get posts() {
    return oneToMany(() => Post, { backPopulates: 'user', orderBy: 'id' })
  },
}) {}

export class Post extends entity('posts', {
  id: integer().primaryKey(),
  userId: integer().references('users.id'),
  title: text(),
  get user() {
    return manyToOne(() => User, { backPopulates: 'posts' })
  },
  get tags() {
    return manyToMany(() => Tag, { through: 'post_tags', throughColumns: ['postId', 'tagId'] })
  },
}) {}

export class Tag extends entity('tags', { id: integer().primaryKey(), name: varchar(20) }) {}

/** An engine on a database that holds so many users, each with posts that have tags. */
export async function openShop(url: string, users: number, options: EngineOptions = {}) {
  const engine = openEngine(url, options)
  await createAll(engine, [User, Post, Tag])
  const Sessions = sessionmaker({ bind: engine })
  await Sessions.begin((session) => fill(session, users))
  return { engine, Sessions }
}

function fill(session: Session, users: number): void {
  const tags = [1, 2, 3].map((n) => new Tag({ name: `tag ${n}` }))
  session.addAll(tags)
  for (let n = 0; n < users; n++) {
    const user = new User({ name: `user ${n}` })
    for (let i = 0; i < 3; i++) user.posts.add(new Post({ title: `post ${i}`, tags }))
    session.add(user)
  }
}

/** The request of the measurements: reads a user and some posts, writes a post, and counts something of the user up. */
export async function request(session: Session, id: number): Promise<void> {
  const user = await session.getOne(User, id)
  await session.query(Post).where('userId', '=', id).orderBy('id').limit(10).all()
  session.add(new Post({ userId: user.id, title: 'one more' }))
  user.balance += 1
}

/** What an engine has sent, BEGIN and COMMIT left out. */
export function countStatements(engine: Engine): () => number {
  let count = 0
  engine.on('query', () => {
    count++
  })
  return () => {
    const before = count
    count = 0
    return before
  }
}
