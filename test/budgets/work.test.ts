import { createHook } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, describe, expect, it } from 'vitest'
import { scopedSession, sessionmaker } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { openShop, request, User } from './shop.ts'

/** Counts the promises that are made while `work` runs, its own awaits included. */
async function promisesIn(work: () => Promise<unknown>): Promise<number> {
  let count = 0
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') count++
    },
  })
  await work()
  hook.enable()
  await work()
  hook.disable()
  return count
}

/** The holders of connections, in the order in which the pool has served them. */
async function labelsThatAcquire(work: () => Promise<unknown>): Promise<string[]> {
  const labels: string[] = []
  const note = (message: unknown) => {
    const { event, label } = message as { event: string; label: string }
    if (event === 'acquire') labels.push(label)
  }
  subscribe('heddle:pool', note)
  await work().finally(() => unsubscribe('heddle:pool', note))
  return labels
}

const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 5))

const RealWeakRef = globalThis.WeakRef
afterEach(() => {
  globalThis.WeakRef = RealWeakRef
})

describe('on a driver that answers within the call', () => {
  it('a read by key takes few promises, in a session that is open and with one of its own', async () => {
    const { Sessions } = await openShop('sqlite://', 300)
    let id = 0
    const inOne = await Sessions.begin((session) => promisesIn(() => session.getOne(User, ++id)))
    const alone = await promisesIn(() => Sessions.begin((session) => session.getOne(User, 5)))
    expect(inOne).toBeLessThanOrEqual(2)
    expect(alone).toBeLessThanOrEqual(20)
  })

  it('promises do not grow with the rows that are read or written', async () => {
    const { Sessions } = await openShop('sqlite://', 3)
    const writing = (count: number) =>
      promisesIn(() =>
        Sessions.begin(async (session) => {
          session.addAll(Array.from({ length: count }, () => new User({ name: 'new' })))
        }),
      )
    const [few, many] = [await writing(10), await writing(1_000)]
    expect(many - few).toBeLessThanOrEqual(10)
    const reading = (count: number) =>
      promisesIn(() => Sessions.begin((session) => session.query(User).with('posts').limit(count).all()))
    expect((await reading(1_000)) - (await reading(10))).toBeLessThanOrEqual(10)
  })

  it('sessions that end in the turn in which they began make no weak references', async () => {
    const { Sessions } = await openShop('sqlite://', 3)
    let made = 0
    globalThis.WeakRef = class<T extends WeakKey> extends RealWeakRef<T> {
      constructor(object: T) {
        super(object)
        made++
      }
    } as typeof WeakRef
    // What opening the engine has left behind is listed weakly now.
    await nextTurn()
    made = 0
    for (let n = 0; n < 50; n++) await Sessions.begin((session) => session.getOne(User, 1))
    expect(made).toBe(0)
    await using session = Sessions()
    await session.getOne(User, 1)
    await nextTurn()
    expect(made).toBe(1)
  })
})

onEvery({ needs: ['connections'], on: ['postgres', 'mariadb', 'sqlite'] }, (db) => {
  it('a thousand scopes at once over ten connections are served in order, with work in proportion to their number', async () => {
    const { engine, Sessions } = await openShop(await db.freshUrl(), 10, { pool: { size: 10, maxOverflow: 0 } })
    const Session = scopedSession(sessionmaker({ ...Sessions.options, readOnly: db.name === 'sqlite' }))
    const scopes = (count: number) => () =>
      Promise.all(
        Array.from({ length: count }, (_, n) =>
          Session.begin(() => Session.getOne(User, (n % 10) + 1), { label: `scope ${n}` }),
        ),
      )
    const [half, whole] = [await promisesIn(scopes(500)), await promisesIn(scopes(1_000))]
    expect(whole / half).toBeGreaterThan(1.8)
    expect(whole / half).toBeLessThan(2.2)
    const order = await labelsThatAcquire(scopes(1_000))
    expect(order).toEqual(Array.from({ length: 1_000 }, (_, n) => `scope ${n}`))
    expect(engine.pool.status()).toMatchObject({ checkedOut: 0, waiting: 0 })
  })
})

onEvery({ on: ['sqlite'] }, (db) => {
  it('a flush looks at what has changed, however much is loaded: promises for one change among 3,000 instances are those for one of 30', async () => {
    const { Sessions } = await openShop(await db.freshUrl(), 1_000)
    const changing = (limit: number) =>
      Sessions.begin(async (session) => {
        const users = await session.query(User).with('posts').limit(limit).all()
        return promisesIn(() => {
          ;(users[0] as User).balance += 1
          return session.flush()
        })
      })
    expect((await changing(1_000)) - (await changing(10))).toBe(0)
    await Sessions.begin((session) => request(session, 1))
  })
})
