import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  createAll,
  createEngine,
  type DatabaseError,
  entity,
  integer,
  sessionmaker,
  sql,
  state,
  text,
  varchar,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

class Secret extends entity('secrets', {
  id: integer().primaryKey(),
  word: varchar(40).unique(),
  note: text().nullable(),
}) {}

const value = 'hidden-value'

/** All the ways in which a program shows a value without meaning to tell what is in it. */
function shown(thing: unknown): string {
  return [inspect(thing, { depth: 20 }), JSON.stringify(thing), String(thing)].join('\n')
}

describe('an engine', () => {
  it('prints its URL with the password masked, however it is printed', async () => {
    const engine = createEngine('postgresql://ann:pw-secret@db.example/app', { connectArgs: { password: 'pw-secret' } })
    expect(inspect(engine)).toBe('Engine(postgresql://ann:***@db.example/app)')
    expect(JSON.parse(JSON.stringify(engine))).toMatchObject({ url: 'postgresql://ann:***@db.example/app' })
    for (const thing of [engine, engine.url, engine.pool, sessionmaker({ bind: engine })]) {
      expect(shown(thing)).not.toContain('pw-secret')
    }
    await engine.dispose()
  })

  it('refuses a URL that is no text without printing what is in it', () => {
    const url = new URL('postgresql://ann:pw-secret@db.example/app')
    const make = () => createEngine(url as unknown as string)
    expect(make).toThrow(/a string; .*URL was given/)
    expect(make).not.toThrow(/pw-secret/)
  })
})

onEvery({}, (db) => {
  async function openSecrets() {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Secret])
    return sessionmaker({ bind: engine })
  }

  it('a session, its connection and its maker print without values, and as JSON', async () => {
    const Sessions = await openSecrets()
    await Sessions.begin(async (session) => {
      session.add(new Secret({ word: value }))
      await session.flush()
      const things = [
        session,
        await session.connection(),
        session.identityMap,
        session.query(Secret).where('word', '=', value),
      ]
      for (const thing of [...things, session.db, Sessions]) expect(shown(thing)).not.toContain(value)
    })
  })

  it('errors of the database print without values, the error of the driver included', async () => {
    const Sessions = await openSecrets()
    await Sessions.begin((session) => session.add(new Secret({ word: value })))
    const failures = await Promise.allSettled([
      Sessions.begin((session) => session.add(new Secret({ word: value }))),
      Sessions.begin((session) => session.execute(sql`insert into secrets (word) values (${value})`)),
      Sessions.begin((session) => session.execute(sql`insert into secrets (id, word) values (${value}, ${value})`)),
      Sessions.begin((session) => session.execute(sql`select * from missing where word = ${value}`)),
    ])
    for (const failure of failures) {
      const error = (failure as PromiseRejectedResult).reason as DatabaseError
      expect(error.parameters).toContain(value)
      expect(error.cause).toBeInstanceOf(Error)
      expect(shown(error)).not.toContain(value)
      expect(inspect(error)).toContain(error.code)
      expect(inspect(new Error('wrapped', { cause: error }))).not.toContain(value)
    }
  })

  it('the state of an instance prints what it tells', async () => {
    const Sessions = await openSecrets()
    await Sessions.begin(async (session) => {
      const secret = new Secret({ word: 'one' })
      session.add(secret)
      await session.flush()
      secret.word = 'two'
      expect(inspect(state(secret))).toContain(`status: 'persistent'`)
      expect(inspect(state(secret))).toContain(`modified: { word: [ 'one', 'two' ] }`)
    })
  })
})
