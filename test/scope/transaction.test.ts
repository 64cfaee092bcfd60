import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  InvalidRequestError,
  PendingRollbackError,
  type Propagation,
  scopedSession,
  sessionmaker,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Note, openNotes, stored, thrownBy } from './notes.ts'

onEvery({}, (db) => {
  describe('transaction()', () => {
    it('opens a transaction outside of every scope, commits it and gives the connection back', async () => {
      const { engine, Session } = await openNotes(db)
      const id = await Session.transaction(async (session) => {
        expect(Session()).toBe(session)
        const note = new Note({ body: 'stored' })
        session.add(note)
        await session.flush()
        return note.id
      })
      expect(id).toBe(1)
      expect(engine.pool.status().checkedOut).toBe(0)
      expect(await stored(Session)).toEqual(['stored'])
    })

    it('rolls back and rejects with the same error', async () => {
      const { Session } = await openNotes(db)
      const failure = new Error('no')
      const body = async () => {
        Session.add(new Note({ body: 'lost' }))
        await Session.flush()
        throw failure
      }
      for (const propagation of ['required', 'new', 'nested'] as const) {
        expect(await thrownBy(() => Session.transaction(body, { propagation }))).toBe(failure)
      }
      expect(await stored(Session)).toEqual([])
    })

    it('takes part in the transaction of its scope where it is required or supported', async () => {
      const { engine, Session } = await openNotes(db)
      let begun = 0
      engine.on('begin', () => void begun++)
      await Session.begin(async (outer) => {
        for (const propagation of ['required', 'mandatory', 'supports'] as const) {
          await Session.transaction(
            async (session) => {
              expect(session).toBe(outer)
              session.add(new Note({ body: propagation }))
              await session.flush()
            },
            { propagation },
          )
          expect(outer.inTransaction()).toBe(true)
        }
      })
      expect(begun).toBe(1)
      expect(await stored(Session)).toEqual(['mandatory', 'required', 'supports'])
    })

    it('can be committed no more after a part of it has failed, also where that error was caught', async () => {
      const { Session } = await openNotes(db)
      const failure = new Error('half way')
      const error = await thrownBy(() =>
        Session.transaction(async () => {
          const part = Session.transaction(async () => {
            Session.add(new Note({ body: 'half' }))
            await Session.flush()
            throw failure
          })
          await expect(part).rejects.toBe(failure)
        }),
      )
      expect(error).toBeInstanceOf(PendingRollbackError)
      expect((error as Error).cause).toBe(failure)
      expect(await stored(Session)).toEqual([])
    })

    it('undoes only itself where it is nested', async () => {
      const { Session } = await openNotes(db)
      await Session.begin(async (outer) => {
        outer.add(new Note({ body: 'outer' }))
        const nested = Session.transaction(
          async (session) => {
            expect(session).toBe(outer)
            session.add(new Note({ body: 'nested' }))
            await session.flush()
            throw new Error('undone')
          },
          { propagation: 'nested' },
        )
        await expect(nested).rejects.toThrow('undone')
        await Session.transaction(() => outer.add(new Note({ body: 'nested, kept' })), { propagation: 'nested' })
      })
      expect(await stored(Session)).toEqual(['nested, kept', 'outer'])
    })

    it('lets a part inside a savepoint fail with that savepoint alone', async () => {
      const { Session } = await openNotes(db)
      await Session.begin(async (outer) => {
        outer.add(new Note({ body: 'outer' }))
        const failing = outer.beginNested(() =>
          Session.transaction(async () => {
            Session.add(new Note({ body: 'part' }))
            throw new Error('part')
          }),
        )
        await expect(failing).rejects.toThrow('part')
      })
      expect(await stored(Session)).toEqual(['outer'])
    })

    it('refuses what the propagation does not allow', async () => {
      const { Session } = await openNotes(db)
      const run = (propagation: Propagation) => Session.transaction(() => 'ran', { propagation })
      await expect(run('mandatory')).rejects.toThrow(InvalidRequestError)
      await Session.run(() => expect(run('mandatory')).rejects.toThrow(/no transaction runs/))
      expect(await run('never')).toBe('ran')
      await Session.begin(() => expect(run('never')).rejects.toThrow(InvalidRequestError))
    })

    it('commits nothing where it runs without a transaction', async () => {
      const { engine, Session } = await openNotes(db)
      for (const propagation of ['never', 'supports'] as const) {
        const write = async () => {
          Session.add(new Note({ body: propagation }))
          await Session.flush()
        }
        await Session.transaction(write, { propagation })
        await Session.run(() => Session.transaction(write, { propagation }))
      }
      expect(engine.pool.status().checkedOut).toBe(0)
      expect(await stored(Session)).toEqual([])
    })

    it('opens one of its own inside run(), and refuses one that began by itself, which nobody would commit', async () => {
      const { Session } = await openNotes(db)
      const write = (body: string) => Session.transaction(() => Session.add(new Note({ body })))
      await Session.run(async () => {
        await write('before')
        await Session.query(Note).all()
        await expect(write('never')).rejects.toThrow(/began by itself .* commit\(\) or rollback\(\)/)
        await Session.rollback()
        await write('after')
        await Session().begin()
        await write('by hand')
        await Session.commit()
      })
      expect(await stored(Session)).toEqual(['after', 'before', 'by hand'])
    })

    it('refuses to take part in a transaction that is not what was asked for', async () => {
      const { Session } = await openNotes(db)
      await Session.begin(
        async () => {
          const serializable = Session.transaction(() => {}, { isolation: 'serializable' })
          await expect(serializable).rejects.toThrow(/isolation 'serializable' was asked for/)
          const writing = Session.transaction(() => {}, { readOnly: false })
          await expect(writing).rejects.toThrow(/read-only/)
          expect(await Session.transaction(() => 'joined', { readOnly: true })).toBe('joined')
        },
        { readOnly: true },
      )
      await Session.transaction(
        async () => {
          expect(await Session.transaction(() => 'joined', { isolation: 'serializable' })).toBe('joined')
        },
        { isolation: 'serializable' },
      )
    })

    it('gives the session that it opens its options', async () => {
      const { Session } = await openNotes(db)
      const options = { label: 'report', readOnly: true, options: { autoflush: false, info: { for: 'ed' } } }
      await Session.transaction((session) => {
        expect(session.label).toBe('report')
        expect(session.autoflush).toBe(false)
        expect(session.info).toEqual({ for: 'ed' })
      }, options)
    })
  })

  describe('transactional()', () => {
    it('gives a function with the same arguments and result, each call in a transaction', async () => {
      const { Session } = await openNotes(db)
      const write = Session.transactional(async (body: string, copies: number) => {
        for (let i = 0; i < copies; i++) Session.add(new Note({ body: `${body} ${i}` }))
        await Session.flush()
        return copies
      })
      const written: number = await write('a', 2)
      expect(written).toBe(2)
      await Session.begin(async () => {
        await write('b', 1)
        await Session.rollback()
      })
      expect(await stored(Session)).toEqual(['a 0', 'a 1'])
    })
  })
})

onEvery({ needs: ['writers'] }, (db) => {
  it('opens an independent transaction, whatever becomes of the one around it', async () => {
    const { Session } = await openNotes(db)
    const failing = Session.begin(async (outer) => {
      outer.add(new Note({ body: 'outer' }))
      await outer.flush()
      await Session.transaction(
        (session) => {
          expect(session).not.toBe(outer)
          session.add(new Note({ body: 'audit' }))
        },
        { propagation: 'new' },
      )
      expect(Session()).toBe(outer)
      throw new Error('undone')
    })
    await expect(failing).rejects.toThrow('undone')
    expect(await stored(Session)).toEqual(['audit'])
  })
})

describe('options of transaction()', () => {
  it('are checked before anything runs', async () => {
    const Session = scopedSession(sessionmaker())
    const body = () => expect.fail('it ran')
    const wrong = [
      [{ retires: 3 }, /Did you mean 'retries'/],
      [{ propagation: 'sometimes' }, /one of 'required'/],
      [{ retries: -1 }, /retries/],
      [{ timeout: 'soon' }, /milliseconds/],
      [{ signal: {} }, /AbortSignal/],
      [{ propagation: 'nested', timeout: 5 }, /option 'timeout' cannot be given with the propagation 'nested'/],
      [{ propagation: 'nested', signal: new AbortController().signal }, /option 'signal'/],
      [{ options: { autofluhs: true } }, /Did you mean 'autoflush'/],
    ] as const
    for (const [options, message] of wrong) {
      const error = (await thrownBy(() => Session.transaction(body, options as never))) as Error
      expect(error).toBeInstanceOf(ArgumentError)
      expect(error.message).toMatch(message)
    }
    expect(() => Session.transactional(body, { retires: 3 } as never)).toThrow(ArgumentError)
  })

  it('keep the object that a method belongs to', async () => {
    const Session = scopedSession(sessionmaker())
    const bank = {
      name: 'the bank',
      open: Session.transactional(function (this: { name: string }, by: string) {
        return `${this.name} by ${by}`
      }),
    }
    expect(await bank.open('ed')).toBe('the bank by ed')
  })
})
