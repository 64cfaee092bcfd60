import { describe, expect, it } from 'vitest'
import {
  entity,
  InvalidRequestError,
  integer,
  MappingError,
  manyToMany,
  manyToOne,
  oneToMany,
  oneToOne,
  sql,
  state,
  varchar,
} from '../../src/index.ts'
import { modelOf, relationsOf } from '../../src/mapping/index.ts'
import { onEvery } from '../support/index.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import {
  Address,
  addressBook,
  Desk,
  Dingaling,
  Group,
  Lamp,
  members,
  Node,
  Order,
  openRelated,
  storedUser,
  User,
} from './related-entities.ts'

describe('cascades as they are declared', () => {
  it("CASC-001 an unknown cascade, and passiveDeletes 'all' beside delete, are refused; delete-orphan without delete warns", async () => {
    const loosely = (cascade: string) => () => oneToMany(() => User, { cascade })
    expect(loosely('save-updates')).toThrow(/there is no cascade 'save-updates'; did you mean 'save-update'/)
    expect(() => oneToMany(() => User, { cascade: 'all', passiveDeletes: 'all' })).toThrow(MappingError)
    expect(() => oneToMany(() => User, { cascade: 'save-update', passiveDeletes: 'all' })).not.toThrow()
    class Child extends entity('half_children', {
      id: integer().primaryKey(),
      parentId: integer().references('half.id'),
    }) {}
    class Parent extends entity('half', {
      id: integer().primaryKey(),
      get children() {
        return oneToMany(() => Child, { cascade: 'save-update, delete-orphan' })
      },
    }) {}
    const warnings = await warningsDuring(() => relationsOf(modelOf(Parent)))
    expect(warnings.map(({ code }) => code)).toEqual(['HEDDLE_ORPHAN_WITHOUT_DELETE'])
  })

  it('CASC-002 delete-orphan on the many side is refused without singleParent', () => {
    expect(() => manyToOne(() => User, { cascade: 'all, delete-orphan' })).toThrow(/singleParent: true/)
    expect(() => manyToMany(() => User, { through: 'x', cascade: 'all, delete-orphan' })).toThrow(/singleParent: true/)
  })
})

// Entities whose to-one side owns its target, and whose pairs have one owner.
class Setting extends entity('settings', { id: integer().primaryKey(), name: varchar(50) }) {}
class Extra extends entity('extras', {
  id: integer().primaryKey(),
  toolId: integer().nullable().references('tools.id'),
}) {}
class Tool extends entity('tools', {
  id: integer().primaryKey(),
  get extras() {
    return oneToMany(() => Extra, { cascade: 'all, delete-orphan' })
  },
}) {}
class Robot extends entity('robots', {
  id: integer().primaryKey(),
  name: varchar(50),
  settingId: integer().nullable().references('settings.id'),
  spareId: integer().nullable().references('settings.id'),
  get setting() {
    return manyToOne(() => Setting, {
      foreignKey: 'settingId',
      cascade: 'all, delete-orphan',
      singleParent: true,
    }).nullable()
  },
  get spare() {
    return manyToOne(() => Setting, { foreignKey: 'spareId', cascade: 'all' }).nullable()
  },
  get tools() {
    return manyToMany(() => Tool, { through: 'robot_tools', cascade: 'all, delete-orphan', singleParent: true })
  },
}) {}
const robots = { entities: [Setting, Tool, Extra, Robot] }

// One-to-one without a back reference, owning and not.
class Leash extends entity('leashes', {
  id: integer().primaryKey(),
  ownerId: integer().nullable().references('owners.id'),
  lenderId: integer().nullable().references('owners.id'),
}) {}
class Owner extends entity('owners', {
  id: integer().primaryKey(),
  get leash() {
    return oneToOne(() => OwnLeash, { backPopulates: 'owner', cascade: 'all, delete-orphan' })
  },
  get lent() {
    return oneToMany(() => Leash, { foreignKey: 'lenderId' })
  },
}) {}
class OwnLeash extends entity('own_leashes', {
  id: integer().primaryKey(),
  ownerId: integer().nullable().references('owners.id'),
  get owner() {
    return oneToOne(() => Owner, { foreignKey: 'ownerId', backPopulates: 'leash' }).nullable()
  },
}) {}

// A child with two parents that both own it.
class Sales extends entity('sales', {
  id: integer().primaryKey(),
  get customers() {
    return oneToMany(() => Customer, { backPopulates: 'sales', cascade: 'all, delete-orphan' })
  },
}) {}
class Region extends entity('regions', {
  id: integer().primaryKey(),
  get customers() {
    return oneToMany(() => Customer, { backPopulates: 'region', cascade: 'all, delete-orphan' })
  },
}) {}
class Studio extends entity('studios', {
  id: integer().primaryKey(),
  get songs() {
    return oneToMany(() => Song, { backPopulates: 'studio', cascade: 'all, delete-orphan' })
  },
}) {}
class Label extends entity('labels', {
  id: integer().primaryKey(),
  get songs() {
    return oneToMany(() => Song, { backPopulates: 'label', cascade: 'all, delete-orphan' })
  },
}) {}
/** Lives on while it has one of its owners. */
class Song extends entity(
  'songs',
  {
    id: integer().primaryKey(),
    studioId: integer().nullable().references('studios.id'),
    labelId: integer().nullable().references('labels.id'),
    get studio() {
      return manyToOne(() => Studio, { backPopulates: 'songs' }).nullable()
    },
    get label() {
      return manyToOne(() => Label, { backPopulates: 'songs' }).nullable()
    },
  },
  { legacyIsOrphan: true },
) {}
class Customer extends entity('customers', {
  id: integer().primaryKey(),
  salesId: integer().nullable().references('sales.id'),
  regionId: integer().nullable().references('regions.id'),
  get sales() {
    return manyToOne(() => Sales, { backPopulates: 'customers' }).nullable()
  },
  get region() {
    return manyToOne(() => Region, { backPopulates: 'customers' }).nullable()
  },
}) {}

// Children that are left to the database, in part and altogether; and relations to look at.
class Shelf extends entity('shelves', {
  id: integer().primaryKey(),
  get books() {
    return oneToMany(() => Book, { cascade: 'all', passiveDeletes: true })
  },
  get papers() {
    return oneToMany(() => Paper, { passiveDeletes: 'all' })
  },
  get seen() {
    return oneToMany(() => Book, { viewOnly: true, cascade: 'expunge' })
  },
  get looked() {
    return oneToMany(() => Book, { viewOnly: true })
  },
}) {}
class Book extends entity('books', {
  id: integer().primaryKey(),
  shelfId: integer().nullable().references('shelves.id', { onDelete: 'cascade' }),
}) {}
class Paper extends entity('papers', {
  id: integer().primaryKey(),
  shelfId: integer().nullable().references('shelves.id', { onDelete: 'set null' }),
}) {}

// A collection that must never be loaded by reading.
class Box extends entity('boxes', {
  id: integer().primaryKey(),
  get things() {
    return oneToMany(() => Thing, { cascade: 'all', lazy: 'raise' })
  },
}) {}
class Thing extends entity('things', {
  id: integer().primaryKey(),
  boxId: integer().nullable().references('boxes.id'),
}) {}

onEvery({}, (db) => {
  it('CASC-002 with singleParent an instance cannot be given to a second parent, until the first has let it go', async () => {
    const { Sessions } = await openRelated(db, robots)
    await using session = Sessions()
    const setting = new Setting({ name: 's' })
    const first = new Robot({ name: 'a', setting })
    const second = new Robot({ name: 'b' })
    session.addAll([first, second])
    expect(() => {
      second.setting = setting
    }).toThrow(InvalidRequestError)
    expect([first.setting, second.setting]).toEqual([setting, null])
    const tool = new Tool()
    first.tools.add(tool)
    expect(() => second.tools.add(tool)).toThrow(/single parent/)
    expect(members(second.tools)).toEqual([])
    first.setting = null
    second.setting = setting
    await session.commit()
    expect([first.settingId, second.settingId]).toEqual([null, setting.id])
  })

  it('CASC-004 add() attaches what was taken from a collection since the last flush too, so that its row is written', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a', 'b'])
    const session = Sessions()
    const user = await session.getOne(User, id)
    const [first] = await user.addresses
    await session.close()
    user.addresses.remove(first as Address)
    session.add(user)
    expect(session.has(first as Address)).toBe(true)
    await session.commit()
    expect(await addressBook(Sessions)).toEqual([`b>${id}`])
    await session.close()
  })

  it('CASC-005 a reference to a persistent parent does not add its child: a flush warns and leaves it out; the collection adds it', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const user = new User({ name: 'ed' })
    session.add(user)
    await session.flush()
    const order = new Order()
    order.user = user
    expect(session.has(order)).toBe(false)
    const warnings = await warningsDuring(() => session.flush())
    expect(warnings.map(({ code }) => code)).toEqual(['HEDDLE_RELATED_NOT_IN_SESSION'])
    expect(await session.query(Order).count()).toBe(0)
    const other = new Order()
    user.orders.add(other)
    expect(session.has(other)).toBe(true)
    await session.commit()
    expect(other.userId).toBe(user.id)
  })

  it('CASC-006 a collection that is assigned as a whole adds its members, and not what only points at its instance', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const user = new User({ name: 'ed', orders: [] })
    session.add(user)
    await session.flush()
    const [linked, given] = [new Order(), new Order()]
    linked.user = user
    user.orders = [given] as never
    expect([session.has(linked), session.has(given)]).toEqual([false, true])
    expect([linked.user, given.user]).toEqual([null, user])
  })

  it('CASC-007 a pending child that leaves its owner leaves the session at once; one that nobody owns stays and is inserted', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const address = new Address({ email: 'a' })
    const order = new Order()
    const user = new User({ name: 'ed', addresses: [address], orders: [order] })
    session.add(user)
    user.addresses.remove(address)
    user.orders.remove(order)
    expect([state(address).transient, state(order).pending]).toEqual([true, true])
    await session.commit()
    expect([await session.query(Address).count(), order.userId]).toEqual([0, null])
    expect(await session.query(Order).count()).toBe(1)
  })

  it('CASC-009 a pending graph of two levels leaves with its root, and nothing beside it', async () => {
    const { Sessions } = await openRelated(db)
    await using session = Sessions()
    const dingaling = new Dingaling()
    const address = new Address({ email: 'a', dingalings: [dingaling] })
    const user = new User({ name: 'ed', addresses: [address], groups: [new Group({ name: 'g' })] })
    session.add(user)
    user.addresses.remove(address)
    expect([state(address).transient, state(dingaling).transient, session.new.size]).toEqual([true, true, 2])
    await session.commit()
  })

  it('CASC-010 a pending target that is replaced before the flush leaves the session', async () => {
    const { Sessions } = await openRelated(db, robots)
    await using session = Sessions()
    const [first, second] = [new Setting({ name: '1' }), new Setting({ name: '2' })]
    const robot = new Robot({ name: 'r', setting: first })
    session.add(robot)
    robot.setting = second
    expect([state(first).transient, state(second).pending]).toEqual([true, true])
    await session.commit()
    expect((await session.query(Setting).all()).map(({ name }) => name)).toEqual(['2'])
  })

  it('CASC-011 a pending instance that never had a parent is inserted although parents own its kind', async () => {
    const { Sessions } = await openRelated(db)
    await Sessions.begin(async (session) => session.add(new Address({ email: 'alone' })))
    expect(await addressBook(Sessions)).toEqual(['alone>null'])
  })

  it('CASC-012 a stored child that its owner lets go is deleted, all that a new list lacks, and a whole branch of a tree', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a', 'b', 'c'])
    await Sessions.begin(async (session) => {
      const user = await session.getOne(User, id)
      const [a, b] = await user.addresses
      user.addresses.remove(a as Address)
      await session.flush()
      expect(state(a as Address).deleted).toBe(true)
      user.addresses = [b as Address, new Address({ email: 'd' })] as never
    })
    expect(await addressBook(Sessions)).toEqual([`b>${id}`, `d>${id}`])
    await Sessions.begin(async (session) => {
      const branch = new Node({
        name: 'branch',
        children: [new Node({ name: 'twig', children: [new Node({ name: 'leaf' })] })],
      })
      const root = new Node({ name: 'root', children: [branch, new Node({ name: 'other' })] })
      session.add(root)
      await session.flush()
      root.children.remove(branch)
      await session.flush()
      const left = await session.query(Node).orderBy('name').all()
      expect(left.map(({ name }) => name)).toEqual(['other', 'root'])
    })
  })

  it('CASC-014 an orphan that a flush has deleted cannot be given to another parent, and neither side takes it', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const [address] = await user.addresses
    const other = new User({ name: 'jack', addresses: [] })
    session.add(other)
    user.addresses.remove(address as Address)
    await session.flush()
    expect(() => other.addresses.add(address as Address)).toThrow(/has been deleted/)
    expect([members(other.addresses), (address as Address).user]).toEqual([[], null])
  })

  it('CASC-015 a child that moves to a new parent in the flush that deletes the old one lives on with the new key', async () => {
    const { Sessions } = await openRelated(db, { entities: [Owner, OwnLeash, Leash] })
    await using session = Sessions()
    const [own, lent] = [new OwnLeash(), new Leash()]
    const old = new Owner({ leash: own, lent: [lent] })
    session.add(old)
    await session.flush()
    const next = new Owner({ leash: own, lent: [lent] })
    session.add(next)
    session.delete(old)
    await session.commit()
    expect([own.ownerId, lent.lenderId, await session.query(Owner).count()]).toEqual([next.id, next.id, 1])
    expect([state(own).persistent, state(lent).persistent]).toEqual([true, true])
  })

  it('CASC-016 a child taken out before delete(parent) is not deleted with it, goes to a new parent, or is deleted as an orphan', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a', 'b', 'c'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const [a, b] = await user.addresses
    const other = new User({ name: 'jack' })
    session.add(other)
    user.addresses.remove(a as Address, b as Address)
    session.delete(user)
    other.addresses.add(a as Address)
    await session.commit()
    expect(await addressBook(Sessions)).toEqual([`a>${other.id}`])
  })

  it('CASC-017 a delete reaches collections that are not loaded, raising ones and those of detached instances too, without an autoflush', async () => {
    const { Sessions } = await openRelated(db, { entities: [Box, Thing] })
    const box = new Box({ things: [new Thing(), new Thing()] })
    await Sessions.begin(async (session) => session.add(box))
    const session = Sessions()
    const detached = await session.getOne(Box, box.id)
    await session.close()
    let flushes = 0
    session.on('beforeFlush', () => {
      flushes++
    })
    session.delete(detached)
    await session.commit()
    expect(flushes).toBe(1)
    expect([await session.query(Box).count(), await session.query(Thing).count()]).toEqual([0, 0])
    await session.close()
  })

  it('a child that is marked for DELETE lives on when it is given to a parent; a parent that is pointed at stays marked', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed')
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const [child, other] = [new Order(), new Order()]
    session.addAll([child, other])
    await session.flush()
    session.delete(child)
    user.orders.add(child)
    await session.flush()
    expect([state(child).persistent, child.userId]).toEqual([true, id])
    session.delete(user)
    other.user = user
    expect([...session.deleted]).toEqual([user])
    other.user = null
    await session.commit()
    expect([await session.query(User).count(), await session.query(Order).count(), child.userId]).toEqual([0, 2, null])
  })

  it('CASC-019 a target that is owned is deleted when the reference is set to null; assigning the same one twice keeps it', async () => {
    const { Sessions } = await openRelated(db, robots)
    await using session = Sessions()
    const robot = new Robot({ name: 'r', setting: new Setting({ name: '1' }) })
    session.add(robot)
    await session.flush()
    const next = new Setting({ name: '2' })
    robot.setting = next
    robot.setting = next
    await session.flush()
    expect((await session.query(Setting).all()).map(({ name }) => name)).toEqual(['2'])
    await session.commit()
    session.expunge(robot)
    const again = await session.getOne(Robot, robot.id)
    again.setting = null
    await session.commit()
    expect(await session.query(Setting).count()).toBe(0)
  })

  it('CASC-020 what a reference is set to after delete() is deleted too, and what it has let go by then stays', async () => {
    const { Sessions } = await openRelated(db, robots)
    await using session = Sessions()
    const [before, after, cleared] = ['before', 'after', 'cleared'].map((name) => new Setting({ name })) as [
      Setting,
      Setting,
      Setting,
    ]
    const one = new Robot({ name: 'one' })
    const two = new Robot({ name: 'two', spare: cleared })
    session.addAll([one, two, before, after])
    await session.flush()
    session.deleteAll([one, two])
    one.spare = after
    two.spare = null
    await session.commit()
    const left = await session.query(Setting).orderBy('name').all()
    expect(left.map(({ name }) => name)).toEqual(['before', 'cleared'])
  })

  it('CASC-021 a member of pairs with one owner is deleted with its pair, and with what it cascades to', async () => {
    const { Sessions } = await openRelated(db, robots)
    await using session = Sessions()
    const tool = new Tool({ extras: [new Extra()] })
    const robot = new Robot({ name: 'r', tools: [tool, new Tool()] })
    session.add(robot)
    await session.flush()
    robot.tools.remove(tool)
    await session.commit()
    expect([await session.query(Tool).count(), await session.query(Extra).count()]).toEqual([1, 0])
    expect((await session.execute(sql`select count(*) as n from robot_tools`)).rows).toHaveLength(1)
  })

  it('CASC-022 a child with two owners is an orphan when it loses either; one whose owners nobody touched is none', async () => {
    const { Sessions } = await openRelated(db, { entities: [Sales, Region, Customer] })
    await using session = Sessions()
    const [sales, region] = [new Sales(), new Region()]
    const [lost, untouched, pending] = [new Customer(), new Customer(), new Customer()]
    session.addAll([sales, region, untouched])
    sales.customers.add(lost)
    region.customers.add(lost)
    await session.flush()
    sales.customers.add(pending)
    region.customers.add(pending)
    sales.customers.remove(pending)
    expect(state(pending).transient).toBe(true)
    sales.customers.remove(lost)
    await session.flush()
    expect([state(lost).deleted, state(untouched).persistent]).toEqual([true, true])
    session.delete(region)
    await session.commit()
    expect(await session.query(Customer).count()).toBe(1)
  })

  it('CASC-022 with legacyIsOrphan it is an orphan when it has lost both, pending or stored', async () => {
    const { Sessions } = await openRelated(db, { entities: [Studio, Label, Song] })
    await using session = Sessions()
    const [studio, label] = [new Studio(), new Label()]
    const [kept, lost, pending] = [new Song(), new Song(), new Song()]
    studio.songs.add(kept, lost, pending)
    label.songs.add(kept, lost, pending)
    session.addAll([studio, label])
    studio.songs.remove(pending)
    expect(state(pending).pending).toBe(true)
    label.songs.remove(pending)
    expect(state(pending).transient).toBe(true)
    await session.flush()
    studio.songs.remove(kept, lost)
    label.songs.remove(lost)
    await session.commit()
    expect([state(kept).persistent, state(lost).persistent, kept.studioId]).toEqual([true, false, null])
    session.expunge(kept)
    const again = await session.query(Song).with('label.songs').one()
    // Nobody has touched its studio since it was read, so it counts as owned by that.
    again.label?.songs.remove(again)
    await session.commit()
    expect(await session.query(Song).count()).toBe(1)
  })

  it("CASC-024 with passiveDeletes what is not loaded is the database's to delete and what is loaded is deleted; 'all' touches nothing", async () => {
    const { Sessions, statements } = await openRelated(db, { entities: [Shelf, Book, Paper] })
    await using session = Sessions()
    const stored = () => new Shelf({ books: [new Book(), new Book()], papers: [new Paper()] })
    const [first, second] = [stored(), stored()]
    session.addAll([first, second])
    await session.commit()
    session.expungeAll()
    const unloaded = await session.getOne(Shelf, first.id)
    session.delete(unloaded)
    await statements.during(() => session.flush())
    statements.expectExactly('delete from shelves')
    const loaded = await session.getOne(Shelf, second.id)
    await loaded.books
    await loaded.papers
    session.delete(loaded)
    await statements.during(() => session.flush())
    statements.expectExactly('delete from books', 'delete from shelves')
    await session.commit()
    session.expungeAll()
    expect((await session.query(Paper).all()).map(({ shelfId }) => shelfId)).toEqual([null, null])
    expect(await session.query(Book).count()).toBe(0)
  })

  it('CASC-025 a relation to look at cascades merge alone, or what it is told to, and adding to it attaches and writes nothing', async () => {
    const { Sessions, statements } = await openRelated(db, { entities: [Shelf, Book, Paper] })
    await using session = Sessions()
    const relations = relationsOf(modelOf(Shelf))
    expect([relations.get('looked')?.cascade, relations.get('seen')?.cascade]).toEqual([
      new Set(['merge']),
      new Set(['expunge']),
    ])
    const shelf = new Shelf()
    const book = new Book()
    session.add(shelf)
    await session.flush()
    shelf.seen.add(book)
    expect([session.has(book), session.isModified(shelf), session.dirty.size]).toEqual([false, false, 0])
    await statements.during(() => session.flush())
    statements.expectCount(0)
    session.add(book)
    session.expunge(shelf)
    expect(session.has(book)).toBe(false)
  })

  it('CASC-026 a flush changes no collection: a deleted child is in it until it is expired or the deletion committed', async () => {
    const { Sessions } = await openRelated(db)
    const id = await storedUser(Sessions, 'ed', ['a', 'b'])
    await using session = Sessions()
    const user = await session.getOne(User, id)
    const addresses = await user.addresses
    session.delete(addresses[0] as Address)
    await session.flush()
    expect(addresses).toHaveLength(2)
    await session.rollback()
    expect(addresses).toHaveLength(2)
    session.delete(addresses[0] as Address)
    await session.commit()
    expect(addresses.map(({ email }) => email)).toEqual(['b'])
    expect((await user.addresses).map(({ email }) => email)).toEqual(['b'])
  })

  it('CASC-027 who is replaced in a one-to-one relation loses its key, or its row where it was owned, loaded or not', async () => {
    const { Sessions } = await openRelated(db, { entities: [Owner, OwnLeash, Leash] })
    const owner = new Owner({ leash: new OwnLeash() })
    await Sessions.begin(async (session) => session.add(owner))
    await using session = Sessions()
    const unloaded = await session.getOne(Owner, owner.id)
    const next = new OwnLeash()
    unloaded.leash = next
    await session.flush()
    expect((await session.query(OwnLeash).all()).map(({ id }) => id)).toEqual([next.id])
    await session.commit()
  })

  it('CASC-027 a former one-to-one target that nobody has loaded loses its key, without a flush of the new one before', async () => {
    const { Sessions, statements } = await openRelated(db)
    const [desk, former] = [new Desk(), new Lamp()]
    desk.lamp = former
    await Sessions.begin(async (session) => session.add(desk))
    await using session = Sessions()
    const unloaded = await session.getOne(Desk, desk.id)
    const next = new Lamp()
    unloaded.lamp = next
    await statements.during(() => session.flush())
    statements.expectExactly('select', 'insert into lamps', 'update lamps')
    expect((await session.getOne(Lamp, former.id)).deskId).toBeNull()
    session.expire(unloaded, ['lamp'])
    expect(await unloaded.lamp).toBe(next)
    session.expire(unloaded, ['lamp'])
    unloaded.lamp = null
    await session.commit()
    expect((await session.query(Lamp).all()).map(({ deskId }) => deskId)).toEqual([null, null])
  })
})
