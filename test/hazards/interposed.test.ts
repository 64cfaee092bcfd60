import { expect, it } from 'vitest'
import { createAll, type Session, sessionmaker } from '../../src/index.ts'
import { connectionsOut } from '../behaviour/people.ts'
import { Address, Dingaling, Group, Order, User } from '../behaviour/related-entities.ts'
import { openEngine } from '../support/engines.ts'
import { injectFaults } from '../support/faulty-driver.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'

/** What a session holds when its flush begins: something to insert, to update, to delete, and pairs to write. */
interface Held {
  readonly session: Session
  readonly user: User
  readonly other: User
  readonly kept: Address
  readonly doomed: Order
  readonly fresh: Order
  readonly group: Group
  /** Addresses and orders whose parent is told by `user` and `other`. */
  readonly addresses: Address[]
  readonly orders: Order[]
}

const entities = [User, Address, Dingaling, Order, Group]

/** A collection that is known to be loaded. */
function loaded<Item>(collection: unknown): Item[] {
  return collection as Item[]
}

/** One change each, of every kind, made while a flush is under way; each leaves the records as they are to be stored. */
const changes: Readonly<Record<string, (held: Held) => void>> = {
  'a property that the flush writes': ({ user }) => {
    user.name = 'set late'
  },
  'a property of an instance that the flush does not write': ({ other }) => {
    other.name = 'set late'
  },
  'a property of an instance that is being inserted': ({ fresh }) => {
    fresh.what = 'set late'
  },
  'an instance that is added': ({ session }) => session.add(new Order({ what: 'late' })),
  'an instance that is added by a relation': ({ user, addresses }) => {
    const late = new Address({ email: 'late' })
    loaded<Address>(user.addresses).push(late)
    addresses.push(late)
  },
  'an instance that is deleted': ({ session, kept, addresses }) => {
    session.delete(kept)
    remove(addresses, kept)
  },
  'a child that is given to another parent': ({ other, fresh }) => {
    fresh.user = other
  },
  'a child that is taken from its parent, and so is an orphan': ({ user, kept, addresses }) => {
    remove(loaded<Address>(user.addresses), kept)
    remove(addresses, kept)
  },
  'a pair that is made': ({ other, group }) => {
    loaded<Group>(other.groups).push(group)
  },
  'a pair that is taken back': ({ user, group }) => {
    remove(loaded<Group>(user.groups), group)
  },
}

async function open(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  const faults = injectFaults(engine)
  await createAll(engine, entities)
  const Sessions = sessionmaker({ bind: engine })
  return { engine, faults, Sessions }
}

type Opened = Awaited<ReturnType<typeof open>>

async function hold({ engine, Sessions }: Opened): Promise<Held> {
  await engine.begin(async ({ db: kysely }) => {
    for (const table of ['user_groups', 'addresses', 'orders', 'groups', 'users'])
      await kysely.deleteFrom(table).execute()
  })
  const kept = new Address({ email: 'kept' })
  const doomed = new Order({ what: 'doomed' })
  const user = new User({ name: 'ed', addresses: [kept], orders: [doomed], groups: [new Group({ name: 'a' })] })
  const other = new User({ name: 'jack', addresses: [], orders: [], groups: [] })
  const session = Sessions()
  session.addAll([user, other])
  await session.commit()
  for (const each of [user, other]) await Promise.all([each.addresses, each.orders, each.groups])
  const group = new Group({ name: 'b' })
  const fresh = new Order({ what: 'fresh' })
  const email = new Address({ email: 'new' })
  user.name = 'first'
  loaded<Group>(user.groups).push(group)
  loaded<Address>(user.addresses).push(email)
  loaded<Order>(user.orders).push(fresh)
  session.delete(doomed)
  return { session, user, other, kept, doomed, fresh, group, addresses: [kept, email], orders: [fresh] }
}

/** Everything that is stored, in an order of its own. */
async function stored({ Sessions }: Opened): Promise<unknown> {
  return Sessions.begin(async (session) => {
    const users = await session.query(User).with('addresses', 'orders', 'groups').orderBy('id').all()
    const orders = await session.query(Order).orderBy('what').all()
    const addresses = await session.query(Address).orderBy('email').all()
    return picture(users as unknown as User[], orders, addresses)
  })
}

/** What the records in memory say should be stored. */
function expected({ session, user, other, addresses }: Held): unknown {
  const orders = [...session.identityMap].filter((each) => each instanceof Order) as Order[]
  return picture([user, other], orders, addresses)
}

function picture(users: readonly User[], orders: readonly Order[], addresses: readonly Address[]): unknown {
  const names = (items: Iterable<unknown>, name: string) =>
    [...items].map((item) => String((item as Record<string, unknown>)[name])).toSorted()
  return {
    users: users.map((user) => ({
      name: user.name,
      addresses: names(user.addresses as unknown as Iterable<Address>, 'email'),
      groups: names(user.groups as unknown as Iterable<Group>, 'name'),
      orders: orders
        .filter((order) => order.userId === user.id)
        .map(({ what }) => what)
        .toSorted(),
    })),
    orders: orders.map(({ what }) => what).toSorted(),
    addresses: names(addresses, 'email'),
  }
}

onEvery({}, (db) => {
  for (const [what, change] of Object.entries(changes)) {
    it(`${what} at whatever call of a flush is stored by the commit, as it is in memory`, async () => {
      const opened = await open(db)
      const { faults, engine } = opened
      let places = 0
      for (let place = 0; ; place++) {
        const held = await hold(opened)
        const { session } = held
        faults.clear()
        faults.plan(place, 'hang')
        const flushing = session.flush()
        const ended = flushing.then(() => true)
        while (faults.hanging === 0 && !(await Promise.race([ended, tick()])));
        if (faults.hanging === 0) {
          faults.clear()
          await session.close()
          break
        }
        places++
        change(held)
        faults.letGo()
        await flushing
        await session.commit()
        const inMemory = expected(held)
        await session.close()
        expect(await stored(opened), `at call ${place}: ${faults.calls.at(place)}`).toEqual(inMemory)
      }
      expect(places).toBeGreaterThan(3)
      expect(connectionsOut(engine)).toBe(0)
    }, 60_000)
  }

  it('a change at whatever turn of the event loop of a flush is stored by the commit', async () => {
    const opened = await open(db)
    for (const [what, change] of Object.entries(changes)) {
      for (let turns = 0; turns < 40; turns += 3) {
        const held = await hold(opened)
        const flushing = held.session.flush()
        for (let turn = 0; turn < turns; turn++) await Promise.resolve()
        change(held)
        await flushing
        await held.session.commit()
        const inMemory = expected(held)
        await held.session.close()
        expect(await stored(opened), `${what} after ${turns} turns`).toEqual(inMemory)
      }
    }
    expect(connectionsOut(opened.engine)).toBe(0)
  }, 60_000)
})

function remove<Item>(items: Item[], item: Item): void {
  items.splice(items.indexOf(item), 1)
}

function tick(): Promise<false> {
  return new Promise((resolve) => setImmediate(resolve, false))
}
