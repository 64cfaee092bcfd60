import { expect, it } from 'vitest'
import { NotLoadedError, objectSession, PendingRollbackError, state, UniqueViolationError } from '../../src/index.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { onEvery } from '../support/index.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import { Account, connectionsOut, namesIn, openPeople, Person, Tag } from './people.ts'

onEvery({}, (db) => {
  it('TXN-001 several flushes inside one block keep one and the same transaction', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin(async (session) => {
      const transaction = session.getTransaction()
      for (const name of ['ed', 'jack', 'mary']) {
        session.add(new Person({ name }))
        await session.flush()
        expect(session.getTransaction()).toBe(transaction)
      }
      expect(transaction?.state).toBe('active')
    })
    expect(await namesIn(Sessions)).toEqual(['ed', 'jack', 'mary'])
  })

  it('TXN-002 a connection is out from the first statement to the end, and no longer', async () => {
    const { engine, Sessions, statements } = await openPeople(db)
    await using session = Sessions()
    const out = () => connectionsOut(engine)
    for (const end of ['commit', 'rollback', 'close'] as const) {
      session.add(new Person({ name: 'ed' }))
      expect(out()).toBe(0)
      await session.flush()
      expect(out()).toBe(1)
      await session[end]()
      expect(out()).toBe(0)
      await session.query(Person).all()
      expect(out()).toBe(1)
      await session[end]()
      expect(out()).toBe(0)
    }
    statements.clear()
    await session.commit()
    statements.expectCount(0)
    expect(out()).toBe(0)
  })

  it('TXN-002 TXN-003 after a failed flush everything but rollback() is refused with the first error, and the connection is held until then', async () => {
    const { engine, Sessions } = await openPeople(db)
    await Sessions.begin((session) => session.add(new Account({ email: 'e@x.org' })))
    await using session = Sessions()
    session.add(new Account({ email: 'e@x.org' }))
    const failure = await thrownBy(() => session.flush())
    expect(failure).toBeInstanceOf(UniqueViolationError)
    expect([session.isActive, session.inTransaction(), connectionsOut(engine)]).toEqual([false, true, 1])
    for (let attempt = 0; attempt < 2; attempt++) {
      for (const call of [
        () => session.commit(),
        () => session.query(Person).all(),
        () => session.execute(session.db.selectFrom('people').selectAll()),
        () => session.beginNested(),
        () => session.connection(),
      ]) {
        const refused = (await thrownBy(call)) as PendingRollbackError
        expect(refused).toBeInstanceOf(PendingRollbackError)
        expect(refused.cause).toBe(failure)
        expect(refused.message).toContain((failure as Error).message)
      }
    }
    expect([session.isActive, session.inTransaction(), connectionsOut(engine)]).toEqual([false, true, 1])
    await session.rollback()
    expect([session.isActive, session.inTransaction(), connectionsOut(engine)]).toEqual([true, false, 0])
    session.add(new Account({ email: 'other@x.org' }))
    await session.commit()
    expect(await session.query(Account).count()).toBe(2)
  })

  it('TXN-005 what is changed after a failed flush is discarded by rollback(), with a warning', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.addAll([ed, new Account({ email: 'e@x.org' })])
    await session.commit()
    session.add(new Account({ email: 'e@x.org' }))
    await thrownBy(() => session.flush())
    const late = new Person({ name: 'late' })
    session.add(late)
    ed.name = 'eddie'
    const warnings = await warningsDuring(() => session.rollback())
    expect(warnings.map(({ code }) => code)).toEqual(['HEDDLE_CHANGED_WHILE_INACTIVE'])
    expect([session.has(late), objectSession(late)]).toEqual([false, undefined])
    expect(ed.name).toBe('ed')
    expect([...session.new, ...session.dirty]).toEqual([])
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('TXN-005 a rollback of what nobody has touched since warns of nothing', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    session.addAll([new Account({ email: 'e@x.org' }), new Account({ email: 'e@x.org' })])
    await thrownBy(() => session.flush())
    expect(await warningsDuring(() => session.rollback())).toEqual([])
  })

  it('TXN-006 TXN-007 rollback() and commit() end the whole stack of savepoints', async () => {
    const { engine, Sessions } = await openPeople(db)
    await using session = Sessions()
    for (const end of ['rollback', 'commit'] as const) {
      session.add(new Person({ name: `outer ${end}` }))
      const outer = await session.beginNested()
      session.add(new Person({ name: `inner ${end}` }))
      const inner = await session.beginNested()
      session.add(new Person({ name: `innermost ${end}` }))
      expect([session.getNestedTransaction(), session.inNestedTransaction()]).toEqual([inner, true])
      await session[end]()
      expect([session.inTransaction(), session.inNestedTransaction(), connectionsOut(engine)]).toEqual([
        false,
        false,
        0,
      ])
      expect([outer.state, inner.state]).toEqual(['closed', 'closed'])
    }
    expect(await namesIn(Sessions)).toEqual(['outer commit', 'inner commit', 'innermost commit'])
  })

  it('TXN-008 a savepoint is set after a flush, without autoflush too, so that its rollback keeps what was there before', async () => {
    const { Sessions, statements } = await openPeople(db, { autoflush: false })
    await using session = Sessions()
    const before = new Person({ name: 'before' })
    session.add(before)
    const savepoint = await session.beginNested()
    statements.expectExactly(/^insert into people/)
    session.add(new Person({ name: 'inside' }))
    before.name = 'changed inside'
    await session.flush()
    await savepoint.rollback()
    expect(before.name).toBe('before')
    expect(state(before).persistent).toBe(true)
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['before'])
  })

  it('TXN-010 what was loaded or set inside a released savepoint stays loaded; only the outermost commit expires', async () => {
    const { Sessions, statements } = await openPeople(db, { expireOnCommit: true })
    await Sessions.begin((session) => session.addAll([new Person({ name: 'ed' }), new Person({ name: 'jack' })]))
    await using session = Sessions()
    const savepoint = await session.beginNested()
    const [ed, jack] = (await session.query(Person).orderBy('id').all()) as [Person, Person]
    jack.name = 'jim'
    await savepoint.commit()
    statements.clear()
    expect([ed.name, jack.name]).toEqual(['ed', 'jim'])
    statements.expectCount(0)
    await session.commit()
    expect(() => ed.name).toThrow(NotLoadedError)
    expect(() => jack.name).toThrow(NotLoadedError)
    expect(await namesIn(Sessions)).toEqual(['ed', 'jim'])
  })

  it('TXN-012 what a released savepoint added or deleted, a rollback of the whole takes back', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const stored = new Person({ name: 'stored' })
    session.add(stored)
    await session.commit()
    const added = new Person({ name: 'added' })
    await session.beginNested(async () => {
      session.delete(stored)
      session.add(added)
    })
    expect([state(stored).deleted, state(added).persistent]).toEqual([true, true])
    await session.rollback()
    expect([state(stored).persistent, state(added).transient]).toEqual([true, true])
    expect([session.has(stored), session.has(added)]).toEqual([true, false])
    expect(await namesIn(Sessions)).toEqual(['stored'])
  })

  it('TXN-013 a change flushed in an inner savepoint is taken back by the rollback of the outer one', async () => {
    const { Sessions, statements } = await openPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    await session.commit()
    const outer = await session.beginNested()
    const inner = await session.beginNested()
    ed.name = 'eddie'
    await session.flush()
    await inner.commit()
    expect(ed.name).toBe('eddie')
    await outer.rollback()
    statements.clear()
    expect(ed.name).toBe('ed')
    statements.expectCount(0)
    await session.refresh(ed)
    expect(ed.name).toBe('ed')
    await session.commit()
  })

  it('TXN-015 a flush that fails inside a savepoint leaves what was before it to its rollback', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    session.add(new Account({ email: 'e@x.org' }))
    const nested = await session.beginNested()
    const double = new Account({ email: 'e@x.org' })
    session.add(double)
    await expect(session.flush()).rejects.toThrow(UniqueViolationError)
    const root = session.getTransaction()
    expect([session.isActive, root?.state, nested.state]).toEqual([false, 'active', 'deactive'])
    await expect(session.commit()).rejects.toThrow(PendingRollbackError)
    await expect(nested.commit()).rejects.toThrow(PendingRollbackError)
    await nested.rollback()
    expect([session.isActive, session.getTransaction(), session.inNestedTransaction()]).toEqual([true, root, false])
    expect(state(double).transient).toBe(true)
    session.add(new Account({ email: 'other@x.org' }))
    await session.commit()
    expect((await session.query(Account).orderBy('id').all()).map(({ email }) => email)).toEqual([
      'e@x.org',
      'other@x.org',
    ])
  })

  it('TXN-016 the rollback after a duplicate key leaves new instances unattached and stored ones as they were; done again it commits', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    const first = new Account({ email: 'e@x.org' })
    session.addAll([ed, first])
    await session.commit()
    const jack = new Person({ name: 'jack' })
    const double = new Account({ email: 'e@x.org' })
    ed.name = 'eddie'
    session.addAll([jack, double])
    await expect(session.commit()).rejects.toThrow(UniqueViolationError)
    await session.rollback()
    expect([objectSession(jack), objectSession(double)]).toEqual([undefined, undefined])
    expect([jack.name, double.email, ed.name, state(ed).persistent]).toEqual(['jack', 'e@x.org', 'ed', true])
    ed.name = 'eddie'
    double.email = 'jack@x.org'
    session.addAll([jack, double])
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['eddie', 'jack'])
    expect(await session.query(Account).count()).toBe(2)
  })

  it('TXN-017 an instance whose INSERT was rolled back is transient with its generated key, and is inserted again under that', async () => {
    const { Sessions } = await openPeople(db)
    for (const level of ['transaction', 'savepoint'] as const) {
      await using session = Sessions()
      const ed = new Person({ name: level })
      const savepoint = level === 'savepoint' ? await session.beginNested() : undefined
      session.add(ed)
      await session.flush()
      const { id } = ed
      await (savepoint ?? session).rollback()
      expect(state(ed).transient).toBe(true)
      expect([ed.id, ed.name, ed.active]).toEqual([id, level, true])
      session.add(ed)
      await session.commit()
      expect(await session.get(Person, id, { populateExisting: true })).toBe(ed)
      expect(ed.id).toBe(id)
      session.delete(ed)
      await session.commit()
    }
  })

  it('TXN-018 rollback() takes back the mark of what was to be deleted', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    session.add(ed)
    await session.commit()
    session.delete(ed)
    await session.rollback()
    expect([state(ed).persistent, session.has(ed), session.deleted.size]).toEqual([true, true, 0])
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['ed'])
  })

  it('TXN-020 a rollback neither removes what an earlier transaction added, nor revives what it deleted, nor undoes its changes', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const [ed, gone] = [new Person({ name: 'ed' }), new Person({ name: 'gone' })]
    session.addAll([ed, gone])
    await session.commit()
    const jack = new Person({ name: 'jack' })
    session.add(jack)
    session.delete(gone)
    ed.name = 'eddie'
    await session.commit()
    session.add(new Person({ name: 'never' }))
    await session.flush()
    await session.rollback()
    expect([session.has(jack), session.has(gone), ed.name]).toEqual([true, false, 'eddie'])
    expect(state(gone).persistent).toBe(false)
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['eddie', 'jack'])
  })

  it('TXN-021 a key taken over from a deleted row goes back, and both instances are found under their own', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const [first, second] = [new Tag({ code: 'u1', label: 'first' }), new Tag({ code: 'u2', label: 'second' })]
    session.addAll([first, second])
    await session.commit()
    session.delete(first)
    await session.flush()
    second.code = 'u1'
    await session.flush()
    expect(session.identityMap.get(Tag, 'u1')).toBe(second)
    await session.rollback()
    expect([first.code, second.code]).toEqual(['u1', 'u2'])
    expect(await session.get(Tag, 'u1')).toBe(first)
    expect(await session.get(Tag, 'u2')).toBe(second)
    expect(session.identityMap.size).toBe(2)
  })

  it('TXN-022 a key that was changed several times goes back to the first one', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const tag = new Tag({ code: 'first' })
    session.add(tag)
    await session.commit()
    for (const code of ['second', 'third']) {
      tag.code = code
      await session.flush()
    }
    await session.beginNested(async () => {
      tag.code = 'fourth'
    })
    await session.rollback()
    expect(tag.code).toBe('first')
    expect(await session.get(Tag, 'first', { populateExisting: true })).toBe(tag)
    expect(session.identityMap.size).toBe(1)
    tag.label = 'still writable'
    await session.commit()
    expect(await Sessions.begin(async (other) => (await other.getOne(Tag, 'first')).label)).toBe('still writable')
  })

  it('TXN-023 a new instance whose key changed inside a savepoint leaves with the rollback, and others stay usable', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const other = new Tag({ code: 'other' })
    session.add(other)
    await session.commit()
    const tag = new Tag({ code: 'a' })
    await session.beginNested()
    session.add(tag)
    await session.flush()
    tag.code = 'b'
    await session.flush()
    await session.rollback()
    expect([state(tag).transient, session.identityMap.size, other.code]).toEqual([true, 1, 'other'])
    other.label = 'works'
    session.add(tag)
    await session.commit()
    expect(await session.query(Tag).count()).toBe(2)
  })

  it('TXN-025 an instance that was loaded from a row of this transaction does not stay under its key after a rollback', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const tag = new Tag({ code: 'a', label: 'dropped' })
    session.add(tag)
    await session.flush()
    session.expunge(tag)
    const reloaded = await session.getOne(Tag, 'a')
    expect(reloaded).not.toBe(tag)
    await session.rollback()
    expect([session.has(reloaded), session.identityMap.size]).toEqual([false, 0])
    const fresh = new Tag({ code: 'a', label: 'fresh' })
    session.add(fresh)
    await session.commit()
    expect(await session.get(Tag, 'a')).toBe(fresh)
  })

  it('TXN-025 the same where the row was inserted in a released savepoint, got its key there, or the instance was put back', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const renamed = new Tag({ code: 'old' })
    session.add(renamed)
    await session.commit()
    const [inSavepoint, putBack] = [new Tag({ code: 'a' }), new Tag({ code: 'b' })]
    const reloaded = await session.beginNested(async () => {
      session.addAll([inSavepoint, putBack])
      renamed.code = 'new'
      await session.flush()
      for (const tag of [inSavepoint, putBack, renamed]) session.expunge(tag)
      session.add(putBack)
      return [await session.getOne(Tag, 'a'), await session.getOne(Tag, 'new')]
    })
    await session.rollback()
    expect([...reloaded, putBack].map((tag) => session.has(tag))).toEqual([false, false, false])
    expect(session.identityMap.size).toBe(0)
    expect((await session.query(Tag).all()).map(({ code }) => code)).toEqual(['old'])
  })

  it('TXN-026 with expireOnCommit every instance is read again after a commit, without it nothing is', async () => {
    const { Sessions, statements } = await openPeople(db)
    for (const expireOnCommit of [true, false]) {
      await using session = Sessions({ expireOnCommit })
      const ed = new Person({ name: 'ed' })
      session.add(ed)
      await session.commit()
      await Sessions.begin(async (other) => {
        ;(await other.getOne(Person, idOf(ed))).name = 'jack'
      })
      statements.clear()
      if (expireOnCommit) {
        expect(() => ed.name).toThrow(NotLoadedError)
        expect(await session.get(Person, idOf(ed))).toBe(ed)
        statements.expectCount(1)
        expect(ed.name).toBe('jack')
      } else {
        expect(await session.get(Person, ed.id)).toBe(ed)
        expect(ed.name).toBe('ed')
        statements.expectCount(0)
      }
    }
  })

  it('a rollback restores what was flushed and what was not, and expires what was loaded after the first write', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin((session) => session.addAll(['a', 'b', 'c', 'd'].map((name) => new Person({ name }))))
    await using session = Sessions()
    const [a, b, c] = (await session.query(Person).where('name', '<', 'd').orderBy('id').all()) as Person[] as [
      Person,
      Person,
      Person,
    ]
    a.name = 'flushed'
    await session.flush()
    const d = await session.query(Person).where('name', '=', 'd').one()
    a.name = 'twice'
    b.name = 'not flushed'
    b.nickname = 'bee'
    await session.rollback()
    expect([a.name, b.name, b.nickname, c.name]).toEqual(['a', 'b', null, 'c'])
    expect(session.dirty.size).toBe(0)
    expect(() => d.name).toThrow(NotLoadedError)
    expect(await session.query(Person).orderBy('id').all()).toEqual([a, b, c, d])
    expect(d.name).toBe('d')
  })

  it('with expireOnCommit a rollback expires everything', async () => {
    const { Sessions } = await openPeople(db, { expireOnCommit: true })
    await Sessions.begin((session) => session.add(new Person({ name: 'ed' })))
    await using session = Sessions()
    const ed = await session.query(Person).one()
    await session.rollback()
    expect(() => ed.name).toThrow(NotLoadedError)
    await session.refresh(ed)
    expect(ed.name).toBe('ed')
  })

  it('savepoint blocks side by side run one after another, and neither undoes the other', async () => {
    const { Sessions } = await openPeople(db)
    const failure = new Error('of one block')
    await Sessions.begin(async (session) => {
      const ends = await Promise.allSettled([
        session.beginNested(async () => {
          session.add(new Person({ name: 'one' }))
          await session.flush()
          await session.query(Person).all()
        }),
        session.beginNested(async () => {
          session.add(new Person({ name: 'two' }))
          await session.flush()
          throw failure
        }),
        session.beginNested(async () => {
          session.add(new Person({ name: 'three' }))
        }),
      ])
      expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect(ends[1]).toHaveProperty('reason', failure)
    })
    expect(await namesIn(Sessions)).toEqual(['one', 'three'])
  })

  it('a savepoint that has ended refuses a second end, and closing it again does nothing', async () => {
    const { Sessions } = await openPeople(db)
    await using session = Sessions()
    const nested = await session.beginNested()
    await nested.commit()
    await expect(nested.commit()).rejects.toThrow(/ended already/)
    await expect(nested.rollback()).rejects.toThrow(/ended already/)
    await nested.close()
    {
      await using undone = await session.beginNested()
      session.add(new Person({ name: 'undone' }))
      await session.flush()
      expect(undone.isActive).toBe(true)
    }
    await session.commit()
    expect(await namesIn(Sessions)).toEqual([])
  })
})

/** The key of an instance, expired or not. */
function idOf(person: Person): number {
  return Number(state(person).key?.[0])
}
