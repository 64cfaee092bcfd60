import { describe, expect, it } from 'vitest'
import { PoolTimeoutError } from '../../src/errors.ts'
import { deferred } from '../support-unit/deferred.ts'
import { settle } from '../support-unit/manual-clock.ts'
import { makePool, recordEvents, take } from './make-pool.ts'

const one = { size: 1, maxOverflow: 0, timeout: 100 }

describe('recycling', () => {
  it('POOL-010 one that is older than recycle at checkout is replaced in the same place', async () => {
    const { pool, keeper, clock } = makePool({ ...one, recycle: 30_000 })
    const events = recordEvents(pool)
    const first = await pool.acquire({ label: 'first' })
    first.slotInfo.set('place', 1)
    first.info.set('resource', 1)
    await first.release()
    await clock.advance(30_000)
    const second = await pool.acquire({ label: 'second' })
    expect(second.resource.id).toBe(2)
    expect([...second.slotInfo]).toEqual([['place', 1]])
    expect([...second.info]).toEqual([])
    expect(events).toContain('close 1: reached its age of 30000 ms')
    expect(keeper.made[0]?.log).toEqual(['rollback', 'close'])
    expect(keeper.peak).toBe(1)
  })

  it('POOL-010 age is not looked at while one is out, and a younger one is kept', async () => {
    const { pool, clock } = makePool({ ...one, recycle: 30_000 })
    const first = await pool.acquire({ label: 'first' })
    await clock.advance(26_000)
    await first.release()
    const again = await pool.acquire({ label: 'again' })
    expect(again.resource.id).toBe(1)
    await clock.advance(60_000)
    expect(again.resource.id).toBe(1)
    expect(again.isValid).toBe(true)
    await again.release()
    expect((await pool.acquire({ label: 'later' })).resource.id).toBe(2)
  })

  it('spreads the ages, so that not all are replaced at the same time, and none lives longer than asked', async () => {
    const { pool, clock } = makePool({ size: 100, recycle: 10_000 })
    for (const lease of await take(pool, 100)) await lease.release()
    await clock.advance(9_500)
    const leases = await take(pool, 100)
    const replaced = leases.filter((lease) => lease.resource.id > 100).length
    expect(replaced).toBeGreaterThan(0)
    expect(replaced).toBeLessThan(100)
    for (const lease of leases) await lease.release()
    await clock.advance(500)
    expect((await take(pool, 100)).filter((lease) => lease.resource.id <= 100)).toEqual([])
  })
})

describe('invalidating', () => {
  it('POOL-011 ends the resource now, and the place opens another on next use', async () => {
    const { pool, keeper } = makePool(one)
    const events = recordEvents(pool)
    const lease = await pool.acquire({ label: 'first' })
    lease.slotInfo.set('place', 1)
    const reason = new Error('cut')
    lease.invalidate(reason)
    expect(keeper.made[0]?.log).toEqual(['destroy'])
    expect(lease.isValid).toBe(false)
    expect(() => lease.resource).toThrow('was invalidated: Error: cut')
    expect(events.slice(-2)).toEqual(['invalidate 1: cut', 'close 1: cut'])
    expect(pool.status()).toMatchObject({ checkedOut: 0 })
    await lease.release()
    const next = await pool.acquire({ label: 'next' })
    expect(next.resource.id).toBe(2)
    expect(next.slotInfo.get('place')).toBe(1)
  })

  it('POOL-011 softly leaves it usable until it is given back, and replaces it at the next checkout', async () => {
    const { pool, keeper } = makePool(one)
    const events = recordEvents(pool)
    const lease = await pool.acquire({ label: 'first' })
    lease.invalidate('looks odd', { soft: true })
    expect(lease.resource.isOpen).toBe(true)
    await lease.release()
    expect(keeper.made[0]?.isOpen).toBe(true)
    expect((await pool.acquire({ label: 'next' })).resource.id).toBe(2)
    expect(keeper.made[0]?.isOpen).toBe(false)
    expect(events).toContain('softInvalidate 1: looks odd')
    expect(events).toContain('close 1: looks odd')
  })

  it('POOL-007 frees the place: five who wait are all served in turn by one new resource', async () => {
    const { pool, keeper } = makePool(one)
    const [lease] = await take(pool, 1)
    const served: string[] = []
    const waiters = Array.from({ length: 5 }, async (_, index) => {
      const mine = await pool.acquire({ label: `waiter ${index}` })
      served.push(`${index} on ${mine.resource.id}`)
      await settle()
      await mine.release()
    })
    lease?.invalidate('cut')
    await Promise.all(waiters)
    expect(served).toEqual(['0 on 2', '1 on 2', '2 on 2', '3 on 2', '4 on 2'])
    expect(keeper.opens).toBe(2)
  })

  it('everything opened before is replaced before it is handed out, and what is out goes on until it returns', async () => {
    const { pool, keeper } = makePool({ size: 3 })
    const events = recordEvents(pool)
    const leases = await take(pool, 3)
    await leases[0]?.release()
    await leases[1]?.release()
    pool.invalidateAll('server restarted')
    expect(keeper.stillOpen).toHaveLength(3)
    expect(leases[2]?.resource.isOpen).toBe(true)
    await leases[2]?.release()
    expect((await take(pool, 3)).map((lease) => lease.resource.id)).toEqual([4, 5, 6])
    expect(events.filter((event) => event.startsWith('close'))).toEqual([
      'close 1: server restarted',
      'close 2: server restarted',
      'close 3: server restarted',
    ])
    expect(keeper.peak).toBe(3)
  })

  it('everything stale is ended at once: what made it so may keep it from closing in order', async () => {
    const { pool, keeper } = makePool({ size: 1, maxOverflow: 0 })
    await (await pool.acquire({ label: 'first' })).release()
    keeper.closeGate = deferred().promise
    pool.invalidateAll('the network is gone')
    expect((await pool.acquire({ label: 'second' })).resource.id).toBe(2)
    expect(keeper.made[0]?.log).toContain('destroy')
  })

  it('one that was being opened at that time counts as opened before', async () => {
    const { pool, keeper } = makePool(one)
    keeper.holdsOpenings = true
    const opening = pool.acquire({ label: 'opening' })
    pool.invalidateAll('restarted')
    keeper.holdsOpenings = false
    keeper.openings[0]?.resolve()
    await (await opening).release()
    expect((await pool.acquire({ label: 'next' })).resource.id).toBe(2)
  })

  it('DISC-001 the finder of a disconnection makes all older ones stale with it', async () => {
    const { pool } = makePool({ size: 3 })
    const leases = await take(pool, 3)
    await leases[1]?.release()
    await leases[2]?.release()
    leases[0]?.invalidate(new Error('cut'), { others: true })
    expect((await take(pool, 3)).map((lease) => lease.resource.id)).toEqual([4, 5, 6])
  })

  it('DISC-006 several who find the same disconnection: each is closed once, and as many are opened again', async () => {
    const { pool, keeper } = makePool({ size: 5 })
    const events = recordEvents(pool)
    const leases = await take(pool, 5)
    leases[0]?.invalidate(new Error('cut'), { others: true })
    const fresh = await pool.acquire({ label: 'fresh' })
    await fresh.release()
    for (const lease of leases.slice(1)) lease.invalidate(new Error('cut'), { others: true })
    const again = await take(pool, 5)
    expect(again.map((lease) => lease.resource.id)).toEqual([6, 7, 8, 9, 10])
    expect(keeper.opens).toBe(10)
    expect(events.filter((event) => event.startsWith('close'))).toHaveLength(5)
  })

  it('one that broke while it was idle, or out, never reaches another holder', async () => {
    const { pool, keeper } = makePool(one)
    const events = recordEvents(pool)
    await (await pool.acquire({ label: 'first' })).release()
    Object.assign(keeper.made[0] ?? {}, { brokenBy: new Error('cut while idle') })
    const second = await pool.acquire({ label: 'second' })
    expect(second.resource.id).toBe(2)
    second.resource.brokenBy = new Error('cut while out')
    await second.release()
    expect(pool.status()).toMatchObject({ idle: 0, checkedOut: 0 })
    expect(keeper.made[1]?.log).toEqual(['destroy'])
    expect(events).toContain('invalidate 1: cut while idle')
    expect(events).toContain('invalidate 2: cut while out')
  })
})

describe('pinging before use', () => {
  it('DISC-007 happens once on each reuse, and not for a new one', async () => {
    const { pool, keeper } = makePool({ ...one, prePing: true })
    const pings = () => keeper.made.map((resource) => resource.log.filter((what) => what === 'ping').length)
    await (await pool.acquire({ label: 'new' })).release()
    expect(pings()).toEqual([0])
    await (await pool.acquire({ label: 'reuse' })).release()
    await (await pool.acquire({ label: 'reuse' })).release()
    expect(pings()).toEqual([2])
    pool.invalidateAll('restarted')
    await pool.acquire({ label: 'replaced' })
    expect(pings()).toEqual([2, 0])
  })

  it('DISC-007 a stale one is replaced without an error, and with it all that are older', async () => {
    const { pool, keeper } = makePool({ size: 3, prePing: true })
    const events = recordEvents(pool)
    for (const lease of await take(pool, 3)) await lease.release()
    keeper.pingFailure = new Error('no answer')
    expect((await take(pool, 3)).map((lease) => lease.resource.id)).toEqual([4, 5, 6])
    expect(keeper.made.map((resource) => resource.log.filter((what) => what === 'ping').length)).toEqual([
      1, 0, 0, 0, 0, 0,
    ])
    expect(events).toContain('invalidate 1: no answer')
    expect(keeper.stillOpen).toHaveLength(3)
  })

  it('DISC-008 while everything is down the checkout fails with the error of the opening, counters as before', async () => {
    const { pool, keeper } = makePool({ ...one, prePing: true })
    await (await pool.acquire({ label: 'first' })).release()
    keeper.pingFailure = new Error('no answer')
    keeper.openFailures.push(new Error('refused'))
    await expect(pool.acquire({ label: 'second' })).rejects.toThrow('refused')
    expect(pool.status()).toEqual({ size: 1, checkedOut: 0, idle: 0, overflow: -1, waiting: 0 })
    expect((await pool.acquire({ label: 'third' })).resource.id).toBe(2)
  })

  it('that gets no answer obeys the timeout; the resource is discarded and the next caller gets another', async () => {
    const { pool, keeper, clock } = makePool({ ...one, prePing: true })
    await (await pool.acquire({ label: 'first' })).release()
    keeper.pingGate = deferred().promise
    const hanging = pool.acquire({ label: 'hanging' })
    await Promise.all([clock.advance(100), expect(hanging).rejects.toThrow(PoolTimeoutError)])
    expect(keeper.made[0]?.isOpen).toBe(false)
    expect((await pool.acquire({ label: 'next' })).resource.id).toBe(2)
  })

  it('that gets no answer within pingTimeout has the resource and all older ones replaced, without an error', async () => {
    const { pool, keeper, clock } = makePool({ size: 1, maxOverflow: 0, prePing: true, pingTimeout: 100 })
    const events = recordEvents(pool)
    await (await pool.acquire({ label: 'first' })).release()
    keeper.pingGate = deferred().promise
    const second = pool.acquire({ label: 'second' })
    await clock.advance(100)
    expect((await second).resource.id).toBe(2)
    expect(events).toContain('invalidate 1: the resource gave no answer to a ping within 100 ms')
    expect(clock.pending).toBe(0)
  })
})
