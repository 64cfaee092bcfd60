import { afterEach, describe, expect, it } from 'vitest'
import { ArgumentError, createAll, InvalidRequestError, NoScopeError, NotInitializedError } from '../../src/index.ts'
import {
  currentSession,
  disposeEngine,
  getEngine,
  getSession,
  initEngine,
  initSessionFactory,
  managedSession,
} from '../../src/managed.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { Note, thrownBy } from './notes.ts'

afterEach(() => disposeEngine())

onEvery({}, (db) => {
  it('the managed module runs a function with a session, and commits', async () => {
    const engine = initEngine(db.url)
    initSessionFactory({ autoflush: false })
    await createAll(engine, [Note])
    const before = await managedSession((session) => session.query(Note).count())
    const id = await managedSession(
      async (session) => {
        expect(getSession()).toBe(session)
        expect(currentSession()).toBe(session)
        expect(session.autoflush).toBe(false)
        expect(session.label).toBe('managed')
        const note = new Note({ body: 'managed' })
        session.add(note)
        await session.flush()
        return note.id
      },
      { label: 'managed' },
    )
    const failure = new Error('undone')
    const failing = managedSession(async (session) => {
      session.add(new Note({ body: 'undone' }))
      await session.flush()
      throw failure
    })
    expect(await thrownBy(() => failing)).toBe(failure)
    expect(engine.pool.status().checkedOut).toBe(0)
    const found = await managedSession(async (session) => ({
      note: (await session.getOne(Note, id)).body,
      count: await session.query(Note).count(),
    }))
    expect(found).toEqual({ note: 'managed', count: before + 1 })
  })

  it('the managed module takes an engine, and the same one again', async () => {
    const engine = openEngine(db)
    expect(initEngine(engine)).toBe(engine)
    expect(initEngine(engine)).toBe(engine)
    expect(getEngine()).toBe(engine)
  })
})

describe('the managed module', () => {
  it('refuses everything before it is initialized, and says what to call', async () => {
    await expect(managedSession(() => 1)).rejects.toThrow(NotInitializedError)
    await expect(managedSession(() => 1)).rejects.toThrow(/initEngine\('.*'\) and initSessionFactory\(\)/)
    expect(() => getEngine()).toThrow(NotInitializedError)
    expect(() => getSession()).toThrow(NotInitializedError)
    expect(() => initSessionFactory()).toThrow(/initEngine/)
    initEngine('sqlite://')
    await expect(managedSession(() => 1)).rejects.toThrow(
      /: there are no sessions yet; call initSessionFactory\(\) where/,
    )
  })

  it('is initialized once, until the engine is disposed of', async () => {
    const first = initEngine('sqlite://')
    initSessionFactory()
    expect(() => initEngine('sqlite://')).toThrow(InvalidRequestError)
    expect(() => initEngine('sqlite://')).toThrow(/disposeEngine\(\)/)
    expect(() => initSessionFactory()).toThrow(InvalidRequestError)
    await disposeEngine()
    await disposeEngine()
    expect(initEngine('sqlite://')).not.toBe(first)
    initSessionFactory()
    expect(await managedSession(() => 'again')).toBe('again')
  })

  it('is not initialized by what fails', () => {
    expect(() => initEngine('nonsense://')).toThrow(ArgumentError)
    expect(() => getEngine()).toThrow(NotInitializedError)
    const engine = openEngine('sqlite://')
    expect(() => initEngine(engine, { echo: true })).toThrow(ArgumentError)
    initEngine(engine)
    expect(() => initSessionFactory({ autofluhs: true } as never)).toThrow(ArgumentError)
    expect(() => getSession()).toThrow(NotInitializedError)
    initSessionFactory()
  })

  it('has no session outside of managedSession()', () => {
    initEngine('sqlite://')
    const Session = initSessionFactory()
    expect(() => getSession()).toThrow(NoScopeError)
    expect(Session.has()).toBe(false)
  })
})
