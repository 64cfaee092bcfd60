import { expect, it } from 'vitest'
import { InvalidRequestError, PendingRollbackError, state, UniqueViolationError } from '../../src/index.ts'
import { Account, connectionsOut, namesIn, Person } from '../behaviour/people.ts'
import { openFaultyPeople, thrownBy } from '../fault/faulty-people.ts'
import { onEvery } from '../support/index.ts'
import { warningsDuring } from '../support-unit/warnings.ts'

onEvery({}, (db) => {
  /** A session with a stored 'ed', and a way to do something while the driver has a statement of its flush. */
  const open = async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(db)
    const session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    await session.commit()
    const during = async (statement: RegExp, change: () => void) => {
      faults.plan(statement, 'hang')
      const flushing = session.flush()
      await faults.untilHanging()
      change()
      faults.letGo()
      await flushing
    }
    return { engine, faults, Sessions, session, ed, during }
  }

  it('a property that is set while its own UPDATE is in flight is written by the next flush', async () => {
    const { Sessions, session, ed, during } = await open()
    ed.name = 'first'
    await during(/^update/, () => {
      ed.name = 'second'
    })
    expect(ed.name).toBe('second')
    expect(state(ed).modified).toEqual({ name: ['first', 'second'] })
    expect([...session.dirty]).toEqual([ed])
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['second'])
  })

  it('a property that is set back while its UPDATE is in flight is a change again', async () => {
    const { Sessions, session, ed, during } = await open()
    ed.name = 'first'
    await during(/^update/, () => {
      ed.name = 'ed'
    })
    expect(state(ed).modified).toEqual({ name: ['first', 'ed'] })
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('another property that is set while an UPDATE of the row is in flight is not half-written, and not lost', async () => {
    const { Sessions, session, ed, during } = await open()
    ed.name = 'first'
    await during(/^update/, () => {
      ed.nickname = 'late'
    })
    expect(state(ed).modified).toEqual({ nickname: [null, 'late'] })
    await session.commit()
    const stored = await Sessions.begin((other) => other.getOne(Person, ed.id))
    expect([stored.name, stored.nickname]).toEqual(['first', 'late'])
  })

  it('a new instance that is changed while its INSERT is in flight gets its key, and its change is written next', async () => {
    const { Sessions, session, during } = await open()
    const jack = new Person({ name: 'jack' })
    session.add(jack)
    await during(/^insert/, () => {
      jack.name = 'jim'
      jack.nickname = 'j'
    })
    expect([state(jack).persistent, typeof jack.id, jack.active]).toEqual([true, 'number', true])
    expect(state(jack).modified).toEqual({ name: ['jack', 'jim'], nickname: [null, 'j'] })
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed', 'jim'])
  })

  it('an instance that is added while a flush is in flight is pending for the next', async () => {
    const { Sessions, session, ed, during } = await open()
    const late = new Person({ name: 'late' })
    ed.name = 'first'
    await during(/^update/, () => session.add(late))
    expect([state(late).pending, session.new.has(late)]).toEqual([true, true])
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['first', 'late'])
  })

  it('an instance that is deleted while its UPDATE is in flight is deleted by the next flush', async () => {
    const { Sessions, session, ed, during } = await open()
    ed.name = 'first'
    await during(/^update/, () => session.delete(ed))
    expect([...session.deleted]).toEqual([ed])
    expect(await session.query(Person).count()).toBe(0)
    await session.commit()
    expect(await namesIn(Sessions)).toEqual([])
  })

  it('an instance that is deleted while its INSERT is in flight is deleted by the next flush', async () => {
    const { Sessions, session, during } = await open()
    const jack = new Person({ name: 'jack' })
    session.add(jack)
    await during(/^insert/, () => session.delete(jack))
    expect([state(jack).persistent, session.deleted.has(jack)]).toEqual([true, true])
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('an instance whose statements are in flight can be neither expunged nor taken back from its DELETE', async () => {
    const { Sessions, session, ed, during } = await open()
    session.delete(ed)
    await during(/^delete/, () => {
      expect(() => session.add(ed)).toThrow(InvalidRequestError)
      expect(() => session.expunge(ed)).toThrow(InvalidRequestError)
    })
    expect(state(ed).deleted).toBe(true)
    await session.commit()
    expect(await namesIn(Sessions)).toEqual([])
  })

  it('what is changed while a flush is in flight that then fails goes back with all the rest', async () => {
    const { faults, Sessions, session, ed } = await open()
    const jack = new Person({ name: 'jack' })
    const late = new Person({ name: 'late' })
    ed.name = 'first'
    session.add(jack)
    faults.plan(/^update/, 'hang')
    faults.plan(/^insert/, 'refuse')
    const failing = session.flush()
    const outcome = Promise.allSettled([failing])
    const change = () => {
      ed.name = 'second'
      jack.name = 'jim'
      session.add(late)
    }
    if (faults.hanging > 0) change()
    else queueMicrotask(change)
    for (let turn = 0; turn < 50 && faults.hanging === 0; turn++) await new Promise((resolve) => setImmediate(resolve))
    faults.letGo()
    expect((await outcome)[0]?.status).toBe('rejected')
    await session.rollback()
    expect(ed.name).toBe('ed')
    expect([state(jack).transient, state(late).transient]).toEqual([true, true])
    faults.clear()
    session.addAll([jack, late])
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed', jack.name, 'late'])
  })

  it('of two queued flushes whose first fails the second settles too', async () => {
    const { engine, Sessions } = await openFaultyPeople(db)
    await using session = Sessions()
    session.addAll([new Account({ email: 'a' }), new Account({ email: 'a' })])
    const first = session.flush()
    session.add(new Account({ email: 'b' }))
    const ends = await Promise.allSettled([first, session.flush(), session.query(Account).all()])
    expect(ends.map((end) => (end.status === 'rejected' ? end.reason.constructor : undefined))).toEqual([
      UniqueViolationError,
      PendingRollbackError,
      PendingRollbackError,
    ])
    await session.rollback()
    expect(connectionsOut(engine)).toBe(0)
    session.add(new Account({ email: 'c' }))
    await session.commit()
    expect(await session.query(Account).count()).toBe(1)
  })

  for (const expireOnCommit of [false, true]) {
    const how = expireOnCommit ? ', with expireOnCommit too' : ''
    it(`a change that is made while a COMMIT is in flight belongs to the next transaction${how}`, async () => {
      const { faults, Sessions, session, ed, jack, id, doomed } = await openForEnds(expireOnCommit)
      ed.name = 'first'
      faults.plan(/^commit$/, 'hang')
      const committing = session.commit()
      await faults.untilHanging()
      ed.nickname = 'late'
      session.add(jack)
      session.delete(doomed)
      faults.letGo()
      await committing
      expect([ed.nickname, session.inTransaction()]).toEqual(['late', true])
      expect(state(ed).modified).toEqual({ nickname: [null, 'late'] })
      expect([...session.new, ...session.dirty, ...session.deleted]).toEqual([jack, ed, doomed])
      await session.rollback()
      expect([...session.new, ...session.dirty, ...session.deleted]).toEqual([])
      expect([state(jack).transient, state(doomed).persistent]).toEqual([true, true])
      await session.refresh(ed)
      expect([ed.name, ed.nickname]).toEqual(['first', null])
      faults.plan(/^commit$/, 'hang')
      const again = session.commit()
      await faults.untilHanging()
      ed.nickname = 'again'
      session.add(jack)
      faults.letGo()
      await again
      await session.commit()
      const stored = await Sessions.begin((other) => other.getOne(Person, id), { expireOnCommit: false })
      expect([stored.name, stored.nickname]).toEqual(['first', 'again'])
      expect(await namesIn(Sessions)).toEqual(['first', 'doomed', 'jack'])
    })
  }

  /** A session with a stored 'ed' and 'doomed', and a new 'jack'. */
  const openForEnds = async (expireOnCommit: boolean) => {
    const { faults, Sessions } = await openFaultyPeople(db, { expireOnCommit })
    const session = Sessions()
    session.addAll([new Person({ name: 'ed' }), new Person({ name: 'doomed' })])
    await session.commit()
    const [ed, doomed] = (await session.query(Person).orderBy('id').all()) as [Person, Person]
    return { faults, Sessions, session, ed, doomed, id: ed.id, jack: new Person({ name: 'jack' }) }
  }

  it('a change that is made while the COMMIT of a block is in flight is refused', async () => {
    const { faults, Sessions } = await openFaultyPeople(db)
    const refused: unknown[] = []
    faults.plan(/^commit$/, 'hang')
    const late = new Person({ name: 'late' })
    let add = () => {}
    const block = Sessions.begin(async (session) => {
      const ed = new Person({ name: 'ed' })
      session.add(ed)
      add = () => session.add(late)
    })
    await faults.untilHanging()
    refused.push(await thrownBy(() => add()))
    faults.letGo()
    await block
    expect(refused).toEqual([expect.any(InvalidRequestError)])
    expect(state(late).transient).toBe(true)
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('an instance that a branch adds at whatever moment of the end of a block is stored or refused', async () => {
    const { Sessions } = await openFaultyPeople(db)
    const accepted: string[] = []
    let refused = 0
    for (let moment = 0; moment < 60; moment++) {
      const name = `at ${moment}`
      await Sessions.begin((session) => {
        session.add(new Person({ name: `before ${moment}` }))
        const branch = async () => {
          for (let turn = 0; turn < moment; turn++) await Promise.resolve()
          session.add(new Person({ name }))
          accepted.push(name)
        }
        branch().catch(() => refused++)
      })
      await new Promise((resolve) => setImmediate(resolve))
    }
    const stored = await namesIn(Sessions)
    expect(stored.filter((name) => name.startsWith('at '))).toEqual(accepted)
    expect(accepted.length).toBeGreaterThan(0)
    if (db.name === 'sqlite') expect(refused).toBeGreaterThan(0)
  })

  it('a change that is made while a rollback is in flight is discarded, with a warning', async () => {
    const { faults, session, ed } = await open()
    ed.name = 'first'
    await session.flush()
    faults.plan(/^rollback$/, 'hang')
    const warnings = await warningsDuring(async () => {
      const ending = session.rollback()
      await faults.untilHanging()
      ed.nickname = 'late'
      faults.letGo()
      await ending
    })
    expect(warnings.map(({ code }) => code)).toEqual(['HEDDLE_CHANGED_WHILE_INACTIVE'])
    expect([ed.name, ed.nickname, session.dirty.size, session.inTransaction()]).toEqual(['ed', null, 0, false])
  })

  it('a change that is made while a SAVEPOINT is in flight belongs to the savepoint', async () => {
    const { faults, Sessions, session, ed } = await open()
    ed.name = 'first'
    await session.flush()
    faults.plan(/^savepoint/, 'hang')
    const setting = session.beginNested()
    await faults.untilHanging()
    ed.nickname = 'late'
    const jack = new Person({ name: 'jack' })
    session.add(jack)
    faults.letGo()
    const savepoint = await setting
    await session.flush()
    await savepoint.rollback()
    expect([ed.name, ed.nickname, state(jack).transient]).toEqual(['first', null, true])
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['first'])
  })
})
