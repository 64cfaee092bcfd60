import { expect, it } from 'vitest'
import { InvalidRequestError, state } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import {
  Address,
  addressBook,
  Desk,
  Group,
  Lamp,
  members,
  Node,
  Order,
  openRelated,
  storedUser,
  User,
} from './related-entities.ts'

onEvery({}, (db) => {
  it('BREF-001 a child that is given to another parent leaves the loaded collection of the old one, and its reference is set', async () => {
    const { Sessions } = await openRelated(db)
    const [one, two] = [await storedUser(Sessions, 'one', ['a', 'b']), await storedUser(Sessions, 'two')]
    await using session = Sessions()
    const [from, to] = [await session.getOne(User, one), await session.getOne(User, two)]
    const [address] = await from.addresses
    to.addresses.add(address as Address)
    expect(members(from.addresses).map(({ email }) => email)).toEqual(['b'])
    expect(address?.user).toBe(to)
    await session.commit()
    expect(await addressBook(Sessions)).toEqual([`a>${two}`, `b>${one}`])
  })

  it('BREF-001 where nothing is loaded the move costs no SQL, and both collections are right when they are', async () => {
    const { Sessions, statements } = await openRelated(db)
    const [one, two] = [await storedUser(Sessions, 'one', ['a', 'b']), await storedUser(Sessions, 'two', ['c'])]
    for (const autoflush of [true, false]) {
      await using session = Sessions({ autoflush })
      const [from, to] = [await session.getOne(User, one), await session.getOne(User, two)]
      const address = await session.query(Address).where('email', '=', 'a').one()
      await statements.during(() => to.addresses.add(address))
      statements.expectCount(0)
      expect(address.user).toBe(to)
      expect((await from.addresses).map(({ email }) => email)).toEqual(['b'])
      expect((await to.addresses).map(({ email }) => email).toSorted()).toEqual(['a', 'c'])
      await session.rollback()
    }
  })

  it('BREF-001 the reference moves the child as well: both collections follow it', async () => {
    const { Sessions } = await openRelated(db)
    const [one, two] = [await storedUser(Sessions, 'one', ['a']), await storedUser(Sessions, 'two')]
    await using session = Sessions()
    const [from, to] = [await session.getOne(User, one), await session.getOne(User, two)]
    const [address] = await from.addresses
    await to.addresses
    ;(address as Address).user = to
    expect([members(from.addresses), members(to.addresses)]).toEqual([[], [address]])
    ;(address as Address).user = from
    expect([members(from.addresses), members(to.addresses)]).toEqual([[address], []])
    await session.commit()
    expect(await addressBook(Sessions)).toEqual([`a>${one}`])
  })

  it('BREF-003 a collection that is assigned takes its members from other parents; an empty one clears their references', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const [first, second] = [new Order({ what: '1' }), new Order({ what: '2' })]
    const one = new User({ name: 'one', orders: [first, second] })
    const two = new User({ name: 'two', orders: [] })
    session.addAll([one, two])
    await session.flush()
    two.orders = [second] as never
    expect([members(one.orders), members(two.orders), second.user]).toEqual([[first], [second], two])
    await session.flush()
    expect(second.userId).toBe(two.id)
    one.orders = [] as never
    expect(first.user).toBeNull()
    await session.commit()
    expect([first.userId, second.userId]).toEqual([null, two.id])
  })

  it('BREF-003 a collection that is not loaded cannot be replaced unseen: the error says what to await', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'one', ['a'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    expect(() => {
      user.addresses = [] as never
    }).toThrow(InvalidRequestError)
    expect(() => {
      user.addresses = [] as never
    }).toThrow(/await instance\.addresses/)
  })

  it('BREF-004 (heddle differs) a member is in a collection once; replacing compares by identity and clears who is wholly gone', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const [first, second, third] = [new Order(), new Order(), new Order()]
    const user = new User({ name: 'one', orders: [first, second, first] })
    user.orders.add(first)
    expect(members(user.orders)).toEqual([first, second])
    session.add(user)
    await session.flush()
    user.orders = [second, third, second] as never
    expect([members(user.orders), first.user, second.user, third.user]).toEqual([[second, third], null, user, user])
    await session.commit()
    expect([first.userId, second.userId, third.userId]).toEqual([null, user.id, user.id])
  })

  it('BREF-005 a one-to-one target follows its new owner at once; the former owner reads null after the commit', async () => {
    const { Sessions } = await openRelated(db, { expireOnCommit: true })
    await using session = Sessions()
    const lamp = new Lamp()
    const [one, two] = [new Desk({ lamp }), new Desk()]
    session.addAll([one, two])
    await session.flush()
    two.lamp = lamp
    expect([lamp.desk, two.lamp, one.lamp]).toEqual([two, lamp, lamp])
    await session.commit()
    expect([await one.lamp, await two.lamp]).toEqual([null, lamp])
  })

  it('BREF-005 replacing the target of one owner takes the reference from the target it had', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const [first, second] = [new Lamp(), new Lamp()]
    const desk = new Desk({ lamp: first })
    session.add(desk)
    await session.flush()
    desk.lamp = second
    expect([first.desk, second.desk]).toEqual([null, desk])
    await session.commit()
    expect([first.deskId, second.deskId]).toEqual([null, desk.id])
  })

  it('BREF-006 what is queued on an unloaded many-to-many side nets out, and loading puts stored and queued together without a flush', async () => {
    const { Sessions, statements } = await openRelated(db, { autoflush: false })
    const ids = await Sessions.begin(async (session) => {
      const users = ['stored', 'queued', 'other'].map((name) => new User({ name })) as [User, User, User]
      const group = new Group({ name: 'g', users: [users[0]] })
      session.addAll([group, ...users])
      await session.flush()
      return { group: group.id, users: users.map(({ id }) => id) }
    })
    await using session = Sessions()
    const group = await session.getOne(Group, ids.group)
    const [stored, queued, other] = (await session.query(User).orderBy('id').all()) as [User, User, User]
    for (const user of [stored, queued, other]) await user.groups
    queued.groups.add(group)
    other.groups.add(group)
    other.groups.remove(group)
    stored.groups.remove(group)
    stored.groups.add(group)
    await statements.during(() => group.users)
    statements.expectCount(1)
    expect(
      members(group.users)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['queued', 'stored'])
    await statements.during(() => session.commit())
    statements.expectExactly('insert into user_groups')
  })

  it('a many-to-many pair is told to both sides at once and written once, whichever side was told', async () => {
    const { Sessions, statements } = await openRelated(db)
    await using session = Sessions()
    const group = new Group({ name: 'g', users: [] })
    const user = new User({ name: 'u', groups: [] })
    session.addAll([group, user])
    await session.flush()
    group.users.add(user)
    user.groups.add(group)
    expect([members(user.groups), members(group.users)]).toEqual([[group], [user]])
    await statements.during(() => session.flush())
    statements.expectCount(1)
    user.groups.remove(group)
    expect(members(group.users)).toEqual([])
    await statements.during(() => session.flush())
    statements.expectExactly('delete from user_groups')
  })

  it('what the session refuses changes neither side', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    await using other = Sessions()
    const [user, order] = [new User({ name: 'u' }), new Order()]
    session.add(user)
    other.add(order)
    expect(() => user.orders.add(order)).toThrow(/another session/)
    expect([members(user.orders), order.user, state(order).session]).toEqual([[], null, other])
    expect(() => {
      order.user = user
    }).toThrow(/another session/)
    expect([members(user.orders), order.user]).toEqual([[], null])
  })

  it('both sides of a tree agree', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const root = new Node({ name: 'root' })
    const child = new Node({ name: 'child', parent: root })
    expect(members(root.children)).toEqual([child])
    session.add(root)
    expect(session.has(child)).toBe(true)
    await session.commit()
    expect(child.parentId).toBe(root.id)
  })
})
