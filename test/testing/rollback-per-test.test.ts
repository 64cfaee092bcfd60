import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createAll,
  createEngine,
  type Engine,
  type ScopedSession,
  scopedSession,
  sessionmaker,
  sql,
  UniqueViolationError,
} from '../../src/index.ts'
import { rollbackPerTest } from '../../src/testing/index.ts'
import { Note } from '../integrations/world.ts'
import { onEvery } from '../support/index.ts'

onEvery({}, (db) => {
  let engine: Engine
  let Session: ScopedSession
  beforeAll(async () => {
    engine = createEngine(db.url)
    await createAll(engine, [Note])
    Session = scopedSession(sessionmaker({ bind: engine }))
    await Session.begin(() => Session.add(new Note({ text: 'seed' })))
  })
  afterAll(async () => {
    expect(await texts()).toEqual(['seed'])
    expect(engine.pool.status().checkedOut).toBe(0)
    await engine.dispose()
  })

  const add = (text: string) => Session.begin(() => Session.add(new Note({ text })))
  const texts = () =>
    Session.begin(async () => (await Session.query(Note).orderBy('text').all()).map(({ text }) => text))

  describe('rollbackPerTest()', () => {
    rollbackPerTest(() => engine)

    it('lets the code under test commit, and undoes it', async () => {
      await add('a')
      expect(await texts()).toEqual(['a', 'seed'])
    })

    it('has undone the test before', async () => {
      expect(await texts()).toEqual(['seed'])
    })

    it('lets the code under test roll back, fail and go on', async () => {
      await add('a')
      await expect(add('a')).rejects.toThrow(UniqueViolationError)
      const failing = Session.begin(async () => {
        Session.add(new Note({ text: 'b' }))
        await Session.flush()
        throw new Error('no')
      })
      await expect(failing).rejects.toThrow('no')
      await Session.run(async () => {
        Session.add(new Note({ text: 'c' }))
        await Session.rollback()
        Session.add(new Note({ text: 'd' }))
        await Session.commit()
      })
      expect(await texts()).toEqual(['a', 'd', 'seed'])
    })

    it('lets savepoints inside work as ever', async () => {
      await Session.begin(async (session) => {
        session.add(new Note({ text: 'outside' }))
        const inside = session.beginNested(async () => {
          session.add(new Note({ text: 'inside' }))
          await session.flush()
          throw new Error('no')
        })
        await expect(inside).rejects.toThrow('no')
      })
      expect(await texts()).toEqual(['outside', 'seed'])
    })

    it('gives scopes that run at once their turns', async () => {
      const names = Array.from({ length: 20 }, (_, n) => `at once ${n}`)
      const outcomes = await Promise.allSettled([...names, 'seed'].map(add))
      expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1)
      expect((await texts()).length).toBe(21)
    })

    it('lets statements stand alone outside of transactions', async () => {
      const autocommit = engine.withOptions({ isolation: 'autocommit' })
      await using connection = await autocommit.connect()
      await connection.execute(sql`insert into notes (text) values ('alone')`)
      await expect(connection.execute(sql`insert into notes (text) values ('alone')`)).rejects.toThrow(
        UniqueViolationError,
      )
      await connection.close()
      expect(await texts()).toEqual(['alone', 'seed'])
    })

    it('streams', async () => {
      await Session.begin(async () => {
        const seen: string[] = []
        for await (const note of Session.query(Note).stream()) seen.push(note.text)
        expect(seen).toEqual(['seed'])
      })
    })
  })

  describe('engine.enclose()', () => {
    it('names who waits inside of itself', async () => {
      await using _enclosure = await engine.enclose({ timeout: 50 })
      const nested = Session.begin(async (session) => {
        await session.connection()
        await add('inside')
      })
      await expect(nested).rejects.toThrow(/Held by/)
    })

    it('names who has not given the connection back, and undoes everything all the same', async () => {
      const enclosure = await engine.enclose()
      const forgotten = Session.sessionFactory({ label: 'forgotten' })
      forgotten.add(new Note({ text: 'forgotten' }))
      await forgotten.flush()
      await expect(enclosure.rollback()).rejects.toThrow(/'forgotten'/)
      await forgotten.close()
      expect(await texts()).toEqual(['seed'])
    })

    it('refuses a second one, two-phase transactions, and wrong options', async () => {
      await using enclosure = await engine.enclose()
      await expect(engine.enclose()).rejects.toThrow(/enclosed already/)
      await expect(engine.enclose({ lable: 'x' } as never)).rejects.toThrow(/label/)
      await using connection = await engine.connect()
      await expect(connection.beginTwoPhase()).rejects.toThrow(/enclosed|two-phase/)
      await connection.close()
      await enclosure.rollback()
      await enclosure.rollback()
    })
  })
})

onEvery({ on: ['mysql'] }, (db) => {
  it('says so when a statement has committed the test by itself', async () => {
    const engine = createEngine(db.url)
    const enclosure = await engine.enclose()
    await engine.begin((connection) => connection.execute(sql`create table t (id integer)`)).catch(() => {})
    await expect(engine.begin((connection) => connection.execute(sql`select 1`))).rejects.toThrow(/ended in the middle/)
    await enclosure.rollback()
    await engine.dispose()
  })
})
