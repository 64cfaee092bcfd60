import { expect, it } from 'vitest'
import {
  ConcurrentUseError,
  InvalidRequestError,
  SessionAlreadyFlushingError,
  SessionClosedError,
  sql,
} from '../../src/index.ts'
import { openFaultyPeople, thrownBy } from '../fault/faulty-people.ts'
import { onEvery } from '../support/index.ts'
import { connectionsOut, namesIn, openPeople, Person } from './people.ts'

const WORKERS = 10
const ROWS = 5

onEvery({}, (db) => {
  it("ten workers that share a strict session and flush get 'Session is already flushing', and no row is lost or stored twice", async () => {
    const { engine, Sessions } = await openPeople(db, { concurrency: 'raise' })
    await using session = Sessions()
    const work = async (worker: number) => {
      const people = Array.from({ length: ROWS }, (_, row) => new Person({ name: `${worker}.${row}` }))
      session.addAll(people)
      await session.flush()
      return people
    }
    const ends = await Promise.allSettled(Array.from({ length: WORKERS }, (_, worker) => work(worker)))
    const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    expect(refused).toHaveLength(WORKERS - 1)
    for (const error of refused) {
      expect(error).toBeInstanceOf(SessionAlreadyFlushingError)
      expect(error.message).toContain('Session is already flushing')
      expect(error.calls).toEqual(['flush()', 'flush()'])
    }
    const [done] = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []))
    await session.commit()
    const stored = await namesIn(Sessions)
    for (const person of done ?? []) expect(stored).toContain(person.name)
    expect(stored.toSorted()).toEqual(everyName())
    expect(connectionsOut(engine)).toBe(0)
  })

  it('ten workers that share a strict session, each at its own pace, store every row for which they got no error', async () => {
    const { Sessions } = await openPeople(db, { concurrency: 'raise' })
    await using session = Sessions()
    const acknowledged: string[] = []
    const errors: unknown[] = []
    const work = async (worker: number) => {
      for (let row = 0; row < ROWS; row++) {
        for (let turn = 0; turn < worker; turn++) await Promise.resolve()
        const person = new Person({ name: `${worker}.${row}` })
        session.add(person)
        try {
          await session.flush()
          acknowledged.push(person.name)
        } catch (error) {
          errors.push(error)
        }
      }
    }
    await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)))
    await session.commit()
    for (const error of errors) expect(error).toBeInstanceOf(SessionAlreadyFlushingError)
    expect(errors.length).toBeGreaterThan(0)
    const stored = await namesIn(Sessions)
    expect(stored).toEqual(expect.arrayContaining(acknowledged))
    expect(stored.toSorted()).toEqual(everyName())
  })

  it('ten workers that share a session in the default mode all succeed, in whatever order', async () => {
    const { engine, Sessions } = await openPeople(db)
    await Sessions.begin(async (session) => {
      const work = async (worker: number) => {
        for (let row = 0; row < ROWS; row++) {
          session.add(new Person({ name: `${worker}.${row}` }))
          await session.flush()
          await session.query(Person).where('name', '=', `${worker}.${row}`).one()
        }
      }
      await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)))
      expect(connectionsOut(engine)).toBe(1)
    })
    expect((await namesIn(Sessions)).toSorted()).toEqual(everyName())
  })

  it('a strict session refuses every overlap by the names of both calls, and the first one completes', async () => {
    const { Sessions } = await openPeople(db, { concurrency: 'raise' })
    await Sessions.begin((session) => session.add(new Person({ name: 'ed' })))
    await using session = Sessions()
    await session.query(Person).count()
    const reading = session.query(Person).all()
    const ends = await Promise.allSettled([
      session.get(Person, 99),
      session.query(Person).first(),
      session.execute(sql`select 1`),
      session.flush(),
      session.beginNested(),
      session.commit(),
      session.refresh(new Person({ name: 'x' })),
    ])
    for (const end of ends) {
      expect(end).toHaveProperty('reason', expect.any(ConcurrentUseError))
      expect(end).toHaveProperty('reason.calls.0', 'query(Person).all()')
    }
    expect((await reading).map(({ name }) => name)).toEqual(['ed'])
    await session.commit()
  })

  it('GUARD-001 flush() from inside a flush is refused instead of waiting for itself, and the outer flush fails with it', async () => {
    const { Sessions, statements } = await openPeople(db)
    for (const concurrency of ['serialize', 'raise'] as const) {
      for (const stage of ['beforeFlush', 'afterFlush'] as const) {
        const session = Sessions({ concurrency })
        const off = session.on(stage, () => session.flush())
        session.add(new Person({ name: 'ed' }))
        statements.clear()
        const error = await thrownBy(() => session.flush())
        expect(error).toBeInstanceOf(SessionAlreadyFlushingError)
        expect((error as Error).message).toContain('already flushing')
        statements.expectCount(stage === 'beforeFlush' ? 0 : 1)
        expect(session.isActive).toBe(stage === 'beforeFlush')
        off()
        await session.close()
      }
    }
    expect(await namesIn(Sessions)).toEqual([])
  })

  it('GUARD-002 a query inside beforeFlush starts no other flush, and what is added or deleted there joins the running one', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const gone = new Person({ name: 'gone' })
    session.add(gone)
    await session.commit()
    let told = 0
    session.on('beforeFlush', async () => {
      told++
      expect(await session.query(Person).count()).toBe(1)
      session.add(new Person({ name: 'joined' }))
      session.delete(gone)
    })
    session.add(new Person({ name: 'ed' }))
    await session.flush()
    expect(told).toBe(1)
    expect([session.new.size, session.deleted.size]).toEqual([0, 0])
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed', 'joined'])
  })

  it('GUARD-005 while a strict session obtains its connection, other calls are refused and the first completes', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db, { concurrency: 'raise' })
    await using session = Sessions()
    faults.plan(/^begin$/, 'hang')
    const first = session.query(Person).all()
    await faults.untilHanging()
    session.add(new Person({ name: 'ed' }))
    for (const call of [
      () => session.execute(sql`select 1`),
      () => session.connection(),
      () => session.commit(),
      () => session.beginNested(),
      () => session.flush(),
    ]) {
      await expect(call()).rejects.toThrow(ConcurrentUseError)
    }
    faults.letGo()
    expect(await first).toEqual([])
    await session.commit()
    expect(connectionsOut(engine)).toBe(0)
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('GUARD-006 close() while the session obtains its connection leaks none, and the session stays usable', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    for (const end of ['close', 'rollback'] as const) {
      await using session = Sessions()
      faults.plan(/^begin$/, 'hang')
      const first = session.query(Person).all()
      const outcome = thrownBy(() => first)
      await faults.untilHanging()
      const ending = session[end]()
      faults.letGo()
      await ending
      expect(await outcome).toBeInstanceOf(SessionClosedError)
      expect([session.inTransaction(), connectionsOut(engine)]).toEqual([false, 0])
      expect(await session.query(Person).all()).toEqual([])
    }
  })

  it('GUARD-006 close() gives up the wait for a connection that another holds', async () => {
    const { engine, Sessions } = await openPeople(db)
    const holders = await Promise.all(Array.from({ length: db.can('connections') ? 15 : 1 }, () => engine.connect()))
    await using session = Sessions()
    const first = session.query(Person).all()
    const outcome = thrownBy(() => first)
    await session.close()
    expect(await outcome).toBeInstanceOf(SessionClosedError)
    expect([engine.pool.status().waiting, session.inTransaction()]).toEqual([0, false])
    for (const holder of holders) await holder.close()
    expect(await session.query(Person).all()).toEqual([])
  })

  it('GUARD-007 a commit in flight completes, whatever is called meanwhile', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    await using session = Sessions()
    session.add(new Person({ name: 'ed' }))
    faults.plan(/^commit$/, 'hang')
    const committing = session.commit()
    await faults.untilHanging()
    await expect(session.commit()).rejects.toThrow(ConcurrentUseError)
    const ends = [session.rollback(), session.close()]
    const reading = session.query(Person).count()
    faults.letGo()
    await committing
    await Promise.all(ends)
    expect(await reading).toBe(1)
    await session.rollback()
    expect(connectionsOut(engine)).toBe(0)
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('commit(), rollback() and close() inside a flush are refused, and that flush fails', async () => {
    const { Sessions } = await openPeople(db)
    for (const end of ['commit', 'rollback', 'close'] as const) {
      for (const stage of ['beforeFlush', 'afterFlush'] as const) {
        await using session = Sessions()
        session.on(stage, () => session[end]())
        session.add(new Person({ name: 'ed' }))
        const error = await thrownBy(() => session.flush())
        expect(error).toBeInstanceOf(InvalidRequestError)
        expect((error as Error).message).toContain(`${end}() was called inside a flush`)
      }
    }
    expect(await namesIn(Sessions)).toEqual([])
  })

  it('flushes side by side inside a savepoint wait for one another, in the default mode', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin((session) =>
      session.beginNested(async () => {
        session.add(new Person({ name: 'ed' }))
        const first = session.flush()
        await Promise.resolve()
        session.add(new Person({ name: 'jack' }))
        await Promise.all([first, session.flush()])
        expect(session.new.size).toBe(0)
      }),
    )
    expect(await namesIn(Sessions)).toEqual(['ed', 'jack'])
  })

  it('GUARD-015 a listener of afterTransactionCreate may run SQL without beginning again', async () => {
    const { engine, Sessions } = await openPeople(db)
    await using session = Sessions()
    const counts: Promise<number>[] = []
    session.on('afterTransactionCreate', () => {
      counts.push(session.query(Person).count())
    })
    session.add(new Person({ name: 'ed' }))
    expect(counts).toHaveLength(1)
    expect(await counts[0]).toBe(0)
    expect(connectionsOut(engine)).toBe(1)
    await session.commit()
    expect(counts).toHaveLength(1)
  })

  it('GUARD-016 calls made at once on one session run one after another, in their order', async () => {
    const { engine, Sessions, statements } = await openPeople(db)
    await Sessions.begin((session) => session.addAll([1, 2, 3].map((n) => new Person({ name: `p${n}` }))))
    await using session = Sessions()
    statements.clear()
    const [one, all, count, two] = await Promise.all([
      session.get(Person, 1),
      session.query(Person).orderBy('id').all(),
      session.query(Person).count(),
      session.get(Person, 2),
    ])
    expect([one, two]).toEqual([all[0], all[1]])
    expect([all.length, count, connectionsOut(engine)]).toEqual([3, 3, 1])
    statements.expectExactly(/where id =|where people\.id =|id in/, /^select/, /count/)
    await session.commit()
  })
})

function everyName(): string[] {
  const names = Array.from({ length: WORKERS }, (_, worker) =>
    Array.from({ length: ROWS }, (_, row) => `${worker}.${row}`),
  )
  return names.flat().toSorted()
}
