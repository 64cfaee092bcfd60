// Compiled, never run: what the types of entities promise, and what they must refuse.
import {
  type EntityFunction,
  integer,
  type Loaded,
  manyToMany,
  manyToOne,
  oneToMany,
  oneToOne,
  type Paths,
  text,
} from '../../src/mapping/index.ts'

declare const entity: EntityFunction

interface Query<Entity, Result = Entity> {
  with<Path extends Paths<Entity>>(...paths: Path[]): Query<Entity, Loaded<Entity, Path>>
  all(): Promise<Result[]>
  one(): Promise<Result>
}
// biome-ignore lint/suspicious/noExplicitAny: only `any` matches the constructor parameters of every class
declare function query<Class extends abstract new (...args: any[]) => object>(
  entityClass: Class,
): Query<InstanceType<Class>>

export class User extends entity(
  'users',
  {
    id: integer().primaryKey(),
    name: text(),
    nickname: text().nullable(),
    get addresses() {
      return oneToMany(() => Address, {
        backPopulates: 'user',
        cascade: 'all, delete-orphan',
        orderBy: ['email', 'desc'],
      })
    },
    get profile() {
      return oneToOne(() => Profile, { backPopulates: 'user' })
    },
    get groups() {
      return manyToMany(() => Group, { through: 'user_groups', backPopulates: 'users' })
    },
  },
  { indexes: [['name'], { properties: ['name', 'nickname'], unique: true, name: 'by_both' }], uniques: [['nickname']] },
) {
  private secret = 1
  greet(): string {
    return `hi ${this.name} ${this.secret}`
  }
}

export class Address extends entity('addresses', {
  id: integer().primaryKey(),
  email: text(),
  userId: integer().references('users.id'),
  parentId: integer().nullable().references('addresses.id'),
  get parent() {
    return manyToOne(() => Address, { foreignKey: 'parentId' }).nullable()
  },
  get children() {
    return oneToMany(() => Address, { backPopulates: 'parent' })
  },
  get user() {
    return manyToOne(() => User, { foreignKey: 'userId' })
  },
}) {}

export class Profile extends entity('profiles', {
  userId: integer().primaryKey().references('users.id'),
  get user() {
    return oneToOne(() => User, { foreignKey: 'userId', backPopulates: 'profile' })
  },
}) {}

export class Group extends entity('groups', {
  id: integer().primaryKey(),
  get users() {
    return manyToMany(() => User, { through: 'user_groups', backPopulates: 'groups' })
  },
}) {}

export class Admin extends User {
  level = 3
}

const takesUser = (user: User) => user.greet()

export async function unloaded(): Promise<readonly unknown[]> {
  const address = await query(Address).one()
  // @ts-expect-error an unloaded relation must be awaited
  address.user.name
  const greeting: string = (await address.user).greet()
  const parentEmail: string | undefined = (await address.parent)?.email
  // @ts-expect-error the parent may be null
  ;(await address.parent).email
  // @ts-expect-error an unloaded collection cannot be iterated
  for (const child of address.children) void child
  // @ts-expect-error nor counted
  address.children.length
  for (const child of await address.children) {
    const email: string = child.email
    void email
  }
  address.children.add(address)
  address.children.remove(address)
  // @ts-expect-error a collection holds instances of its own entity
  address.children.add(new User({ name: 'x' }))
  return [greeting, parentEmail]
}

export async function loaded(): Promise<readonly unknown[]> {
  const address = await query(Address).with('user', 'parent', 'children.user.addresses').one()
  const name: string = address.user.name
  const deep: string = address.children[0]!.user.addresses[0]!.email
  const parentEmail: string | undefined = address.parent?.email
  // @ts-expect-error the parent may be null
  address.parent.email
  // @ts-expect-error the parent's own user was not loaded
  address.parent?.user.name
  takesUser(address.user)
  const asUnloaded: Address = address
  address.user = new User({ name: 'x' })
  address.parent = null
  const other = await query(Address).one()
  other.parent = asUnloaded
  // @ts-expect-error the user is not nullable
  other.user = null
  const user: Loaded<User, 'addresses'> = await query(User).with('addresses').one()
  const count: number = user.addresses.length
  const groups: number = (await query(User).with('groups.users').one()).groups[0]!.users.length
  const profile = (await query(User).with('profile').one()).profile
  // @ts-expect-error nobody says that every user has a profile
  profile.userId
  const owner: User = (await query(Profile).with('user').one()).user
  return [name, deep, parentEmail, count, groups, owner]
}

export function paths(): void {
  query(User).with('addresses', 'addresses.parent', 'addresses.children.user', 'groups.users.profile')
  // @ts-expect-error no relation of addresses
  query(User).with('addresses.nope')
  // @ts-expect-error a column is no relation
  query(User).with('name')
  // @ts-expect-error a method is no relation
  query(User).with('greet')
  query(Admin).with('addresses.user')
}

export function construction(): readonly unknown[] {
  // @ts-expect-error the name is missing
  new User({})
  // @ts-expect-error the values are missing
  new User()
  // @ts-expect-error there is no such property
  new User({ name: 'x', zzz: 1 })
  // @ts-expect-error a name is a string
  new User({ name: 1 })
  // @ts-expect-error a name is not nullable
  new User({ name: null })
  // @ts-expect-error a relation is made of instances
  new User({ name: 'x', addresses: ['a'] })
  // @ts-expect-error a method is no value
  new User({ name: 'x', greet: () => 'hi' })
  const address = new Address({ email: 'x', userId: 1 })
  const user = new User({ name: 'x', nickname: null, addresses: [address], groups: [new Group()], profile: null })
  return [
    user,
    new Address({ email: 'x', userId: 1, parent: address, children: [address], user }),
    new Group({ users: [user] }),
    // A foreign key may be left out: a relation supplies it, from one side or the other.
    new User({ name: 'x', addresses: [new Address({ email: 'x' })], profile: new Profile() }),
    new Address({ email: 'x', user }),
    new Profile({ user }),
  ]
}

export function subclasses(): string {
  const admin = new Admin({ name: 'x' })
  const level: number = admin.level
  // @ts-expect-error private to User
  admin.secret
  const asUser: User = admin
  // @ts-expect-error not every user is an admin
  const asAdmin: Admin = asUser
  // @ts-expect-error an address is no user
  const wrong: User = new Address({ email: 'x', userId: 1 })
  void [asAdmin, wrong]
  return `${admin.greet()} ${level}`
}

export function plain(user: User): void {
  const copy = user.toObject()
  const name: string | undefined = copy.name
  const nickname: string | null | undefined = copy.nickname
  const addresses: unknown = copy.addresses
  // @ts-expect-error a copy has no methods
  copy.greet()
  void [name, nickname, addresses]
}

// @ts-expect-error an index is of properties
entity('a', { id: integer().primaryKey() }, { indexes: [['nope']] })
// @ts-expect-error there is no such option
entity('b', { id: integer().primaryKey() }, { index: [['id']] })
// @ts-expect-error a table of pairs is needed
manyToMany(() => User, {})
// @ts-expect-error one to many has no table of pairs
oneToMany(() => User, { through: 'pairs' })
// @ts-expect-error there is no such way of loading
manyToOne(() => User, { lazy: 'sometimes' })
