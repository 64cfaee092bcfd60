import { expect, it } from 'vitest'
import {
  CommitUnknownError,
  DisconnectionError,
  FlushError,
  HeddleError,
  InvalidRequestError,
  PendingRollbackError,
  sql,
  state,
  UniqueViolationError,
} from '../../src/index.ts'
import { Account, connectionsOut, namesIn, Person } from '../behaviour/people.ts'
import { unhandledDuring } from '../behaviour/unhandled.ts'
import type { Fault } from '../support/faulty-driver.ts'
import { onEvery } from '../support/index.ts'
import { openFaultyPeople, thrownBy } from './faulty-people.ts'

onEvery({}, (db) => {
  it('TXN-027 a commit flushes again as long as a listener adds work after each flush, and gives up after 100 flushes', async () => {
    const { engine, Sessions } = await openFaultyPeople(db)
    await using session = Sessions()
    let left = 3
    session.on('afterFlushPostexec', () => {
      if (left-- > 0) session.add(new Person({ name: `added with ${left} left` }))
    })
    session.add(new Person({ name: 'ed' }))
    await session.commit()
    expect(await namesIn(Sessions)).toHaveLength(4)
    left = Number.POSITIVE_INFINITY
    session.add(new Person({ name: 'endless' }))
    const error = await thrownBy(() => session.commit())
    expect(error).toBeInstanceOf(FlushError)
    expect((error as Error).message).toMatch(/100 times/)
    await expect(session.query(Person).all()).rejects.toThrow(PendingRollbackError)
    left = 0
    await session.rollback()
    expect(connectionsOut(engine)).toBe(0)
    expect(await namesIn(Sessions)).toHaveLength(4)
  })

  it('TXN-028 no SQL runs from afterCommit or afterRollback', async () => {
    const { Sessions } = await openFaultyPeople(db)
    await using session = Sessions()
    const told: string[] = []
    for (const event of ['afterCommit', 'afterRollback'] as const) {
      session.on(event, async () => {
        const error = (await thrownBy(() => session.query(Person).all())) as Error
        expect(error).toBeInstanceOf(InvalidRequestError)
        told.push(`${event}: ${/committed|rolled back/.exec(error.message)?.[0]}`)
      })
    }
    session.add(new Person({ name: 'ed' }))
    await session.commit()
    await session.query(Person).all()
    await session.rollback()
    expect(told).toEqual(['afterCommit: committed', 'afterRollback: rolled back'])
  })

  it('TXN-030 a ROLLBACK TO SAVEPOINT that fails is kept with the error of the flush, and one rollback() makes all well', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    await Sessions.begin((session) => session.add(new Account({ email: 'e@x.org' })))
    await using session = Sessions()
    session.add(new Person({ name: 'before' }))
    const nested = await session.beginNested()
    session.add(new Account({ email: 'e@x.org' }))
    const injected = faults.plan(/^rollback to savepoint/, 'refuse')
    const failure = (await thrownBy(() => session.flush())) as HeddleError
    expect(failure).toBeInstanceOf(UniqueViolationError)
    expect(failure.suppressed).toEqual([expect.objectContaining({ cause: injected })])
    expect([session.isActive, nested.state]).toEqual([false, 'deactive'])
    await session.rollback()
    expect([session.isActive, session.inTransaction(), connectionsOut(engine)]).toEqual([true, false, 0])
    session.add(new Person({ name: 'after' }))
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['after'])
  })

  it('TXN-031 when a savepoint was released behind its back, rollback() still ends everything and a new transaction works', async () => {
    const { engine, Sessions } = await openFaultyPeople(db)
    await using session = Sessions()
    const outside = new Person({ name: 'outside' })
    session.add(outside)
    const nested = await session.beginNested()
    session.add(new Person({ name: 'inside' }))
    await session.flush()
    await session.execute(sql`release savepoint heddle_1`)
    await expect(nested.rollback()).rejects.toThrow(HeddleError)
    await session.rollback()
    expect([session.inTransaction(), connectionsOut(engine), state(outside).transient]).toEqual([false, 0, true])
    session.add(new Person({ name: 'after' }))
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['after'])
  })

  it('TXN-032 when BEGIN fails, the connection goes back at once and the session stays usable', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    await using session = Sessions()
    session.add(new Person({ name: 'ed' }))
    const injected = faults.plan(/^begin$/, 'refuse')
    const failure = (await thrownBy(() => session.flush())) as Error
    expect(failure.cause).toBe(injected)
    expect(connectionsOut(engine)).toBe(0)
    await session.rollback()
    session.add(new Person({ name: 'jack' }))
    await session.commit()
    faults.plan(/^begin$/, 'refuse')
    await thrownBy(() => session.query(Person).all())
    expect([connectionsOut(engine), session.isActive]).toEqual([0, true])
    expect(await session.query(Person).count()).toBe(1)
    faults.plan(/^begin$/, 'refuse')
    const block = Sessions.begin((other) => other.query(Person).all())
    if (db.can('connections')) await expect(block).rejects.toThrow(HeddleError)
    else block.catch(() => {})
    await session.close()
    await Promise.allSettled([block])
    expect(connectionsOut(engine)).toBe(0)
  })

  it('TXN-032 when SAVEPOINT fails, the connection is kept until close(), and the transaction goes on', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    await using session = Sessions()
    session.add(new Person({ name: 'ed' }))
    await session.flush()
    const injected = faults.plan(/^savepoint/, 'refuse')
    expect(await thrownBy(() => session.beginNested())).toHaveProperty('cause', injected)
    expect([connectionsOut(engine), session.inNestedTransaction(), session.isActive]).toEqual([1, false, true])
    const nested = await session.beginNested()
    session.add(new Person({ name: 'inside' }))
    await session.flush()
    await nested.rollback()
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed'])
    faults.plan(/^savepoint/, 'refuse')
    await session.query(Person).all()
    await thrownBy(() => session.beginNested())
    expect(connectionsOut(engine)).toBe(1)
    await session.close()
    expect(connectionsOut(engine)).toBe(0)
  })

  it('TXN-033 an error after the commit is thrown by the block, and nothing is rolled back', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    const failure = new Error('of the listener')
    const off = Sessions.on('afterCommit', () => {
      throw failure
    })
    const block = Sessions.begin((session) => session.add(new Person({ name: 'ed' })))
    await expect(block).rejects.toBe(failure)
    off()
    expect(faults.calls).not.toContain('rollback')
    expect(connectionsOut(engine)).toBe(0)
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('TXN-046 a RELEASE that fails leaves the savepoint inactive; its rollback takes its work back, on the server too', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    await using session = Sessions()
    session.add(new Person({ name: 'before' }))
    const outer = await session.beginNested()
    session.add(new Person({ name: 'between' }))
    const nested = await session.beginNested()
    const inside = new Person({ name: 'inside' })
    session.add(inside)
    const injected = faults.plan(/^release/, 'refuse')
    expect(await thrownBy(() => nested.commit())).toHaveProperty('cause', injected)
    expect([nested.state, session.isActive]).toEqual(['deactive', false])
    await expect(session.query(Person).all()).rejects.toThrow(PendingRollbackError)
    await nested.rollback()
    expect([state(inside).transient, session.isActive, session.getNestedTransaction()]).toEqual([true, true, outer])
    await outer.commit()
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['before', 'between'])
    const last = await session.beginNested()
    session.add(new Person({ name: 'never' }))
    faults.plan(/^release/, 'refuse')
    await thrownBy(() => last.commit())
    await session.rollback()
    expect(connectionsOut(engine)).toBe(0)
    expect(await namesIn(Sessions)).toEqual(['before', 'between'])
  })

  it('a COMMIT that the database refuses stores nothing, and puts every record back', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    const injected = faults.plan(/^commit$/, 'refuse')
    expect(await thrownBy(() => session.commit())).toHaveProperty('cause', injected)
    await expect(session.commit()).rejects.toThrow(PendingRollbackError)
    await session.rollback()
    expect([state(ed).transient, connectionsOut(engine)]).toEqual([true, 0])
    session.add(ed)
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('an end that comes while a statement hangs waits for it, then rolls back', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    await using session = Sessions()
    await session.query(Person).all()
    const ed = new Person({ name: 'ed' })
    session.addAll([ed, new Account({ email: 'e@x.org' })])
    faults.plan(/^insert/, 'hang')
    const flushing = session.flush()
    const outcome = Promise.allSettled([flushing])
    await faults.untilHanging()
    const inserts = () => faults.calls.filter((call) => call.startsWith('insert')).length
    const sent = inserts()
    const ending = session.rollback()
    faults.letGo()
    await ending
    expect((await outcome)[0]?.status).toBe('rejected')
    expect(inserts()).toBe(sent)
    expect([session.inTransaction(), connectionsOut(engine), state(ed).transient]).toEqual([false, 0, true])
    expect(await namesIn(Sessions)).toEqual([])
  })
})

// A database in memory goes with its connection.
onEvery({ needs: ['outlivesConnection'] }, (db) => {
  it('TXN-033 a commit that succeeded stays one when giving the connection back fails', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    const off = engine.on('checkin', () => {
      throw new Error('the return fails')
    })
    faults.clear()
    await Sessions.begin((session) => session.add(new Person({ name: 'ed' })))
    off()
    expect(faults.calls.filter((call) => call === 'rollback')).toEqual([])
    expect(connectionsOut(engine)).toBe(0)
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('a COMMIT whose answer is lost is told as unknown, is not repeated, and leaves no connection behind', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    faults.plan(/^commit$/, 'lose answer')
    const block = Sessions.begin((session) => session.add(new Person({ name: 'ed' })))
    const error = await thrownBy(() => block)
    expect(error).toBeInstanceOf(CommitUnknownError)
    expect(faults.calls.filter((call) => call === 'commit')).toHaveLength(1)
    expect(connectionsOut(engine)).toBe(0)
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('a connection that is lost in the middle of a block fails it with DisconnectionError, and the next block works', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    const ed = new Person({ name: 'ed' })
    const block = Sessions.begin(async (session) => {
      await session.query(Person).all()
      session.add(ed)
      faults.plan(/^insert/, 'cut')
      await session.flush()
    })
    await expect(block).rejects.toThrow(DisconnectionError)
    expect([connectionsOut(engine), state(ed).transient]).toEqual([0, true])
    await Sessions.begin((session) => session.add(ed))
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('when the rollback fails too, the first error is thrown with it, and the connection is not used again', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    const failure = new Error('of the block')
    const invalidated: unknown[] = []
    engine.on('invalidate', (event) => void invalidated.push(event))
    const injected = faults.plan(/^rollback$/, 'refuse')
    const block = Sessions.begin(async (session) => {
      session.add(new Person({ name: 'never' }))
      await session.flush()
      throw failure
    })
    const error = (await thrownBy(() => block)) as Error & { suppressed?: Error[] }
    expect(error).toBe(failure)
    expect(error.suppressed?.map(({ cause }) => cause)).toEqual([injected])
    expect([invalidated.length, connectionsOut(engine)]).toEqual([1, 0])
    expect(await namesIn(Sessions)).toEqual([])
  })

  for (const fault of ['refuse', 'fail after', 'cut', 'lose answer'] satisfies Fault[]) {
    it(`whichever driver call fails (${fault}), all of a block is stored or nothing of it, and everything comes back`, async () => {
      const { engine, faults, Sessions } = await openFaultyPeople(db)
      await Sessions.begin((session) => session.add(new Person({ name: 'stored' })))
      const calls = await callsOf(() => work(Sessions, 'first'), faults)
      expect(calls.length).toBeGreaterThan(8)
      let before = (await namesIn(Sessions)).length
      const unhandled = await unhandledDuring(async () => {
        for (let call = 0; call < calls.length; call++) {
          // No database stores a transaction, answers with an error, and stays connected.
          if (fault === 'fail after' && calls[call] === 'commit') continue
          faults.clear()
          faults.plan(call, fault)
          const records = people(`call ${call}`)
          const [end] = await Promise.allSettled([work(Sessions, `call ${call}`, records)])
          faults.clear()
          expect(connectionsOut(engine)).toBe(0)
          const stored = (await namesIn(Sessions)).length
          expect([before, before + records.length]).toContain(stored)
          if (end.status === 'fulfilled') expect(stored).toBe(before + records.length)
          else if (!(end.reason instanceof CommitUnknownError)) expect([call, stored]).toEqual([call, before])
          if (stored === before) {
            expect(records.map((record) => state(record).transient)).toEqual(records.map(() => true))
            await work(Sessions, `call ${call}`, records)
            expect(await namesIn(Sessions)).toHaveLength(before + records.length)
          }
          before += records.length
        }
      })
      expect(unhandled).toEqual([])
    })
  }
})

function people(name: string): Person[] {
  return ['outer', 'inner', 'last'].map((each) => new Person({ name: `${name} ${each}` }))
}

/** Reads, writes, a savepoint that is kept and one that is not. */
async function work(
  Sessions: Awaited<ReturnType<typeof openFaultyPeople>>['Sessions'],
  name: string,
  [outer, inner, last] = people(name),
): Promise<void> {
  await Sessions.begin(async (session) => {
    const stored = await session.getOne(Person, 1)
    session.add(outer as Person)
    await session.beginNested(async () => {
      session.add(inner as Person)
    })
    const undone = session.beginNested(async () => {
      session.add(new Person({ name: 'undone' }))
      await session.flush()
      throw undo
    })
    await undone.catch((error: unknown) => {
      if (error !== undo) throw error
    })
    stored.nickname = name
    session.add(last as Person)
  })
}

const undo = new Error('undo')

async function callsOf(body: () => Promise<void>, faults: { calls: string[]; clear(): void }): Promise<string[]> {
  faults.clear()
  await body()
  return faults.calls
}
