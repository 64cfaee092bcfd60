import {
  createAll,
  entity,
  integer,
  manyToMany,
  manyToOne,
  oneToMany,
  oneToOne,
  type SessionOptions,
  sessionmaker,
  type ToMany,
  text,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import type { TestDatabase } from '../support/index.ts'

/** Owns its addresses: without it they are deleted. */
export class User extends entity('users', {
  id: integer().primaryKey(),
  name: varchar(100),
  get addresses() {
    return oneToMany(() => Address, { backPopulates: 'user', cascade: 'all, delete-orphan', orderBy: 'id' })
  },
  get orders() {
    return oneToMany(() => Order, { backPopulates: 'user', orderBy: 'id' })
  },
  get groups() {
    return manyToMany(() => Group, { through: 'user_groups', backPopulates: 'users', orderBy: 'id' })
  },
}) {}

export class Address extends entity('addresses', {
  id: integer().primaryKey(),
  email: varchar(100).unique(),
  userId: integer().nullable().references('users.id'),
  get user() {
    return manyToOne(() => User, { foreignKey: 'userId', backPopulates: 'addresses' }).nullable()
  },
  get dingalings() {
    return oneToMany(() => Dingaling, { backPopulates: 'address', cascade: 'all, delete-orphan', orderBy: 'id' })
  },
}) {}

export class Dingaling extends entity('dingalings', {
  id: integer().primaryKey(),
  addressId: integer().nullable().references('addresses.id'),
  get address() {
    return manyToOne(() => Address, { foreignKey: 'addressId', backPopulates: 'dingalings' }).nullable()
  },
}) {}

/** A child that lives without its parent. */
export class Order extends entity('orders', {
  id: integer().primaryKey(),
  what: text().nullable(),
  userId: integer().nullable().references('users.id'),
  get user() {
    return manyToOne(() => User, { foreignKey: 'userId', backPopulates: 'orders' }).nullable()
  },
}) {}

export class Group extends entity('groups', {
  id: integer().primaryKey(),
  name: varchar(100),
  get users() {
    return manyToMany(() => User, { through: 'user_groups', backPopulates: 'groups', orderBy: 'id' })
  },
}) {}

/** A tree whose branches go with what they hang on. */
export class Node extends entity('nodes', {
  id: integer().primaryKey(),
  name: varchar(100),
  parentId: integer().nullable().references('nodes.id'),
  get parent() {
    return manyToOne(() => Node, { foreignKey: 'parentId', backPopulates: 'children' }).nullable()
  },
  get children() {
    return oneToMany(() => Node, {
      foreignKey: 'parentId',
      backPopulates: 'parent',
      cascade: 'all, delete-orphan',
      orderBy: 'id',
    })
  },
}) {}

/** One desk has one lamp at most, and each can be without the other. */
export class Desk extends entity('desks', {
  id: integer().primaryKey(),
  get lamp() {
    return oneToOne(() => Lamp, { backPopulates: 'desk' })
  },
}) {}

export class Lamp extends entity('lamps', {
  id: integer().primaryKey(),
  deskId: integer().nullable().references('desks.id'),
  get desk() {
    return oneToOne(() => Desk, { foreignKey: 'deskId', backPopulates: 'lamp' }).nullable()
  },
}) {}

const everything = [User, Address, Dingaling, Order, Group, Node, Desk, Lamp]

type AnyEntity = Parameters<typeof createAll>[1][number]

/** An engine with the tables of the entities above, or of the given ones, a maker of sessions, and a recorder of statements. */
export async function openRelated(
  db: TestDatabase,
  { entities = everything, ...options }: SessionOptions & { readonly entities?: readonly AnyEntity[] } = {},
) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, entities)
  const statements = recordStatements(engine)
  const Sessions = sessionmaker({ bind: engine, ...options })
  return { engine, Sessions, statements }
}

/** A user with addresses of the given names, stored, and in no session. */
export async function storedUser(
  Sessions: ReturnType<typeof sessionmaker>,
  name: string,
  emails: readonly string[] = [],
): Promise<number> {
  return Sessions.begin(async (session) => {
    const user = new User({ name, addresses: emails.map((email) => new Address({ email })) })
    session.add(user)
    await session.flush()
    return user.id
  })
}

/** What is stored: the address book as `email>user`. */
export async function addressBook(Sessions: ReturnType<typeof sessionmaker>): Promise<string[]> {
  return Sessions.begin(async (session) => {
    const addresses = await session.query(Address).orderBy('email').all()
    return addresses.map(({ email, userId }) => `${email}>${userId}`)
  })
}

/** The members of a collection that must be loaded. */
export function members<Item>(collection: ToMany<Item>): readonly Item[] {
  if (!collection.isLoaded) throw new Error('The collection is not loaded.')
  return collection
}
