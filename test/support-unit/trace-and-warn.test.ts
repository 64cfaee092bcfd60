import { once } from 'node:events'
import process from 'node:process'
import { afterEach, describe, expect, it } from 'vitest'
import { callSite, captureCallSite, isTracing, Lane, setTracing, warn } from '../../src/support/index.ts'
import { deferred } from './deferred.ts'
import { warningsDuring } from './warnings.ts'

afterEach(() => setTracing(false))

describe('tracing', () => {
  it('gives no call site while it is off', () => {
    expect(isTracing()).toBe(false)
    expect(callSite()).toBeUndefined()
  })

  it('gives the caller, without the frames of heddle and of Node', async () => {
    setTracing(true)
    expect(callSite()?.split('\n')[0]).toContain('trace-and-warn.test')
    const lane = new Lane()
    const gate = deferred()
    const running = lane.run('op', () => gate.promise)
    const stack = lane.entries()[0]?.stack ?? ''
    expect(stack.split('\n')[0]).toContain('trace-and-warn.test')
    expect(stack).not.toContain('lane.ts')
    expect(stack).not.toContain('node:internal')
    gate.resolve()
    await running
  })

  it('keeps at most ten lines, and leaves the stack limit of the program alone', () => {
    const limit = Error.stackTraceLimit
    const deep = (depth: number): string => (depth === 0 ? captureCallSite() : deep(depth - 1))
    expect(deep(50).split('\n')).toHaveLength(10)
    expect(Error.stackTraceLimit).toBe(limit)
  })
})

describe('a warning', () => {
  it('reaches the process with its code and type, and the channel', async () => {
    const warned = once(process, 'warning') as Promise<[Error & { code: string }]>
    const seen = await warningsDuring(() => warn('HEDDLE_TEST_WARNING', 'look out'))
    const [warning] = await warned
    expect(warning).toMatchObject({ name: 'HeddleWarning', code: 'HEDDLE_TEST_WARNING', message: 'look out' })
    expect(seen).toEqual([{ code: 'HEDDLE_TEST_WARNING', message: 'look out' }])
  })
})
