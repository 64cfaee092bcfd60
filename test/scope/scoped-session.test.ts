import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  ArgumentError,
  InvalidRequestError,
  NoScopeError,
  Session as OrmSession,
  SessionClosedError,
  scopedSession,
  sessionmaker,
  state,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Note, openNotes, signalOf, stored, thrownBy } from './notes.ts'

onEvery({}, (db) => {
  describe('one session for each scope', () => {
    it('SCOPE-001 gives the same session everywhere in one scope, and acts on it for every member', async () => {
      const { Session } = await openNotes(db)
      await Session.begin(async (given) => {
        const first = Session()
        const deeper = await (async () => {
          await Promise.resolve()
          return Session()
        })()
        expect(first).toBe(given)
        expect(deeper).toBe(given)
        const note = new Note({ body: 'one' })
        Session.add(note)
        expect(first.new.has(note)).toBe(true)
        expect(Session.new.has(note)).toBe(true)
        expect(Session.has(note)).toBe(true)
        expect([...Session]).toEqual([note])
        await Session.flush()
        expect(Session.identityMap.get(Note, note.id)).toBe(note)
        expect(await Session.get(Note, note.id)).toBe(note)
        expect(await Session.query(Note).count()).toBe(1)
      })
    })

    it('SCOPE-001 reads and sets properties of the session through the registry', async () => {
      const { engine, Session } = await openNotes(db)
      await Session.run(async () => {
        expect(Session.bind).toBe(engine)
        expect(Session.isActive).toBe(true)
        Session.autoflush = false
        expect(Session().autoflush).toBe(false)
        Session.info['tenant'] = 'a'
        expect(Session().info).toEqual({ tenant: 'a' })
      })
    })

    it('SCOPE-002 gives scopes that run beside one another sessions, instances and connections of their own', async () => {
      const { Session } = await openNotes(db)
      await Session.begin(() => Session.add(new Note({ id: 1, body: 'one' })))
      const visit = () =>
        Session.run(async () => {
          const session = Session()
          const note = await Session.getOne(Note, 1)
          const inner = await (async () => Session())()
          expect(inner).toBe(session)
          return { session, note }
        })
      const [a, b] = await Promise.all([visit(), visit()])
      expect(a.session).not.toBe(b.session)
      expect(a.note).not.toBe(b.note)
    })

    it('SCOPE-012 gives a scope inside a scope a session of its own, and leaves the outer one as it was', async () => {
      const { Session } = await openNotes(db)
      await Session.run(async () => {
        const outer = Session()
        const kept = new Note({ body: 'kept' })
        outer.add(kept)
        await Session.run(() => {
          expect(Session.has()).toBe(false)
          expect(Session()).not.toBe(outer)
        })
        await expect(
          Session.begin(async (inner) => {
            expect(inner).not.toBe(outer)
            throw new Error('inside')
          }),
        ).rejects.toThrow('inside')
        expect(Session()).toBe(outer)
        expect(Session.new.has(kept)).toBe(true)
      })
    })
  })

  describe('the end of a scope', () => {
    it('commits what begin() did, and nothing of what run() did', async () => {
      const { engine, Session } = await openNotes(db)
      expect(await Session.begin(() => Session.add(new Note({ body: 'begun' })))).toBeUndefined()
      await Session.run(async () => {
        Session.add(new Note({ body: 'run' }))
        await Session.flush()
      })
      expect(await stored(Session)).toEqual(['begun'])
      expect(engine.pool.status().checkedOut).toBe(0)
    })

    it('leaves nothing of a unit of work that fails, rejects with the same error, and has the connection back by then', async () => {
      const { engine, Session } = await openNotes(db)
      const failure = { not: 'even an Error' }
      const found = await thrownBy(() =>
        Session.begin(async () => {
          Session.add(new Note({ body: 'lost' }))
          await Session.flush()
          expect(engine.pool.status().checkedOut).toBe(1)
          throw failure
        }),
      )
      expect(found).toBe(failure)
      expect(engine.pool.status().checkedOut).toBe(0)
      expect(await stored(Session)).toEqual([])
    })

    it('SCOPE-012 removes the session of run() also after an error, synchronous ones included', async () => {
      const { engine, Session } = await openNotes(db)
      let left: OrmSession | undefined
      const failure = new Error('in the middle')
      const found = await thrownBy(() =>
        Session.run(async () => {
          left = Session()
          await Session.query(Note).all()
          throw failure
        }),
      )
      expect(found).toBe(failure)
      expect(engine.pool.status().checkedOut).toBe(0)
      await expect(left?.query(Note).all()).rejects.toThrow(SessionClosedError)
      const thrown = await thrownBy(() =>
        Session.run(() => {
          throw failure
        }),
      )
      expect(thrown).toBe(failure)
    })

    it('refuses a branch that outlives its scope: no statement, no other session', async () => {
      const { engine, Session } = await openNotes(db)
      const goOn = signalOf()
      const branch = await Session.begin(async (session) => {
        await session.query(Note).all()
        const late = (async () => {
          await goOn.promise
          return Promise.allSettled([
            session.query(Note).all(),
            (async () => Session())(),
            (async () => Session.query(Note).all())(),
            (async () => Session.has())(),
            Session.remove(),
          ])
        })()
        return { late }
      })
      let sent = 0
      engine.on('query', () => void sent++)
      goOn.resolve()
      const [captured, asked, forwarded, has, removed] = await branch.late
      for (const refused of [captured, asked, forwarded]) {
        expect((refused as PromiseRejectedResult).reason).toBeInstanceOf(SessionClosedError)
      }
      expect((asked as PromiseRejectedResult).reason.message).toMatch(/had ended .* await is missing/)
      expect(has).toEqual({ status: 'fulfilled', value: false })
      expect(removed).toEqual({ status: 'fulfilled', value: undefined })
      expect(sent).toBe(0)
      expect(engine.pool.status().checkedOut).toBe(0)
    })

    it('lets a branch that outlives its scope open one of its own', async () => {
      const { Session } = await openNotes(db)
      const goOn = signalOf()
      const branch = await Session.run(async () => ({
        late: goOn.promise.then(() => Session.begin(() => Session.add(new Note({ body: 'late' })))),
      }))
      goOn.resolve()
      await branch.late
      expect(await stored(Session)).toEqual(['late'])
    })
  })

  describe('remove(), configure() and the factory', () => {
    it('SCOPE-005 closes the session, gives its connection back and forgets it', async () => {
      const { engine, Session } = await openNotes(db)
      await Session.run(async () => {
        const first = Session()
        const note = new Note({ body: 'gone' })
        Session.add(note)
        await Session.flush()
        expect(engine.pool.status().checkedOut).toBe(1)
        await Session.remove()
        expect(engine.pool.status().checkedOut).toBe(0)
        expect(Session.has()).toBe(false)
        expect(state(note).session).not.toBe(first)
        expect(Session()).not.toBe(first)
        await expect(first.query(Note).all()).rejects.toThrow(SessionClosedError)
        expect(await Session.query(Note).count()).toBe(0)
      })
    })

    it('SCOPE-005 does nothing where there is no session, and makes none', async () => {
      const { Session } = await openNotes(db)
      await Session.remove()
      await Session.run(async () => {
        await Session.remove()
        expect(Session.has()).toBe(false)
      })
    })

    it('closes at the end also the session that was made after a remove() inside begin()', async () => {
      const { engine, Session } = await openNotes(db)
      await Session.begin(async () => {
        await Session.remove()
        Session.add(new Note({ body: 'nobody commits this' }))
        await Session.flush()
      })
      expect(engine.pool.status().checkedOut).toBe(0)
      expect(await stored(Session)).toEqual([])
    })

    it('SCOPE-004 warns of configure() in a scope with a session, which stays as it is', async () => {
      const { Session } = await openNotes(db)
      const warned: string[] = []
      const hear = (warning: Error & { code?: string }) => void warned.push(warning.code ?? '')
      process.on('warning', hear)
      onTestFinished(() => void process.off('warning', hear))
      await Session.run(async () => {
        Session.configure({ autoflush: false })
        const before = Session()
        expect(before.autoflush).toBe(false)
        Session.configure({ autoflush: true })
        expect(before.autoflush).toBe(false)
        await Session.remove()
        expect(Session().autoflush).toBe(true)
      })
      await new Promise(setImmediate)
      expect(warned).toEqual(['HEDDLE_SESSION_PRESENT'])
    })

    it('SCOPE-006 makes sessions that belong to no scope, and leaves them alone', async () => {
      const { Session } = await openNotes(db)
      const outside = Session.sessionFactory({ label: 'by hand' })
      expect(outside.label).toBe('by hand')
      await Session.run(async () => {
        const own = Session()
        const other = Session.sessionFactory()
        expect(other).not.toBe(own)
        expect(Session()).toBe(own)
        await other.close()
        expect(Session()).toBe(own)
        await Session.remove()
        expect(await outside.query(Note).count()).toBe(0)
      })
      await outside.close()
    })

    it('SCOPE-007 refuses an instance of the scope in an independent session', async () => {
      const { Session } = await openNotes(db)
      await Session.run(() => {
        const note = new Note({ body: 'mine' })
        Session.add(note)
        expect(() => Session.sessionFactory().add(note)).toThrow(InvalidRequestError)
      })
    })

    it('takes options with the first call only', async () => {
      const { Session } = await openNotes(db)
      await Session.run(() => {
        expect(Session({ label: 'first' }).label).toBe('first')
        expect(() => Session({ label: 'second' })).toThrow(/already present/)
        expect(() => Session({ label: 'second' })).toThrow(InvalidRequestError)
      })
      await Session.run(() => expect(Session().label).toBe('of run'), { label: 'of run' })
      await Session.begin((session) => expect(session.label).toBe('of begin'), { label: 'of begin' })
      expect(await thrownBy(() => Session.run(() => {}, { lable: 'x' } as never))).toBeInstanceOf(ArgumentError)
      expect(await thrownBy(() => Session.begin(() => {}, { lable: 'x' } as never))).toBeInstanceOf(ArgumentError)
    })

    it('tells and changes by hand which session the scope has', async () => {
      const { engine, Session } = await openNotes(db)
      const mine = Session.sessionFactory()
      await Session.run(async () => {
        expect(Session.registry.has()).toBe(false)
        Session.registry.set(mine)
        expect(Session.registry()).toBe(mine)
        expect(Session()).toBe(mine)
        await Session.query(Note).all()
        Session.registry.clear()
        expect(Session.registry.has()).toBe(false)
        expect(await mine.query(Note).count()).toBe(0)
        Session.registry.set(mine)
      })
      expect(engine.pool.status().checkedOut).toBe(0)
      await expect(mine.query(Note).all()).rejects.toThrow(SessionClosedError)
      expect(() => Session.registry.set(mine)).toThrow(NoScopeError)
      await Session.run(() => expect(() => Session.registry.set({} as never)).toThrow(ArgumentError))
    })
  })

  it('runs ten workers with a session each through one registry', async () => {
    const { Session } = await openNotes(db)
    const sessions = new Set<OrmSession>()
    const worker = (n: number) =>
      Session.begin(async () => {
        sessions.add(Session())
        Session.add(new Note({ body: `worker ${n}` }))
        await Session.flush()
      })
    await Promise.all(Array.from({ length: 10 }, (_, n) => worker(n)))
    expect(sessions.size).toBe(10)
    expect(await stored(Session)).toEqual(Array.from({ length: 10 }, (_, n) => `worker ${n}`))
  })

  it('serves a thousand scopes at once from a small pool', async () => {
    const small = db.can('connections') ? { pool: { size: 3, maxOverflow: 0 } } : {}
    const { engine, Session } = await openNotes(db, { engine: small })
    const seen = new Set<OrmSession>()
    await Promise.all(
      Array.from({ length: 1_000 }, (_, n) =>
        Session.begin(async () => {
          await Promise.resolve()
          Session.add(new Note({ id: n + 1, body: `${n}` }))
          await Session.flush()
          seen.add(Session())
          expect(Session.identityMap.size).toBe(1)
        }),
      ),
    )
    expect(seen.size).toBe(1_000)
    expect(engine.pool.status().checkedOut).toBe(0)
    expect(await Session.run(() => Session.query(Note).count())).toBe(1_000)
  })
})

onEvery({ needs: ['connections'] }, (db) => {
  it('SCOPE-002 gives two scopes two connections of the pool at a time', async () => {
    const { engine, Session } = await openNotes(db, { readOnly: true })
    const both = [signalOf(), signalOf()]
    const visit = (n: number) =>
      Session.run(async () => {
        await Session.query(Note).all()
        both[n]?.resolve()
        await both[1 - n]?.promise
        expect(engine.pool.status().checkedOut).toBe(2)
        await both[1 - n]?.promise
      })
    await Promise.all([visit(0), visit(1)])
    expect(engine.pool.status().checkedOut).toBe(0)
  })
})

describe('the end of a scope', () => {
  it('lets go of the session, however long a branch of the scope is kept', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const Session = scopedSession(sessionmaker())
    const branches = signalOf()
    const opened: WeakRef<OrmSession>[] = []
    const left: Promise<void>[] = []
    const visit = async () => {
      opened.push(new WeakRef(Session()))
      left.push(branches.promise.then(() => expect(() => Session()).toThrow(SessionClosedError)))
    }
    await Session.run(visit)
    await Session.begin(visit)
    await Session.transaction(visit, { retries: 1, timeout: 20_000 })
    await new Promise(setImmediate)
    collect()
    await new Promise(setImmediate)
    expect(opened.map((session) => session.deref())).toEqual([undefined, undefined, undefined])
    branches.resolve()
    await Promise.all(left)
  })
})

describe('without a scope', () => {
  it('refuses to guess, and says how to open one', async () => {
    const Session = scopedSession(sessionmaker())
    expect(() => Session()).toThrow(NoScopeError)
    expect(() => Session()).toThrow(/Session\.run\(async .*Session\.begin\(/)
    expect(() => Session.add(new Note({ body: 'x' }))).toThrow(NoScopeError)
    expect(() => Session.new).toThrow(NoScopeError)
    expect(Session.has()).toBe(false)
    await Session.remove()
  })

  it('SCOPE-011 refuses a registry over anything but a sessionmaker', () => {
    for (const wrong of [() => new OrmSession(), OrmSession, undefined, {}, 'sqlite://']) {
      expect(() => scopedSession(wrong as never)).toThrow(ArgumentError)
    }
    expect(() => scopedSession(sessionmaker(), { scopes: () => 1 } as never)).toThrow(/Did you mean 'scope'/)
    expect(() => scopedSession(sessionmaker(), { scope: 1 } as never)).toThrow(ArgumentError)
  })

  it('refuses what is no function, with a hint for begin() by hand', async () => {
    const Session = scopedSession(sessionmaker())
    for (const call of [Session.run, Session.begin, Session.transaction] as ((body: never) => Promise<unknown>)[]) {
      expect(await thrownBy(() => call(undefined as never))).toBeInstanceOf(ArgumentError)
    }
    expect(() => Session.transactional('x' as never)).toThrow(ArgumentError)
    await expect((Session.begin as () => Promise<void>)()).rejects.toThrow(/Session\(\)\.begin\(\)/)
  })
})

describe('listeners', () => {
  it('SCOPE-011 of a registry hear its maker, and no other', async () => {
    const [Ours, Others] = [sessionmaker(), sessionmaker()]
    const [Session, Other] = [scopedSession(Ours), scopedSession(Others)]
    const heard: string[] = []
    Session.on('afterTransactionCreate', ({ session }) => void heard.push(session.label))
    await Session.begin(() => {}, { label: 'ours' })
    await Ours.begin(() => {}, { label: 'ours, unscoped' })
    await Other.begin(() => {}, { label: 'theirs' })
    expect(heard).toEqual(['ours', 'ours, unscoped'])
  })

  it('are called inside the scope', async () => {
    const Session = scopedSession(sessionmaker())
    const heard: boolean[] = []
    Session.on('beforeCommit', ({ session }) => void heard.push(Session() === session))
    Session.on('afterCommit', ({ session }) => void heard.push(Session() === session))
    await Session.begin(() => {})
    expect(heard).toEqual([true, true])
  })
})
