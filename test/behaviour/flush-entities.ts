import {
  type AnyEntityClass,
  createAll,
  entity,
  integer,
  manyToMany,
  manyToOne,
  oneToMany,
  type SessionOptions,
  sessionmaker,
  sql,
  text,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import type { TestDatabase } from '../support/index.ts'

/** A parent whose children live on without it. */
export class User extends entity('users', {
  id: integer().primaryKey(),
  name: varchar(100),
  get addresses() {
    return oneToMany(() => Address, { backPopulates: 'user', orderBy: 'id' })
  },
}) {}

export class Address extends entity('addresses', {
  id: integer().primaryKey(),
  email: varchar(100),
  userId: integer().nullable().references('users.id'),
  get user() {
    return manyToOne(() => User, { backPopulates: 'addresses' }).nullable()
  },
}) {}

/** A tree whose children live on without their parent. */
export class Node extends entity('nodes', {
  id: integer().primaryKey(),
  name: varchar(100),
  parentId: integer().nullable().references('nodes.id'),
  get parent() {
    return manyToOne(() => Node, { foreignKey: 'parentId', backPopulates: 'children' }).nullable()
  },
  get children() {
    return oneToMany(() => Node, { foreignKey: 'parentId', backPopulates: 'parent', orderBy: 'id' })
  },
}) {}

/** A tree that is deleted as a whole. */
export class Branch extends entity('branches', {
  id: integer().primaryKey(),
  name: varchar(100),
  parentId: integer().nullable().references('branches.id'),
  get parent() {
    return manyToOne(() => Branch, { foreignKey: 'parentId', backPopulates: 'children' }).nullable()
  },
  get children() {
    return oneToMany(() => Branch, { foreignKey: 'parentId', backPopulates: 'parent', orderBy: 'id', cascade: 'all' })
  },
}) {}

/** A parent with a key of its own, whose children and labels come and go with it. */
export class Album extends entity('albums', {
  id: integer().primaryKey(),
  title: varchar(100),
  leadId: integer().nullable().references('users.id'),
  get songs() {
    return oneToMany(() => Song, { backPopulates: 'album', cascade: 'all, delete-orphan', orderBy: 'id' })
  },
  get labels() {
    return manyToMany(() => Label, { through: 'album_labels', backPopulates: 'albums', orderBy: 'id' })
  },
  get lead() {
    return manyToOne(() => User).nullable()
  },
}) {}

export class Song extends entity('songs', {
  id: integer().primaryKey(),
  title: varchar(100),
  albumId: integer().nullable().references('albums.id'),
  get album() {
    return manyToOne(() => Album, { backPopulates: 'songs' }).nullable()
  },
}) {}

export class Label extends entity('labels', {
  id: integer().primaryKey(),
  name: varchar(100),
  get albums() {
    return manyToMany(() => Album, { through: 'album_labels', backPopulates: 'labels' })
  },
}) {}

/** A graph through a table of pairs. */
export class Friend extends entity('friends', {
  id: integer().primaryKey(),
  name: varchar(100),
  get follows() {
    return manyToMany(() => Friend, {
      through: 'friend_pairs',
      throughColumns: ['followerId', 'followedId'],
      backPopulates: 'followers',
      orderBy: 'id',
    })
  },
  get followers() {
    return manyToMany(() => Friend, {
      through: 'friend_pairs',
      throughColumns: ['followedId', 'followerId'],
      backPopulates: 'follows',
      orderBy: 'id',
    })
  },
}) {}

/** A key that the program gives, with one column that the database fills. */
export class Item extends entity('items', {
  code: varchar(40).primaryKey(),
  label: text().nullable(),
  stock: integer().default(7),
  state: varchar(20).serverDefault(sql`'fresh'`),
}) {}

/** A key of two parts. */
export class Cell extends entity('cells', {
  row: integer().primaryKey(),
  column: integer().primaryKey(),
  text: varchar(100).nullable(),
}) {}

const everything: AnyEntityClass[] = [User, Address, Node, Branch, Album, Song, Label, Friend, Item, Cell]

/** An engine with the tables of the entities, a maker of sessions, and a recorder of statements. */
export async function openFlushes(
  db: TestDatabase,
  entities: readonly AnyEntityClass[] = everything,
  options: SessionOptions = {},
) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [...entities])
  const statements = recordStatements(engine)
  const Sessions = sessionmaker({ bind: engine, ...options })
  return { engine, Sessions, statements }
}
