import { describe, expect, it } from 'vitest'
import { DisconnectionError, InvalidRequestError, PoolClosedError, PoolTimeoutError } from '../../src/errors.ts'
import { createPool, NullPool, type PoolClass, QueuePool } from '../../src/pool/index.ts'
import { deferred, stateOf } from '../support-unit/deferred.ts'
import { settle } from '../support-unit/manual-clock.ts'
import { makePool, recordEvents, take } from './make-pool.ts'
import { MemoryKeeper } from './memory-keeper.ts'

describe('the null pool', () => {
  it('opens for every caller and closes on return; nobody waits', async () => {
    const { pool, keeper } = makePool({ kind: 'null' })
    const leases = await take(pool, 30)
    expect(pool.status()).toEqual({ size: 0, checkedOut: 30, idle: 0, overflow: 30, waiting: 0 })
    for (const lease of leases) await lease.release()
    expect(keeper.stillOpen).toHaveLength(0)
    expect(keeper.made[0]?.log).toEqual(['rollback', 'close'])
    expect(pool.recreate()).toBeInstanceOf(NullPool)
  })
})

describe('the assertion pool', () => {
  it('has one, and tells a second caller who has it and where it was taken', async () => {
    const { pool } = makePool({ kind: 'assertion' })
    const lease = await pool.acquire({ label: 'first' })
    const second = pool.acquire({ label: 'second' })
    await expect(second).rejects.toThrow(InvalidRequestError)
    await expect(second).rejects.toThrow(/'second' asked for the only resource while it is out: 'first' has it/)
    await expect(second).rejects.toThrow(/kinds\.test/)
    await lease.release()
    const again = await pool.acquire({ label: 'third' })
    expect(again.resource.id).toBe(1)
    await expect(pool.acquire({ label: 'fourth' })).rejects.toThrow(/'third' has it[\s\S]*kinds\.test/)
  })

  it('is free again after a failed opening', async () => {
    const { pool, keeper } = makePool({ kind: 'assertion' })
    keeper.openFailures.push(new Error('refused'))
    const failing = pool.acquire({ label: 'first' })
    await expect(pool.acquire({ label: 'second' })).rejects.toThrow('it is being opened or put back')
    await expect(failing).rejects.toThrow('refused')
    await (await pool.acquire({ label: 'third' })).release()
  })
})

describe('the static pool', () => {
  it('opens one, which all share at the same time, and makes it clean when the last gives it back', async () => {
    const { pool, keeper } = makePool({ kind: 'static' })
    const events = recordEvents(pool)
    const leases = await Promise.all(['a', 'b', 'c'].map((label) => pool.acquire({ label })))
    expect(leases.map((lease) => lease.resource.id)).toEqual([1, 1, 1])
    expect(pool.holders().map((holder) => holder.label)).toEqual(['a', 'b', 'c'])
    expect(pool.status()).toEqual({ size: 1, checkedOut: 3, idle: 0, overflow: 0, waiting: 0 })
    leases[0]?.info.set('shared', 1)
    expect(leases[1]?.info.get('shared')).toBe(1)
    await leases[0]?.release()
    await leases[0]?.release()
    await leases[1]?.release()
    expect(keeper.made[0]?.log).toEqual([])
    await leases[2]?.release()
    expect(keeper.made[0]?.log).toEqual(['rollback'])
    expect(pool.status()).toEqual({ size: 1, checkedOut: 0, idle: 1, overflow: 0, waiting: 0 })
    expect(events.filter((event) => event.startsWith('checkout'))).toHaveLength(3)
    expect(keeper.opens).toBe(1)
  })

  it('gives a lease at once when it is open', async () => {
    const { pool } = makePool({ kind: 'static' })
    expect(pool.tryAcquire({ label: 'early' })).toBeUndefined()
    const [first] = await take(pool, 1)
    const second = pool.tryAcquire({ label: 'second' })
    expect(second?.resource).toBe(first?.resource)
  })

  it('hands nothing out while it is being made clean', async () => {
    const { pool, keeper } = makePool({ kind: 'static' })
    const [lease] = await take(pool, 1)
    const gate = deferred()
    keeper.resetGate = gate.promise
    const released = lease?.release()
    expect(pool.tryAcquire({ label: 'too early' })).toBeUndefined()
    const next = pool.acquire({ label: 'next' })
    expect(await stateOf(next)).toBe('pending')
    gate.resolve()
    await released
    expect((await next).resource.id).toBe(1)
  })

  it('invalidated by one holder is gone for all, and the next caller opens another', async () => {
    const { pool, keeper } = makePool({ kind: 'static' })
    const [first, second] = await take(pool, 2)
    first?.invalidate(new Error('cut'))
    expect(keeper.made[0]?.log).toEqual(['destroy'])
    const third = await pool.acquire({ label: 'third' })
    expect(third.resource.id).toBe(2)
    await second?.release()
    second?.invalidate('nothing of mine')
    expect(third.resource.isOpen).toBe(true)
    expect(keeper.made[1]?.log).toEqual([])
    await third.release()
    expect(pool.status()).toMatchObject({ checkedOut: 0, idle: 1 })
  })

  it('is replaced when it is stale and nobody has it, or when it is broken', async () => {
    const { pool, keeper } = makePool({ kind: 'static' })
    const [first] = await take(pool, 1)
    pool.invalidateAll('restarted')
    const second = await pool.acquire({ label: 'joins' })
    expect(second.resource.id).toBe(1)
    await Promise.all([first?.release(), second.release()])
    const third = await pool.acquire({ label: 'third' })
    expect(third.resource.id).toBe(2)
    third.resource.brokenBy = new Error('cut')
    const fourth = await pool.acquire({ label: 'fourth' })
    expect(fourth.resource.id).toBe(3)
    await third.release()
    fourth.invalidate('odd', { soft: true })
    await fourth.release()
    expect((await pool.acquire({ label: 'fifth' })).resource.id).toBe(4)
    expect(keeper.stillOpen.map((resource) => resource.id)).toEqual([4])
  })

  it('detached leaves the pool, which opens another', async () => {
    const { pool, keeper } = makePool({ kind: 'static' })
    const [first] = await take(pool, 1)
    first?.detach()
    expect((await pool.acquire({ label: 'second' })).resource.id).toBe(2)
    await first?.release()
    expect(keeper.stillOpen.map((resource) => resource.id)).toEqual([2])
  })

  it('fails for the one whose opening failed, and opens for the next', async () => {
    const { pool, keeper } = makePool({ kind: 'static' })
    keeper.openFailures.push(new Error('refused'))
    const outcomes = await Promise.allSettled(['a', 'b'].map((label) => pool.acquire({ label })))
    expect(outcomes.map((one) => one.status)).toEqual(['rejected', 'fulfilled'])
  })

  it('lets a caller give up, keeps what opens later for the next, and counts nobody', async () => {
    const { pool, keeper, clock } = makePool({ kind: 'static', timeout: 100 })
    keeper.holdsOpenings = true
    keeper.obeysSignal = false
    const caller = new AbortController()
    const first = pool.acquire({ label: 'first' })
    const second = pool.acquire({ label: 'second', signal: caller.signal })
    caller.abort(new Error('enough'))
    await expect(second).rejects.toThrow('enough')
    await Promise.all([clock.advance(100), expect(first).rejects.toThrow(PoolTimeoutError)])
    keeper.openings[0]?.resolve()
    await settle()
    expect(pool.status()).toEqual({ size: 1, checkedOut: 0, idle: 1, overflow: 0, waiting: 0 })
    expect((await pool.acquire({ label: 'third' })).resource.id).toBe(1)
    expect(clock.pending).toBe(0)
  })

  it('lets the next wait for an opening that its caller gave up', async () => {
    const { pool, keeper } = makePool({ kind: 'static' })
    keeper.holdsOpenings = true
    keeper.obeysSignal = false
    const caller = new AbortController()
    const first = pool.acquire({ label: 'first', signal: caller.signal })
    await settle()
    caller.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    const second = pool.acquire({ label: 'second' })
    expect(await stateOf(second)).toBe('pending')
    keeper.openings[0]?.resolve()
    expect((await second).resource.id).toBe(1)
    expect(keeper.opens).toBe(1)
  })

  it('is left without a holder by a caller who gives up after any number of turns', async () => {
    for (let turns = 0; turns < 20; turns++) {
      const { pool } = makePool({ kind: 'static' })
      const caller = new AbortController()
      const outcome = pool.acquire({ label: 'mine', signal: caller.signal }).then(
        (lease) => lease.release(),
        () => 'cancelled',
      )
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      caller.abort(new Error('enough'))
      await outcome
      await settle()
      expect(pool.holders()).toEqual([])
    }
  })

  it('asks the checkout listeners for every caller', async () => {
    const { pool } = makePool({ kind: 'static' })
    pool.events.on('checkout', ({ resource }) => {
      if (resource.id === 1) throw new DisconnectionError('gone')
    })
    expect((await take(pool, 2)).map((lease) => lease.resource.id)).toEqual([2, 2])
  })

  it('is closed when it is disposed of, or when the last holder returns', async () => {
    const { pool, keeper } = makePool({ kind: 'static' })
    const leases = await take(pool, 2)
    await pool.dispose()
    await expect(pool.acquire({ label: 'late' })).rejects.toThrow(PoolClosedError)
    await leases[0]?.release()
    expect(keeper.stillOpen).toHaveLength(1)
    await leases[1]?.release()
    expect(keeper.stillOpen).toHaveLength(0)

    const idle = makePool({ kind: 'static' })
    await (await idle.pool.acquire({ label: 'first' })).release()
    await idle.pool.dispose()
    expect(idle.keeper.stillOpen).toHaveLength(0)
    expect((await idle.pool.recreate().acquire({ label: 'again' })).resource.id).toBe(2)

    const left = makePool({ kind: 'static' })
    await (await left.pool.acquire({ label: 'first' })).release()
    await left.pool.dispose({ close: false })
    expect(left.keeper.stillOpen).toHaveLength(1)
    expect(left.pool.status().overflow).toBe(-1)
  })
})

describe('a pool class of one’s own', () => {
  it('is made with the complete options', async () => {
    const seen: unknown[] = []
    class Counting<R extends object> extends QueuePool<R> {
      constructor(...parts: ConstructorParameters<typeof QueuePool<R>>) {
        super(...parts)
        seen.push(parts[1])
      }
    }
    const pool = createPool(new MemoryKeeper(), { kind: Counting as PoolClass, size: 2 })
    expect(pool).toBeInstanceOf(Counting)
    expect(pool.recreate()).toBeInstanceOf(Counting)
    expect(seen[0]).toMatchObject({ size: 2, maxOverflow: 10, timeout: 30_000, resetOnReturn: 'rollback' })
  })
})
