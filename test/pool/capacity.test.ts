import { describe, expect, it } from 'vitest'
import { ArgumentError, PoolTimeoutError } from '../../src/errors.ts'
import { createPool } from '../../src/pool/index.ts'
import { stateOf } from '../support-unit/deferred.ts'
import { settle } from '../support-unit/manual-clock.ts'
import { makePool, take } from './make-pool.ts'
import { MemoryKeeper } from './memory-keeper.ts'

describe('the capacity of a pool', () => {
  it('POOL-001 opens nothing before the first checkout, and counts overflow from the size up', async () => {
    const { pool, keeper } = makePool({ size: 3, maxOverflow: -1 })
    expect(keeper.opens).toBe(0)
    expect(pool.status()).toEqual({ size: 3, checkedOut: 0, idle: 0, overflow: -3, waiting: 0 })
    const leases = await take(pool, 1)
    expect(pool.status()).toEqual({ size: 3, checkedOut: 1, idle: 0, overflow: -2, waiting: 0 })
    leases.push(...(await take(pool, 4)))
    expect(pool.status()).toMatchObject({ checkedOut: 5, overflow: 2 })
    for (const lease of leases) await lease.release()
    expect(pool.status()).toMatchObject({ checkedOut: 0, idle: 3, overflow: 0 })
  })

  it('POOL-001 opens nothing when the pool is made again', async () => {
    const { pool, keeper } = makePool()
    expect(pool.recreate().status()).toMatchObject({ size: 5, checkedOut: 0 })
    expect(keeper.opens).toBe(0)
  })

  it('POOL-002 never has more than 15 open with the defaults, however many come at once', async () => {
    const { pool, keeper } = makePool()
    const inUse = new Set<number>()
    const use = async (index: number) => {
      const lease = await pool.acquire({ label: `user ${index}` })
      expect(inUse.has(lease.resource.id)).toBe(false)
      inUse.add(lease.resource.id)
      for (let turn = 0; turn < index % 4; turn++) await settle()
      inUse.delete(lease.resource.id)
      await lease.release()
    }
    await Promise.all(Array.from({ length: 200 }, (_, index) => use(index)))
    expect(keeper.peak).toBe(15)
    expect(pool.status()).toMatchObject({ checkedOut: 0, idle: 5, overflow: 0, waiting: 0 })
    expect(keeper.stillOpen).toHaveLength(5)
  })

  it('POOL-002 closes what is returned beyond the size, before the return has ended', async () => {
    const { pool, keeper } = makePool({ size: 1, maxOverflow: 1 })
    const [first, second] = await take(pool, 2)
    await first?.release()
    await second?.release()
    expect(keeper.made.map((resource) => resource.isOpen)).toEqual([true, false])
    expect(keeper.made[1]?.log).toEqual(['rollback', 'close'])
  })

  it('counts one that is being closed until it is closed', async () => {
    const { pool, keeper } = makePool({ size: 1, maxOverflow: 1 })
    const leases = await take(pool, 2)
    let finishClosing = () => {}
    keeper.closeGate = new Promise((resolve) => {
      finishClosing = resolve
    })
    await leases[0]?.release()
    const closing = leases[1]?.release()
    await settle()
    const [again] = await take(pool, 1)
    const waiting = pool.acquire({ label: 'third' })
    expect(await stateOf(waiting)).toBe('pending')
    finishClosing()
    await closing
    const lease = await waiting
    expect(keeper.peak).toBe(2)
    await Promise.all([again?.release(), lease.release()])
  })

  it('keeps as many as were ever needed with a size of 0', async () => {
    const { pool, keeper } = makePool({ size: 0 })
    const leases = await take(pool, 40)
    for (const lease of leases) await lease.release()
    expect(pool.status()).toEqual({ size: 0, checkedOut: 0, idle: 40, overflow: 40, waiting: 0 })
    await take(pool, 40)
    expect(keeper.opens).toBe(40)
  })

  it('POOL-006 one slow opening does not hold up others that fit', async () => {
    const { pool, keeper } = makePool({ size: 2, maxOverflow: 0 })
    keeper.holdsOpenings = true
    const slow = pool.acquire({ label: 'slow' })
    keeper.holdsOpenings = false
    const quick = await pool.acquire({ label: 'quick' })
    expect(await stateOf(slow)).toBe('pending')
    await quick.release()
    await (await pool.acquire({ label: 'quick again' })).release()
    expect(keeper.made).toHaveLength(1)
    keeper.openings[0]?.resolve()
    await (await slow).release()
    expect(pool.status()).toMatchObject({ checkedOut: 0, idle: 2 })
  })

  it('hands out the one that came back first, or last with lifo', async () => {
    for (const [lifo, expected] of [
      [false, [1, 2]],
      [true, [2, 1]],
    ] as const) {
      const { pool } = makePool({ lifo })
      for (const lease of await take(pool, 2)) await lease.release()
      expect((await take(pool, 2)).map((lease) => lease.resource.id)).toEqual(expected)
    }
  })

  it('gives a lease at once, without a promise, when one is free and fit, and nothing otherwise', async () => {
    const { pool, keeper } = makePool({ size: 1, maxOverflow: 0 })
    expect(pool.tryAcquire({ label: 'nothing open' })).toBeUndefined()
    const [first] = await take(pool, 1)
    expect(pool.tryAcquire({ label: 'all out' })).toBeUndefined()
    await first?.release()
    const lease = pool.tryAcquire({ label: 'at once' })
    expect(lease?.resource.id).toBe(1)
    await lease?.release()
    const resource = keeper.made[0]
    if (resource !== undefined) resource.brokenBy = new Error('cut')
    expect(pool.tryAcquire({ label: 'broken' })).toBeUndefined()
    expect((await pool.acquire({ label: 'patient' })).resource.id).toBe(2)
  })

  it.each([
    [{ size: -1 }, "pool: option 'size' must be an integer of at least 0, not -1"],
    [{ maxOverflow: -2 }, "option 'maxOverflow' must be an integer of at least -1"],
    [{ sise: 1 }, "pool: unknown option 'sise'. Did you mean 'size'?"],
    [
      { kind: 'heap' },
      "option 'kind' must be one of 'queue', 'null', 'static', 'assertion' or a pool class, not 'heap'",
    ],
    [{ kind: 'null', size: 1 }, "pool of kind 'null': unknown option 'size'"],
    [{ recycle: -5 }, "option 'recycle' must be one of -1 or a number of milliseconds"],
    [{ resetOnReturn: true }, "option 'resetOnReturn' must be one of 'rollback', 'commit', null, not true"],
  ])('refuses the options %j', (options, message) => {
    const make = () => createPool(new MemoryKeeper(), options as object)
    expect(make).toThrow(ArgumentError)
    expect(make).toThrow(message)
  })

  it('allows openings with a timeout of 0, which is about waiting for others', async () => {
    const { pool } = makePool({ size: 1, maxOverflow: 0, timeout: 0 })
    const lease = await pool.acquire({ label: 'only' })
    await expect(pool.acquire({ label: 'second' })).rejects.toThrow(PoolTimeoutError)
    await lease.release()
  })
})
