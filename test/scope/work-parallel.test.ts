import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  type Session as OrmSession,
  type ParallelProgress,
  scopedSession,
  sessionmaker,
  workParallel,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Note, openNotes, signalOf, stored, thrownBy } from './notes.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

onEvery({}, (db) => {
  describe('workParallel()', () => {
    it('works on each item in a scope, session and transaction of its own, and keeps the order of the results', async () => {
      const { engine, Session } = await openNotes(db)
      const sessions = new Set<OrmSession>()
      const results: string[] = await workParallel(Session, numbers(20), async (session, n, index) => {
        expect(Session()).toBe(session)
        expect(index).toBe(n)
        sessions.add(session)
        session.add(new Note({ id: n + 1, body: `${n}` }))
        if (n % 3 === 0) await session.flush()
        return `result ${n}`
      })
      expect(results).toEqual(numbers(20).map((n) => `result ${n}`))
      expect(sessions.size).toBe(20)
      expect(engine.pool.status().checkedOut).toBe(0)
      expect((await stored(Session)).length).toBe(20)
    })

    it('takes a sessionmaker too', async () => {
      const { engine } = await openNotes(db)
      const Sessions = sessionmaker({ bind: engine })
      const results = await workParallel(Sessions, ['a', 'b'], async (session: OrmSession, body: string) => {
        session.add(new Note({ body }))
        await session.flush()
        return session.label
      })
      expect(results).toEqual(['workParallel #0', 'workParallel #1'])
      expect((await stored(scopedSession(Sessions))).sort()).toEqual(['a', 'b'])
    })

    it('works on no more items at a time than it may', async () => {
      const { Session } = await openNotes(db)
      let now = 0
      let most = 0
      const work = async () => {
        most = Math.max(most, ++now)
        await new Promise(setImmediate)
        now--
      }
      await workParallel(Session, numbers(30), work, { concurrency: 3 })
      expect(most).toBe(3)
      most = 0
      await workParallel(Session, numbers(30), work)
      expect(most).toBe(8)
    })

    it('stops at the first error: what runs is rolled back, what waits is never begun, and the error is thrown', async () => {
      const { engine, Session } = await openNotes(db)
      const failure = new Error('item 1')
      const begun: number[] = []
      const started = signalOf()
      const error = await thrownBy(() =>
        workParallel(
          Session,
          numbers(10),
          async (session, n) => {
            begun.push(n)
            if (n === 0) {
              session.add(new Note({ body: 'rolled back' }))
              await session.flush()
              started.resolve()
              return new Promise(() => {})
            }
            await started.promise
            throw failure
          },
          { concurrency: 2 },
        ),
      )
      expect(error).toBe(failure)
      expect(begun).toEqual([0, 1])
      expect(engine.pool.status().checkedOut).toBe(0)
      expect(await stored(Session)).toEqual([])
    })

    it('keeps what was committed before the error', async () => {
      const { Session } = await openNotes(db)
      const work = (session: OrmSession, n: number) => {
        if (n === 2) throw new Error('the third')
        session.add(new Note({ body: `${n}` }))
      }
      await expect(workParallel(Session, numbers(5), work, { concurrency: 1 })).rejects.toThrow('the third')
      expect(await stored(Session)).toEqual(['0', '1'])
    })

    it('gives the outcome of every item where they are to settle', async () => {
      const { Session } = await openNotes(db)
      const failure = new Error('odd')
      const work = (session: OrmSession, n: number) => {
        session.add(new Note({ body: `${n}` }))
        if (n % 2 === 1) throw failure
        return n
      }
      const outcomes: PromiseSettledResult<number>[] = await workParallel(Session, numbers(4), work, { settle: true })
      expect(outcomes).toEqual([
        { status: 'fulfilled', value: 0 },
        { status: 'rejected', reason: failure },
        { status: 'fulfilled', value: 2 },
        { status: 'rejected', reason: failure },
      ])
      expect(await stored(Session)).toEqual(['0', '2'])
    })

    it('tells how far it has come', async () => {
      const { Session } = await openNotes(db)
      const told: ParallelProgress[] = []
      const onProgress = (progress: ParallelProgress) => void told.push(progress)
      const work = (_: OrmSession, n: number) => {
        if (n === 1) throw new Error('second')
      }
      await workParallel(Session, new Set(numbers(3)), work, { onProgress, settle: true, concurrency: 1 })
      expect(told).toEqual([
        { done: 1, total: 3, failed: 0 },
        { done: 2, total: 3, failed: 1 },
        { done: 3, total: 3, failed: 1 },
      ])
      told.length = 0
      await workParallel(Session, numbers(1).values(), () => {}, { onProgress })
      expect(told).toEqual([{ done: 1, total: undefined, failed: 0 }])
      const broken = () => {
        throw new Error('in onProgress')
      }
      await expect(workParallel(Session, numbers(3), () => {}, { onProgress: broken })).rejects.toThrow('in onProgress')
    })

    it('stops when its signal aborts, with the reason', async () => {
      const { engine, Session } = await openNotes(db)
      const controller = new AbortController()
      const reason = new Error('shut down')
      const begun: number[] = []
      const work = async (session: OrmSession, n: number) => {
        begun.push(n)
        await session.query(Note).all()
        if (n === 1) controller.abort(reason)
        if (n > 0) await new Promise(() => {})
      }
      for (const settle of [false, true]) {
        begun.length = 0
        const run = workParallel(Session, numbers(9), work, {
          concurrency: 1,
          signal: controller.signal,
          settle,
        } as object)
        expect(await thrownBy(() => run)).toBe(reason)
        expect(begun).toEqual(settle ? [] : [0, 1])
      }
      expect(engine.pool.status().checkedOut).toBe(0)
    })

    it('asks an async iterable for the next item when one can be worked on, and closes it after an error', async () => {
      const { Session } = await openNotes(db)
      let asked = 0
      let closed = false
      const finished: number[] = []
      async function* items() {
        try {
          for (;;) {
            expect(asked - finished.length).toBeLessThan(2)
            yield asked++
          }
        } finally {
          closed = true
        }
      }
      const work = async (_: OrmSession, n: number) => {
        await new Promise(setImmediate)
        finished.push(n)
        if (n === 6) throw new Error('the seventh')
      }
      await expect(workParallel(Session, items(), work, { concurrency: 2 })).rejects.toThrow('the seventh')
      expect(closed).toBe(true)
      expect(asked).toBeLessThanOrEqual(8)
    })

    it('throws what the items throw, and does not wait for items that never come', async () => {
      const { Session } = await openNotes(db)
      async function* failing() {
        yield 1
        throw new Error('no more items')
      }
      await expect(workParallel(Session, failing(), (_, n) => n)).rejects.toThrow('no more items')
      async function* silent() {
        yield 1
        await new Promise(() => {})
      }
      const work = () => Promise.reject(new Error('at work'))
      await expect(workParallel(Session, silent(), work, { concurrency: 2 })).rejects.toThrow('at work')
    })

    it('keeps further errors with the first', async () => {
      const { Session } = await openNotes(db)
      const [first, second] = [new Error('first'), new Error('while closing')]
      async function* items() {
        try {
          yield 1
          yield 2
        } finally {
          // biome-ignore lint/correctness/noUnsafeFinally: what is tested
          throw second
        }
      }
      const work = () => Promise.reject(first)
      const error = await thrownBy(() => workParallel(Session, items(), work, { concurrency: 1 }))
      expect(error).toBe(first)
      expect((error as { suppressed?: unknown[] }).suppressed).toEqual([second])
    })
  })
})

describe('workParallel()', () => {
  it('refuses what it cannot work with', async () => {
    const Session = scopedSession(sessionmaker())
    const work = () => expect.fail('it ran')
    const calls = [
      () => workParallel({} as never, [1], work),
      () => workParallel(undefined as never, [1], work),
      () => workParallel(Session, 5 as never, work),
      () => workParallel(Session, undefined as never, work),
      () => workParallel(Session, [1], 'work' as never),
      () => workParallel(Session, [1], work, { concurrency: 0 }),
      () => workParallel(Session, [1], work, { concurency: 2 } as never),
    ]
    for (const call of calls) expect(await thrownBy(call)).toBeInstanceOf(ArgumentError)
  })

  it('gives nothing for nothing', async () => {
    expect(await workParallel(scopedSession(sessionmaker()), [], () => 1)).toEqual([])
  })
})
