// Compiled, never run: what `with` accepts, and what loaded instances give without `await`.
import {
  criteria,
  defer,
  entity,
  integer,
  joined,
  type Loaded,
  lazy,
  loadOnly,
  manyToMany,
  manyToOne,
  oneToMany,
  raise,
  type Session,
  selectin,
  sessionmaker,
  text,
  withoutCriteria,
} from '../../src/index.ts'

declare const session: Session

class User extends entity('users', {
  id: integer().primaryKey(),
  name: text(),
  get addresses() {
    return oneToMany(() => Address, { backPopulates: 'user' })
  },
  get groups() {
    return manyToMany(() => Group, { through: 'user_groups', backPopulates: 'users' })
  },
}) {
  greet(): string {
    return `hi ${this.name}`
  }
}

class Address extends entity('addresses', {
  id: integer().primaryKey(),
  email: text(),
  userId: integer().nullable().references('users.id'),
  get user() {
    return manyToOne(() => User, { foreignKey: 'userId', backPopulates: 'addresses' }).nullable()
  },
}) {}

class Group extends entity('groups', {
  id: integer().primaryKey(),
  label: text(),
  get users() {
    return manyToMany(() => User, { through: 'user_groups', backPopulates: 'groups' })
  },
}) {}

export async function loaded(): Promise<unknown> {
  const users = await session.query(User).with('addresses.user.groups', 'groups').all()
  const emails: string[] = users.flatMap((user) => user.addresses.map((address) => address.email))
  const labels = users.flatMap((user) =>
    user.addresses.flatMap((address) => address.user?.groups.map((group) => group.label)),
  )
  for (const user of users) for (const group of user.groups.values()) group.label.trim()
  const first = await session.query(User).where('id', '=', 1).with('groups').orderBy('name').first()
  const count: number | undefined = first?.groups.length
  const asUser: User | undefined = users[0]
  const again = await session.query(User).with('groups').with('addresses').one()
  const both: number = again.groups.length + again.addresses.length
  for await (const user of session.query(User).with('addresses').stream()) user.addresses.length.toFixed()
  return [emails, labels, count, asUser?.greet(), both, users[0]?.greet()]
}

export async function byKey(): Promise<unknown> {
  const user = await session.getOne(User, 1, { with: ['addresses.user'] })
  const names = user.addresses.map((address) => address.user?.name)
  const maybe = await session.get(User, 1, { with: ['groups'], populateExisting: true })
  // @ts-expect-error may be null
  maybe.groups
  const plain: User | null = await session.get(User, 1, { forUpdate: true })
  // @ts-expect-error not loaded: it is awaited first
  plain?.addresses.map((address) => address)
  return [names, maybe?.groups.length, plain]
}

export function total(user: Loaded<User, 'addresses'>): number {
  return user.addresses.length
}

export async function refused(): Promise<void> {
  // @ts-expect-error no relation of that name
  session.query(User).with('adresses')
  // @ts-expect-error a column is no relation
  session.query(User).with('name')
  // @ts-expect-error no relation of the target
  session.query(User).with('addresses.groups')
  // @ts-expect-error no relation of that name
  await session.get(User, 1, { with: ['adresses'] })
  const users = await session.query(User).with('addresses').all()
  // @ts-expect-error not loaded by that path
  users[0]?.groups.length
  // @ts-expect-error the addresses were not loaded
  total(await session.getOne(User, 1))
  total(await session.getOne(User, 1, { with: ['addresses'] }))
}

export async function options(): Promise<unknown> {
  const users = await session.query(User).options(selectin('addresses.user'), joined('groups'), defer('name')).all()
  const emails: string[] = users.flatMap((user) => user.addresses.map((address) => address.email))
  const names = users.flatMap((user) => user.addresses.map((address) => address.user?.name))
  const deep = await session
    .query(User)
    .options(selectin('addresses').options(joined('user'), defer('email')), raise('*'), loadOnly('addresses.email'))
    .one()
  const backs = deep.addresses.map((address) => address.user?.id)
  const [none] = await session
    .query(User)
    .options(lazy('addresses'), raise('groups.users', { sqlOnly: true }))
    .all()
  // @ts-expect-error not loaded by it
  none?.addresses.map((address) => address)
  const few = selectin('addresses', { where: (eb) => eb('email', 'like', '%@x'), orderBy: ['email', 'desc'], limit: 3 })
  const some = await session
    .query(User)
    .options(few, selectin('groups', { orderBy: 'label' }))
    .all()
  const fewEmails: string[] = some.flatMap((user) => user.addresses.map((address) => address.email))
  const below = selectin('addresses').options(selectin('user', { orderBy: [['name', 'desc'], 'id'] }))
  const ordered = await session
    .query(User)
    .options(below, selectin('groups', { limit: 1 }))
    .one()
  const label: string | undefined = ordered.groups.map((group) => group.label)[0]
  const kept = selectin('groups')
  const first: number | undefined = (await session.query(User).options(kept).first())?.groups.length
  return [emails, names, backs, first, fewEmails, label]
}

export function wrongOptions(): void {
  // @ts-expect-error no relation of that name
  session.query(User).options(selectin('adresses'))
  // @ts-expect-error a column is no relation
  session.query(User).options(selectin('name'))
  // @ts-expect-error no relation of the target
  session.query(User).options(joined('addresses.groups'))
  // @ts-expect-error no column of that name
  session.query(User).options(defer('nmae'))
  // @ts-expect-error no column of the target
  session.query(User).options(defer('addresses.name'))
  // @ts-expect-error no option of that name
  selectin('addresses', { depth: 2 })
  // @ts-expect-error no column of the members
  session.query(User).options(selectin('addresses', { orderBy: 'emial' }))
  // @ts-expect-error no column of the members, in a list
  session.query(User).options(selectin('addresses', { orderBy: ['email', ['label', 'desc']] }))
  // @ts-expect-error no number
  selectin('addresses', { limit: '3' })
  // @ts-expect-error no condition
  selectin('addresses', { where: () => 'email' })
}

export async function hidden(): Promise<unknown> {
  const named = criteria(User, { name: 'ed' })
  const users = await session
    .query(User)
    .options(named, selectin('addresses'), withoutCriteria(Group), withoutCriteria())
    .all()
  const emails: string[] = users.flatMap((user) => user.addresses.map((address) => address.email))
  const asked = criteria(
    User,
    (rows, { info }) =>
      rows
        .where('users.name', '=', String(info['name']))
        .where((eb) => eb('id', '>', 1))
        .whereHas('addresses', (addresses) => addresses.where('email', 'like', '%@x'))
        .filterBy({ id: 2 }),
    { loaderOnly: true, propagateToLoaders: false },
  )
  const several = criteria([User, Group, Address], (rows) => rows.where('id', '>', 5))
  sessionmaker({ criteria: [named, asked, several, withoutCriteria(Address)] })({ criteria: [named] })
  const user = await session.get(User, 1, { options: [asked] })
  return [emails, user?.greet(), criteria([User, Group], { id: 3 }), selectin('addresses').options(several)]
}

export function wronglyHidden(): void {
  // @ts-expect-error no property of that name
  criteria(User, { nmae: 'ed' })
  // @ts-expect-error no value of that property
  criteria(User, { name: 5 })
  // @ts-expect-error no property of that name
  criteria(User, (rows) => rows.where('nmae', '=', 'ed'))
  // @ts-expect-error no value of that property
  criteria(User, (rows) => rows.where('name', '=', 5))
  // @ts-expect-error the conditions are to be returned
  criteria(User, (rows) => rows.where('name', '=', 'ed').toString())
  // @ts-expect-error no property that all of them have
  criteria([User, Address], { email: 'x' })
  // @ts-expect-error no property that all of them have
  criteria([User, Address], (rows) => rows.where('email', '=', 'x'))
  // @ts-expect-error no entity
  criteria(String, {})
  // @ts-expect-error no option of that name
  criteria(User, {}, { includeAliases: true })
  // @ts-expect-error not what sessions take
  sessionmaker({ criteria: [raise('*')] })
}
