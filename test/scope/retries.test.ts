import { describe, expect, it } from 'vitest'
import {
  CommitUnknownError,
  DeadlockError,
  LockNotAvailableError,
  type Session as OrmSession,
  type ScopedSession,
  SerializationError,
  StatementTimeoutError,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Note, openNotes, signalOf, stored, thrownBy } from './notes.ts'

/** A function that fails as often as there are errors, with each in turn, and counts its runs. */
function failing(Session: ScopedSession, ...errors: Error[]) {
  const sessions: OrmSession[] = []
  const run = async () => {
    const error = errors[sessions.length]
    sessions.push(Session())
    Session.add(new Note({ body: `run ${sessions.length}` }))
    await Session.flush()
    if (error !== undefined) throw error
    return sessions.length
  }
  return { run, sessions }
}

onEvery({}, (db) => {
  describe('retries', () => {
    it('run the function again in a new session, after what was lost to others', async () => {
      const { engine, Session } = await openNotes(db)
      const { run, sessions } = failing(Session, new SerializationError('a'), new DeadlockError('b'))
      expect(await Session.transaction(run, { retries: 3 })).toBe(3)
      expect(new Set(sessions).size).toBe(3)
      expect(await stored(Session)).toEqual(['run 3'])
      expect(engine.pool.status().checkedOut).toBe(0)
    })

    it('end with the last error itself when there are no more', async () => {
      const { Session } = await openNotes(db)
      const errors = [new SerializationError('a'), new SerializationError('b'), new SerializationError('c')]
      const { run, sessions } = failing(Session, ...errors)
      expect(await thrownBy(() => Session.transaction(run, { retries: 1 }))).toBe(errors[1])
      expect(sessions).toHaveLength(2)
      expect(await stored(Session)).toEqual([])
    })

    it('are none unless they were asked for, and never after anything else', async () => {
      const { Session } = await openNotes(db)
      const once = failing(Session, new SerializationError('a'))
      await expect(Session.transaction(once.run)).rejects.toThrow(SerializationError)
      expect(once.sessions).toHaveLength(1)
      for (const error of [new Error('own'), new CommitUnknownError('lost'), new StatementTimeoutError('slow')]) {
        const other = failing(Session, error)
        expect(await thrownBy(() => Session.transaction(other.run, { retries: 5 }))).toBe(error)
        expect(other.sessions).toHaveLength(1)
      }
    })

    it('are left to the transaction that was opened, and not made by the parts of it', async () => {
      const { Session } = await openNotes(db)
      const { run, sessions } = failing(Session, new SerializationError('a'))
      const outer = () => Session.transaction(run, { retries: 5 })
      await Session.begin(async () => {
        await expect(outer()).rejects.toThrow(SerializationError)
        expect(sessions).toHaveLength(1)
        await Session.rollback()
      })
      sessions.length = 0
      expect(await Session.transaction(outer, { retries: 1 })).toBe(2)
      expect(await stored(Session)).toEqual(['run 2'])
    })

    it('never repeat work that was committed already', async () => {
      const { Session } = await openNotes(db)
      const byHand = async () => {
        Session.add(new Note({ body: 'by hand' }))
        await Session.commit()
        throw new SerializationError('afterwards')
      }
      await expect(Session.transaction(byHand, { retries: 3 })).rejects.toThrow('afterwards')
      const told = () => {
        Session.add(new Note({ body: 'told' }))
        Session.afterCommit(() => {
          throw new SerializationError('in a callback')
        })
      }
      await expect(Session.transaction(told, { retries: 3 })).rejects.toThrow('in a callback')
      const off = Session.on('afterCommit', () => {
        throw new SerializationError('in a listener')
      })
      const heard = () => Session.add(new Note({ body: 'heard' }))
      await expect(Session.transaction(heard, { retries: 3 })).rejects.toThrow('in a listener')
      off()
      expect(await stored(Session)).toEqual(['by hand', 'heard', 'told'])
    })

    it('stop in a pause when the signal aborts, and keep the error that they paused for', async () => {
      const { Session } = await openNotes(db)
      const reason = new Error('enough')
      const controller = new AbortController()
      const failure = new SerializationError('a')
      const body = () => {
        Session.afterRollback(() => controller.abort(reason))
        throw failure
      }
      const error = await thrownBy(() => Session.transaction(body, { retries: 5, signal: controller.signal }))
      expect(error).toBe(reason)
      expect((error as { suppressed?: unknown[] }).suppressed).toEqual([failure])
    })
  })
})

onEvery({ needs: ['rowLocks', 'writers'] }, (db) => {
  it('retries get the victim of a real deadlock through', async () => {
    const { Session } = await openNotes(db)
    await Session.begin(() => Session.addAll([new Note({ id: 1, body: '' }), new Note({ id: 2, body: '' })]))
    const both = [signalOf(), signalOf()]
    let runs = 0
    const append = (first: number, second: number, own: number) =>
      Session.transaction(
        async () => {
          runs++
          const a = await Session.getOne(Note, first, { forUpdate: true })
          both[own]?.resolve()
          await both[1 - own]?.promise
          const b = await Session.getOne(Note, second, { forUpdate: true })
          a.body += own
          b.body += own
        },
        { retries: 5 },
      )
    await Promise.all([append(1, 2, 0), append(2, 1, 1)])
    expect(runs).toBeGreaterThan(2)
    const bodies = await stored(Session)
    expect(bodies.map((body) => [...body].sort().join(''))).toEqual(['01', '01'])
  })

  it('a lock that is refused by NOWAIT is no reason to retry', async () => {
    const { Session } = await openNotes(db)
    await Session.begin(() => Session.add(new Note({ id: 1, body: '' })))
    let runs = 0
    await Session.begin(async () => {
      await Session.getOne(Note, 1, { forUpdate: true })
      const refused = Session.transaction(
        async () => {
          runs++
          await Session.getOne(Note, 1, { forUpdate: { nowait: true } })
        },
        { retries: 3, propagation: 'new' },
      )
      await expect(refused).rejects.toThrow(LockNotAvailableError)
    })
    expect(runs).toBe(1)
  })
})

onEvery({ needs: ['serializable'] }, (db) => {
  it('retries get serializable transactions through that conflict', async () => {
    const { Session } = await openNotes(db)
    await Session.begin(() => Session.addAll([new Note({ id: 1, body: 'a' }), new Note({ id: 2, body: 'a' })]))
    const both = [signalOf(), signalOf()]
    let runs = 0
    const skew = (own: number) =>
      Session.transaction(
        async () => {
          runs++
          const notes = await Session.query(Note).all()
          both[own]?.resolve()
          await both[1 - own]?.promise
          const mine = notes.find(({ id }) => id === own + 1)
          if (mine !== undefined) mine.body = notes.map(({ body }) => body).join('')
        },
        { isolation: 'serializable', retries: 10 },
      )
    await Promise.all([skew(0), skew(1)])
    expect(runs).toBeGreaterThan(2)
    expect((await stored(Session)).sort()).toEqual(['aa', 'aaa'])
  })
})

onEvery({ on: ['sqlite', 'better-sqlite3'] }, (db) => {
  it('retries wait for a database file that somebody else writes to', async () => {
    const { Session } = await openNotes(db, { engine: { connectArgs: { busyTimeout: 5 } } })
    let runs = 0
    const holding = signalOf()
    const done = signalOf()
    const holder = Session.begin(async () => {
      Session.add(new Note({ body: 'holder' }))
      await Session.flush()
      holding.resolve()
      await done.promise
    })
    await holding.promise
    await Session.transaction(
      async () => {
        if (++runs === 3) {
          done.resolve()
          await holder
        }
        Session.add(new Note({ body: 'after it' }))
        await Session.flush()
      },
      { retries: 3 },
    )
    expect(runs).toBe(3)
    expect(await stored(Session)).toEqual(['after it', 'holder'])
  })
})
