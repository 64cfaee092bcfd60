import { describe, expect, it } from 'vitest'
import { PoolClosedError } from '../../src/errors.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import { makePool, take } from './make-pool.ts'

describe('disposing of a pool', () => {
  it('POOL-014 closes what is idle, and closes what is out when it comes back', async () => {
    const { pool, keeper } = makePool()
    const [out, idle] = await take(pool, 2)
    await idle?.release()
    await pool.dispose()
    expect(keeper.made.map((resource) => resource.isOpen)).toEqual([true, false])
    expect(out?.resource.isOpen).toBe(true)
    await out?.release()
    expect(keeper.stillOpen).toHaveLength(0)
    expect(pool.status()).toMatchObject({ checkedOut: 0, idle: 0 })
  })

  it('POOL-014 without close leaves idle ones open and forgets them', async () => {
    const { pool, keeper } = makePool()
    const [out, idle] = await take(pool, 2)
    await idle?.release()
    await pool.dispose({ close: false })
    expect(keeper.made.map((resource) => resource.log)).toEqual([[], ['rollback']])
    expect(pool.status()).toMatchObject({ checkedOut: 1, idle: 0 })
    await out?.release()
    expect(keeper.stillOpen.map((resource) => resource.id)).toEqual([2])
  })

  it('warns of who has not given back three seconds later, and of nobody else', async () => {
    const { pool, clock } = makePool()
    const [early, late] = await take(pool, 2)
    await pool.dispose()
    const warnings = await warningsDuring(async () => {
      await early?.release()
      clock.advance(2_999)
      clock.advance(1)
    })
    expect(warnings).toMatchObject([{ code: 'HEDDLE_POOL_OUT_AFTER_DISPOSE' }])
    expect(warnings[0]?.message).toContain("held by 'holder 1'")
    await late?.release()
  })

  it('refuses whoever waits, is being served, or comes later', async () => {
    const { pool, keeper } = makePool({ size: 2, maxOverflow: 0 })
    await take(pool, 1)
    keeper.holdsOpenings = true
    const opening = pool.acquire({ label: 'opening' })
    const waiting = pool.acquire({ label: 'waiting' })
    await pool.dispose()
    await expect(waiting).rejects.toThrow(PoolClosedError)
    keeper.openings[0]?.resolve()
    await expect(opening).rejects.toThrow("'opening' got no resource: the pool was disposed of")
    await expect(pool.acquire({ label: 'later' })).rejects.toThrow(PoolClosedError)
    expect(pool.tryAcquire({ label: 'later' })).toBeUndefined()
    expect(keeper.made.map((resource) => resource.isOpen)).toEqual([true, false])
  })

  it('can be done twice', async () => {
    const { pool, keeper } = makePool()
    await (await pool.acquire({ label: 'first' })).release()
    await Promise.all([pool.dispose(), pool.dispose()])
    await pool.dispose()
    expect(keeper.made[0]?.log).toEqual(['rollback', 'close'])
  })

  it('leaves no timer of the pool behind', async () => {
    const { pool, clock } = makePool({ warnHeldFor: 1_000 })
    const [lease] = await take(pool, 1)
    expect(clock.pending).toBe(1)
    await pool.dispose()
    await lease?.release()
    expect(clock.pending).toBe(0)
  })

  it('POOL-015 ten at once right after it get theirs from the pool that is made again', async () => {
    const { pool, keeper } = makePool()
    const heard: number[] = []
    pool.events.on('connect', ({ resource }) => heard.push(resource.id))
    await (await pool.acquire({ label: 'first' })).release()
    const next = pool.recreate()
    await pool.dispose()
    const leases = await Promise.all(Array.from({ length: 10 }, (_, index) => next.acquire({ label: `task ${index}` })))
    expect(new Set(leases.map((lease) => lease.resource.id)).size).toBe(10)
    for (const lease of leases) await lease.release()
    expect(next.status()).toMatchObject({ size: 5, idle: 5, checkedOut: 0 })
    expect(heard).toHaveLength(11)
    expect(keeper.stillOpen).toHaveLength(5)
  })
})
