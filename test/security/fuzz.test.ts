import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createAll,
  createEngine,
  entity,
  HeddleError,
  integer,
  json,
  parseUrl,
  sessionmaker,
  sql,
  text,
  UrlError,
  varchar,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

/** What an attacker, or a careless user, would try. */
const awkward = fc.constantFrom(
  `'`,
  `"`,
  '`',
  '\\',
  ';',
  '--',
  '/*',
  '*/',
  '\0',
  '\ud800',
  '\udc00',
  '\ud83d\ude00',
  '$1',
  '?',
  ':id',
  '%s',
  '\r\n',
  '\u2028',
  "' or ''='",
  '"; drop table victims; --',
  "\\'; drop table victims; --",
  '`; drop table victims; -- ',
  '${process.exit()}',
  '__proto__',
  'constructor',
  'null',
)
const pieces = fc.array(fc.oneof(awkward, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 6 })
const anyText = fc.oneof(
  { weight: 20, arbitrary: pieces.map((each) => each.join('')) },
  {
    weight: 1,
    arbitrary: fc.tuple(awkward, fc.integer({ min: 1_000, max: 40_000 })).map(([what, n]) => what.repeat(n)),
  },
)

/** A named error is a fair answer; any other fails the test. */
function refusal(error: unknown): undefined {
  expect(error).toBeInstanceOf(HeddleError)
}

class Victim extends entity('victims', {
  id: integer().primaryKey(),
  word: text(),
  doc: json<unknown>().nullable(),
}) {}

onEvery({}, (db) => {
  it('whatever text is given as a value comes back as it was, or is refused by a named error, and nothing else happens', {
    timeout: 60_000,
  }, async () => {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Victim])
    const Sessions = sessionmaker({ bind: engine })
    let stored = 0
    const property = fc.asyncProperty(anyText, async (word) => {
      const store = Sessions.begin(async (session) => {
        const victim = new Victim({ word, doc: { [word]: [word] } })
        session.add(victim)
        await session.flush()
        return victim
      })
      const victim = await store.catch((error: unknown) => refusal(error))
      if (victim === undefined) return
      stored += 1
      await Sessions.begin(async (session) => {
        const found = await session.query(Victim).where('word', '=', word).where('id', '=', victim.id).one()
        expect(found.word === word).toBe(true)
        expect(found.doc).toEqual({ [word]: [word] })
        const { rows } = await session.execute<{ same: string }>(
          sql`select word as same from victims where word = ${word}`,
        )
        expect(rows.every(({ same }) => same === word)).toBe(true)
        expect(await session.query(Victim).count()).toBe(stored)
      })
    })
    await fc.assert(property, { numRuns: 120 })
    expect(stored).toBeGreaterThan(20)
  })

  it('whatever names tables and columns have, they are those that are made and used, or are refused by a named error', {
    timeout: 60_000,
  }, async () => {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Victim])
    const Sessions = sessionmaker({ bind: engine })
    const harmless = fc.constantFrom(' ', ';', '--', '/*', '$1', '?', ':id', 'ä', '\ud83d\ude00', 'select', 'A', 'null')
    const name = fc.oneof(
      fc.array(harmless, { minLength: 1, maxLength: 4 }).map((each) => each.join('x')),
      pieces.map((each) => each.join('')),
    )
    // These are names everywhere, whatever the generated ones are.
    const usual = ['select', 'a b', 'x;--', 'A$1', "it's"].map((each): [string, string] => [each, each])
    let made = 0
    const property = fc.asyncProperty(name, name, async (table, column) => {
      try {
        const Named = class extends entity(`t${made} ${table}`, {
          id: integer().primaryKey(),
          word: varchar(40).named(column),
        }) {}
        await createAll(engine, [Named])
        made += 1
        await Sessions.begin((session) => session.add(new Named({ word: 'first' })))
        await Sessions.begin(async (session) => {
          const row = await session.query(Named).where('word', '=', 'first').one()
          row.word = 'second'
        })
        expect((await Sessions.begin((session) => session.query(Named).one())).word).toBe('second')
      } catch (error) {
        refusal(error)
      }
    })
    await fc.assert(property, { numRuns: 40, examples: usual })
    expect(made).toBeGreaterThanOrEqual(usual.length)
    expect(await Sessions.begin((session) => session.query(Victim).count())).toBe(0)
  })
})

onEvery({}, (db) => {
  it('whatever a name is, quoting makes it a name and nothing else', { timeout: 60_000 }, async () => {
    const engine = openEngine(db)
    const property = fc.asyncProperty(pieces, async (parts) => {
      const name = parts.join('')
      try {
        const { rows } = await engine.begin((connection) => connection.execute(sql`select 1 as ${sql.id(name)}`))
        expect(rows).toHaveLength(1)
        expect(Object.values(rows[0] ?? {}).map(Number)).toEqual([1])
      } catch (error) {
        refusal(error)
      }
    })
    await fc.assert(property, { numRuns: 80 })
  })
})

describe('a URL', () => {
  it('of any text is understood or refused as a UrlError, which never tells what may be a password', () => {
    const secret = 'pa55-w0rd-secret'
    const part = fc.oneof(
      awkward,
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom('/', '?', '@', ':', '#', '='),
    )
    const around = fc.array(part, { maxLength: 5 }).map((each) => each.join(''))
    const scheme = fc.constantFrom('postgresql', 'mysql', 'sqlite', 'mariadb+mysql2', 'nonsense', '')
    fc.assert(
      fc.property(scheme, around, around, (start, before, after) => {
        const given = `${start}://user:${secret}${before}@host${after}/database`
        try {
          const url = parseUrl(given)
          expect(`${url} ${JSON.stringify(url)}`).not.toContain(secret)
        } catch (error) {
          expect(error).toBeInstanceOf(UrlError)
          expect(String((error as Error).message)).not.toContain(secret)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('of random parts never makes an engine that connects elsewhere than it prints', () => {
    fc.assert(
      fc.property(fc.domain(), fc.integer({ min: 1, max: 65_535 }), pieces, (host, port, name) => {
        const database = encodeURIComponent(name.join('').toWellFormed())
        if (database === '') return
        const { url } = createEngine(`postgresql://u:p@${host}:${port}/${database}`)
        expect([url.host, url.port, url.database]).toEqual([host, port, decodeURIComponent(database)])
      }),
      { numRuns: 200 },
    )
  })
})
