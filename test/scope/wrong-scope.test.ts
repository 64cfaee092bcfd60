import { describe, expect, it } from 'vitest'
import { InvalidRequestError, type Session as OrmSession, ScopeMismatchError } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Note, openNotes, signalOf, stored, thrownBy } from './notes.ts'

onEvery({}, (db) => {
  it('refuses a scoped session in another scope, and names both', async () => {
    const { engine, Session } = await openNotes(db)
    const lent = signalOf<OrmSession>()
    const returned = signalOf()
    const lender = Session.begin(
      async (session) => {
        lent.resolve(session)
        await returned.promise
        session.add(new Note({ body: 'of the lender' }))
      },
      { label: 'lender' },
    )
    let sent = 0
    engine.on('query', () => void sent++)
    const session = await lent.promise
    await Session.run(
      async () => {
        const calls = [
          () => session.query(Note).all(),
          () => session.get(Note, 7),
          () => session.flush(),
          () => session.commit(),
          () => session.beginNested(),
          () => session.db.selectFrom('scope_notes').selectAll().execute(),
        ]
        for (const call of calls) {
          const error = (await thrownBy(call)) as Error
          expect(error).toBeInstanceOf(ScopeMismatchError)
          expect(error.message).toMatch(/in borrower on lender, which belongs to lender/)
        }
      },
      { label: 'borrower' },
    )
    expect(sent).toBe(0)
    returned.resolve()
    await lender
    expect(await stored(Session)).toEqual(['of the lender'])
  })

  it('lets a session be used in its own scope and in those inside it', async () => {
    const { Session } = await openNotes(db)
    await Session.begin(async (outer) => {
      outer.add(new Note({ body: 'outer' }))
      await Session.run(() => Session.run(() => outer.flush()))
      await Promise.all([outer.query(Note).all(), Promise.resolve().then(() => outer.query(Note).all())])
    })
    expect(await stored(Session)).toEqual(['outer'])
  })

  it('lets a callback that is in no scope go on, as the sockets of a streamed response do', async () => {
    const { Session } = await openNotes(db)
    let callback: (() => Promise<number>) | undefined
    const called = signalOf<number>()
    const waiting = signalOf()
    const scope = Session.run(async () => {
      const session = Session()
      callback = () => session.query(Note).count()
      waiting.resolve()
      return called.promise
    })
    await waiting.promise
    called.resolve((await callback?.()) ?? -1)
    expect(await scope).toBe(0)
  })

  it('lets unscoped sessions be used in every scope', async () => {
    const { Session } = await openNotes(db)
    const session = Session.sessionFactory()
    await Session.run(() => session.query(Note).all())
    await Session.run(() => session.query(Note).all())
    await session.close()
  })

  it('keeps a session in one place at a time', async () => {
    const { Session } = await openNotes(db)
    await Session.run(async () => {
      const outer = Session()
      await Session.run(() => expect(() => Session.registry.set(outer)).toThrow(InvalidRequestError))
      Session.registry.clear()
      await Session.run(() => Session.registry.set(outer))
    })
  })
})

onEvery({ needs: ['connections'] }, (db) => {
  describe('scopes that a function tells apart', () => {
    it('SCOPE-009 keep their session until remove() is called in the same scope', async () => {
      let key: unknown = 'a'
      const { engine, Session } = await openNotes(db, { scope: () => key, readOnly: true })
      const a = Session()
      expect(Session()).toBe(a)
      await a.query(Note).all()
      key = 'b'
      expect(Session.has()).toBe(false)
      const b = Session()
      expect(b).not.toBe(a)
      await b.query(Note).all()
      expect(engine.pool.status().checkedOut).toBe(2)
      await Session.remove()
      expect(engine.pool.status().checkedOut).toBe(1)
      key = 'a'
      expect(Session()).toBe(a)
      await Session.remove()
      expect(engine.pool.status().checkedOut).toBe(0)
      expect(Session.has()).toBe(false)
    })

    it('may be objects, and are none where the function gives nothing', async () => {
      const request = { id: 1 }
      let key: unknown = request
      const { Session } = await openNotes(db, { scope: () => key })
      const session = Session()
      key = { id: 1 }
      expect(Session.has()).toBe(false)
      key = undefined
      expect(() => Session()).toThrow(/the scope function gave no scope/)
      expect(Session.has()).toBe(false)
      expect(await session.query(Note).count()).toBe(0)
      key = request
      expect(Session()).toBe(session)
      await Session.remove()
    })

    it('refuse the session of another', async () => {
      let key = 'a'
      const { Session } = await openNotes(db, { scope: () => key })
      const session = Session()
      key = 'b'
      await expect(session.query(Note).all()).rejects.toThrow(ScopeMismatchError)
      key = 'a'
      expect(await session.query(Note).count()).toBe(0)
      await Session.remove()
    })

    it('come behind those that run() and begin() open', async () => {
      const { Session } = await openNotes(db, { scope: () => 'the only one' })
      const outer = Session()
      await Session.begin((inner) => {
        expect(inner).not.toBe(outer)
        expect(Session()).toBe(inner)
        inner.add(new Note({ body: 'inside' }))
      })
      expect(Session()).toBe(outer)
      expect(await Session.query(Note).count()).toBe(1)
      await Session.remove()
    })
  })
})
