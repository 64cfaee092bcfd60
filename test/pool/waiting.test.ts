import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { PoolTimeoutError } from '../../src/errors.ts'
import { createPool, type Lease } from '../../src/pool/index.ts'
import { setTracing } from '../../src/support/index.ts'
import { stateOf } from '../support-unit/deferred.ts'
import { ManualClock, settle } from '../support-unit/manual-clock.ts'
import { makePool, take } from './make-pool.ts'
import { MemoryKeeper, type MemoryResource } from './memory-keeper.ts'

describe('waiting for a resource', () => {
  it('POOL-004 an exhausted pool makes callers wait, and none fails before its timeout', async () => {
    const { pool, clock } = makePool({ size: 1, maxOverflow: 0, timeout: 100 })
    const [lease] = await take(pool, 1)
    const waiting = [
      pool.acquire({ label: 'a' }),
      pool.acquire({ label: 'b' }),
      pool.acquire({ label: 'c', timeout: 500 }),
    ]
    await clock.advance(99)
    expect(await Promise.all(waiting.map(stateOf))).toEqual(['pending', 'pending', 'pending'])
    await clock.advance(1)
    expect(await Promise.all(waiting.map(stateOf))).toEqual(['rejected', 'rejected', 'pending'])
    await expect(waiting[0]).rejects.toThrow(PoolTimeoutError)
    expect(pool.status().waiting).toBe(1)
    await lease?.release()
    expect((await waiting[2])?.isValid).toBe(true)
  })

  it('POOL-004 sends nobody away early when a timer fires before its time, as those of Node may', async () => {
    class HastyClock extends ManualClock {
      override setTimeout(run: () => void, delay: number) {
        return super.setTimeout(run, Math.max(1, delay - 2))
      }
    }
    const clock = new HastyClock()
    const pool = createPool(new MemoryKeeper(), { size: 1, maxOverflow: 0, timeout: 100 }, { clock })
    await take(pool, 1)
    const waiting = pool.acquire({ label: 'a' })
    await clock.advance(99)
    expect(await stateOf(waiting)).toBe('pending')
    await Promise.all([clock.advance(1), expect(waiting).rejects.toThrow('within 100 ms')])
  })

  it('POOL-004 a timeout of 0 fails at once, and Infinity never', async () => {
    const { pool, clock } = makePool({ size: 1, maxOverflow: 0 })
    const [lease] = await take(pool, 1)
    await expect(pool.acquire({ label: 'impatient', timeout: 0 })).rejects.toThrow(PoolTimeoutError)
    const patient = pool.acquire({ label: 'patient', timeout: Number.POSITIVE_INFINITY })
    await clock.advance(1e9)
    expect(await stateOf(patient)).toBe('pending')
    await lease?.release()
    await patient
  })

  it('tells in the timeout error how long, how full, who holds what since when, and the last failed opening', async () => {
    const { pool, keeper, clock } = makePool({ size: 2, maxOverflow: 0, timeout: 100 })
    keeper.openFailures.push(new Error('refused by host'))
    await expect(pool.acquire({ label: 'unlucky' })).rejects.toThrow('refused by host')
    const holder = await pool.acquire({ label: 'GET /report', stack: '    at report.ts:7' })
    holder.note('reading page 3')
    await clock.advance(1_000)
    keeper.holdsOpenings = true
    keeper.obeysSignal = false
    const opening = pool.acquire({ label: 'opening', timeout: 5_000 })
    const waiting = pool.acquire({ label: 'POST /pay' })
    await Promise.all([clock.advance(100), expect(waiting).rejects.toThrow(PoolTimeoutError)])
    const error = (await waiting.catch((reason: unknown) => reason)) as PoolTimeoutError
    expect(error.message).toContain("'POST /pay' got no resource within 100 ms: size 2, overflow 0, 2 checked out")
    expect(error.message).toContain('(1 being opened), 0 idle')
    expect(error.message).toContain("'GET /report' for 1100 ms (last: reading page 3)\n    at report.ts:7")
    expect(error.message).toContain('The last attempt to open one failed 1100 ms ago: Error: refused by host')
    expect(error.waited).toBe(100)
    expect(error.holders).toMatchObject([{ label: 'GET /report', lastNote: 'reading page 3' }])
    expect(error.cause).toMatchObject({ message: 'refused by host' })
    keeper.openings[0]?.resolve()
    await opening
  })

  it('names ten holders and counts the others', async () => {
    const { pool } = makePool({ size: 12, maxOverflow: 0 })
    await take(pool, 12)
    const error = await pool.acquire({ label: 'late', timeout: 0 }).catch((reason: unknown) => reason)
    expect((error as PoolTimeoutError).message).toContain("'holder 9' for 0 ms and 2 more.")
    expect((error as PoolTimeoutError).holders).toHaveLength(12)
  })

  it('tells who holds a resource now, and where it was taken while tracing is on', async () => {
    const { pool, clock } = makePool()
    setTracing(true)
    const first = await pool.acquire({ label: 'first' }).finally(() => setTracing(false))
    await clock.advance(10)
    const second = await pool.acquire({ label: 'second' })
    const holders = pool.holders()
    expect(holders.map((holder) => holder.label)).toEqual(['first', 'second'])
    expect(holders[0]?.stack).toContain('waiting.test')
    expect(holders[1]).toEqual({ label: 'second', since: clock.now() })
    await first.release()
    await second.release()
    expect(pool.holders()).toEqual([])
  })

  it('serves 1,000 waiters in the order in which they came', async () => {
    const { pool, keeper } = makePool({ size: 1, maxOverflow: 0 })
    const [lease] = await take(pool, 1)
    const served: number[] = []
    const all = Array.from({ length: 1_000 }, async (_, index) => {
      const mine = await pool.acquire({ label: `waiter ${index}` })
      served.push(index)
      await mine.release()
    })
    expect(pool.status().waiting).toBe(1_000)
    await lease?.release()
    await Promise.all(all)
    expect(served).toEqual(Array.from({ length: 1_000 }, (_, index) => index))
    expect(keeper.opens).toBe(1)
  })

  it('leaves no timer and no listener behind, whether served, timed out or aborted', async () => {
    const { pool, clock } = makePool({ size: 1, maxOverflow: 0, timeout: 100 })
    const [lease] = await take(pool, 1)
    const caller = new AbortController()
    const late = pool.acquire({ label: 'late', timeout: 50, signal: caller.signal })
    const served = pool.acquire({ label: 'served', signal: caller.signal })
    const aborted = pool.acquire({ label: 'aborted', signal: caller.signal })
    await Promise.all([clock.advance(50), expect(late).rejects.toThrow(PoolTimeoutError)])
    await lease?.release()
    await served
    caller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    expect(clock.pending).toBe(0)
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0)
  })

  it('a waiter that was cancelled never receives a resource and never costs one', async () => {
    const { pool, keeper } = makePool({ size: 1, maxOverflow: 0 })
    const [lease] = await take(pool, 1)
    const callers = Array.from({ length: 5 }, () => new AbortController())
    const received: number[] = []
    const waits = callers.map((caller, index) =>
      pool.acquire({ label: `waiter ${index}`, signal: caller.signal }).then((mine) => {
        received.push(index)
        return mine.release()
      }),
    )
    for (const index of [0, 2, 4]) callers[index]?.abort(new Error(`gone ${index}`))
    await lease?.release()
    const outcomes = await Promise.allSettled(waits)
    expect(outcomes.map((one) => one.status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled', 'rejected'])
    expect(received).toEqual([1, 3])
    expect(pool.status()).toMatchObject({ idle: 1, checkedOut: 0, waiting: 0 })
    expect(keeper.opens).toBe(1)
  })

  it('a waiter cancelled in the very tick in which it is served gives the resource on, unused', async () => {
    const { pool, keeper } = makePool({ size: 1, maxOverflow: 0 })
    const [lease] = await take(pool, 1)
    const caller = new AbortController()
    const cancelled = pool.acquire({ label: 'cancelled', signal: caller.signal })
    const next = pool.acquire({ label: 'next' })
    const resource = keeper.made[0]
    if (resource !== undefined) resource.isDirty = false
    void lease?.release()
    caller.abort(new Error('at the last moment'))
    await expect(cancelled).rejects.toThrow('at the last moment')
    expect((await next).resource.id).toBe(1)
    expect(resource?.log).toEqual([])
  })

  it('refuses a caller whose signal has aborted already', async () => {
    const { pool, keeper } = makePool()
    await expect(pool.acquire({ label: 'late', signal: AbortSignal.abort('no more') })).rejects.toBe('no more')
    await (await pool.acquire({ label: 'first' })).release()
    await expect(pool.acquire({ label: 'late', signal: AbortSignal.abort('no more') })).rejects.toBe('no more')
    expect(keeper.opens).toBe(1)
    expect(pool.status()).toMatchObject({ idle: 1, checkedOut: 0 })
  })

  it('cancelled after any number of turns, a caller leaves the pool as if it had never come', async () => {
    for (let turns = 0; turns < 12; turns++) {
      const { pool, keeper } = makePool({ size: 1, maxOverflow: 0, prePing: true })
      pool.events.on('checkout', () => settle())
      const leases: (Lease<MemoryResource> | undefined)[] = await take(pool, 1)
      const caller = new AbortController()
      const mine = pool.acquire({ label: 'mine', signal: caller.signal })
      const outcome = mine.then(
        (lease) => lease.release(),
        () => 'cancelled',
      )
      const released = leases.pop()?.release()
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      caller.abort(new Error('enough'))
      await Promise.all([outcome, released])
      await settle()
      expect(pool.status()).toMatchObject({ checkedOut: 0, waiting: 0 })
      expect(keeper.stillOpen).toHaveLength(pool.status().idle)
      await (await pool.acquire({ label: 'after' })).release()
    }
  })
})
