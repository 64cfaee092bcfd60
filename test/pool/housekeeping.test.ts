import { spawnSync } from 'node:child_process'
import process from 'node:process'
import v8 from 'node:v8'
import vm from 'node:vm'
import { describe, expect, it } from 'vitest'
import { createPool } from '../../src/pool/index.ts'
import { deferred } from '../support-unit/deferred.ts'
import { settle } from '../support-unit/manual-clock.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import { makePool, recordEvents, take } from './make-pool.ts'
import { MemoryKeeper } from './memory-keeper.ts'

/** Collects garbage until `isDone`, or until it is plain that it will not be. */
async function collectUntil(isDone: () => boolean): Promise<void> {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc') as () => void
  for (let round = 0; round < 50 && !isDone(); round++) {
    collect()
    await settle()
  }
}

describe('holding for long', () => {
  it('is warned of once for each lease, with the label, the note and where it was taken', async () => {
    const { pool, clock } = makePool({ warnHeldFor: 1_000 })
    const long = await pool.acquire({ label: 'GET /slow' })
    long.note('reading page 3')
    const early = await warningsDuring(() => clock.advance(999))
    expect(early).toEqual([])
    const warnings = await warningsDuring(() => clock.advance(10_000))
    expect(warnings).toMatchObject([{ code: 'HEDDLE_POOL_HELD_LONG' }])
    expect(warnings[0]?.message).toContain("'GET /slow' holds a resource for 1000 ms. It last said: reading page 3.")
    expect(warnings[0]?.message).toContain('housekeeping.test')
    await long.release()
    await pool.acquire({ label: 'again' })
    expect(await warningsDuring(() => clock.advance(1_000))).toHaveLength(1)
  })

  it('is found for each holder at its own time, and short holders are left in peace', async () => {
    const { pool, clock } = makePool({ warnHeldFor: 1_000 })
    const labels: string[] = []
    const note = async (ms: number) => {
      for (const warning of await warningsDuring(() => clock.advance(ms)))
        labels.push(warning.message.split("'")[1] ?? '')
    }
    await pool.acquire({ label: 'first' })
    const brief = await pool.acquire({ label: 'brief' })
    await note(600)
    await pool.acquire({ label: 'second' })
    await brief.release()
    await note(400)
    expect(labels).toEqual(['first'])
    await note(599)
    expect(labels).toEqual(['first'])
    await note(1)
    expect(labels).toEqual(['first', 'second'])
    expect(clock.pending).toBe(0)
  })

  it('is not looked for by default', async () => {
    const { pool, clock } = makePool()
    await take(pool, 3)
    expect(clock.pending).toBe(0)
  })
})

describe('keeping alive', () => {
  const pings = (keeper: MemoryKeeper) =>
    keeper.made.map((resource) => resource.log.filter((what) => what === 'ping').length)

  it('asks each one that was idle for so long, one at a time, and nobody who is out or was used meanwhile', async () => {
    const { pool, keeper, clock } = makePool({ size: 3, maxOverflow: 0, keepAlive: 1_000 })
    const [first, second, third] = await take(pool, 3)
    await first?.release()
    await clock.advance(500)
    await second?.release()
    await clock.advance(499)
    expect(pings(keeper)).toEqual([0, 0, 0])
    await clock.advance(1)
    expect(pings(keeper)).toEqual([1, 0, 0])
    await clock.advance(500)
    expect(pings(keeper)).toEqual([1, 1, 0])
    await third?.release()
    for (const lease of await take(pool, 3)) await lease.release()
    await clock.advance(999)
    expect(pings(keeper)).toEqual([1, 1, 0])
    await clock.advance(1)
    expect(pings(keeper)).toEqual([2, 2, 1])
    await pool.dispose()
    expect(clock.pending).toBe(0)
  })

  it('ends one that does not answer, with the reason, and all older ones with it; the next caller gets another', async () => {
    const { pool, keeper, clock } = makePool({ size: 2, keepAlive: 1_000, pingTimeout: 200 })
    const events = recordEvents(pool)
    for (const lease of await take(pool, 2)) await lease.release()
    keeper.pingGate = deferred().promise
    await clock.advance(1_200)
    expect(events).toContain('invalidate 1: the resource gave no answer to a ping within 200 ms')
    expect(events).toContain('close 2: the resource gave no answer to a ping within 200 ms')
    expect(pool.status()).toMatchObject({ checkedOut: 0, idle: 0 })
    expect(clock.pending).toBe(0)
    expect((await pool.acquire({ label: 'next' })).resource.id).toBe(3)
  })

  it('serves those who wait while one is asked, with that one too', async () => {
    const { pool, keeper, clock } = makePool({ size: 1, maxOverflow: 0, keepAlive: 1_000 })
    for (const lease of await take(pool, 1)) await lease.release()
    const gate = deferred()
    keeper.pingGate = gate.promise
    await clock.advance(1_000)
    const waiting = pool.acquire({ label: 'waiting' })
    expect(pool.status()).toMatchObject({ checkedOut: 1, idle: 0, waiting: 1 })
    gate.resolve()
    expect((await waiting).resource.id).toBe(1)
  })

  it('replaces those that are past their age', async () => {
    const { pool, keeper, clock } = makePool({ size: 1, keepAlive: 1_000, recycle: 500 })
    for (const lease of await take(pool, 1)) await lease.release()
    await clock.advance(1_000)
    expect(pings(keeper)).toEqual([0])
    expect(keeper.stillOpen).toEqual([])
  })
})

describe('a lease that is lost', () => {
  it('ASYNC-006 is warned of when it is collected; the resource is destroyed and the next in line served', async () => {
    const { pool, keeper } = makePool({ size: 1, maxOverflow: 0 })
    await (async () => {
      await pool.acquire({ label: 'forgetful' })
    })()
    let served: number | undefined
    const waiting = pool.acquire({ label: 'patient' }).then((lease) => {
      served = lease.resource.id
      return lease
    })
    const warnings = await warningsDuring(() => collectUntil(() => served !== undefined))
    expect(warnings).toMatchObject([{ code: 'HEDDLE_POOL_LEASE_LOST' }])
    expect(warnings[0]?.message).toContain("'forgetful' lost its resource without releasing it")
    expect(served).toBe(2)
    expect(keeper.made[0]?.log).toEqual(['destroy'])
    await (await waiting).release()
  })

  it('is not confused with one that was released, or with a later one of the same place', async () => {
    const { pool, keeper } = makePool({ size: 1, maxOverflow: 0 })
    let collected = 0
    const watched = new FinalizationRegistry(() => collected++)
    await (async () => {
      const lease = await pool.acquire({ label: 'tidy' })
      watched.register(lease, undefined)
      await lease.release()
    })()
    const later = await pool.acquire({ label: 'later' })
    const warnings = await warningsDuring(() => collectUntil(() => collected > 0))
    expect(collected).toBe(1)
    expect(warnings).toEqual([])
    expect(later.resource).toBe(keeper.made[0])
    await later.release()
  })
})

describe('a program', () => {
  it('can end while resources are idle or out, with every watch of the pool on', () => {
    const script = `
      import { createPool } from ${JSON.stringify(new URL('../../src/pool/index.ts', import.meta.url).href)}
      let hangs = false
      const keeper = {
        open: () => (hangs ? new Promise(() => {}) : Promise.resolve({})), reset: async () => {}, ping: async () => {},
        close: () => new Promise(() => {}), destroy() {}, brokenBy: () => undefined,
      }
      const pool = createPool(keeper, { warnHeldFor: 60_000, recycle: 60_000, size: 1, maxOverflow: 1 })
      const leases = [await pool.acquire({ label: 'a' }), await pool.acquire({ label: 'b' })]
      globalThis.kept = leases[0]
      void leases[1].release()
      hangs = true
      const other = createPool(keeper, { timeout: 60_000 })
      void other.acquire({ label: 'hangs', timeout: 100 }).catch(() => {})
      void pool.acquire({ label: 'c', timeout: 100 }).catch(() => {})
      console.log('done')
    `
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      timeout: 15_000,
      encoding: 'utf8',
    })
    expect(child.stderr).toBe('')
    expect(child.stdout).toBe('done\n')
    expect(child.status).toBe(0)
  })

  it('uses the real clock where none is given', async () => {
    const pool = createPool(new MemoryKeeper(), { size: 1, maxOverflow: 0, timeout: 5 })
    const lease = await pool.acquire({ label: 'first' })
    await expect(pool.acquire({ label: 'second' })).rejects.toThrow(/within \d+ ms/)
    await lease.release()
  })
})
