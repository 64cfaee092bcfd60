import { expect, it } from 'vitest'
import {
  ConcurrentUseError,
  InvalidRequestError,
  PendingRollbackError,
  ResourceClosedError,
  type Session,
  SessionClosedError,
  sql,
  state,
  UniqueViolationError,
} from '../../src/index.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { onEvery } from '../support/index.ts'
import { Account, connectionsOut, namesIn, openPeople, Person } from './people.ts'
import { unhandledDuring } from './unhandled.ts'

onEvery({}, (db) => {
  it('TXN-038 a block of a maker commits when its function resolves, and its session is closed for good', async () => {
    const { engine, Sessions } = await openPeople(db)
    let seen: Session | undefined
    const ed = await Sessions.begin(async (session) => {
      seen = session
      const person = new Person({ name: 'ed' })
      session.add(person)
      return person
    })
    expect(connectionsOut(engine)).toBe(0)
    expect([ed.name, state(ed).detached]).toEqual(['ed', true])
    await expect(seen?.query(Person).all()).rejects.toThrow(SessionClosedError)
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('TXN-038 a block whose function rejects stores nothing, and throws the very same error', async () => {
    const { engine, Sessions } = await openPeople(db)
    const jack = new Person({ name: 'jack' })
    for (const failure of [new Error('no'), 'a text', undefined, null, 7]) {
      const block = Sessions.begin(async (session) => {
        session.add(jack)
        await session.flush()
        throw failure
      })
      const [end] = await Promise.allSettled([block])
      expect(end).toEqual({ status: 'rejected', reason: failure })
      expect([connectionsOut(engine), state(jack).transient]).toEqual([0, true])
    }
    expect(await namesIn(Sessions)).toEqual([])
  })

  it('a function that throws at once, or returns no promise, is a block like any other', async () => {
    const { Sessions } = await openPeople(db)
    const failure = new Error('at once')
    const failing = Sessions.begin((session) => {
      session.add(new Person({ name: 'never' }))
      throw failure
    })
    await expect(failing).rejects.toBe(failure)
    const ed = new Person({ name: 'ed' })
    expect(
      await Sessions.begin((session) => {
        session.add(ed)
        return 7
      }),
    ).toBe(7)
    expect(await namesIn(Sessions)).toEqual(['ed'])
    await expect(Sessions.begin('no' as never)).rejects.toThrow(/function/)
  })

  it('a block on a session of its own ends its transaction, and the session stays usable', async () => {
    const { engine, Sessions } = await openPeople(db)
    await using session = Sessions()
    await session.begin(async (same) => {
      expect(same).toBe(session)
      session.add(new Person({ name: 'ed' }))
    })
    expect([session.inTransaction(), connectionsOut(engine)]).toEqual([false, 0])
    const failure = new Error('no')
    const failing = session.begin(async () => {
      session.add(new Person({ name: 'never' }))
      await session.flush()
      throw failure
    })
    await expect(failing).rejects.toBe(failure)
    expect([session.inTransaction(), connectionsOut(engine)]).toEqual([false, 0])
    session.add(new Person({ name: 'jack' }))
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed', 'jack'])
  })

  it('TXN-035 after an explicit end inside a block everything is refused until the block ends, which it does in peace', async () => {
    const { engine, Sessions } = await openPeople(db)
    for (const end of ['commit', 'rollback'] as const) {
      await using session = Sessions()
      const stored = new Person({ name: 'stored' })
      session.add(stored)
      await session.commit()
      await session.begin(async () => {
        session.add(new Person({ name: `by ${end}` }))
        await session[end]()
        expect(connectionsOut(engine)).toBe(0)
        expect(() => session.add(new Person({ name: 'late' }))).toThrow(/closed transaction inside a managed block/)
        expect(() => session.delete(stored)).toThrow(InvalidRequestError)
        expect(() => {
          stored.name = 'late'
        }).toThrow(InvalidRequestError)
        await expect(session.begin()).rejects.toThrow(InvalidRequestError)
        await expect(session.beginNested()).rejects.toThrow(InvalidRequestError)
        await expect(session.execute(sql`select 1`)).rejects.toThrow(InvalidRequestError)
        await expect(session.query(Person).all()).rejects.toThrow(InvalidRequestError)
        await expect(session.commit()).rejects.toThrow(InvalidRequestError)
        await session.rollback()
      })
      expect([connectionsOut(engine), stored.name]).toEqual([0, 'stored'])
      session.delete(stored)
      await session.commit()
    }
    expect(await namesIn(Sessions)).toEqual(['by commit'])
  })

  it('TXN-036 a failed flush that is caught inside a block refuses what follows by its message, and the block commits nothing', async () => {
    const { engine, Sessions } = await openPeople(db)
    await Sessions.begin((session) => session.add(new Account({ email: 'e@x.org' })))
    const block = Sessions.begin(async (session) => {
      session.add(new Person({ name: 'lost' }))
      await session.flush()
      session.add(new Account({ email: 'e@x.org' }))
      const failure = (await thrownBy(() => session.flush())) as Error
      expect(failure).toBeInstanceOf(UniqueViolationError)
      await expect(session.query(Person).all()).rejects.toThrow(failure.message)
    })
    const error = (await thrownBy(() => block)) as Error
    expect(error).toBeInstanceOf(PendingRollbackError)
    expect(error.cause).toBeInstanceOf(UniqueViolationError)
    expect(connectionsOut(engine)).toBe(0)
    expect(await namesIn(Sessions)).toEqual([])
  })

  it('a failed flush that is rolled back inside a savepoint leaves the block whole', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin(async (session) => {
      session.addAll([new Account({ email: 'e@x.org' }), new Person({ name: 'kept' })])
      const failing = session.beginNested(async () => {
        session.addAll([new Person({ name: 'lost' }), new Account({ email: 'e@x.org' })])
      })
      await expect(failing).rejects.toThrow(UniqueViolationError)
      session.add(new Person({ name: 'after' }))
    })
    expect(await namesIn(Sessions)).toEqual(['kept', 'after'])
  })

  it('TXN-037 close() inside a block discards its work, and the block ends in peace', async () => {
    const { engine, Sessions } = await openPeople(db)
    for (const closeResetsOnly of [true, false]) {
      await Sessions.begin(
        async (session) => {
          session.add(new Person({ name: 'discarded' }))
          await session.flush()
          await session.close()
          expect(connectionsOut(engine)).toBe(0)
        },
        { closeResetsOnly },
      )
      await using session = Sessions({ closeResetsOnly })
      await session.begin(async () => {
        session.add(new Person({ name: 'discarded' }))
        await session.close()
      })
    }
    expect([connectionsOut(engine), await namesIn(Sessions)]).toEqual([0, []])
  })

  it('a block that leaves a call unawaited is refused by name and stores nothing; its connection is back before it settles', async () => {
    const { engine, Sessions, statements } = await openPeople(db)
    await Sessions.begin((session) => session.add(new Person({ name: 'ed' })))
    let forgotten: Promise<unknown> = Promise.resolve()
    const unhandled = await unhandledDuring(async () => {
      const block = Sessions.begin(async (session) => {
        session.add(new Person({ name: 'never' }))
        await session.flush()
        forgotten = session.get(Person, 1)
        void session.query(Person).first()
      })
      const error = (await thrownBy(() => block)) as ConcurrentUseError
      expect(error).toBeInstanceOf(ConcurrentUseError)
      expect(error.calls).toEqual(['get(Person)', 'query(Person).first()', 'the end of the block'])
      expect(error.message).toMatch(/get\(Person\).*await is missing/)
      expect(connectionsOut(engine)).toBe(0)
    })
    expect(unhandled).toEqual([])
    await forgotten.catch((error) => expect(error).toBeInstanceOf(SessionClosedError))
    statements.clear()
    expect(await namesIn(Sessions)).toEqual(['ed'])
    statements.expectCount(1)
  })

  it('commit() while another call of the session is under way is refused, and the transaction stays open', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    session.add(new Person({ name: 'ed' }))
    await session.flush()
    const reading = session.query(Person).all()
    const error = (await thrownBy(() => session.commit())) as ConcurrentUseError
    expect(error).toBeInstanceOf(ConcurrentUseError)
    expect(error.calls).toEqual(['query(Person).all()', 'commit()'])
    expect((await reading).length).toBe(1)
    expect(session.inTransaction()).toBe(true)
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('rollback() and close() reject what waits with SessionClosedError and send nothing of it', async () => {
    const { engine, Sessions, statements } = await openPeople(db)
    for (const end of ['rollback', 'close', 'reset'] as const) {
      await using session = Sessions()
      await session.query(Person).all()
      statements.clear()
      const running = session.query(Person).count()
      const waiting = [session.query(Person).all(), session.get(Person, 7), session.flush(), session.beginNested()]
      const ending = session[end]()
      const ends = await Promise.allSettled(waiting)
      await ending
      for (const each of ends) expect(each).toHaveProperty('reason', expect.any(SessionClosedError))
      await running.catch((error) => expect(error).toBeInstanceOf(SessionClosedError))
      statements.expectAtMost(1)
      expect([session.inTransaction(), connectionsOut(engine)]).toEqual([false, 0])
      expect(await session.query(Person).count()).toBe(0)
    }
  })

  it('several ends at once all succeed, and the session works afterwards', async () => {
    const { engine, Sessions } = await openPeople(db)
    await using session = Sessions()
    session.add(new Person({ name: 'never' }))
    await session.flush()
    const running = session.query(Person).all()
    const late = session.get(Person, 99)
    const ends = await Promise.allSettled([session.rollback(), session.close(), session.rollback(), session.reset()])
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'])
    await Promise.allSettled([running, late])
    await expect(late).rejects.toThrow(SessionClosedError)
    expect([session.inTransaction(), connectionsOut(engine)]).toEqual([false, 0])
    session.add(new Person({ name: 'ed' }))
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('after the end of a block every call is refused with SessionClosedError, and nothing is sent', async () => {
    const { engine, Sessions, statements } = await openPeople(db)
    for (const how of ['resolves', 'rejects'] as const) {
      let kept: Session | undefined
      const block = Sessions.begin(async (session) => {
        kept = session
        await session.query(Person).all()
        if (how === 'rejects') throw new Error('no')
      })
      await Promise.allSettled([block])
      const session = kept as Session
      statements.clear()
      const calls = [
        () => session.get(Person, 1),
        () => session.getOne(Person, 1),
        () => session.query(Person).all(),
        () => session.query(Person).one(),
        () => session.execute(sql`select 1`),
        () => session.scalar(sql`select 1`),
        () => session.flush(),
        () => session.commit(),
        () => session.begin(),
        () => session.beginNested(),
        () => session.connection(),
        () => session.merge(new Person({ name: 'x' })),
        () => session.db.selectFrom('people').selectAll().execute(),
      ]
      for (const call of calls) await expect(call()).rejects.toThrow(SessionClosedError)
      expect(() => session.add(new Person({ name: 'x' }))).toThrow(SessionClosedError)
      expect(() => session.delete(new Person({ name: 'x' }))).toThrow(InvalidRequestError)
      await session.rollback()
      await session.close()
      statements.expectCount(0)
      expect(connectionsOut(engine)).toBe(0)
    }
  })

  it('a branch that goes on after its block has failed sends nothing more', async () => {
    const { engine, Sessions, statements } = await openPeople(db)
    const failure = new Error('of the other branch')
    const told: unknown[] = []
    const gone = Promise.withResolvers<void>()
    const unhandled = await unhandledDuring(async () => {
      const block = Sessions.begin((session) => {
        const slow = async () => {
          try {
            await session.query(Person).all()
            await gone.promise
            session.add(new Person({ name: 'late' }))
          } catch (error) {
            told.push(error)
          }
          told.push(await thrownBy(() => session.query(Person).all()))
        }
        return Promise.all([
          slow(),
          (async () => {
            await session.query(Person).count()
            throw failure
          })(),
        ])
      })
      await expect(block).rejects.toBe(failure)
      expect(connectionsOut(engine)).toBe(0)
      statements.clear()
      gone.resolve()
      await new Promise((resolve) => setImmediate(resolve))
    })
    expect(unhandled).toEqual([])
    expect(told).toEqual([expect.any(SessionClosedError), expect.any(SessionClosedError)])
    statements.expectCount(0)
    expect(await namesIn(Sessions)).toEqual([])
  })

  it('a call made while the block commits comes too late, and opens no transaction', async () => {
    const { engine, Sessions } = await openPeople(db)
    let late: Promise<unknown> = Promise.resolve()
    let begun = 0
    engine.on('begin', () => void begun++)
    const off = engine.on('commit', () => {
      late = seen.query(Person).all()
      late.catch(() => {})
    })
    let seen: Session = Sessions()
    await Sessions.begin(async (session) => {
      seen = session
      session.add(new Person({ name: 'ed' }))
    })
    off()
    await expect(late).rejects.toThrow(SessionClosedError)
    expect([begun, connectionsOut(engine)]).toEqual([1, 0])
  })

  it('promises that were forgotten in a block that fails take no process down', async () => {
    const { engine, Sessions } = await openPeople(db)
    const failure = new Error('of the block')
    const unhandled = await unhandledDuring(async () => {
      const block = Sessions.begin(async (session) => {
        session.add(new Person({ name: 'ed' }))
        void session.flush()
        void session.get(Person, 1)
        void session.getOne(Person, 1)
        void session.query(Person).all()
        void session.query(Person).first()
        void session.query(Person).one()
        void session.query(Person).count()
        void session.query(Person).exists()
        void session.execute(sql`select 1`)
        void session.scalar(sql`select 1`)
        void session.scalars(sql`select 1`)
        void session.beginNested()
        void session.merge(new Person({ name: 'x' }))
        void session.mergeAll([new Person({ name: 'x' })])
        void session.connection()
        throw failure
      })
      await expect(block).rejects.toBe(failure)
    })
    expect(unhandled).toEqual([])
    expect(connectionsOut(engine)).toBe(0)
    expect(await namesIn(Sessions)).toEqual([])
  })

  it('callbacks after the end may use the session, and cannot wait for themselves', async () => {
    const { engine, Sessions } = await openPeople(db)
    await using session = Sessions()
    const seen: string[] = []
    session.add(new Person({ name: 'ed' }))
    session.afterCommit(async () => {
      seen.push(`${connectionsOut(engine)} out, ${await session.query(Person).count()} stored`)
    })
    session.afterRollback(() => void seen.push('never'))
    await session.commit()
    session.add(new Person({ name: 'jack' }))
    session.afterRollback(async () => {
      seen.push(`rolled back, ${await session.query(Person).count()} stored`)
    })
    await session.rollback()
    expect(seen).toEqual(['0 out, 1 stored', 'rolled back, 1 stored'])
  })

  it('callbacks of a savepoint that was rolled back run then, those of a released one with the whole', async () => {
    const { Sessions } = await openPeople(db)
    const seen: string[] = []
    await Sessions.begin(async (session) => {
      const undone = session.beginNested(async () => {
        session.afterCommit(() => void seen.push('commit of the undone'))
        session.afterRollback(() => void seen.push('rollback of the undone'))
        throw new Error('no')
      })
      await Promise.allSettled([undone])
      expect(seen).toEqual(['rollback of the undone'])
      await session.beginNested(async () => {
        session.afterCommit(() => void seen.push('commit of the released'))
        session.afterRollback(() => void seen.push('rollback of the released'))
      })
    })
    expect(seen).toEqual(['rollback of the undone', 'commit of the released'])
  })

  it('a callback that fails is told by the end, which is done nevertheless', async () => {
    const { engine, Sessions } = await openPeople(db)
    const failure = new Error('of the callback')
    const seen: string[] = []
    const block = Sessions.begin(async (session) => {
      session.add(new Person({ name: 'ed' }))
      session.afterCommit(() => {
        throw failure
      })
      session.afterCommit(() => void seen.push('the second one'))
    })
    await expect(block).rejects.toBe(failure)
    expect([seen, connectionsOut(engine)]).toEqual([['the second one'], 0])
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it("a savepoint's function may end the whole, and its block then only ends", async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    for (const end of ['commit', 'rollback'] as const) {
      session.add(new Person({ name: `${end} outside` }))
      await session.beginNested(async () => {
        session.add(new Person({ name: `${end} inside` }))
        await session[end]()
        expect(session.inTransaction()).toBe(false)
      })
    }
    await session.close()
    expect(await namesIn(Sessions)).toEqual(['commit outside', 'commit inside'])
  })

  it('a savepoint that was ended by hand inside its function is not ended again', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin(async (session) => {
      await session.beginNested(async () => {
        session.add(new Person({ name: 'undone' }))
        await session.getNestedTransaction()?.rollback()
      })
      await session.beginNested(async () => {
        session.add(new Person({ name: 'kept' }))
        await session.getNestedTransaction()?.commit()
      })
      await expect(session.getTransaction()?.parent).toBe(undefined)
    })
    expect(await namesIn(Sessions)).toEqual(['kept'])
  })

  it('a transaction object outlives its end only to refuse', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const transaction = await session.begin()
    session.add(new Person({ name: 'ed' }))
    await transaction.commit()
    await expect(transaction.commit()).rejects.toThrow(ResourceClosedError)
    await expect(transaction.rollback()).rejects.toThrow(ResourceClosedError)
    await transaction.close()
    {
      await using undone = await session.begin()
      session.add(new Person({ name: 'undone' }))
      expect(undone.nested).toBe(false)
    }
    expect(session.inTransaction()).toBe(false)
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })
})
