import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import {
  ArgumentError,
  bigint,
  DetachedInstanceError,
  entity,
  InvalidRequestError,
  integer,
  makeTransient,
  manyToMany,
  manyToOne,
  oneToMany,
  StaleDataError,
  state,
  UniqueViolationError,
  varchar,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import {
  Address,
  addressBook,
  Dingaling,
  Group,
  members,
  Node,
  Order,
  openRelated,
  storedUser,
  User,
} from './related-entities.ts'

/** Shows itself in a way of its own, and counts in 64 bits. */
class Account extends entity('accounts', {
  id: integer().primaryKey(),
  secret: varchar(50),
  amount: bigint(),
  get visits() {
    return oneToMany(() => Visit, { backPopulates: 'account' })
  },
}) {
  override toJSON() {
    return { id: this.id }
  }
}
class Visit extends entity('visits', {
  id: integer().primaryKey(),
  amount: bigint(),
  accountId: integer().nullable().references('accounts.id'),
  get account() {
    return manyToOne(() => Account, { backPopulates: 'visits' }).nullable()
  },
}) {}

// Two foreign keys to one table, and a graph of one table.
class City extends entity('cities', {
  id: integer().primaryKey(),
  name: varchar(50),
  get departures() {
    return oneToMany(() => Flight, { foreignKey: 'fromId', backPopulates: 'from' })
  },
  get arrivals() {
    return oneToMany(() => Flight, { foreignKey: 'toId', backPopulates: 'to', orderBy: [['number', 'desc']] })
  },
  get twins() {
    return manyToMany(() => City, {
      through: 'city_twins',
      throughColumns: ['cityId', 'twinId'],
      backPopulates: 'twinOf',
    })
  },
  get twinOf() {
    return manyToMany(() => City, {
      through: 'city_twins',
      throughColumns: ['twinId', 'cityId'],
      backPopulates: 'twins',
    })
  },
}) {}
class Flight extends entity('flights', {
  number: integer().primaryKey().autoincrement(false),
  fromId: integer().references('cities.id'),
  toId: integer().references('cities.id'),
  get from() {
    return manyToOne(() => City, { foreignKey: 'fromId', backPopulates: 'departures' })
  },
  get to() {
    return manyToOne(() => City, { foreignKey: 'toId', backPopulates: 'arrivals' })
  },
}) {}

// A composite key, referred to without a foreign key in the database.
class Hall extends entity('halls', {
  house: varchar(20).primaryKey(),
  floor: integer().primaryKey(),
  get chairs() {
    return oneToMany(() => Chair, { backPopulates: 'hall', orderBy: 'id', cascade: 'all' })
  },
  get signs() {
    return manyToMany(() => Sign, {
      through: 'hall_signs',
      throughColumns: [['hallHouse', 'hallFloor'], 'signId'],
      backPopulates: 'halls',
    })
  },
}) {}
class Chair extends entity('chairs', {
  id: integer().primaryKey(),
  hallHouse: varchar(20).nullable(),
  hallFloor: integer().nullable(),
  get hall() {
    return manyToOne(() => Hall, { foreignKey: ['hallHouse', 'hallFloor'], backPopulates: 'chairs' }).nullable()
  },
}) {}
class Sign extends entity('signs', {
  id: integer().primaryKey(),
  get halls() {
    return manyToMany(() => Hall, {
      through: 'hall_signs',
      throughColumns: ['signId', ['hallHouse', 'hallFloor']],
      backPopulates: 'signs',
    })
  },
}) {}

// A table of pairs that is an entity as well.
class Student extends entity('students', {
  id: integer().primaryKey(),
  get courses() {
    return manyToMany(() => Course, { through: 'attendances', backPopulates: 'students' })
  },
  get attendances() {
    return oneToMany(() => Attendance, { viewOnly: true })
  },
}) {}
class Course extends entity('courses', {
  id: integer().primaryKey(),
  get students() {
    return manyToMany(() => Student, { through: 'attendances', backPopulates: 'courses' })
  },
}) {}
class Attendance extends entity('attendances', {
  studentId: integer().primaryKey().references('students.id'),
  courseId: integer().primaryKey().references('courses.id'),
  grade: integer().nullable(),
}) {}

onEvery({}, (db) => {
  it('SES-021 expunge() follows the relations that cascade it, around circles, and leaves the others', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const node = new Node({ name: 'root', children: [new Node({ name: 'child' })] })
    const address = new Address({ email: 'a', dingalings: [new Dingaling()] })
    const order = new Order()
    const user = new User({ name: 'u', addresses: [address], orders: [order] })
    session.addAll([node, user])
    await session.flush()
    session.expunge(user)
    session.expunge(node)
    expect(
      [state(user), state(address), state(members(address.dingalings)[0] as Dingaling)].map(({ status }) => status),
    ).toEqual(['detached', 'detached', 'detached'])
    expect([state(members(node.children)[0] as Node).status, state(order).status]).toEqual(['detached', 'persistent'])
    expect(() => session.expunge(address)).toThrow(InvalidRequestError)
    session.add(user)
    session.expungeAll()
    expect([...session]).toEqual([])
  })

  it('SES-031 a change of a collection is a modification, whether it is loaded or not, and finding out sends nothing', async () => {
    const { Sessions, statements } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    await statements.during(() => {
      expect(session.isModified(user)).toBe(false)
      user.addresses.add(new Address({ email: 'b' }))
      expect(session.isModified(user)).toBe(true)
      expect([...session.dirty]).toEqual([user])
    })
    statements.expectCount(0)
    await session.flush()
    expect([session.isModified(user), session.dirty.size]).toEqual([false, 0])
  })

  it('a collection changes by add, remove, push, pop, shift, unshift and splice alike, and both sides and the session hear of it', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const user = new User({ name: 'u', orders: [] })
    session.add(user)
    const list = members(user.orders) as Order[]
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((what) => new Order({ what })) as [Order, Order, Order, Order]
    expect(list.push(a, b)).toBe(2)
    expect(list.unshift(c)).toBe(3)
    expect(list.splice(0, 1, d)).toEqual([a])
    expect([list.pop(), list.shift()]).toEqual([d, b])
    expect([[...list], a.user, b.user, c.user, d.user]).toEqual([[c], null, null, user, null])
    expect(list.map((order) => order.what)).toEqual(['c'])
    expect(list.filter(Boolean).constructor).toBe(Array)
    await session.commit()
    expect((await session.query(Order).where('userId', '=', user.id).all()).length).toBe(1)
  })

  it('an array that was taken from a collection still changes it after the collection was expired', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const groups = (await user.groups) as Group[]
    session.expire(user)
    await session.refresh(user)
    groups.push(new Group({ name: 'late' }))
    await session.commit()
    session.expire(user, ['groups'])
    expect((await user.groups).map(({ name }) => name)).toEqual(['late'])
  })

  it('values of the wrong kind are refused by name and change nothing', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const user = new User({ name: 'u', orders: [] })
    session.add(user)
    const wrong = new Address({ email: 'a' }) as never
    expect(() => user.orders.add(wrong)).toThrow(ArgumentError)
    expect(() => user.orders.add(undefined as never)).toThrow(/an instance of Order is needed, undefined was given/)
    expect(() => user.orders.add(null as never)).toThrow(/null was given/)
    expect(() => new User({ name: 'v', orders: 5 as never })).toThrow(/a collection takes an array of/)
    expect(() => new Order({ user: { name: 'x' } as never })).toThrow(/an instance of User is needed/)
    expect([members(user.orders), session.new.size]).toEqual([[], 1])
  })

  it('a relation that is not loaded cannot be loaded by a detached instance, and says what to do', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a'])
    const session = Sessions()
    const user = await session.getOne(User, id)
    const address = await session.query(Address).one()
    await session.close()
    await expect(user.addresses).rejects.toThrow(DetachedInstanceError)
    await expect(async () => address.user).rejects.toThrow(/the instance is in no session; add it to one/)
  })

  it('EXP-008 expiring a parent expunges pending children that it owns; others stay pending, though not in the collection', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a'])
    await using session = Sessions({ autoflush: false })
    const user = await session.getOne(User, id)
    const [stored] = await user.addresses
    const [owned, free] = [new Address({ email: 'b' }), new Order()]
    user.addresses.add(owned)
    await user.orders
    user.orders.add(free)
    session.expire(user)
    expect([state(owned).transient, state(free).pending]).toEqual([true, true])
    expect([state(stored as Address).unloaded.length > 0, user.addresses.isLoaded, user.orders.isLoaded]).toEqual([
      true,
      false,
      false,
    ])
    await session.refresh(user)
    expect([await user.orders, (await user.addresses).length]).toEqual([[], 1])
    await session.commit()
    expect(await addressBook(Sessions)).toEqual([`a>${id}`])
  })

  it('EXP-005 a refresh of named columns leaves a changed collection alone, a named relation is dropped or read again by itself', async () => {
    const { Sessions, statements } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a'])
    await using session = Sessions({ autoflush: false })
    const user = await session.getOne(User, id)
    await user.addresses
    user.addresses.add(new Address({ email: 'b' }))
    user.name = 'edited'
    await session.refresh(user, ['name'])
    expect([user.name, members(user.addresses).length]).toEqual(['ed', 2])
    user.name = 'again'
    await statements.during(() => session.refresh(user, ['addresses']))
    statements.expectCount(1)
    expect([user.name, members(user.addresses).map(({ email }) => email)]).toEqual(['again', ['a']])
    session.expire(user, ['addresses', 'name'])
    expect([user.addresses.isLoaded, session.dirty.size]).toEqual([false, 0])
    expect(() => session.expire(user, ['adresses'])).toThrow(/did you mean 'addresses'/)
  })

  it('EXP-010 refresh() flushes first, takes one statement, and drops relations without loading them', async () => {
    const { Sessions, statements } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    await user.groups
    await statements.during(() => session.refresh(user))
    statements.expectExactly('select')
    expect([user.groups.isLoaded, user.addresses.isLoaded]).toEqual([false, false])
    user.addresses.add(new Address({ email: 'b' }))
    await session.refresh(user)
    expect((await user.addresses).map(({ email }) => email)).toEqual(['a', 'b'])
  })

  it('an instance that was expunged or deleted leaves no ghost: relations are loaded without it, and the key can be used again', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a', 'b'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const [a, b] = await user.addresses
    const pending = new Address({ email: 'c' })
    user.addresses.add(pending)
    session.expunge(pending)
    const warnings = await warningsDuring(() => session.flush())
    expect(warnings.map(({ code }) => code)).toEqual(['HEDDLE_RELATED_NOT_IN_SESSION'])
    session.delete(b as Address)
    await session.commit()
    session.expire(user, ['addresses'])
    expect(await user.addresses).toEqual([a])
    expect(session.identityMap.get(Address, b?.id)).toBeUndefined()
    session.delete(user)
    await session.commit()
    expect([session.identityMap.size, await session.query(Address).count()]).toEqual([0, 0])
  })

  it('an instance that becomes transient takes its relations along: added again they are stored for the new row', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const group = new Group({ name: 'g' })
    const order = new Order()
    const user = new User({ name: 'u', groups: [group], orders: [order] })
    session.add(user)
    await session.commit()
    const first = user.id
    makeTransient(user)
    user.id = null as never
    session.add(user)
    await session.commit()
    expect(user.id).not.toBe(first)
    expect(order.userId).toBe(user.id)
    session.expire(group, ['users'])
    expect((await group.users).map(({ id }) => id)).toEqual([first, user.id])
  })

  it('toObject(), JSON and console.log show loaded relations, leave what leads back out, and never go round in circles', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a', 'b'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    expect(user.toObject()).toEqual({ id, name: 'ed' })
    const [a, b] = await user.addresses
    const copy = {
      id,
      name: 'ed',
      addresses: [
        { id: a?.id, email: 'a', userId: id },
        { id: b?.id, email: 'b', userId: id },
      ],
    }
    expect(user.toObject()).toEqual(copy)
    expect(structuredClone(user.toObject())).toEqual(copy)
    expect(JSON.parse(JSON.stringify(user))).toEqual(copy)
    expect(a?.toObject()).toEqual({
      id: a?.id,
      email: 'a',
      userId: id,
      user: { id, name: 'ed', addresses: [copy.addresses[1]] },
    })
    const shown = inspect(user, { depth: 5 })
    expect(shown).toContain("email: 'a'")
    expect(shown).toMatch(/addresses: \[\s+Address \{/)
    expect(shown).toContain('groups: <not loaded>')
    expect(shown).not.toMatch(/Circular|CollectionList|InstanceState|user: /)
    expect([inspect(user.groups), JSON.stringify({ groups: user.groups })]).toEqual(['<not loaded>', '{}'])
    expect(inspect(user.addresses)).toMatch(/^\[/)
    expect(Object.keys(user)).toEqual([])
  })

  it('a web of pairs is shown in time that grows with it, not with its paths', async () => {
    const groups = Array.from({ length: 30 }, (_, i) => new Group({ name: `g${i}` }))
    const users = Array.from({ length: 30 }, (_, i) => new User({ name: `u${i}`, groups }))
    const [user] = users as [User]
    expect(JSON.stringify(user).length).toBeLessThan(2_000_000)
    expect(inspect(user, { depth: null }).length).toBeLessThan(2_000_000)
  })

  it('a class that shows itself in its own way is asked for it inside others too', async () => {
    const visit = new Visit({ amount: 5n, account: new Account({ secret: 'x', amount: 1n }) })
    expect(JSON.parse(JSON.stringify(visit))).toEqual({ amount: '5', account: { id: null } })
    expect(visit.toObject()).toEqual({ amount: 5n, account: { secret: 'x', amount: 1n, visits: [] } })
  })

  it('two foreign keys between the same tables are two relations, each with its own other side and order', async () => {
    const { Sessions } = await openRelated(db, { entities: [City, Flight] })
    await using session = Sessions()
    const [bern, rome] = [new City({ name: 'bern' }), new City({ name: 'rome' })]
    session.addAll([
      new Flight({ number: 1, from: bern, to: rome }),
      new Flight({ number: 2, from: bern, to: rome }),
      new Flight({ number: 3, from: rome, to: bern }),
    ])
    await session.commit()
    session.expungeAll()
    const stored = await session.query(City).orderBy('id').all()
    const [one, two] = stored as [City, City]
    expect((await one.departures).map(({ number }) => number).toSorted()).toEqual([1, 2])
    expect((await two.arrivals).map(({ number }) => number)).toEqual([2, 1])
    expect((await one.arrivals).map(({ from }) => from)).toEqual([two])
  })

  it('a graph of one table has two sides, named by its columns', async () => {
    const { Sessions } = await openRelated(db, { entities: [City, Flight] })
    await using session = Sessions()
    const [bern, rome, oslo] = ['bern', 'rome', 'oslo'].map((name) => new City({ name })) as [City, City, City]
    bern.twins.add(rome, oslo)
    rome.twins.add(bern)
    expect(members(bern.twinOf)).toEqual([rome])
    session.add(bern)
    await session.commit()
    session.expungeAll()
    const stored = await session.query(City).where('name', '=', 'bern').one()
    expect((await stored.twins).map(({ name }) => name).toSorted()).toEqual(['oslo', 'rome'])
    expect((await stored.twinOf).map(({ name }) => name)).toEqual(['rome'])
  })

  it('a composite key is followed in its order, from columns without a foreign key and through pairs', async () => {
    const { Sessions } = await openRelated(db, { entities: [Hall, Chair, Sign] })
    await using session = Sessions()
    const [low, high] = [1, 2].map((floor) => new Hall({ house: 'h', floor, chairs: [new Chair()], signs: [] })) as [
      Hall,
      Hall,
    ]
    const sign = new Sign({ halls: [low, high] })
    session.add(sign)
    await session.commit()
    session.expungeAll()
    const stored = await session.getOne(Hall, { house: 'h', floor: 2 })
    const [chair] = await stored.chairs
    expect([chair?.hallHouse, chair?.hallFloor, chair?.hall]).toEqual(['h', 2, stored])
    const [again] = await stored.signs
    expect((await (again as Sign).halls).length).toBe(2)
    stored.signs.remove(again as Sign)
    session.delete(stored)
    await session.commit()
    session.expire(again as Sign)
    await session.refresh(again as Sign)
    expect((await (again as Sign).halls).map(({ floor }) => floor)).toEqual([1])
    expect(await session.query(Chair).count()).toBe(1)
  })

  it('an entity mapped to the table of pairs and the relation through it see the same rows, and a clash is refused by name', async () => {
    const { Sessions } = await openRelated(db, { entities: [Student, Course, Attendance] })
    const [math, art] = [new Course(), new Course()]
    const student = new Student({ courses: [math] })
    await Sessions.begin(async (session) => session.addAll([student, art]))
    await Sessions.begin(async (session) => {
      const stored = await session.getOne(Student, student.id)
      const [attendance] = await stored.attendances
      expect(attendance?.courseId).toBe(math.id)
      ;(attendance as Attendance).grade = 1
      session.add(new Attendance({ studentId: student.id, courseId: art.id, grade: 2 }))
      await session.flush()
      expect((await stored.courses).length).toBe(2)
    })
    const both = Sessions.begin(async (session) => {
      const course = new Course()
      const stored = await session.getOne(Student, student.id)
      session.add(course)
      await session.flush()
      stored.courses.add(course)
      session.add(new Attendance({ studentId: stored.id, courseId: course.id }))
    })
    await expect(both).rejects.toThrow(UniqueViolationError)
    const gone = Sessions.begin(async (session) => {
      const stored = await session.getOne(Student, student.id)
      const [first] = await stored.attendances
      const [course] = await stored.courses
      stored.courses.remove(course as Course)
      await session.flush()
      ;(first as Attendance).grade = 5
    })
    await expect(gone).rejects.toThrow(StaleDataError)
  })

  it('adding a stored member to a collection that is not loaded keeps it in once', async () => {
    const { Sessions } = await openRelated(db)
    const ids = await Sessions.begin(async (session) => {
      const user = new User({ name: 'u', groups: [new Group({ name: 'g' })] })
      session.add(user)
      await session.flush()
      return [user.id, members(user.groups)[0]?.id as number] as const
    })
    await using session = Sessions()
    const user = await session.getOne(User, ids[0])
    const group = await session.getOne(Group, ids[1])
    user.groups.add(group)
    await session.commit()
    session.expire(user, ['groups'])
    expect(await user.groups).toEqual([group])
  })

  it('a chain of thousands of instances is added in time that grows with its length', async () => {
    const { Sessions } = await openRelated(db)
    const session = Sessions()
    const root = new Node({ name: 'root' })
    let last = root
    for (let i = 0; i < 5_000; i++) {
      const next = new Node({ name: `n${i}` })
      last.children.add(next)
      last = next
    }
    session.add(root)
    expect(session.new.size).toBe(5_001)
    await session.close()
  })
})
