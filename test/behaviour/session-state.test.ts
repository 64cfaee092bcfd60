import { expect, it } from 'vitest'
import {
  closeAllSessions,
  InvalidRequestError,
  makeTransient,
  makeTransientToDetached,
  NoResultError,
  NotLoadedError,
  objectSession,
  sessionmaker,
  state,
  UniqueViolationError,
  UnmappedInstanceError,
  wasDeleted,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import { Account, connectionsOut, Note, openPeople, Person, Seat, Tag } from './people.ts'

onEvery({}, (db) => {
  it('SES-001 a new session has no transaction and no connection; one begins with the first statement and again after each end', async () => {
    const { engine, Sessions } = await openPeople(db)
    const session = Sessions()
    expect(session.inTransaction()).toBe(false)
    expect(connectionsOut(engine)).toBe(0)
    for (const end of ['commit', 'rollback', 'close'] as const) {
      await session.query(Person).all()
      expect(session.inTransaction()).toBe(true)
      expect(connectionsOut(engine)).toBe(1)
      await session[end]()
      expect(session.inTransaction()).toBe(false)
      expect(connectionsOut(engine)).toBe(0)
    }
  })

  it('SES-002 a flush of nothing sends nothing and begins nothing; a flush of one instance leaves its transaction open', async () => {
    const { Sessions, statements } = await openPeople(db)
    await using session = Sessions()
    await session.flush()
    statements.expectCount(0)
    expect(session.inTransaction()).toBe(false)
    session.add(new Person({ name: 'ed' }))
    await session.flush()
    statements.expectCount(1)
    expect(session.inTransaction()).toBe(true)
    await session.commit()
    expect(session.inTransaction()).toBe(false)
  })

  it('SES-004 without autobegin every use is refused until begin(), again after each end', async () => {
    const { Sessions } = await openPeople(db, { autobegin: false })
    await using session = Sessions()
    for (const end of ['commit', 'rollback', 'close'] as const) {
      await expect(session.query(Person).all()).rejects.toThrow(/autobegin is disabled/i)
      expect(() => session.add(new Person({ name: 'ed' }))).toThrow(InvalidRequestError)
      await session.begin()
      await session.query(Person).all()
      await session[end]()
    }
    await expect(session.get(Person, 1)).rejects.toThrow(InvalidRequestError)
  })

  it('SES-005 begin() inside a transaction is refused, and the transaction stays usable', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    await session.begin()
    await expect(session.begin()).rejects.toThrow(/already begun/)
    session.add(new Person({ name: 'ed' }))
    await expect(session.begin(async () => {})).rejects.toThrow(/already begun/)
    await session.commit()
    await session.query(Person).all()
    await expect(session.begin()).rejects.toThrow(/already begun/)
  })

  it('SES-006 get() takes an instance from the identity map without SQL, and a missing row costs one SELECT', async () => {
    const { Sessions, statements } = await openPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    await session.flush()
    statements.clear()
    expect(await session.get(Person, ed.id)).toBe(ed)
    statements.expectCount(0)
    expect(await session.get(Person, 999)).toBe(null)
    statements.expectCount(1)
    await expect(session.getOne(Person, 999)).rejects.toThrow(NoResultError)
  })

  it('SES-006 a key of two parts is given as an array or by name, and a wrong one is refused', async () => {
    const { Sessions, statements } = await openPeople(db)
    await using session = Sessions()
    const seat = new Seat({ row: 1, place: 2, guest: 'ed' })
    session.add(seat)
    await session.flush()
    statements.clear()
    expect(await session.get(Seat, [1, 2])).toBe(seat)
    expect(await session.get(Seat, { place: 2, row: 1 })).toBe(seat)
    statements.expectCount(0)
    // @ts-expect-error a part is missing
    expect(() => session.get(Seat, [1])).toThrow(/2 part/)
    // @ts-expect-error a text is no integer
    expect(() => session.get(Person, '1')).toThrow(/integer/)
  })

  it('SES-007 get() for update always reads; false or undefined means no lock', async () => {
    const { Sessions, statements } = await openPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    await session.flush()
    statements.clear()
    expect(await session.get(Person, ed.id, { forUpdate: false })).toBe(ed)
    expect(await session.get(Person, ed.id, {})).toBe(ed)
    statements.expectCount(0)
    expect(await session.get(Person, ed.id, { forUpdate: true })).toBe(ed)
    expect(await session.get(Person, ed.id, { forUpdate: {} })).toBe(ed)
    statements.expectCount(2)
  })

  it('SES-009 an entirely null key warns, costs one SELECT and finds nothing', async () => {
    const { Sessions, statements } = await openPeople(db)
    await using session = Sessions()
    const warnings = await warningsDuring(async () => {
      // @ts-expect-error null is no key
      expect(await session.get(Person, null)).toBe(null)
    })
    expect(warnings.map(({ code }) => code)).toEqual(['HEDDLE_NULL_KEY'])
    statements.expectCount(1)
  })

  it('SES-010 a query never overwrites loaded values, unless populateExisting is asked for', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin((session) => session.add(new Person({ name: 'ed' })))
    await using session = Sessions()
    const ed = await session.query(Person).one()
    await session.commit()
    await Sessions.begin(async (other) => {
      ;(await other.query(Person).one()).name = 'jack'
    })
    expect(await session.query(Person).one()).toBe(ed)
    expect(await session.get(Person, ed.id)).toBe(ed)
    expect(ed.name).toBe('ed')
    expect(await session.query(Person).populateExisting().one()).toBe(ed)
    expect(ed.name).toBe('jack')
    ed.name = 'mary'
    await session.noAutoflush(async () => {
      await session.get(Person, ed.id, { populateExisting: true })
    })
  })

  it('SES-011 an instance marked for DELETE is still given by get(), and add() takes the mark back', async () => {
    const { Sessions, statements } = await openPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    await session.flush()
    statements.clear()
    session.delete(ed)
    expect([...session.deleted]).toEqual([ed])
    expect(await session.get(Person, ed.id)).toBe(ed)
    statements.expectCount(0)
    session.add(ed)
    expect(session.deleted.size).toBe(0)
    await session.flush()
    statements.expectCount(0)
  })

  it('SES-012 SCOPE-007 an instance of one session cannot be added to or deleted by another', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    await using other = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    expect(() => other.add(ed)).toThrow(/already attached/)
    expect(() => other.delete(ed)).toThrow(/already attached/)
    expect(other.new.size).toBe(0)
    expect(other.identityMap.size).toBe(0)
    expect(objectSession(ed)).toBe(session)
  })

  it('SES-014 delete() refuses an instance without a row, and attaches a detached one', async () => {
    const { Sessions, statements } = await openPeople(db)
    const ed = await Sessions.begin(async (session) => {
      expect(() => session.delete(new Person({ name: 'ed' }))).toThrow(InvalidRequestError)
      const person = new Person({ name: 'ed' })
      session.add(person)
      await session.flush()
      session.expire(person)
      return person
    })
    expect(state(ed).detached).toBe(true)
    await using session = Sessions()
    session.delete(ed)
    expect(state(ed).persistent).toBe(true)
    statements.clear()
    await session.flush()
    statements.expectCount(1)
    await session.commit()
    expect(await session.query(Person).count()).toBe(0)
  })

  it('SES-015 an instance changed while detached is dirty once added; an unchanged one is not', async () => {
    const { Sessions } = await openPeople(db)
    const [ed, jack] = await Sessions.begin(async (session) => {
      const people = [new Person({ name: 'ed' }), new Person({ name: 'jack' })] as const
      session.addAll(people)
      return people
    })
    ed.name = 'eddie'
    await using session = Sessions()
    session.addAll([ed, jack])
    expect([...session.dirty]).toEqual([ed])
    await session.commit()
    await session.refresh(ed)
    expect(ed.name).toBe('eddie')
  })

  it('SES-016 an instance added twice is inserted once', async () => {
    const { Sessions, statements } = await openPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    session.add(ed)
    expect([...session.new]).toEqual([ed])
    await session.flush()
    statements.expectCount(1)
    expect(await session.query(Person).count()).toBe(1)
  })

  it('SES-017 a flushed DELETE leaves the instance attached but not in the session; rollback revives it, commit lets it go', async () => {
    const { Sessions } = await openPeople(db, { expireOnCommit: true })
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    await session.commit()
    session.delete(ed)
    await session.flush()
    expect(session.has(ed)).toBe(false)
    expect(objectSession(ed)).toBe(session)
    expect(wasDeleted(ed)).toBe(true)
    expect(() => session.add(ed)).toThrow(InvalidRequestError)
    await session.rollback()
    expect(session.has(ed)).toBe(true)
    expect(state(ed).persistent).toBe(true)
    session.delete(ed)
    await session.commit()
    expect(state(ed).detached).toBe(true)
    expect(() => session.add(ed)).toThrow(InvalidRequestError)
    makeTransient(ed)
    expect(state(ed).transient).toBe(true)
  })

  it('SES-019 without expiry at commit a deleted instance stays attached as deleted', async () => {
    const { Sessions } = await openPeople(db, { expireOnCommit: false })
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    await session.commit()
    session.delete(ed)
    await session.commit()
    expect(state(ed).deleted).toBe(true)
    expect(objectSession(ed)).toBe(session)
    await session.close()
    expect(state(ed).detached).toBe(true)
  })

  it('SES-020 an instance that was flushed and then expunged is not brought back by a rollback', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const stored = new Person({ name: 'stored' })
    session.add(stored)
    await session.commit()
    const fresh = new Person({ name: 'fresh' })
    session.add(fresh)
    session.delete(stored)
    await session.flush()
    session.expunge(fresh)
    session.expunge(stored)
    await session.rollback()
    expect([session.has(fresh), session.has(stored)]).toEqual([false, false])
    expect([objectSession(fresh), objectSession(stored)]).toEqual([undefined, undefined])
  })

  it('SES-021 expunging an instance that is not in the session is refused', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    expect(() => session.expunge(ed)).toThrow(/not in this session/)
    session.add(ed)
    session.expunge(ed)
    expect(state(ed).transient).toBe(true)
    expect(session.new.size).toBe(0)
  })

  it('SES-022 makeTransient() forgets the row: expired values read as null, and adding inserts anew', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    await session.commit()
    session.expire(ed)
    expect(() => ed.name).toThrow(NotLoadedError)
    makeTransient(ed)
    makeTransient(ed)
    expect([ed.id, ed.name]).toEqual([null, null])
    expect(state(ed).transient).toBe(true)
    ed.name = 'again'
    session.add(ed)
    await session.commit()
    expect(await session.query(Person).count()).toBe(2)
    session.delete(ed)
    await session.flush()
    makeTransient(ed)
    session.add(ed)
    await session.commit()
    expect(await session.query(Person).count()).toBe(2)
  })

  it('SES-024 makeTransientToDetached() takes the key for that of a row, and the rest is read on refresh', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin((session) => session.add(new Tag({ code: 'a', label: 'first' })))
    const tag = new Tag({ code: 'a' })
    makeTransientToDetached(tag)
    expect(state(tag).detached).toBe(true)
    await using session = Sessions()
    session.add(tag)
    expect(() => tag.label).toThrow(NotLoadedError)
    await session.refresh(tag)
    expect(tag.label).toBe('first')
    expect(() => makeTransientToDetached(tag)).toThrow(InvalidRequestError)
    session.expunge(tag)
    expect(() => makeTransientToDetached(tag)).toThrow(InvalidRequestError)
    expect(() => makeTransientToDetached(new Tag({ label: 'no key' } as never))).toThrow(/incomplete/)
  })

  it('SES-025 close() and reset() detach everything and leave the session usable, unless close is for good', async () => {
    const { Sessions } = await openPeople(db)
    const session = Sessions()
    for (const end of ['close', 'reset'] as const) {
      const stored = new Person({ name: 'stored' })
      session.add(stored)
      await session.commit()
      const pending = new Person({ name: 'pending' })
      session.add(pending)
      await session[end]()
      expect([state(stored).detached, state(pending).transient]).toEqual([true, true])
      expect(session.identityMap.size).toBe(0)
    }
    await session.close()
    const once = Sessions({ closeResetsOnly: false })
    await once.query(Person).all()
    await once.reset()
    await once.query(Person).all()
    await once.close()
    await expect(once.query(Person).all()).rejects.toThrow(/ended/)
    expect(() => once.add(new Person({ name: 'late' }))).toThrow(/ended/)
  })

  it('SES-026 closeAllSessions() closes every live session', async () => {
    const { engine, Sessions } = await openPeople(db)
    const ed = new Person({ name: 'ed' })
    const session = Sessions()
    session.add(ed)
    await session.commit()
    if (db.can('connections')) {
      await Sessions({ readOnly: true }).query(Person).all()
      await Sessions({ readOnly: true }).query(Person).all()
      expect(connectionsOut(engine)).toBe(2)
    }
    await closeAllSessions()
    expect(connectionsOut(engine)).toBe(0)
    expect(state(ed).detached).toBe(true)
  })

  it("SES-027 execution options of the call win over those of the session, and flushes carry the session's", async () => {
    const { engine, Sessions } = await openPeople(db, { executionOptions: { tenant: 'session', trace: 1 } })
    const seen: unknown[] = []
    engine.on('query', (event) => seen.push(event.executionOptions))
    await using session = Sessions()
    await session.execute(session.db.selectFrom('people').selectAll(), { executionOptions: { tenant: 'call' } })
    session.add(new Person({ name: 'ed' }))
    await session.flush()
    await session.query(Person).executionOptions({ tenant: 'query' }).all()
    expect(seen).toEqual([
      expect.objectContaining({ tenant: 'call', trace: 1 }),
      expect.objectContaining({ tenant: 'session', trace: 1 }),
      expect.objectContaining({ tenant: 'query', trace: 1 }),
    ])
  })

  it('SES-029 noAutoflush() brings the earlier setting back also when its body throws', async () => {
    const { Sessions, statements } = await openPeople(db)
    await using session = Sessions()
    session.add(new Person({ name: 'ed' }))
    const failure = new Error('of the body')
    await expect(
      session.noAutoflush(async () => {
        await session.query(Person).all()
        statements.expectCount(1)
        throw failure
      }),
    ).rejects.toBe(failure)
    expect(session.autoflush).toBe(true)
    await session.query(Person).all()
    statements.expectCount(3)
  })

  it("SES-030 a failed autoflush throws the database's error from the query, and says where it came from", async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin((session) => session.add(new Account({ email: 'e@x.org' })))
    await using session = Sessions()
    session.add(new Account({ email: 'e@x.org' }))
    const failure = session.query(Account).all()
    await expect(failure).rejects.toThrow(UniqueViolationError)
    await expect(failure).rejects.toThrow(/raised by the autoflush of query\(Account\)/)
    await session.rollback()
  })

  it('SES-031 assigning an equal value is no change and writes nothing', async () => {
    const { Sessions, statements } = await openPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    await session.commit()
    statements.clear()
    ed.name = 'ed'
    expect(session.isModified(ed)).toBe(false)
    ed.name = 'jack'
    expect(session.isModified(ed)).toBe(true)
    ed.name = 'ed'
    expect(session.isModified(ed)).toBe(false)
    await session.flush()
    statements.expectCount(0)
    expect(session.dirty.size).toBe(0)
  })

  it('SES-032 the session holds what it loaded until it is expunged or closed', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin((session) => session.addAll([1, 2, 3].map((n) => new Person({ name: `p${n}` }))))
    await using session = Sessions()
    const people = await session.query(Person).all()
    expect(session.identityMap.size).toBe(3)
    session.expunge(people[0] as Person)
    expect(session.identityMap.size).toBe(2)
    await session.close()
    expect(session.identityMap.size).toBe(0)
  })

  it("SES-032 a stream lets go of each batch's unmodified instances before the next", async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin((session) =>
      session.addAll(Array.from({ length: 50 }, (_, n) => new Person({ name: `p${n}` }))),
    )
    await using session = Sessions()
    let most = 0
    let seen = 0
    for await (const person of session.query(Person).orderBy('id').stream({ batch: 10 })) {
      seen++
      most = Math.max(most, session.identityMap.size)
      expect(state(person).persistent).toBe(true)
    }
    expect(seen).toBe(50)
    expect(most).toBe(10)
  })

  it('SES-035 anything that is no instance of an entity is refused by name and changes nothing', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    for (const wrong of [{}, null, undefined, 7, 'x', new Date(), Person]) {
      const calls = [
        () => session.add(wrong as never),
        () => session.delete(wrong as never),
        () => session.expire(wrong as never),
        () => session.expunge(wrong as never),
        () => session.isModified(wrong as never),
        () => session.addAll([new Person({ name: 'ed' }), wrong as never]),
      ]
      for (const call of calls) expect(call).toThrow(UnmappedInstanceError)
      await expect(session.refresh(wrong as never)).rejects.toThrow(UnmappedInstanceError)
      await expect(session.merge(wrong as never)).rejects.toThrow(UnmappedInstanceError)
    }
    expect(session.new.size).toBe(0)
    expect(session.inTransaction()).toBe(false)
  })

  it('SES-036 a stream ends with an error when its session is closed meanwhile', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin((session) =>
      session.addAll(Array.from({ length: 30 }, (_, n) => new Person({ name: `p${n}` }))),
    )
    const session = Sessions()
    const rows = session.query(Person).stream({ batch: 10 })[Symbol.asyncIterator]()
    await rows.next()
    await session.close()
    await expect(
      (async () => {
        for (;;) if ((await rows.next()).done === true) return
      })(),
    ).rejects.toThrow(InvalidRequestError)
  })

  it("SES-039 an instance that a listener loaded under a new row's key is replaced by the flushed one, with a warning", async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const tag = new Tag({ code: 'a', label: 'flushed' })
    session.on('afterFlush', async () => {
      await session.query(Tag).all()
    })
    session.add(tag)
    const warnings = await warningsDuring(() => session.flush())
    expect(warnings.map(({ code }) => code)).toEqual(['HEDDLE_IDENTITY_CONFLICT'])
    expect(session.identityMap.get(Tag, 'a')).toBe(tag)
    expect(session.identityMap.size).toBe(1)
  })

  it('a second instance of a row that the session holds is refused', async () => {
    const { Sessions } = await openPeople(db)
    const detached = await Sessions.begin(async (session) => {
      const tag = new Tag({ code: 'a' })
      session.add(tag)
      return tag
    })
    await using session = Sessions()
    await session.getOne(Tag, 'a')
    expect(() => session.add(detached)).toThrow(/another instance/)
  })

  it('an instance shows its columns to JSON, console and toObject(), and nothing else', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin((session) => session.add(new Person({ name: 'ed' })))
    await using session = Sessions()
    const ed = await session.query(Person).one()
    expect(ed.greet()).toBe('hello ed')
    expect(ed.toObject()).toEqual({ id: 1, name: 'ed', nickname: null, active: true })
    expect(JSON.parse(JSON.stringify(ed))).toEqual(ed.toObject())
    expect(Object.getOwnPropertySymbols(ed)).toEqual([])
    expect(Object.keys(ed)).toEqual(['greeting'])
    expect(structuredClone(ed.toObject())).toEqual(ed.toObject())
  })

  it('toObject() is a copy: changing it changes nothing of the instance', () => {
    const note = new Note({ made: new Date(0), body: { words: ['a'] }, scan: new Uint8Array([1, 2]) })
    const copy = note.toObject() as { made: Date; body: { words: string[] }; scan: Uint8Array }
    copy.made.setFullYear(1999)
    copy.body.words.push('b')
    copy.scan[0] = 9
    expect(note.toObject()).toEqual({ made: new Date(0), body: { words: ['a'] }, scan: new Uint8Array([1, 2]) })
  })

  it('a JSON document is no expression, whatever its properties are called', async () => {
    const { Sessions } = await openPeople(db)
    const body = { words: ['a'], toOperationNode: 'a text' }
    const note = new Note({ made: new Date(0), body, scan: new Uint8Array([1]) })
    await using session = Sessions()
    session.add(note)
    await session.flush()
    expect(note.body).toEqual(body)
    await session.refresh(note)
    expect(note.body).toEqual(body)
  })

  it("a maker's sessions are made alike, and configure() changes later ones", async () => {
    const { engine } = await openPeople(db)
    const Sessions = sessionmaker({ bind: engine, info: { a: 1 } })
    const before = Sessions({ info: { b: 2 } })
    Sessions.configure({ autoflush: false })
    expect(before.info).toEqual({ a: 1, b: 2 })
    expect([before.autoflush, Sessions().autoflush]).toEqual([true, false])
    expect(() => sessionmaker({ autoflsh: true } as never)).toThrow(/autoflush/)
    expect(() => Sessions.configure({ concurrency: 'maybe' } as never)).toThrow(/concurrency/)
  })
})
