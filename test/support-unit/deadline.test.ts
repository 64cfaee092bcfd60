import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { abortable, Deadline, sleep, systemClock } from '../../src/support/index.ts'
import { deferred, stateOf } from './deferred.ts'
import { ManualClock } from './manual-clock.ts'

const listenersOf = (signal: AbortSignal) => getEventListeners(signal, 'abort').length

describe('a deadline', () => {
  it('limits nothing without a timeout and a signal', () => {
    const deadline = new Deadline({})
    expect(deadline.signal).toBeUndefined()
    expect(deadline.remaining()).toBe(Number.POSITIVE_INFINITY)
    deadline.dispose()
  })

  it('aborts when the time is up, with the reason that was asked for', async () => {
    const clock = new ManualClock()
    const plain = new Deadline({ timeout: 100, clock })
    const named = new Deadline({ timeout: 100, clock, timeoutReason: () => new Error('too slow') })
    await clock.advance(40)
    expect(plain.remaining()).toBe(60)
    expect(plain.signal?.aborted).toBe(false)
    await clock.advance(60)
    expect(plain.signal?.reason).toMatchObject({ name: 'TimeoutError' })
    expect(named.signal?.reason).toMatchObject({ message: 'too slow' })
    expect(plain.remaining()).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('aborts with the signal of the caller, with its reason, and stops its timer', () => {
    const clock = new ManualClock()
    const caller = new AbortController()
    const deadline = new Deadline({ timeout: 100, signal: caller.signal, clock })
    caller.abort('enough')
    expect(deadline.signal?.reason).toBe('enough')
    expect(clock.pending).toBe(0)
    const late = new Deadline({ timeout: 100, signal: caller.signal, clock })
    expect(late.signal?.reason).toBe('enough')
    expect(clock.pending).toBe(0)
  })

  it('uses the signal of the caller itself where there is no timeout', () => {
    const caller = new AbortController()
    expect(new Deadline({ signal: caller.signal }).signal).toBe(caller.signal)
    expect(listenersOf(caller.signal)).toBe(0)
  })

  it('leaves no timer and no listener behind when it is disposed of', async () => {
    const clock = new ManualClock()
    const caller = new AbortController()
    const deadline = new Deadline({ timeout: 100, signal: caller.signal, clock })
    expect(listenersOf(caller.signal)).toBe(1)
    deadline[Symbol.dispose]()
    expect(clock.pending).toBe(0)
    expect(listenersOf(caller.signal)).toBe(0)
    await clock.advance(200)
    expect(deadline.signal?.aborted).toBe(false)
  })
})

describe('abortable', () => {
  it('settles as the promise does, and lets go of the signal', async () => {
    const caller = new AbortController()
    await expect(abortable(Promise.resolve(1), caller.signal)).resolves.toBe(1)
    await expect(abortable(Promise.reject(new Error('own')), caller.signal)).rejects.toThrow('own')
    await expect(abortable(Promise.resolve(2), undefined)).resolves.toBe(2)
    expect(listenersOf(caller.signal)).toBe(0)
  })

  it('rejects with the reason of the signal, and what becomes of the promise later is not an unhandled rejection', async () => {
    const caller = new AbortController()
    const work = deferred()
    const waiting = abortable(work.promise, caller.signal)
    caller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    work.reject(new Error('late'))
    expect(await stateOf(work.promise)).toBe('rejected')
    await expect(abortable(deferred().promise, caller.signal)).rejects.toThrow('enough')
  })
})

describe('sleep', () => {
  it('resolves after its time and leaves no listener', async () => {
    const clock = new ManualClock()
    const caller = new AbortController()
    const sleeping = sleep(50, { clock, signal: caller.signal })
    await clock.advance(49)
    expect(await stateOf(sleeping)).toBe('pending')
    await clock.advance(1)
    expect(await stateOf(sleeping)).toBe('fulfilled')
    expect(listenersOf(caller.signal)).toBe(0)
  })

  it('rejects with the reason of the signal and stops its timer', async () => {
    const clock = new ManualClock()
    const caller = new AbortController()
    const sleeping = sleep(50, { clock, signal: caller.signal })
    caller.abort('awake')
    await expect(sleeping).rejects.toBe('awake')
    expect(clock.pending).toBe(0)
    await expect(sleep(50, { clock, signal: caller.signal })).rejects.toBe('awake')
  })
})

describe('the system clock', () => {
  it('tells the time since the epoch and never goes backwards', () => {
    const first = systemClock.now()
    expect(Math.abs(first - Date.now())).toBeLessThan(60_000)
    expect(systemClock.now()).toBeGreaterThanOrEqual(first)
  })

  it('does not fire at once for a delay longer than a timer can have', async () => {
    let fired = false
    const timer = systemClock.setTimeout(
      () => {
        fired = true
      },
      Number.MAX_SAFE_INTEGER,
      { unref: true },
    )
    await sleep(5)
    expect(fired).toBe(false)
    systemClock.clearTimeout(timer)
  })
})
