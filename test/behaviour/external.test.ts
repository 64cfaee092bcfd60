import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  DeadlockError,
  type Engine,
  type ExternalOptions,
  IntegrityError,
  InvalidRequestError,
  joinExternal,
  LockNotAvailableError,
  markChanged,
  PendingRollbackError,
  SerializationError,
  type Session,
  StaleDataError,
  shouldRetry,
  sql,
  state,
  type TransactionCoordinator,
  type TransactionParticipant,
} from '../../src/index.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { onEvery } from '../support/index.ts'
import { Account, connectionsOut, namesIn, openPeople, Person } from './people.ts'

/** Ends the transactions of sessions as one: flushes all, then commits all; what fails rolls all back. */
class Together implements TransactionCoordinator {
  readonly name = 'the request'
  participants: TransactionParticipant[] = []

  join(participant: TransactionParticipant): void {
    this.participants.push(participant)
  }

  async commit(): Promise<void> {
    const all = this.#take()
    try {
      for (const one of all) await one.flush()
      for (const one of all) await one.commit()
    } catch (error) {
      for (const one of all) await one.rollback()
      throw error
    }
  }

  async rollback(): Promise<void> {
    for (const one of this.#take()) await one.rollback()
  }

  #take(): TransactionParticipant[] {
    return this.participants.splice(0).sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1))
  }
}

onEvery({}, (db) => {
  /** A session whose transactions are ended by a coordinator, and how often the database was told of an end. */
  const open = async (options: ExternalOptions = {}) => {
    const people = await openPeople(db)
    await people.Sessions.begin((first) => first.add(new Person({ name: 'first' })))
    const ends = countEnds(people.engine)
    const together = new Together()
    const session = people.Sessions()
    joinExternal(session, together, options)
    return { ...people, ends, together, session }
  }

  describe('who commits', () => {
    it('SCOPE-015 commit() of the session, of its transaction and of a block is refused, and says who commits', async () => {
      const { together, session, engine, Sessions } = await open()
      session.add(new Person({ name: 'ed' }))
      const root = session.getTransaction()
      for (const commit of [() => session.commit(), () => root?.commit(), () => session.begin(() => 1)]) {
        const error = await thrownBy(async () => commit())
        expect(error).toBeInstanceOf(InvalidRequestError)
        expect(error).toMatchObject({ message: expect.stringContaining('committed by the request') })
      }
      expect(session.isActive).toBe(true)
      await together.commit()
      expect(await namesIn(Sessions)).toEqual(['first', 'ed'])
      expect(connectionsOut(engine)).toBe(0)
    })

    it('SCOPE-015 savepoints of the session are its own', async () => {
      const { together, session, Sessions } = await open()
      await session.beginNested(() => session.add(new Person({ name: 'kept' })))
      const undone = await session.beginNested()
      session.add(new Person({ name: 'undone' }))
      await undone.rollback()
      await together.commit()
      expect(await namesIn(Sessions)).toEqual(['first', 'kept'])
    })

    it('SCOPE-015 what another participant refuses lets the session commit nothing', async () => {
      const { together, session, Sessions, ends } = await open()
      const refusal = new Error('the mail server is away')
      const flush = () => Promise.reject(refusal)
      const nothing = () => Promise.resolve()
      session.add(new Person({ name: 'ed' }))
      together.join({ sortKey: 'zz mail', changed: true, flush, commit: nothing, rollback: nothing })
      expect(together.participants.map(({ sortKey }) => sortKey).sort()[0]).toBe('zz mail')
      await expect(together.commit()).rejects.toBe(refusal)
      expect([ends.commits, session.inTransaction()]).toEqual([0, false])
      expect(await namesIn(Sessions)).toEqual(['first'])
    })

    if (db.can('writers')) {
      it('SCOPE-015 two sessions end as one: what the second refuses lets the first commit nothing', async () => {
        const { together, session, Sessions, engine } = await open()
        const other = Sessions()
        joinExternal(other, together)
        session.add(new Person({ name: 'ed' }))
        other.addAll([new Account({ email: 'e@x.org' }), new Account({ email: 'e@x.org' })])
        expect(together.participants).toHaveLength(2)
        await expect(together.commit()).rejects.toBeInstanceOf(IntegrityError)
        expect([connectionsOut(engine), session.inTransaction(), other.inTransaction()]).toEqual([0, false, false])
        expect(await namesIn(Sessions)).toEqual(['first'])
      })
    }

    it('SCOPE-015 each transaction of the session joins when it begins, and not at all when the coordinator refuses', async () => {
      const { together, session, Sessions } = await open()
      for (const name of ['second', 'third']) {
        session.add(new Person({ name }))
        expect(together.participants).toHaveLength(1)
        await together.commit()
      }
      expect(await namesIn(Sessions)).toEqual(['first', 'second', 'third'])
      const none = new Error('no request is open')
      const refused = Sessions()
      const join = () => {
        throw none
      }
      joinExternal(refused, { name: 'nobody', join })
      expect(() => refused.add(new Person({ name: 'lost' }))).toThrow(none)
      await expect(refused.get(Person, 1)).rejects.toBe(none)
      expect([refused.inTransaction(), refused.new.size]).toEqual([false, 0])
    })

    it('SCOPE-015 a transaction that has begun joins at once, as changed where it has a connection', async () => {
      const { Sessions } = await openPeople(db)
      const session = Sessions()
      session.add(new Person({ name: 'ed' }))
      await session.flush()
      const together = new Together()
      joinExternal(session, together)
      expect(together.participants.map(({ changed }) => changed)).toEqual([true])
      await together.commit()
      expect(await namesIn(Sessions)).toEqual(['ed'])
    })
  })

  describe('what has changed', () => {
    it('SCOPE-015 a session that only read is closed without a COMMIT, and its transaction counts as committed', async () => {
      const { together, session, engine, ends } = await open()
      const first = await session.getOne(Person, 1)
      await session.execute(sql`select name from people`)
      await session.db.selectFrom('people').select('name').execute()
      const told: string[] = []
      session.afterCommit(() => told.push('commit'))
      session.afterRollback(() => told.push('rollback'))
      expect(together.participants.map(({ changed }) => changed)).toEqual([false])
      await together.commit()
      expect([ends.commits, told]).toEqual([0, ['commit']])
      expect([connectionsOut(engine), session.inTransaction(), state(first).detached]).toEqual([0, false, true])
    })

    it('SCOPE-015 a flush, a statement that writes, a raw connection and markChanged() each make it changed', async () => {
      const { together, session, ends } = await open()
      const rename = sql`update people set nickname = ${'x'} where id = ${1}`
      const ways: (() => unknown)[] = [
        async () => {
          session.add(new Person({ name: 'ed' }))
          await session.flush()
        },
        () => session.execute(rename),
        () => session.db.updateTable('people').set({ nickname: 'y' }).where('id', '=', 1).execute(),
        async () => (await session.connection()).execute(rename),
        () => markChanged(session),
      ]
      for (const [index, way] of ways.entries()) {
        await way()
        expect(together.participants.map(({ changed }) => changed)).toEqual([true])
        await together.commit()
        if (index < 4) expect(ends.commits).toBe(index + 1)
      }
    })

    it('SCOPE-015 what is written by a stream is committed', async () => {
      const { together, session, Sessions } = await open()
      if (!db.can('insertReturning')) return expect(db.name).toBe('mysql')
      const insert = session.db.insertInto('people').values({ name: 'streamed', active: true }).returning('name')
      const seen: unknown[] = []
      for await (const row of insert.stream()) seen.push(row)
      expect(seen).toEqual([{ name: 'streamed' }])
      await together.commit()
      expect(await namesIn(Sessions)).toEqual(['first', 'streamed'])
    })

    it('SCOPE-015 pending work that nothing has flushed is committed', async () => {
      const { together, session, Sessions } = await open()
      const first = await session.getOne(Person, 1)
      first.name = 'renamed'
      expect(together.participants.map(({ changed }) => changed)).toEqual([false])
      await together.commit()
      expect(await namesIn(Sessions)).toEqual(['renamed'])
    })

    it('SCOPE-015 what was written in a savepoint counts while it is open and after it is gone', async () => {
      const { together, session } = await open()
      const savepoint = await session.beginNested()
      session.add(new Person({ name: 'undone' }))
      await session.flush()
      expect(together.participants.map(({ changed }) => changed)).toEqual([true])
      await savepoint.rollback()
      expect(together.participants.map(({ changed }) => changed)).toEqual([true])
      await together.rollback()
    })

    it('SCOPE-015 initiallyChanged always commits', async () => {
      const { together, session, ends } = await open({ initiallyChanged: true })
      await session.getOne(Person, 1)
      await together.commit()
      expect(ends.commits).toBe(1)
    })
  })

  describe('ends', () => {
    it('SCOPE-015 a rollback takes everything back and closes the session', async () => {
      const { together, session, Sessions, engine } = await open()
      const ed = new Person({ name: 'ed' })
      session.add(ed)
      await session.flush()
      await together.rollback()
      expect([state(ed).transient, session.inTransaction(), connectionsOut(engine)]).toEqual([true, false, 0])
      expect(await namesIn(Sessions)).toEqual(['first'])
    })

    it('SCOPE-015 with keepSession the session keeps its instances, and reads them again', async () => {
      const { together, session, Sessions, statements } = await open({ keepSession: true })
      const first = await session.getOne(Person, 1)
      for (const end of ['commit', 'rollback'] as const) {
        first.nickname = end
        await session.flush()
        await together[end]()
        expect([session.inTransaction(), state(first).persistent]).toEqual([false, true])
        await Sessions.begin((other) => other.execute(sql`update people set name = ${end} where id = ${1}`))
        statements.clear()
        await session.refresh(first)
        expect([first.name, first.nickname]).toEqual([end, 'commit'])
        await together.commit()
      }
      await session.close()
    })

    it('SCOPE-015 what the session has rolled back or closed itself can no longer be committed by the others', async () => {
      for (const end of ['rollback', 'close'] as const) {
        const { together, session, Sessions } = await open()
        session.add(new Person({ name: 'ed' }))
        await session.flush()
        await session[end]()
        await expect(together.commit()).rejects.toThrow(/has ended already/)
        expect(await namesIn(Sessions)).toEqual(['first'])
      }
    })

    it('SCOPE-015 a reading session that is closed before is no reason to fail', async () => {
      const { together, session, engine } = await open()
      await session.getOne(Person, 1)
      await session.close()
      await together.commit()
      expect(connectionsOut(engine)).toBe(0)
    })

    it('SCOPE-015 after a failed flush the coordinator cannot commit', async () => {
      const { together, session, Sessions } = await open()
      session.addAll([new Account({ email: 'e@x.org' }), new Account({ email: 'e@x.org' })])
      await thrownBy(() => session.flush())
      await expect(together.commit()).rejects.toBeInstanceOf(PendingRollbackError)
      expect([session.inTransaction(), await namesIn(Sessions)]).toEqual([false, ['first']])
    })

    it('SCOPE-015 a change while COMMIT is on its way is refused, because it would be lost', async () => {
      const { together, session, Sessions } = await open()
      const ed = new Person({ name: 'ed' })
      session.add(ed)
      let refused: unknown
      session.on('afterCommit', async () => {
        refused = await thrownBy(async () => {
          ed.name = 'late'
        })
      })
      await together.commit()
      expect(refused).toMatchObject({ message: expect.stringContaining('is being committed') })
      expect(await namesIn(Sessions)).toEqual(['first', 'ed'])
    })
  })

  it('SCOPE-015 joining is refused inside a block, a second time, and for what is no session, coordinator or option', async () => {
    const { Sessions, session } = await open()
    const coordinator = new Together()
    await Sessions.begin((inside) => expect(() => joinExternal(inside, coordinator)).toThrow(/managed block/))
    expect(() => joinExternal(session, coordinator)).toThrow(/by the request already/)
    await using other = Sessions()
    expect(() => markChanged(other)).toThrow(InvalidRequestError)
    expect(() => joinExternal(Sessions as unknown as Session, coordinator)).toThrow(ArgumentError)
    expect(() => joinExternal(other, {} as TransactionCoordinator)).toThrow(ArgumentError)
    expect(() => joinExternal(other, coordinator, { keep: true } as ExternalOptions)).toThrow(ArgumentError)
    expect(coordinator.participants).toEqual([])
  })
})

it('SCOPE-015 what may succeed when it is run again: serialization failures, deadlocks and stale rows', () => {
  for (const Kind of [SerializationError, DeadlockError, StaleDataError]) expect(shouldRetry(new Kind('x'))).toBe(true)
  for (const Kind of [LockNotAvailableError, InvalidRequestError, Error]) expect(shouldRetry(new Kind('x'))).toBe(false)
  expect(shouldRetry(undefined)).toBe(false)
})

function countEnds(engine: Engine): { commits: number } {
  const ends = { commits: 0 }
  engine.on('commit', () => void ends.commits++)
  return ends
}
