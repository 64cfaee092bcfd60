import { describe, expect, it } from 'vitest'
import { ResourceClosedError } from '../../src/errors.ts'
import { CLOSE_GRACE } from '../../src/pool/upkeep.ts'
import { deferred, stateOf } from '../support-unit/deferred.ts'
import { settle } from '../support-unit/manual-clock.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import { makePool, recordEvents, take } from './make-pool.ts'

const one = { size: 1, maxOverflow: 0 }

describe('giving back', () => {
  it.each([
    ['rollback', undefined, ['rollback']],
    ['commit', 'commit', ['commit']],
    ['nothing', null, []],
  ] as const)('POOL-009 resets once, by %s', async (_, resetOnReturn, log) => {
    const { pool, keeper } = makePool(resetOnReturn === undefined ? one : { ...one, resetOnReturn })
    await (await pool.acquire({ label: 'first' })).release()
    expect(keeper.made[0]?.log).toEqual(log)
  })

  it('POOL-009 tells the reset listeners the mode and whether it is reset already', async () => {
    const { pool, keeper } = makePool(one)
    const heard: unknown[] = []
    pool.events.on('reset', ({ mode, alreadyReset }) => heard.push([mode, alreadyReset]))
    const lease = await pool.acquire({ label: 'first' })
    await lease.release()
    const again = await pool.acquire({ label: 'second' })
    again.resource.isDirty = false
    await again.release()
    expect(heard).toEqual([
      ['rollback', false],
      ['rollback', true],
    ])
    expect(keeper.made[0]?.log).toEqual(['rollback'])
  })

  it('POOL-009 does not reset one that was invalidated', async () => {
    const { pool, keeper } = makePool(one)
    const lease = await pool.acquire({ label: 'first' })
    lease.invalidate('cut')
    await lease.release()
    expect(keeper.made[0]?.log).toEqual(['destroy'])
  })

  it('is over within the call when there is nothing to clean', async () => {
    const { pool } = makePool(one)
    const lease = await pool.acquire({ label: 'first' })
    lease.resource.isDirty = false
    const waiting = pool.acquire({ label: 'second' })
    const released = lease.release()
    expect(pool.status().waiting).toBe(0)
    await released
    await (await waiting).release()
    const third = pool.tryAcquire({ label: 'third' })
    void third?.release()
    expect(pool.status()).toMatchObject({ idle: 1, checkedOut: 0 })
  })

  it('hands nothing on before it is clean', async () => {
    const { pool, keeper } = makePool(one)
    const gate = deferred()
    keeper.resetGate = gate.promise
    const lease = await pool.acquire({ label: 'first' })
    const released = lease.release()
    const waiting = pool.acquire({ label: 'second' })
    expect(await Promise.all([stateOf(released), stateOf(waiting)])).toEqual(['pending', 'pending'])
    expect(pool.holders().map((holder) => holder.label)).toEqual(['first'])
    gate.resolve()
    await released
    expect((await waiting).resource.id).toBe(1)
  })

  it('discards, with the reason, what cannot be made clean; the release itself does not fail', async () => {
    const { pool, keeper } = makePool(one)
    const events = recordEvents(pool)
    keeper.resetFailure = new Error('cannot roll back')
    const lease = await pool.acquire({ label: 'first' })
    await expect(lease.release()).resolves.toBeUndefined()
    expect(keeper.made[0]?.log).toEqual(['rollback', 'destroy'])
    expect(events).toContain('invalidate 1: cannot roll back')
    expect((await pool.acquire({ label: 'second' })).resource.id).toBe(2)
  })

  it('ends at once what is not clean in time, and serves the next', async () => {
    const { pool, keeper, clock } = makePool({ size: 1, maxOverflow: 0, resetTimeout: 300 })
    const events = recordEvents(pool)
    const [first] = await take(pool, 1)
    keeper.resetGate = deferred().promise
    const released = first?.release()
    const next = pool.acquire({ label: 'next' })
    await clock.advance(300)
    await released
    expect((await next).resource.id).toBe(2)
    expect(events).toContain('invalidate 1: the resource gave no answer to being made clean within 300 ms')
    expect(keeper.made[0]?.log).toContain('destroy')
  })

  it('discards what broke while it was being made clean', async () => {
    const { pool, keeper } = makePool(one)
    const lease = await pool.acquire({ label: 'first' })
    const { resource } = lease
    pool.events.on('checkin', () => {
      resource.brokenBy = new Error('cut meanwhile')
    })
    await lease.release()
    expect(keeper.made[0]?.log).toEqual(['rollback', 'destroy'])
    expect(pool.status()).toMatchObject({ idle: 0, checkedOut: 0 })
  })

  it.each(['reset', 'checkin'] as const)('discards the resource when a %s listener throws', async (name) => {
    const { pool, keeper } = makePool(one)
    const events = recordEvents(pool)
    pool.events.on(name, async () => {
      await settle()
      throw new Error('listener failed')
    })
    await (await pool.acquire({ label: 'first' })).release()
    expect(events).toContain('invalidate 1: listener failed')
    expect(keeper.stillOpen).toHaveLength(0)
    expect(pool.status()).toMatchObject({ idle: 0, checkedOut: 0 })
  })

  it('tells its events in order, checkin when the resource is clean', async () => {
    const { pool, keeper } = makePool(one)
    const events = recordEvents(pool)
    pool.events.on('checkin', ({ resource }) => expect(resource.log).toEqual(['rollback']))
    await (await pool.acquire({ label: 'first' })).release()
    await pool.dispose()
    expect(keeper.made[0]?.log).toEqual(['rollback', 'close'])
    expect(events).toEqual([
      'firstConnect 1',
      'connect 1',
      'checkout 1',
      'checkin 1',
      'close 1: the pool was disposed of',
    ])
  })

  it('warns of a listener that fails where nobody could hear it, and goes on', async () => {
    const { pool, keeper } = makePool(one)
    pool.events.on('close', async () => {
      throw new Error('cannot log')
    })
    await (await pool.acquire({ label: 'first' })).release()
    const warnings = await warningsDuring(() => pool.dispose())
    expect(warnings).toMatchObject([{ code: 'HEDDLE_POOL_LISTENER' }])
    expect(warnings[0]?.message).toContain("the pool's 'close' event failed: Error: cannot log")
    expect(keeper.stillOpen).toHaveLength(0)
  })

  it('ends at once what does not close in time, or fails to close', async () => {
    const { pool, keeper, clock } = makePool({ size: 2 })
    for (const lease of await take(pool, 2)) await lease.release()
    keeper.closeGate = deferred().promise
    const disposed = pool.dispose()
    await clock.advance(CLOSE_GRACE - 1)
    expect(await stateOf(disposed)).toBe('pending')
    await clock.advance(1)
    await disposed
    expect(keeper.made.map((resource) => resource.log.at(-1))).toEqual(['destroy', 'destroy'])

    const other = makePool(one)
    await (await other.pool.acquire({ label: 'first' })).release()
    other.keeper.closeGate = Promise.reject(new Error('broken pipe'))
    const warnings = await warningsDuring(() => other.pool.dispose())
    expect(warnings).toMatchObject([{ code: 'HEDDLE_POOL_CLOSE' }])
    expect(other.keeper.stillOpen).toHaveLength(0)
  })
})

describe('a lease', () => {
  it('cannot be used after its release', async () => {
    const { pool } = makePool(one)
    const lease = await pool.acquire({ label: 'GET /x' })
    await lease.release()
    expect(lease.isValid).toBe(false)
    for (const use of [() => lease.resource, () => lease.info, () => lease.slotInfo, () => lease.detach()]) {
      expect(use).toThrow(ResourceClosedError)
      expect(use).toThrow("The resource of 'GET /x' was used after its release")
    }
    lease.note('too late')
    lease.invalidate('too late')
    expect(pool.status()).toMatchObject({ idle: 1 })
  })

  it('released twice, or by two at once, gives back once: it can never give back what is now another’s', async () => {
    const { pool, keeper } = makePool(one)
    const lease = await pool.acquire({ label: 'first' })
    const [left, right] = [lease.release(), lease.release()]
    expect(left).toBe(right)
    await left
    const other = await pool.acquire({ label: 'second' })
    await lease.release()
    lease.invalidate('not mine any more')
    expect(other.isValid).toBe(true)
    expect(pool.status()).toMatchObject({ checkedOut: 1, idle: 0 })
    expect(keeper.made[0]?.log).toEqual(['rollback'])
  })

  it('gives back at the end of its block', async () => {
    const { pool } = makePool(one)
    {
      await using lease = await pool.acquire({ label: 'block' })
      expect(lease.resource.id).toBe(1)
    }
    expect(pool.status()).toMatchObject({ idle: 1, checkedOut: 0 })
  })

  it('forgets the notes of one holder for the next', async () => {
    const { pool } = makePool(one)
    const first = await pool.acquire({ label: 'first' })
    first.note('reading')
    expect(pool.holders()).toMatchObject([{ label: 'first', lastNote: 'reading' }])
    await first.release()
    await pool.acquire({ label: 'second' })
    expect(pool.holders()[0]).not.toHaveProperty('lastNote')
  })

  it('POOL-012 detached leaves the accounting: another may be opened, and its release closes it for real', async () => {
    const { pool, keeper } = makePool(one)
    const events = recordEvents(pool)
    const lease = await pool.acquire({ label: 'first' })
    lease.info.set('own', 1)
    lease.slotInfo.set('place', 1)
    const waiting = pool.acquire({ label: 'second' })
    expect(lease.detach()).toBe(keeper.made[0])
    expect(lease.detach()).toBe(keeper.made[0])
    const other = await waiting
    expect(other.resource.id).toBe(2)
    expect([...other.slotInfo]).toEqual([['place', 1]])
    expect([...other.info]).toEqual([])
    expect([lease.isDetached, lease.isValid, lease.resource.id, lease.info.get('own')]).toEqual([true, true, 1, 1])
    expect(pool.status()).toMatchObject({ checkedOut: 1 })
    await lease.release()
    expect(keeper.made[0]?.log).toEqual(['close'])
    expect(lease.isValid).toBe(false)
    expect(events).toContain('detach 1')
    expect(events).toContain('close 1: released after it was detached')
    await other.release()
    expect(pool.status()).toMatchObject({ idle: 1, checkedOut: 0 })
  })

  it('detached and then invalidated is closed', async () => {
    const { pool, keeper } = makePool(one)
    const lease = await pool.acquire({ label: 'first' })
    lease.detach()
    lease.invalidate('cut')
    await lease.release()
    expect(keeper.stillOpen).toHaveLength(0)
  })
})
