import { expect, it } from 'vitest'
import {
  ArgumentError,
  createAll,
  type Engine,
  entity,
  integer,
  MappingError,
  StaleDataError,
  sessionmaker,
  sql,
  state,
  text,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'

/** A trigger counts. */
class Deed extends entity('srv_deeds', {
  code: varchar(20).primaryKey(),
  title: varchar(100),
  rev: integer().serverDefault(sql`1`).version('database'),
  /** The same trigger notes the last writer. */
  writer: varchar(20).serverDefault(sql`'nobody'`).serverOnUpdate(),
}) {}

const triggers = {
  sqlite: [
    `create trigger count_deeds after update on srv_deeds for each row when new.rev = old.rev
     begin update srv_deeds set rev = old.rev + 1, writer = 'trigger' where code = new.code; end`,
  ],
  postgres: [
    `create function count_deeds() returns trigger language plpgsql as
     $$ begin new.rev := old.rev + 1; new.writer := 'trigger'; return new; end $$`,
    'create trigger count_deeds before update on srv_deeds for each row execute function count_deeds()',
  ],
  mysql: [
    `create trigger count_deeds before update on srv_deeds for each row set new.rev = old.rev + 1, new.writer = 'trigger'`,
  ],
}

async function addTriggers(engine: Engine): Promise<void> {
  const statements = triggers[engine.dialect.name as keyof typeof triggers]
  await engine.begin(async (connection) => {
    for (const statement of statements) await connection.execute(sql.raw(statement))
  })
}

async function openDeeds(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [Deed])
  await addTriggers(engine)
  return { engine, statements: recordStatements(engine), Sessions: sessionmaker({ bind: engine }) }
}

onEvery({}, (db) => {
  it('VER-001 a version that the database makes is read back after INSERT and UPDATE, by one statement for a batch', async () => {
    const { Sessions, statements } = await openDeeds(db)
    await using session = Sessions()
    const deeds = ['a', 'b', 'c'].map((code) => new Deed({ code, title: code }))
    session.addAll(deeds)
    await session.commit()
    expect(deeds.map(({ rev, writer }) => [rev, writer])).toEqual([1, 1, 1].map((rev) => [rev, 'nobody']))
    for (const deed of deeds) deed.title += '!'
    await statements.during(() => session.commit())
    expect(statements.statements.filter(({ sql: given }) => given.startsWith('update'))).toHaveLength(1)
    statements.expectAtMost(3)
    expect(deeds.map(({ rev, writer }) => [rev, writer])).toEqual([2, 2, 2].map((rev) => [rev, 'trigger']))
    const [first] = deeds as [Deed]
    first.title = 'again'
    await session.commit()
    expect([first.rev, await session.scalar(sql`select rev from srv_deeds where code = 'a'`)]).toEqual([3, 3])
    expect(session.isModified(first)).toBe(false)
  })

  it('VER-002 an UPDATE and a DELETE of a row whose version the database has changed raise StaleDataError, and name the rows of a batch', async () => {
    const { Sessions } = await openDeeds(db)
    await using session = Sessions()
    const deeds = ['a', 'b', 'c'].map((code) => new Deed({ code, title: code }))
    session.addAll(deeds)
    await session.commit()
    await Sessions.begin(async (other) => {
      ;(await other.getOne(Deed, 'b')).title = 'theirs'
    })
    for (const deed of deeds) deed.title = 'mine'
    const failure = await session.commit().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(StaleDataError)
    expect((failure as StaleDataError).identities).toEqual(['Deed#b'])
    await session.rollback()
    expect(deeds.map(({ rev }) => rev)).toEqual([1, 1, 1])
    session.delete(deeds[1] as Deed)
    await expect(session.commit()).rejects.toThrow(StaleDataError)
    await session.rollback()
    session.delete(deeds[0] as Deed)
    await session.commit()
    expect(await session.query(Deed).count()).toBe(2)
  })

  it('VER-003 a rollback gives the version of the database back, and the next update succeeds', async () => {
    const { Sessions } = await openDeeds(db)
    await using session = Sessions()
    const deed = new Deed({ code: 'a', title: 'a' })
    session.add(deed)
    await session.commit()
    deed.title = 'b'
    await session.flush()
    expect(deed.rev).toBe(2)
    await session.rollback()
    expect([deed.rev, deed.title]).toEqual([1, 'a'])
    deed.title = 'c'
    await session.commit()
    expect(deed.rev).toBe(2)
  })

  it('VER-007 a new instance that takes over a row goes on with the version that the database makes', async () => {
    const { Sessions } = await openDeeds(db)
    await using session = Sessions()
    const old = new Deed({ code: 'a', title: 'old' })
    session.add(old)
    await session.commit()
    session.delete(old)
    const next = new Deed({ code: 'a', title: 'new' })
    session.add(next)
    await session.commit()
    expect([next.rev, state(next).status]).toEqual([2, 'persistent'])
    next.title = 'newer'
    await session.commit()
    expect(next.rev).toBe(3)
  })

  it('a version of the database is not for the program to set, and what the database changes may be', async () => {
    const { Sessions } = await openDeeds(db)
    await using session = Sessions()
    const deed = new Deed({ code: 'a', title: 'a', writer: 'me' })
    session.add(deed)
    await session.commit()
    expect(deed.writer).toBe('me')
    expect(() => Object.assign(deed, { rev: 9 })).toThrow(ArgumentError)
    expect(() => new Deed({ code: 'b', title: 'b', rev: 9 } as never)).toThrow(/read-only/)
  })
})

it('what cannot be left to the database is refused', () => {
  const withColumn = (rev: object) => () => entity('things', { id: integer().primaryKey(), rev })
  expect(withColumn(text().version('database'))).not.toThrow()
  expect(withColumn(integer().version().readOnly())).toThrow(/version\('database'\)/)
  expect(withColumn(integer().version('database').default(1))).toThrow(MappingError)
  expect(withColumn(integer().computed(sql`1`).version('database'))).toThrow(MappingError)
  expect(withColumn(integer().computed(sql`1`).serverOnUpdate())).toThrow(/serverOnUpdate\(\)/)
})
