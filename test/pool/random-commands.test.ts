import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPool, type Lease, type Pool, type PoolOptions } from '../../src/pool/index.ts'
import { ManualClock, settle } from '../support-unit/manual-clock.ts'
import { MemoryKeeper, type MemoryResource } from './memory-keeper.ts'

/** What the pool should be like: who holds, and who waits, in order. */
interface Model {
  readonly limit: number
  readonly keep: number
  readonly holders: number[]
  readonly queue: number[]
  next: number
}

/** The pool, and what its callers have got from it so far. */
class Real {
  readonly keeper = new MemoryKeeper()
  readonly clock = new ManualClock()
  readonly pool: Pool<MemoryResource>
  readonly leases = new Map<number, Lease<MemoryResource>>()
  readonly callers = new Map<number, AbortController>()
  readonly served: number[] = []

  constructor(options: PoolOptions) {
    this.pool = createPool(this.keeper, options, { clock: this.clock })
  }

  acquire(caller: number): void {
    const controller = new AbortController()
    this.callers.set(caller, controller)
    this.pool.acquire({ label: `${caller}`, signal: controller.signal }).then(
      (lease) => {
        this.leases.set(caller, lease)
        this.served.push(caller)
      },
      () => {},
    )
  }

  lease(caller: number): Lease<MemoryResource> {
    const lease = this.leases.get(caller)
    if (lease === undefined) throw new Error(`${caller} should have a lease`)
    this.leases.delete(caller)
    return lease
  }
}

type Command = fc.AsyncCommand<Model, Real>

/** Moves on whoever waits, as far as there is room. */
function serve(model: Model): void {
  while (model.holders.length < model.limit && model.queue.length > 0) model.holders.push(model.queue.shift() as number)
}

async function compare(model: Model, real: Real): Promise<void> {
  await settle()
  await settle()
  const { pool, keeper } = real
  expect([...real.leases.keys()].sort()).toEqual([...model.holders].sort())
  expect(
    pool
      .holders()
      .map((holder) => Number(holder.label))
      .sort(),
  ).toEqual([...model.holders].sort())
  const status = pool.status()
  expect(status).toMatchObject({ checkedOut: model.holders.length, waiting: model.queue.length })
  expect(status.idle).toBeLessThanOrEqual(model.keep)
  expect(status.overflow).toBe(status.checkedOut + status.idle - status.size)
  const held = [...real.leases.values()].map((lease) => lease.resource)
  expect(new Set(held).size).toBe(held.length)
  expect(held.filter((resource) => !resource.isOpen)).toEqual([])
  expect(keeper.stillOpen).toHaveLength(status.checkedOut + status.idle)
  expect(keeper.peak).toBeLessThanOrEqual(model.limit)
}

class Acquire implements Command {
  check = () => true
  async run(model: Model, real: Real): Promise<void> {
    const caller = model.next++
    model.queue.push(caller)
    serve(model)
    real.acquire(caller)
    await compare(model, real)
  }
  toString = () => 'acquire'
}

/** Several at once, in one tick. */
class Burst implements Command {
  readonly count: number
  constructor(count: number) {
    this.count = count
  }
  check = () => true
  async run(model: Model, real: Real): Promise<void> {
    for (let index = 0; index < this.count; index++) {
      model.queue.push(model.next)
      real.acquire(model.next++)
    }
    serve(model)
    await compare(model, real)
  }
  toString = () => `burst(${this.count})`
}

type Ending = 'release' | 'release twice' | 'invalidate' | 'invalidate all' | 'doubt' | 'break' | 'clean'

class End implements Command {
  readonly index: number
  readonly how: Ending
  constructor(index: number, how: Ending) {
    this.index = index
    this.how = how
  }
  check = (model: Readonly<Model>) => model.holders.length > 0
  async run(model: Model, real: Real): Promise<void> {
    const [caller] = model.holders.splice(this.index % model.holders.length, 1) as [number]
    serve(model)
    const lease = real.lease(caller)
    if (this.how === 'invalidate') lease.invalidate('random')
    if (this.how === 'invalidate all') lease.invalidate('random', { others: true })
    if (this.how === 'doubt') lease.invalidate('random', { soft: true })
    if (this.how === 'break') lease.resource.brokenBy = 'random'
    if (this.how === 'clean') lease.resource.isDirty = false
    const released = [lease.release()]
    if (this.how === 'release twice') released.push(lease.release())
    await Promise.all(released)
    await compare(model, real)
  }
  toString = () => `${this.how}(${this.index})`
}

class Cancel implements Command {
  readonly index: number
  constructor(index: number) {
    this.index = index
  }
  check = (model: Readonly<Model>) => model.queue.length > 0
  async run(model: Model, real: Real): Promise<void> {
    const [caller] = model.queue.splice(this.index % model.queue.length, 1) as [number]
    real.callers.get(caller)?.abort(new Error('random'))
    await compare(model, real)
  }
  toString = () => `cancel(${this.index})`
}

class Disturb implements Command {
  readonly how: 'stale' | 'break idle' | 'ping fails'
  constructor(how: Disturb['how']) {
    this.how = how
  }
  check = () => true
  async run(model: Model, real: Real): Promise<void> {
    if (this.how === 'stale') real.pool.invalidateAll('random')
    if (this.how === 'ping fails') real.keeper.pingFailure = real.keeper.pingFailure ? undefined : new Error('random')
    if (this.how === 'break idle') {
      const held = new Set([...real.leases.values()].map((lease) => lease.resource))
      const idle = real.keeper.stillOpen.filter((resource) => !held.has(resource))
      for (const resource of idle.slice(0, 1)) resource.brokenBy = 'random'
    }
    await compare(model, real)
  }
  toString = () => this.how
}

/** Time in which those that are idle are asked whether they answer, and nobody's patience ends. */
class Rest implements Command {
  check = () => true
  async run(model: Model, real: Real): Promise<void> {
    await real.clock.advance(200)
    await compare(model, real)
  }
  toString = () => 'rest'
}

const endings: readonly Ending[] = [
  'release',
  'release twice',
  'invalidate',
  'invalidate all',
  'doubt',
  'break',
  'clean',
]
const commands = fc.commands<Model, Real, false>(
  [
    fc.constant(new Acquire()),
    fc.integer({ min: 2, max: 6 }).map((count) => new Burst(count)),
    fc.tuple(fc.nat(9), fc.constantFrom(...endings)).map(([index, how]) => new End(index, how)),
    fc.nat(9).map((index) => new Cancel(index)),
    fc.constant(new Rest()),
    fc.constantFrom<Disturb['how'][]>('stale', 'break idle', 'ping fails').map((how) => new Disturb(how)),
  ],
  { maxCommands: 60 },
)
const poolOptions = fc.record({
  size: fc.integer({ min: 1, max: 3 }),
  maxOverflow: fc.integer({ min: 0, max: 2 }),
  prePing: fc.boolean(),
  lifo: fc.boolean(),
  keepAlive: fc.constantFrom(0, 150),
})

describe('any sequence of commands', () => {
  it('serves in order, never one resource to two, never more than allowed, and loses nothing', async () => {
    await fc.assert(
      fc.asyncProperty(poolOptions, commands, async (options, sequence) => {
        const setup = () => ({
          model: { limit: options.size + options.maxOverflow, keep: options.size, holders: [], queue: [], next: 0 },
          real: new Real(options),
        })
        await fc.asyncModelRun(setup, sequence)
      }),
      { numRuns: 150 },
    )
  })

  /** What may happen between two turns, with openings, pings and closings that take as long as they like. */
  const happenings = fc.array(
    fc.record({
      what: fc.constantFrom(
        'acquire',
        'acquire',
        'release',
        'cancel',
        'opened',
        'refused',
        'invalidate',
        'stale',
        'later',
        'turn',
      ),
      which: fc.nat(9),
    }),
    { maxLength: 60 },
  )
  const pick = <T>(all: readonly T[], which: number): T | undefined => all[which % Math.max(1, all.length)]

  it('whatever is cancelled, refused or late, at whatever point, ends with every place free and nothing leaked', async () => {
    await fc.assert(
      fc.asyncProperty(poolOptions, fc.boolean(), happenings, async (options, obeysSignal, sequence) => {
        const real = new Real({ ...options, timeout: 1_000, resetTimeout: 400 })
        const { keeper, pool, clock } = real
        keeper.holdsOpenings = true
        keeper.obeysSignal = obeysSignal
        const limit = options.size + options.maxOverflow
        let next = 0
        for (const { what, which } of sequence) {
          const caller = pick([...real.leases.keys()], which)
          if (what === 'acquire') real.acquire(next++)
          if (what === 'release' && caller !== undefined) void real.lease(caller).release()
          if (what === 'invalidate' && caller !== undefined) real.lease(caller).invalidate('random', { others: true })
          if (what === 'cancel') pick([...real.callers.values()], which)?.abort(new Error('random'))
          if (what === 'opened') pick(keeper.openings, which)?.resolve()
          if (what === 'refused') pick(keeper.openings, which)?.reject(new Error('random'))
          if (what === 'stale') pool.invalidateAll('random')
          if (what === 'later') await clock.advance(which * 50)
          if (what === 'turn') for (let turn = 0; turn < which; turn++) await Promise.resolve()
          const held = [...real.leases.values()].map((lease) => lease.resource)
          expect(new Set(held).size).toBe(held.length)
          expect(pool.status().checkedOut + pool.status().idle).toBeLessThanOrEqual(limit)
        }
        keeper.holdsOpenings = false
        for (const opening of keeper.openings) opening.resolve()
        for (let round = 0; round < 100 && pool.status().checkedOut > 0; round++) {
          for (const lease of real.leases.values()) await lease.release()
          real.leases.clear()
          for (const opening of keeper.openings) opening.resolve()
          await settle()
        }
        await settle()
        expect(pool.status()).toMatchObject({ checkedOut: 0, waiting: 0 })
        expect(keeper.stillOpen).toHaveLength(pool.status().idle)
        expect(clock.pending).toBe(options.keepAlive > 0 && pool.status().idle > 0 ? 1 : 0)
        const last = await pool.acquire({ label: 'last' })
        await last.release()
        await pool.dispose()
        expect(keeper.stillOpen).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})
