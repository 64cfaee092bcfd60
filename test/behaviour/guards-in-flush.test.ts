import { expect, it, onTestFinished } from 'vitest'
import {
  createAll,
  entity,
  InvalidRequestError,
  integer,
  manyToOne,
  on,
  oneToMany,
  PendingRollbackError,
  SessionAlreadyFlushingError,
  sessionmaker,
  sql,
  text,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'

class Team extends entity('guard_teams', {
  id: integer().primaryKey(),
  name: text(),
  get players() {
    return oneToMany(() => Player, { backPopulates: 'team' })
  },
}) {}

class Player extends entity('guard_players', {
  id: integer().primaryKey(),
  name: text(),
  teamId: integer().nullable().references('guard_teams.id'),
  get team() {
    return manyToOne(() => Team, { foreignKey: 'teamId', backPopulates: 'players' }).nullable()
  },
}) {}

async function openTeams(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [Team, Player])
  return sessionmaker({ bind: engine })
}

type Sessions = Awaited<ReturnType<typeof openTeams>>
type TheSession = ReturnType<Sessions>

/** Listens for the rest of this test. */
const listen = ((...given: Parameters<typeof on>) => onTestFinished(on(...given))) as unknown as typeof on

/** What a call between the statements of a flush throws; the flush goes on. */
async function thrownBetween(session: TheSession, call: (target: Team) => unknown): Promise<unknown> {
  let thrown: unknown = 'nothing'
  const off = on(Team, 'beforeInsert', async ({ target }) => {
    try {
      await call(target)
    } catch (error) {
      thrown = error
    }
  })
  session.add(new Team({ name: 'reds' }))
  await session.flush()
  off()
  return thrown
}

onEvery({}, (db) => {
  it('GUARD-001 flush() from beforeFlush or from a listener between the statements is refused, and fails the flush where it is not caught', async () => {
    const Sessions = await openTeams(db)
    await using session = Sessions()
    const off = session.on('beforeFlush', () => session.flush())
    session.add(new Team({ name: 'reds' }))
    await expect(session.flush()).rejects.toThrow(SessionAlreadyFlushingError)
    off()
    await session.flush()
    listen(Team, 'afterInsert', ({ session }) => session.flush())
    session.add(new Team({ name: 'blues' }))
    await expect(session.flush()).rejects.toThrow(/already flushing/)
    await expect(session.query(Team).all()).rejects.toThrow(PendingRollbackError)
    await session.rollback()
    expect(await session.query(Team).count()).toBe(0)
  })

  it('GUARD-002 a query in beforeFlush starts no other flush, and what is added and deleted there joins the running one', async () => {
    const Sessions = await openTeams(db)
    await using session = Sessions()
    const old = new Team({ name: 'old' })
    session.add(old)
    await session.commit()
    let calls = 0
    session.on('beforeFlush', async () => {
      calls++
      const [first] = await session.query(Team).all()
      session.delete(first as Team)
      session.add(new Team({ name: 'added' }))
    })
    session.add(new Team({ name: 'new' }))
    await session.flush()
    expect(calls).toBe(1)
    expect(session.new.size).toBe(0)
    const names = await session.query(Team).orderBy('name').all()
    expect(names.map(({ name }) => name)).toEqual(['added', 'new'])
  })

  it('GUARD-011 add, addAll, delete, deleteAll and merge between the statements are refused, each by its name', async () => {
    const Sessions = await openTeams(db)
    await using session = Sessions()
    const calls: [string, (target: Team) => unknown][] = [
      ['add()', () => session.add(new Team({ name: 'x' }))],
      ['addAll()', () => session.addAll([new Team({ name: 'x' })])],
      ['delete()', (target) => session.delete(target)],
      ['deleteAll()', (target) => session.deleteAll([target])],
      ['merge()', () => session.merge(new Team({ name: 'x' }))],
      ['mergeAll()', () => session.mergeAll([new Team({ name: 'x' })])],
    ]
    for (const [name, call] of calls) {
      const thrown = await thrownBetween(session, call)
      expect(thrown, name).toBeInstanceOf(InvalidRequestError)
      expect(String(thrown)).toContain(name === 'mergeAll()' ? 'merge()' : name)
    }
    expect(await session.query(Team).count()).toBe(calls.length)
  })

  it('GUARD-011 the asynchronous continuation of a listener is recognised, while another branch of the program may add for the next flush', async () => {
    const Sessions = await openTeams(db)
    await using session = Sessions()
    const reached = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    let thrown: unknown
    listen(Team, 'beforeInsert', async ({ target }) => {
      if (target.name !== 'reds') return
      reached.resolve()
      await goOn.promise
      await new Promise((resolve) => setTimeout(resolve, 1))
      try {
        session.add(new Team({ name: 'inside' }))
      } catch (error) {
        thrown = error
      }
    })
    session.add(new Team({ name: 'reds' }))
    const flushed = session.flush()
    await reached.promise
    session.add(new Team({ name: 'beside' }))
    goOn.resolve()
    await flushed
    expect(thrown).toBeInstanceOf(InvalidRequestError)
    expect([...session.new].map((one) => (one as Team).name)).toEqual(['beside'])
    await session.commit()
    const names = await Sessions.begin((other) => other.query(Team).orderBy('name').all())
    expect(names.map(({ name }) => name)).toEqual(['beside', 'reds'])
  })

  it('GUARD-012 changing a relation between the statements is refused from either side, naming the relation and the kind', async () => {
    const Sessions = await openTeams(db)
    await using session = Sessions()
    const player = new Player({ name: 'ann' })
    const member = new Player({ name: 'bob' })
    const home = new Team({ name: 'home', players: [member] })
    session.addAll([player, home])
    await session.flush()
    const set = await thrownBetween(session, (target) => {
      player.team = target
    })
    expect(String(set)).toMatch(/Player\.team: related attribute set/)
    expect(await player.team).toBeNull()
    const append = await thrownBetween(session, (target) => target.players.add(player))
    expect(String(append)).toMatch(/Team\.players: collection append/)
    const remove = await thrownBetween(session, () => home.players.remove(member))
    expect(String(remove)).toMatch(/Team\.players: collection remove/)
    expect(await home.players).toEqual([member])
    expect(await member.team).toBe(home)
    const made = await thrownBetween(session, (target) => new Player({ name: 'new', team: target }))
    expect(made).toBeInstanceOf(InvalidRequestError)
    expect(session.isModified(player)).toBe(false)
    expect(session.new.size).toBe(0)
  })

  it('GUARD-014 commit, rollback, close, reset and savepoints between the statements are refused, the flush goes on, and begin() says that one has begun', async () => {
    const Sessions = await openTeams(db)
    await using session = Sessions()
    const calls: [string, () => Promise<unknown>][] = [
      ['commit()', () => session.commit()],
      ['rollback()', () => session.rollback()],
      ['close()', () => session.close()],
      ['reset()', () => session.reset()],
      ['invalidate()', () => session.invalidate()],
      ['beginNested()', () => session.beginNested()],
      ['transaction.commit()', () => (session.getTransaction() as { commit(): Promise<void> }).commit()],
      ['transaction.rollback()', () => (session.getTransaction() as { rollback(): Promise<void> }).rollback()],
      ['begin()', () => session.begin()],
    ]
    for (const [name, call] of calls) {
      const thrown = await thrownBetween(session, call)
      expect(thrown, name).toBeInstanceOf(InvalidRequestError)
      expect(String(thrown)).toContain(name)
    }
    expect(session.isActive).toBe(true)
    await session.commit()
    expect(await session.query(Team).count()).toBe(calls.length)
  })

  it('GUARD-014 a listener that does not catch the refusal fails the flush, and the session is usable after a rollback', async () => {
    const Sessions = await openTeams(db)
    await using session = Sessions()
    const off = on(Team, 'afterInsert', ({ session }) => session.commit())
    const team = new Team({ name: 'reds' })
    session.add(team)
    await expect(session.flush()).rejects.toThrow(/inside a flush/)
    off()
    await session.rollback()
    expect(team.id).toBeNull()
    session.add(team)
    await session.commit()
    expect(await session.query(Team).count()).toBe(1)
  })

  it('GUARD-015 a listener of afterTransactionCreate may run SQL without beginning endlessly', async () => {
    const Sessions = await openTeams(db)
    await using session = Sessions()
    let created = 0
    const ran: Promise<unknown>[] = []
    session.on('afterTransactionCreate', () => {
      created++
      ran.push(session.execute(sql`select 1`))
    })
    await session.begin()
    await Promise.all(ran)
    expect(created).toBe(1)
    await session.commit()
  })

  it('GUARD-004 what is refused with PendingRollbackError leaves no flush behind: after rollback() the session works', async () => {
    const Sessions = await openTeams(db)
    await using session = Sessions()
    session.add(new Team({ id: 1, name: 'reds' }))
    session.add(new Team({ id: 1, name: 'reds again' }))
    await expect(session.flush()).rejects.toThrow()
    const refused = [
      () => session.flush(),
      () => session.execute(sql`insert into guard_teams (id, name) values (${2}, ${'blues'})`),
      () => session.execute(sql`update guard_teams set name = ${'greens'}`),
      () => session.commit(),
    ]
    for (const call of refused) await expect(call()).rejects.toThrow(PendingRollbackError)
    await session.rollback()
    session.add(new Team({ id: 1, name: 'whites' }))
    await session.flush()
    await session.execute(sql`insert into guard_teams (id, name) values (${2}, ${'blues'})`)
    await session.commit()
    expect((await session.query(Team).orderBy('id').all()).map(({ name }) => name)).toEqual(['whites', 'blues'])
  })

  it('a query and a statement between the statements run in the same transaction', async () => {
    const Sessions = await openTeams(db)
    await using session = Sessions()
    const seen: unknown[] = []
    listen(Team, 'afterInsert', async ({ target, connection, session }) => {
      seen.push((await connection.execute(sql`select count(*) as n from guard_teams`)).scalar())
      seen.push(await session.query(Team).where('id', '=', target.id).count())
    })
    session.add(new Team({ name: 'reds' }))
    await session.flush()
    expect(seen.map(Number)).toEqual([1, 1])
    await session.rollback()
  })
})
