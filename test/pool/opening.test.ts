import { describe, expect, it } from 'vitest'
import { DisconnectionError, InvalidRequestError, PoolTimeoutError } from '../../src/errors.ts'
import { deferred, stateOf } from '../support-unit/deferred.ts'
import { settle } from '../support-unit/manual-clock.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import { makePool, recordEvents, take } from './make-pool.ts'

const one = { size: 1, maxOverflow: 0, timeout: 100 }

describe('opening a resource', () => {
  it('POOL-005 a failed opening gives its place back, wakes the next who waits, and the error is the keeper’s', async () => {
    const { pool, keeper } = makePool(one)
    const refused = new Error('refused')
    keeper.openFailures.push(refused)
    const outcomes = await Promise.allSettled([
      pool.acquire({ label: 'first' }),
      pool.acquire({ label: 'second' }).then((lease) => lease.resource.id),
    ])
    expect(outcomes).toEqual([
      { status: 'rejected', reason: refused },
      { status: 'fulfilled', value: 1 },
    ])
    expect(pool.status()).toMatchObject({ checkedOut: 1, waiting: 0 })
  })

  it('POOL-005 after a failed replacement of an idle one the counters are as for an empty pool', async () => {
    const { pool, keeper } = makePool(one)
    await (await pool.acquire({ label: 'first' })).release()
    pool.invalidateAll('restarted')
    keeper.openFailures.push(new Error('refused'))
    await expect(pool.acquire({ label: 'second' })).rejects.toThrow('refused')
    expect(pool.status()).toEqual({ size: 1, checkedOut: 0, idle: 0, overflow: -1, waiting: 0 })
    expect((await pool.acquire({ label: 'third' })).resource.id).toBe(2)
  })

  it('a hanging opening obeys the timeout of its caller', async () => {
    const { pool, keeper, clock } = makePool(one)
    keeper.holdsOpenings = true
    const hanging = pool.acquire({ label: 'hanging' })
    await Promise.all([clock.advance(100), expect(hanging).rejects.toThrow(PoolTimeoutError)])
    await settle()
    expect(pool.status()).toMatchObject({ checkedOut: 0, overflow: -1 })
    expect(clock.pending).toBe(0)
  })

  it('a hanging opening obeys the signal of its caller, and rejects with its reason', async () => {
    const { pool, keeper } = makePool(one)
    keeper.holdsOpenings = true
    const caller = new AbortController()
    const hanging = pool.acquire({ label: 'hanging', signal: caller.signal })
    caller.abort(new Error('enough'))
    await expect(hanging).rejects.toThrow('enough')
    await settle()
    expect(pool.status()).toMatchObject({ checkedOut: 0, overflow: -1 })
  })

  it('one that opens after its caller has gone is kept for the next', async () => {
    const { pool, keeper, clock } = makePool(one)
    keeper.holdsOpenings = true
    keeper.obeysSignal = false
    const caller = new AbortController()
    const hanging = pool.acquire({ label: 'hanging', signal: caller.signal })
    caller.abort(new Error('enough'))
    await expect(hanging).rejects.toThrow('enough')
    expect(pool.status()).toMatchObject({ checkedOut: 1, idle: 0 })
    const next = pool.acquire({ label: 'next' })
    expect(await stateOf(next)).toBe('pending')
    keeper.openings[0]?.resolve()
    const lease = await next
    expect(lease.resource.id).toBe(1)
    await lease.release()
    expect(pool.status()).toMatchObject({ checkedOut: 0, idle: 1 })
    expect(clock.pending).toBe(0)
  })

  it('DISC-007 one that opened for a caller who had gone is pinged when it is handed out later', async () => {
    const { pool, keeper } = makePool({ ...one, prePing: true })
    keeper.holdsOpenings = true
    keeper.obeysSignal = false
    const caller = new AbortController()
    const hanging = pool.acquire({ label: 'hanging', signal: caller.signal })
    caller.abort(new Error('enough'))
    await expect(hanging).rejects.toThrow('enough')
    keeper.openings[0]?.resolve()
    await settle()
    await pool.acquire({ label: 'later' })
    expect(keeper.made[0]?.log).toEqual(['ping'])
  })

  it('one that opens after its caller has gone and the pool was disposed of is closed', async () => {
    const { pool, keeper } = makePool(one)
    keeper.holdsOpenings = true
    keeper.obeysSignal = false
    const caller = new AbortController()
    const hanging = pool.acquire({ label: 'hanging', signal: caller.signal })
    caller.abort(new Error('enough'))
    await expect(hanging).rejects.toThrow('enough')
    await pool.dispose()
    keeper.openings[0]?.resolve()
    await settle()
    expect(keeper.made.map((resource) => resource.isOpen)).toEqual([false])
    expect(pool.status()).toMatchObject({ checkedOut: 0 })
  })

  it('an opening that never ends is written off after a while, with a warning, and closed if it comes after all', async () => {
    const { pool, keeper, clock } = makePool(one)
    keeper.holdsOpenings = true
    keeper.obeysSignal = false
    const lost = pool.acquire({ label: 'lost' })
    await Promise.all([clock.advance(100), expect(lost).rejects.toThrow(PoolTimeoutError)])
    const next = pool.acquire({ label: 'next', timeout: 1_000 })
    const warnings = await warningsDuring(() => clock.advance(100))
    expect(warnings.map((warning) => warning.code)).toEqual(['HEDDLE_POOL_OPENING_LOST'])
    expect(keeper.openings).toHaveLength(2)
    keeper.openings[1]?.resolve()
    const lease = await next
    keeper.openings[0]?.resolve()
    await settle()
    expect(keeper.made.map((resource) => resource.isOpen)).toEqual([true, false])
    await lease.release()
    expect(pool.status()).toMatchObject({ checkedOut: 0, idle: 1 })
  })

  it('POOL-016 a connect listener that throws does not occupy the place, and all run again for the next', async () => {
    const { pool, keeper } = makePool(one)
    let calls = 0
    let after = 0
    pool.events.on('connect', async () => {
      await settle()
      if (++calls === 1) throw new Error('listener failed')
    })
    pool.events.on('connect', () => after++)
    await expect(pool.acquire({ label: 'first' })).rejects.toThrow('listener failed')
    expect(pool.status()).toMatchObject({ checkedOut: 0, overflow: -1 })
    expect(keeper.made[0]?.isOpen).toBe(false)
    expect((await pool.acquire({ label: 'second' })).resource.id).toBe(2)
    expect([calls, after]).toEqual([2, 1])
  })

  it('POOL-016 firstConnect is told once for each pool, and every other opening waits for it', async () => {
    const { pool } = makePool()
    const gate = deferred()
    const heard: string[] = []
    pool.events.on('firstConnect', async ({ resource }) => {
      await gate.promise
      heard.push(`first ${resource.id}`)
    })
    pool.events.on('connect', ({ resource }) => heard.push(`connect ${resource.id}`))
    const both = [pool.acquire({ label: 'a' }), pool.acquire({ label: 'b' })]
    await settle()
    expect(heard).toEqual([])
    gate.resolve()
    await Promise.all(both)
    await take(pool, 1)
    expect(heard).toEqual(['first 1', 'connect 1', 'connect 2', 'connect 3'])
  })

  it('POOL-016 a firstConnect listener that throws discards the resource and runs again for the next', async () => {
    const { pool, keeper } = makePool(one)
    let calls = 0
    pool.events.on('firstConnect', () => {
      if (++calls < 3) throw new Error(`attempt ${calls}`)
    })
    await expect(pool.acquire({ label: 'first' })).rejects.toThrow('attempt 1')
    await expect(pool.acquire({ label: 'second' })).rejects.toThrow('attempt 2')
    const lease = await pool.acquire({ label: 'third' })
    lease.invalidate('again')
    await pool.acquire({ label: 'fourth' })
    expect(calls).toBe(3)
    expect(keeper.stillOpen).toHaveLength(1)
  })
})

describe('checkout listeners', () => {
  it('run before every checkout, and are told the label', async () => {
    const { pool } = makePool(one)
    const heard: string[] = []
    pool.events.on('checkout', ({ resource, label, info }) => heard.push(`${label} ${resource.id} ${info.size}`))
    for (const label of ['first', 'second']) {
      const lease = await pool.acquire({ label })
      lease.info.set('seen', true)
      await lease.release()
    }
    expect(heard).toEqual(['first 1 0', 'second 1 1'])
    expect(pool.tryAcquire({ label: 'third' })).toBeUndefined()
  })

  it('POOL-017 that report a disconnection get a new resource to look at, in the same place', async () => {
    const { pool } = makePool(one)
    const events = recordEvents(pool)
    pool.events.on('checkout', ({ resource }) => {
      if (resource.id === 1) throw new DisconnectionError('gone')
    })
    expect((await pool.acquire({ label: 'lucky' })).resource.id).toBe(2)
    expect(events).toContain('invalidate 1: gone')
    expect(pool.status()).toMatchObject({ checkedOut: 1, overflow: 0 })
  })

  it('POOL-017 that report two disconnections in turn fail the checkout and free the place', async () => {
    const { pool, keeper } = makePool(one)
    let isDown = true
    pool.events.on('checkout', () => {
      if (isDown) throw new DisconnectionError('gone')
    })
    const failing = pool.acquire({ label: 'unlucky' })
    await expect(failing).rejects.toThrow(InvalidRequestError)
    await expect(failing).rejects.toThrow('checkout listeners found 2 in turn disconnected')
    expect(keeper.stillOpen).toHaveLength(0)
    expect(pool.status()).toMatchObject({ checkedOut: 0, overflow: -1 })
    isDown = false
    expect((await pool.acquire({ label: 'lucky' })).resource.id).toBe(3)
  })

  it('POOL-017 that report a disconnection of everything make all older ones stale', async () => {
    const { pool } = makePool({ size: 3 })
    for (const lease of await take(pool, 3)) await lease.release()
    pool.events.on(
      'checkout',
      () => {
        throw new DisconnectionError('restarted', { invalidatePool: true })
      },
      { once: true },
    )
    const leases = await take(pool, 3)
    expect(leases.map((lease) => lease.resource.id)).toEqual([4, 5, 6])
  })

  it('POOL-017 that throw anything else free the place, and the error reaches the caller', async () => {
    const { pool, keeper } = makePool(one)
    const wrong = new Error('not today')
    pool.events.on(
      'checkout',
      () => {
        throw wrong
      },
      { once: true },
    )
    const next = expect(pool.acquire({ label: 'first' })).rejects.toBe(wrong)
    const waiting = pool.acquire({ label: 'second' })
    await next
    expect((await waiting).resource.id).toBe(2)
    expect(keeper.made[0]?.isOpen).toBe(false)
  })

  it('that hang obey the signal of the caller; the resource they still hold is discarded', async () => {
    const { pool, keeper } = makePool(one)
    pool.events.on('checkout', () => deferred().promise, { once: true })
    const caller = new AbortController()
    const hanging = pool.acquire({ label: 'hanging', signal: caller.signal })
    await settle()
    caller.abort(new Error('enough'))
    await expect(hanging).rejects.toThrow('enough')
    expect(keeper.made[0]?.isOpen).toBe(false)
    expect((await pool.acquire({ label: 'next' })).resource.id).toBe(2)
  })
})
