import { expect, it } from 'vitest'
import { state, UniqueViolationError } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import {
  Address,
  addressBook,
  Desk,
  Dingaling,
  Group,
  Lamp,
  members,
  Order,
  openRelated,
  storedUser,
  User,
} from './related-entities.ts'

const emailsOf = (addresses: readonly Address[]) => addresses.map(({ email }) => email)

onEvery({}, (db) => {
  it('TXN-011 the rollback of a savepoint gives a collection back its outer content and removes what was added inside', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['stored'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const addresses = await user.addresses
    user.addresses.add(new Address({ email: 'before' }))
    const inner = new User({ name: 'inner', addresses: [new Address({ email: 'graph' })] })
    const added = new Address({ email: 'inside' })
    const nested = await session.beginNested()
    user.addresses.add(added)
    session.add(inner)
    await session.flush()
    await nested.rollback()
    expect(user.addresses).toBe(addresses)
    expect(emailsOf(addresses)).toEqual(['stored', 'before'])
    expect([state(added).transient, state(inner).transient]).toEqual([true, true])
    expect(emailsOf(members(inner.addresses))).toEqual(['graph'])
    await session.commit()
    expect(await addressBook(Sessions)).toEqual([`before>${id}`, `stored>${id}`])
  })

  it('TXN-012 what was deleted or added inside a released savepoint comes back or leaves with the outer rollback, on both sides', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a', 'b'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const [a] = await user.addresses
    const added = new Address({ email: 'c' })
    await session.beginNested(async () => {
      user.addresses.remove(a as Address)
      user.addresses.add(added)
    })
    expect([state(a as Address).deleted, state(added).persistent]).toEqual([true, true])
    await session.rollback()
    expect([state(a as Address).persistent, state(added).transient]).toEqual([true, true])
    expect([emailsOf(await user.addresses), a?.user]).toEqual([['a', 'b'], user])
    await session.commit()
    expect(await addressBook(Sessions)).toEqual([`a>${id}`, `b>${id}`])
  })

  it('TXN-013 a change flushed in an inner savepoint that is released goes with the rollback of the outer one', async () => {
    const { Sessions } = await openRelated(db)
    const [one, two] = [await storedUser(Sessions, 'one', ['a']), await storedUser(Sessions, 'two')]
    await using session = Sessions()
    const [from, to] = [await session.getOne(User, one), await session.getOne(User, two)]
    const [address] = await from.addresses
    const outer = await session.beginNested()
    await session.beginNested(async () => {
      to.addresses.add(address as Address)
    })
    expect(address?.userId).toBe(two)
    await outer.rollback()
    expect([address?.userId, address?.user, await from.addresses, await to.addresses]).toEqual([
      one,
      from,
      [address],
      [],
    ])
    await session.commit()
  })

  it('TXN-016 after a failed flush a rollback leaves new instances and their children out and stored ones as stored; redone, all commits', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['taken', 'mine'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const [taken, mine] = await user.addresses
    const fresh = new User({ name: 'fresh', addresses: [new Address({ email: 'taken' })] })
    const edit = () => {
      session.add(fresh)
      fresh.addresses.add(mine as Address)
      user.name = 'edited'
    }
    edit()
    await expect(session.flush()).rejects.toThrow(UniqueViolationError)
    await session.rollback()
    const [clash] = members(fresh.addresses)
    expect([state(fresh).transient, state(clash as Address).transient]).toEqual([true, true])
    expect([user.name, mine?.user, await user.addresses]).toEqual(['ed', user, [taken, mine]])
    if (clash !== undefined) clash.email = 'free'
    edit()
    await session.commit()
    expect(await addressBook(Sessions)).toEqual([`free>${fresh.id}`, `mine>${fresh.id}`, `taken>${id}`])
    expect(user.name).toBe('edited')
  })

  it('TXN-018 a rollback takes marks for DELETE back, those that a cascade made too', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const [address] = await user.addresses
    for (const flush of [false, true]) {
      session.delete(user)
      if (flush) await session.flush()
      await session.rollback()
      expect([session.deleted.size, state(user).persistent, state(address as Address).persistent]).toEqual([
        0,
        true,
        true,
      ])
      expect([await user.addresses, address?.user]).toEqual([[address], user])
    }
    await session.commit()
    expect(await addressBook(Sessions)).toEqual([`a>${id}`])
  })

  it('pending additions to and removals from collections that are not loaded are gone after a rollback, of a savepoint too', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a', 'b'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const a = await session.query(Address).where('email', '=', 'a').one()
    user.addresses.add(new Address({ email: 'early' }))
    const nested = await session.beginNested()
    user.addresses.add(new Address({ email: 'late' }))
    user.addresses.remove(a)
    await nested.rollback()
    expect(emailsOf(await user.addresses).toSorted()).toEqual(['a', 'b', 'early'])
    session.expire(user, ['addresses'])
    user.addresses.add(new Address({ email: 'later' }))
    user.addresses.remove(a)
    await session.rollback()
    expect([session.new.size, session.dirty.size, a.user]).toEqual([0, 0, user])
    expect(emailsOf(await user.addresses)).toEqual(['a', 'b'])
  })

  it('a collection that was loaded between writes does not keep what a rollback has taken back', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const nested = await session.beginNested()
    session.add(new Address({ email: 'ghost', userId: id }))
    await session.flush()
    expect(emailsOf(await user.addresses)).toEqual(['a', 'ghost'])
    await nested.rollback()
    expect(emailsOf(await user.addresses)).toEqual(['a'])
  })

  it('pairs, one-to-one and to-one relations are as they were, on both sides', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const group = new Group({ name: 'g', users: [] })
    const user = new User({ name: 'u', groups: [group] })
    const lamp = new Lamp()
    const desk = new Desk({ lamp })
    const other = new Desk({ lamp: null })
    session.addAll([user, desk, other])
    await session.commit()
    user.groups.remove(group)
    other.lamp = lamp
    await session.flush()
    await session.rollback()
    expect([members(user.groups), members(group.users)]).toEqual([[group], [user]])
    expect([desk.lamp, other.lamp, lamp.desk]).toEqual([lamp, null, desk])
    expect([lamp.deskId, session.dirty.size]).toEqual([desk.id, 0])
  })

  it('TXN-017 a graph that was rolled back can be added again: keys, references and pairs are stored, and both sides agree', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed')
    await using session = Sessions()
    const user = await session.getOne(User, id)
    await user.addresses
    await user.groups
    const address = new Address({ email: 'a', dingalings: [new Dingaling()] })
    const group = new Group({ name: 'g' })
    user.addresses.add(address)
    user.groups.add(group)
    await session.flush()
    await session.rollback()
    expect([members(user.addresses), members(user.groups), address.user]).toEqual([[], [], user])
    session.addAll([address, group])
    expect([members(user.addresses), members(user.groups)]).toEqual([[address], [group]])
    await session.commit()
    session.expungeAll()
    const stored = await session.getOne(User, id)
    expect([emailsOf(await stored.addresses), (await stored.groups).length]).toEqual([['a'], 1])
    expect(await session.query(Dingaling).count()).toBe(1)
  })

  it('a child that was moved to an instance that is rolled back belongs to its former parent again, and can be moved once more', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const [address] = await user.addresses
    const fresh = new User({ name: 'fresh', addresses: [address as Address] })
    session.add(fresh)
    await session.flush()
    await session.rollback()
    expect([address?.user, members(user.addresses)]).toEqual([user, [address]])
    user.addresses.remove(address as Address)
    await session.commit()
    expect(await addressBook(Sessions)).toEqual([])
  })

  it('an order that outlives a deleted user reads null at once after the flush, and its user again after a rollback', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const order = new Order()
    const user = new User({ name: 'u', orders: [order] })
    session.add(user)
    await session.commit()
    session.delete(user)
    await session.flush()
    expect([order.userId, order.user]).toEqual([null, null])
    await session.rollback()
    expect([order.userId, order.user, members(user.orders)]).toEqual([user.id, user, [order]])
  })
})
