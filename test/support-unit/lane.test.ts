import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { AsyncContext, Lane, setTracing } from '../../src/support/index.ts'
import { type Deferred, deferred, stateOf } from './deferred.ts'

afterEach(() => setTracing(false))

describe('a lane', () => {
  it('starts an operation within the call while it is idle', async () => {
    const lane = new Lane()
    let started = false
    const running = lane.run('first', async () => {
      started = true
    })
    expect(started).toBe(true)
    expect(lane.current).toBe('first')
    await running
    expect(lane.isBusy).toBe(false)
    expect(lane.current).toBeUndefined()
  })

  it('runs one operation at a time, in the order of the calls', async () => {
    const lane = new Lane()
    const log: string[] = []
    const gates = [deferred(), deferred(), deferred()]
    const runs = gates.map((gate, index) =>
      lane.run(`op${index}`, async () => {
        log.push(`start ${index}`)
        await gate.promise
        log.push(`end ${index}`)
      }),
    )
    expect(lane.labels()).toEqual(['op0', 'op1', 'op2'])
    expect(lane.waiting).toBe(2)
    for (const gate of [...gates].reverse()) gate.resolve()
    await Promise.all(runs)
    expect(log).toEqual(['start 0', 'end 0', 'start 1', 'end 1', 'start 2', 'end 2'])
  })

  it('hands values and errors to their own caller, and an error never reaches the next', async () => {
    const lane = new Lane()
    const boom = new Error('boom')
    const outcomes = await Promise.allSettled([
      lane.run('asynchronous error', async () => {
        throw boom
      }),
      lane.run('synchronous error', () => {
        throw boom
      }),
      lane.run('plain value', () => 2),
      lane.run('promised value', async () => 3),
    ])
    expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : one.reason))).toEqual([boom, boom, 2, 3])
    expect(lane.isBusy).toBe(false)
  })

  it('frees the lane when an operation throws before its first await', async () => {
    const lane = new Lane()
    await expect(
      lane.run('broken', () => {
        throw new Error('at once')
      }),
    ).rejects.toThrow('at once')
    expect(lane.isBusy).toBe(false)
    await expect(lane.run('next', () => 'fine')).resolves.toBe('fine')
  })

  it('does not swallow the rejection of an operation that nobody awaits', async () => {
    const lane = new Lane()
    const seen: unknown[] = []
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', (error) => seen.push(error))
    const boom = new Error('forgotten')
    void lane.run('forgotten', () => Promise.reject(boom))
    await new Promise((resolve) => setTimeout(resolve, 5))
    process.removeAllListeners('unhandledRejection')
    for (const other of others) process.on('unhandledRejection', other)
    expect(seen).toEqual([boom])
  })

  it('rejects what is queued without running it, and lets the running one end', async () => {
    const lane = new Lane()
    const gate = deferred<string>()
    let ran = 0
    const first = lane.run('first', () => gate.promise)
    const queued = ['second', 'third'].map((label) => lane.run(label, () => ran++))
    lane.rejectQueued((label) => new Error(`${label} is too late`))
    gate.resolve('done')
    const outcomes = await Promise.allSettled([first, ...queued])
    expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.message))).toEqual([
      'done',
      'second is too late',
      'third is too late',
    ])
    expect(ran).toBe(0)
    expect(lane.waiting).toBe(0)
    await expect(lane.run('again', () => 1)).resolves.toBe(1)
  })

  it('tells when it is idle: at once, or when the last in the line has settled', async () => {
    const lane = new Lane()
    expect(await stateOf(lane.whenIdle())).toBe('fulfilled')
    const gates = [deferred(), deferred()]
    for (const gate of gates) void lane.run('op', () => gate.promise)
    const idle = lane.whenIdle()
    gates[0]?.resolve()
    expect(await stateOf(idle)).toBe('pending')
    gates[1]?.resolve()
    expect(await stateOf(idle)).toBe('fulfilled')
  })

  it('serves 100,000 queued operations, also when each of them throws at once', async () => {
    const lane = new Lane()
    const gate = deferred()
    const first = lane.run('first', () => gate.promise)
    const queued = Array.from({ length: 100_000 }, (_, index) =>
      lane.run('queued', () => {
        if (index % 2 === 0) throw new Error('odd one out')
        return index
      }),
    )
    gate.resolve()
    await first
    const outcomes = await Promise.allSettled(queued)
    expect(outcomes.filter((one) => one.status === 'rejected')).toHaveLength(50_000)
    expect(lane.isBusy).toBe(false)
  })

  it('accepts work that gives a thenable', async () => {
    const lane = new Lane()
    // biome-ignore lint/suspicious/noThenProperty: the very thing that is tested
    const thenable = { then: (resolve: (value: number) => void) => resolve(7) } as unknown as Promise<number>
    await expect(lane.run('thenable', () => thenable)).resolves.toBe(7)
  })

  it('remembers where operations were asked for while tracing is on, and only then', async () => {
    const lane = new Lane()
    const gate = deferred()
    setTracing(true)
    const runs = [lane.run('first', () => gate.promise), lane.run('second', () => {})]
    for (const entry of lane.entries()) expect(entry.stack).toContain('lane.test')
    setTracing(false)
    runs.push(lane.run('third', () => {}))
    expect(lane.entries()[2]).toEqual({ label: 'third', stack: undefined })
    gate.resolve()
    await Promise.all(runs)
  })

  it('keeps order and mutual exclusion for every interleaving of calls and endings', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('call', 'end', 'fail'), { maxLength: 40 }), async (steps) => {
        const lane = new Lane()
        const started: number[] = []
        const gates: Deferred<void>[] = []
        const runs: Promise<unknown>[] = []
        let inside = 0
        for (const step of steps) {
          if (step === 'call') {
            const gate = deferred()
            const index = gates.push(gate) - 1
            const work = async () => {
              started.push(index)
              expect(++inside).toBe(1)
              await gate.promise.finally(() => inside--)
            }
            runs.push(lane.run(`op${index}`, work))
          } else {
            const gate = gates[started.length - 1]
            if (step === 'end') gate?.resolve()
            else gate?.reject(new Error('failed'))
            await Promise.resolve()
          }
          runs.at(-1)?.catch(() => {})
        }
        for (const gate of gates) gate.resolve()
        await Promise.allSettled(runs)
        expect(started).toEqual(gates.map((_, index) => index))
      }),
      { numRuns: 100 },
    )
  })
})

describe('an operation that waited', () => {
  it('runs in the asynchronous context of its own caller, not in that of the operation before it', async () => {
    const caller = new AsyncContext<string>()
    const lane = new Lane()
    const seen: (string | undefined)[] = []
    const ask = (name: string) =>
      caller.run(name, () =>
        lane.run(name, async () => {
          await Promise.resolve()
          seen.push(caller.get())
        }),
      )
    await Promise.all([ask('first'), ask('second'), ask('third')])
    expect(seen).toEqual(['first', 'second', 'third'])
  })
})
