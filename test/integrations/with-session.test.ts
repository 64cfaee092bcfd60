import { describe, expect, it } from 'vitest'
import { createAll, openScope, type ScopedSession, scopedSession, sessionmaker, withSession } from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { Note } from './world.ts'

onEvery({ on: ['sqlite', 'postgres'] }, (db) => {
  async function open() {
    const engine = openEngine(await db.freshUrl(), { pool: { size: 2, maxOverflow: 0 } })
    await createAll(engine, [Note])
    const Session = scopedSession(sessionmaker({ bind: engine }))
    const texts = async () => (await Session.query(Note).all()).map(({ text }) => text)
    const stored = () => Session.begin(texts, { readOnly: true }) // beside a stream that may write
    return { engine, Session, stored, out: () => engine.pool.status().checkedOut }
  }
  const add = (Session: ScopedSession, text: string) => Session.add(new Note({ text }))

  describe('withSession()', () => {
    it('gives each call a scope of its own, committed when it resolves', async () => {
      const { Session, stored, out } = await open()
      const job = withSession(Session, async (text: string) => {
        add(Session, text)
        return Session().label
      })
      const labels = await Promise.all([job('a'), job('b'), job('c')])
      expect(new Set(labels).size).toBeLessThanOrEqual(3)
      expect([out(), (await stored()).sort()]).toEqual([0, ['a', 'b', 'c']])
    })

    it('rolls back what throws, and what answers with an error', async () => {
      const { Session, stored, out } = await open()
      const fails = withSession(Session, async () => {
        add(Session, 'a')
        await Session.flush()
        throw new Error('no')
      })
      await expect(fails()).rejects.toThrow('no')
      const answers = withSession(Session, async (status: number) => {
        add(Session, `status ${status}`)
        return new Response('text', { status })
      })
      expect((await answers(409)).status).toBe(409)
      expect(await (await answers(200)).text()).toBe('text')
      expect([out(), await stored()]).toEqual([0, ['status 200']])
    })

    it('lets the program say what a failure is, and when to commit', async () => {
      const { Session, stored } = await open()
      const recorded = async (ok: boolean) => {
        add(Session, String(ok))
        return { ok }
      }
      const procedure = withSession(Session, recorded, { isFailure: (result) => !result.ok })
      expect([await procedure(false), await procedure(true)]).toEqual([{ ok: false }, { ok: true }])
      const byHand = withSession(
        Session,
        async (commit: boolean) => {
          add(Session, `by hand ${commit}`)
          if (commit) await Session.commit()
        },
        { commit: 'manual' },
      )
      await byHand(false)
      await byHand(true)
      expect(await stored()).toEqual(['true', 'by hand true'])
    })

    it('gives up when its Request does, and lets the handler end', async () => {
      const { Session, stored, out } = await open()
      const client = new AbortController()
      const began = Promise.withResolvers<void>()
      const mayEnd = Promise.withResolvers<void>()
      let seen: unknown
      const handler = withSession(Session, async (_request: Request) => {
        add(Session, 'a')
        await Session.flush()
        began.resolve()
        await mayEnd.promise
        await Session.query(Note)
          .count()
          .catch((error) => {
            seen = error.name
          })
        return new Response()
      })
      const answer = handler(new Request('http://localhost/', { signal: client.signal }))
      await began.promise
      client.abort(new Error('gone'))
      await Promise.all([mayEnd.resolve(), expect(answer).rejects.toThrow('gone')])
      expect([seen, out(), await stored()]).toEqual(['SessionClosedError', 0, []])
    })

    it('keeps the scope of a stream until its last chunk, and ends it when the reader goes', async () => {
      const { Session, stored, out } = await open()
      const handler = withSession(Session, async (count: number) => {
        add(Session, `first of ${count}`)
        const chunks = async function* () {
          for (let n = 0; n < count; n++) yield `${await Session.query(Note).count()}`
          add(Session, `last of ${count}`)
        }
        return new Response(ReadableStream.from(chunks()).pipeThrough(new TextEncoderStream()))
      })
      const response = await handler(3)
      expect(await stored()).toEqual(['first of 3'])
      expect([await response.text(), out()]).toEqual(['111', 0])
      const endless = await handler(1_000_000)
      await endless.body?.cancel()
      expect([out(), await stored()]).toEqual([0, ['first of 3', 'last of 3', 'first of 1000000']])
    })

    it('refuses what is no registry, no function, and unknown options', async () => {
      const { Session } = await open()
      expect(() => withSession({} as never, () => 1)).toThrow(/registry is needed/)
      expect(() => withSession(Session, 1 as never)).toThrow(/a function is needed/)
      expect(() => withSession(Session, () => 1, { comit: 'auto' } as never)).toThrow(/commit/)
    })
  })

  describe('openScope()', () => {
    it('lets transactions inside take part in its own', async () => {
      const { Session, stored } = await open()
      await using scope = openScope(Session)
      await scope.run(() => Session.transaction(async () => add(Session, 'a')))
      expect(await stored()).toEqual([])
      await scope.commit()
      expect(await stored()).toEqual(['a'])
    })

    it('cannot be committed where a part has failed and nobody has said so', async () => {
      const { Session, stored } = await open()
      await using scope = openScope(Session)
      await scope.run(async () => {
        add(Session, 'a')
        const part = Session.transaction(async () => {
          add(Session, 'b')
          await Session.flush()
          throw new Error('no')
        })
        await part.catch(() => {})
      })
      await expect(scope.commit()).rejects.toThrow(/no/)
      await scope.end()
      expect(await stored()).toEqual([])
    })

    it('says what is probably wrong where code has lost a scope', async () => {
      const { Session } = await open()
      const scope = openScope(Session)
      expect(() => Session()).toThrow(/lost the asynchronous context/)
      await scope.end()
      expect(() => Session()).not.toThrow(/lost the asynchronous context/)
      expect(() => scope.run(() => Session())).toThrow(/had ended/)
    })
  })
})
