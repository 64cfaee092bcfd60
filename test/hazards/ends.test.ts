import { expect, it } from 'vitest'
import {
  createAll,
  InvalidRequestError,
  on,
  type Session,
  SessionClosedError,
  scopedSession,
  sessionmaker,
  state,
} from '../../src/index.ts'
import { connectionsOut, namesIn, openPeople, Person } from '../behaviour/people.ts'
import { unhandledDuring } from '../behaviour/unhandled.ts'
import { openFaultyPeople, thrownBy } from '../fault/faulty-people.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

const people = (count: number) => Array.from({ length: count }, (_, n) => new Person({ name: `p${n}` }))

onEvery({}, (db) => {
  for (const how of ['rollback', 'close', 'reset', 'invalidate'] as const) {
    it(`${how}() in the middle of a stream ends the stream by name, takes the changes back and leaves no connection out`, async () => {
      const { engine, Sessions } = await openPeople(db)
      await Sessions.begin((session) => session.addAll(people(30)))
      if (how === 'invalidate' && db.name === 'sqlite-memory') return
      await using session = Sessions()
      const seen: string[] = []
      const error = await thrownBy(async () => {
        for await (const person of session.query(Person).orderBy('id').stream({ batch: 5 })) {
          seen.push(person.name)
          if (seen.length === 7) {
            person.name = 'changed'
            await session[how]()
          }
        }
        throw new Error('The stream went on to its end.')
      })
      expect(error).toBeInstanceOf(Error)
      expect((error as Error).message).not.toMatch(/went on to its end/)
      expect(seen.length).toBeLessThan(30)
      expect(connectionsOut(engine)).toBe(0)
      expect((await namesIn(Sessions)).includes('changed')).toBe(false)
      expect(await session.query(Person).count()).toBe(30)
    })
  }

  it('commit() in the middle of a stream keeps what was read, and the stream does not go on in another transaction unseen', async () => {
    const { engine, Sessions } = await openPeople(db)
    await Sessions.begin((session) => session.addAll(people(20)))
    await using session = Sessions()
    let seen = 0
    const outcome = await (async () => {
      for await (const person of session.query(Person).orderBy('id').stream({ batch: 5 })) {
        person.nickname = `nick ${seen}`
        if (++seen === 7) await session.commit()
      }
      await session.commit()
      return 'read to its end'
    })().catch((error: unknown) => error)
    await session.close()
    if (outcome !== 'read to its end') expect(outcome).toBeInstanceOf(Error)
    const nicknames = await Sessions.begin(async (other) => {
      const all = await other.query(Person).orderBy('id').all()
      return all.filter(({ nickname }) => nickname !== null).length
    })
    expect(nicknames).toBe(outcome === 'read to its end' ? 20 : 7)
    expect(connectionsOut(engine)).toBe(0)
  })

  it('a block that is aborted at whatever moment stores all or nothing, and says which', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    const Session = scopedSession(Sessions)
    let stored = 0
    for (let place = 0; ; place++) {
      const stop = new AbortController()
      faults.clear()
      faults.plan(place, 'hang')
      const block = Session.transaction(
        async (session) => {
          session.add(new Person({ name: `one ${place}` }))
          await session.flush()
          await session.query(Person).count()
          session.add(new Person({ name: `two ${place}` }))
        },
        { signal: stop.signal },
      ).then(
        () => 'stored',
        (error: unknown) => error,
      )
      const ended = block.then(() => true)
      while (faults.hanging === 0 && !(await Promise.race([ended, tick()])));
      const isLast = faults.hanging === 0
      if (isLast) faults.clear()
      stop.abort(new Error('enough'))
      await tick()
      faults.letGo()
      const outcome = await block
      expect(connectionsOut(engine), `at call ${place}`).toBe(0)
      if (outcome === 'stored') stored++
      else expect(outcome, `at call ${place}: ${outcome}`).toBe(stop.signal.reason)
      const names = (await namesIn(Sessions)).filter((name) => name.endsWith(` ${place}`))
      expect(names, `at call ${place}`).toEqual(outcome === 'stored' ? [`one ${place}`, `two ${place}`] : [])
      if (isLast) break
    }
    expect(stored).toBeGreaterThan(0)
  }, 60_000)

  it('a scope that ends while a query of it is under way lets that send nothing more, and its connection is back', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    const Session = scopedSession(Sessions)
    const unhandled = await unhandledDuring(async () => {
      faults.plan(/^select count/, 'hang')
      let left: Promise<unknown> | undefined
      const scope = Session.run(async () => {
        left = (async () => {
          await Session.query(Person).count()
          Session().add(new Person({ name: 'late' }))
          await Session.flush()
        })()
        left.catch(() => {})
        await faults.untilHanging()
      })
      const isOver = scope.then(() => faults.calls.length)
      await tick()
      faults.letGo()
      const calls = await isOver
      expect(connectionsOut(engine)).toBe(0)
      const error = await thrownBy(() => left)
      expect(error).toBeInstanceOf(SessionClosedError)
      expect(faults.calls.length).toBe(calls)
    })
    expect([unhandled, await namesIn(Sessions)]).toEqual([[], []])
  })

  it('one instance in two sessions is refused, whichever way it comes, and belongs to the first', async () => {
    const { engine, Sessions } = await openPeople(db)
    await using one = Sessions()
    const ed = new Person({ name: 'ed' })
    one.add(ed)
    await one.commit()
    await one.rollback()
    await using other = Sessions()
    expect(() => other.add(ed)).toThrow(InvalidRequestError)
    expect(() => other.delete(ed)).toThrow(InvalidRequestError)
    expect(() => other.expunge(ed)).toThrow(InvalidRequestError)
    await expect(other.refresh(ed)).rejects.toThrow(InvalidRequestError)
    expect(state(ed).session).toBe(one)
    const copy = await other.merge(ed)
    expect(copy).not.toBe(ed)
    await other.rollback()
    const both = await Promise.allSettled([1, 2, 3].map(async () => Sessions().add(ed)))
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    ed.name = 'jack'
    await one.commit()
    expect([await namesIn(Sessions), connectionsOut(engine)]).toEqual([['jack'], 0])
  })

  const sessionEvents = [
    'afterTransactionCreate',
    'afterBegin',
    'beforeFlush',
    'afterFlush',
    'afterFlushPostexec',
    'beforeCommit',
    'transientToPending',
    'pendingToPersistent',
    'beforeAttach',
  ] as const
  for (const name of sessionEvents) {
    it(`a listener of '${name}' that throws is told, stores nothing, and leaks nothing`, async () => {
      const { engine, Sessions } = await openPeople(db)
      const failure = new Error(`of ${name}`)
      const off = Sessions.on(name, () => {
        throw failure
      })
      const error = await thrownBy(() => Sessions.begin((session) => session.add(new Person({ name: 'lost' }))))
      off()
      expect(error).toBe(failure)
      expect([connectionsOut(engine), await namesIn(Sessions)]).toEqual([0, []])
    })
  }

  it('a listener of afterCommit that throws is told, and what was committed is stored', async () => {
    const { engine, Sessions } = await openPeople(db)
    const failure = new Error('of afterCommit')
    const off = Sessions.on('afterCommit', () => {
      throw failure
    })
    const error = await thrownBy(() => Sessions.begin((session) => session.add(new Person({ name: 'stored' }))))
    off()
    expect(error).toBe(failure)
    expect([connectionsOut(engine), await namesIn(Sessions)]).toEqual([0, ['stored']])
  })

  for (const name of [
    'beforeInsert',
    'afterInsert',
    'beforeUpdate',
    'afterUpdate',
    'beforeDelete',
    'afterDelete',
    'load',
  ] as const) {
    it(`a listener of an entity's '${name}' that throws stores nothing, and the session works after a rollback`, async () => {
      const { engine, Sessions } = await openPeople(db)
      await Sessions.begin((session) => session.addAll(people(2)))
      await using session = Sessions()
      const failure = new Error(`of ${name}`)
      const off = on(Person, name, () => {
        throw failure
      })
      const error = await thrownBy(async () => {
        const [first, second] = (await session.query(Person).orderBy('id').all()) as [Person, Person]
        first.name = 'changed'
        session.delete(second)
        session.add(new Person({ name: 'new' }))
        await session.flush()
      })
      off()
      expect(error).toBe(failure)
      await session.rollback()
      expect([connectionsOut(engine), await namesIn(Sessions)]).toEqual([0, ['p0', 'p1']])
      session.add(new Person({ name: 'p2' }))
      await session.commit()
      expect(await namesIn(Sessions)).toEqual(['p0', 'p1', 'p2'])
    })
  }

  it('commit(), rollback() and close() from inside a flush are refused at every stage of it, and the flush is whole', async () => {
    const { engine, Sessions } = await openPeople(db)
    const refused: string[] = []
    const tryEnds = async (session: Session) => {
      for (const end of ['commit', 'rollback', 'close'] as const) {
        const error = await thrownBy(() => session[end]())
        refused.push((error as Error).constructor.name)
      }
    }
    const offs = [
      ...(['beforeFlush', 'afterFlush'] as const).map((name) => Sessions.on(name, ({ session }) => tryEnds(session))),
      ...(['beforeInsert', 'afterInsert'] as const).map((name) =>
        on(Person, name, ({ session }) => tryEnds(session as Session)),
      ),
    ]
    await Sessions.begin((session) => session.add(new Person({ name: 'ed' })))
    for (const off of offs) off()
    expect(refused).toEqual(Array.from({ length: 12 }, () => 'InvalidRequestError'))
    expect([connectionsOut(engine), await namesIn(Sessions)]).toEqual([0, ['ed']])
  })

  it('of savepoints side by side, however many and in whatever order they end, exactly those that succeed are stored', async () => {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Person])
    const Sessions = sessionmaker({ bind: engine })
    await Sessions.begin(async (session) => {
      const nested = (n: number): Promise<unknown> =>
        session.beginNested(async () => {
          session.add(new Person({ name: `n${n}` }))
          if (n % 3 === 0) await session.flush()
          if (n < 8) await Promise.allSettled([nested(n * 2 + 10), nested(n * 2 + 11)])
          if (n % 2 === 1) throw new Error('undone')
        })
      await Promise.allSettled([1, 2, 3, 4, 5, 6].map(nested))
    })
    const expected: string[] = []
    for (const n of [2, 4, 6]) expected.push(`n${n}`, `n${n * 2 + 10}`)
    expect((await namesIn(Sessions)).toSorted()).toEqual(expected.toSorted())
    expect(connectionsOut(engine)).toBe(0)
  })
})

function tick(): Promise<false> {
  return new Promise((resolve) => setImmediate(resolve, false))
}
