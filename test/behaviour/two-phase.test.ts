import { chmodSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest'
import {
  CommitUnknownError,
  type Connection,
  createAll,
  type Engine,
  InvalidRequestError,
  objectSession,
  PendingRollbackError,
  type Session,
  type SessionOptions,
  sessionmaker,
} from '../../src/index.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { openEngine } from '../support/engines.ts'
import { type Faults, injectFaults } from '../support/faulty-driver.ts'
import { onEvery } from '../support/index.ts'
import { connectPostgres, type PostgresSource, startEmbedded } from '../support/servers/postgres.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import { Account, connectionsOut, Person } from './people.ts'

const prepareText = /^(?:prepare transaction|xa prepare)/
const commitText = /^(?:commit prepared|xa commit)/
const rollbackText = /^(?:rollback prepared|xa rollback)/

/** An engine with an empty table of people and one of accounts. */
async function openOne(freshUrl: () => Promise<string>) {
  const engine = openEngine(await freshUrl())
  await createAll(engine, [Person, Account])
  await engine.dispose()
  const faults = injectFaults(engine)
  return { engine, faults }
}

/** Two databases and sessions that keep people in one and accounts in the other. */
async function openTwo(freshUrl: () => Promise<string>, options: SessionOptions = {}) {
  const one = await openOne(freshUrl)
  const two = await openOne(freshUrl)
  const binds = new Map<typeof Person | typeof Account, Engine>([
    [Person, one.engine],
    [Account, two.engine],
  ])
  const Sessions = sessionmaker({ binds, twophase: true, ...options })
  return { one, two, Sessions }
}

/** Both, in the order in which a session commits them. */
function inOrder<T extends { readonly engine: Engine }>(session: Session, one: T, two: T): readonly [T, T] {
  const [first] = session.getTransaction()?.enlistments.keys() ?? []
  return first === one.engine ? [one, two] : [two, one]
}

/** The names under which transactions were prepared. */
function xidsIn(faults: Faults): string[] {
  return faults.calls.filter((text) => prepareText.test(text)).map((text) => /'(.*)'/.exec(text)?.[1] ?? '')
}

async function recoverable(engine: Engine): Promise<readonly string[]> {
  await using connection = await engine.connect()
  return connection.recoverTwoPhase()
}

/** A server may keep a transaction of a lost connection to that for a moment. */
async function finish(engine: Engine, how: 'commitPrepared' | 'rollbackPrepared', xid: string): Promise<void> {
  await using connection = await engine.connect()
  for (let attempt = 1; ; attempt++) {
    try {
      return await connection[how](xid)
    } catch (error) {
      if (attempt === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

async function peopleIn(engine: Engine): Promise<number> {
  return engine.begin(async (connection) => count(connection, 'people'))
}

async function accountsIn(engine: Engine): Promise<number> {
  return engine.begin(async (connection) => count(connection, 'accounts'))
}

async function count(connection: Connection, table: string): Promise<number> {
  const result = await connection.execute(sql<{ n: number }>`select count(*) as n from ${sql.table(table)}`)
  return Number(result.all()[0]?.n)
}

const insertPerson = (name: string) => sql`insert into people (name, active) values (${name}, true)`
const addEd = insertPerson('ed')
const rename = (id: number) => sql`update people set nickname = 'x' where id = ${id}`

/** What holds on every database that can prepare transactions. */
function promises(freshUrl: () => Promise<string>): void {
  it('TXN-042 a prepared transaction can only be ended, and is stored by its commit alone', async () => {
    const { engine } = await openOne(freshUrl)
    await using connection = await engine.connect()
    const transaction = await connection.beginTwoPhase()
    const xid = transaction.xid as string
    await connection.execute(addEd)
    await connection.beginNested(() => connection.execute(addEd).then(() => {}))
    await connection.prepare()
    expect([await recoverable(engine), await peopleIn(engine)]).toEqual([expect.arrayContaining([xid]), 0])
    for (const call of [
      () => connection.execute(addEd),
      () => connection.beginNested(),
      () => connection.prepare(),
      () => connection.commitPrepared(xid),
    ]) {
      expect(await thrownBy(call)).toBeInstanceOf(InvalidRequestError)
    }
    expect([transaction.isActive, connection.inTransaction()]).toEqual([true, true])
    await connection.commit()
    expect([transaction.isEnded, connection.inTransaction(), await peopleIn(engine)]).toEqual([true, false, 2])
    expect(await recoverable(engine)).not.toContain(xid)
    await connection.execute(addEd)
    await connection.commit()
    expect(await peopleIn(engine)).toBe(3)
  })

  it('TXN-042 commit() of a two-phase transaction prepares it by itself; rollback() and close() undo it, prepared or not', async () => {
    const { engine, faults } = await openOne(freshUrl)
    await using connection = await engine.connect()
    await connection.beginTwoPhase()
    await connection.execute(addEd)
    await connection.commit()
    expect(faults.calls.filter((text) => prepareText.test(text) || commitText.test(text))).toHaveLength(2)
    for (const isPrepared of [false, true]) {
      for (const end of ['rollback', 'close'] as const) {
        await using other = await engine.connect()
        await other.beginTwoPhase()
        await other.execute(addEd)
        if (isPrepared) await other.prepare()
        await other[end]()
      }
    }
    const xids = xidsIn(faults)
    expect(xids).toHaveLength(3)
    expect((await recoverable(engine)).filter((xid) => xids.includes(xid))).toEqual([])
    expect(await peopleIn(engine)).toBe(1)
  })

  it("TXN-042 the name of a two-phase transaction may be the program's own, with quotes and all; a wrong one is refused", async () => {
    const { engine } = await openOne(freshUrl)
    await using connection = await engine.connect()
    const xid = `it's \\ "mine" ${Math.random()}`
    await connection.beginTwoPhase(xid)
    await connection.execute(addEd)
    await connection.prepare()
    expect(await recoverable(engine)).toContain(xid)
    await connection.commit()
    expect(await peopleIn(engine)).toBe(1)
    for (const wrong of ['', 'a\0b', 'x'.repeat(200), 7 as never]) {
      await expect(connection.beginTwoPhase(wrong)).rejects.toThrow(/name of a two-phase transaction/)
      await expect(connection.commitPrepared(wrong)).rejects.toThrow(/name of a two-phase transaction/)
    }
    await connection.begin()
    await expect(connection.beginTwoPhase()).rejects.toThrow(InvalidRequestError)
    await expect(connection.prepare()).rejects.toThrow(/no two-phase transaction/)
  })

  it('TXN-042 a commit whose connection is lost leaves the transaction prepared, and the error says under which name', async () => {
    const { engine, faults } = await openOne(freshUrl)
    await using connection = await engine.connect()
    const { xid } = await connection.beginTwoPhase()
    await connection.execute(addEd)
    await connection.prepare()
    faults.plan(commitText, 'cut')
    const error = (await thrownBy(() => connection.commit())) as Error
    expect(error).toBeInstanceOf(CommitUnknownError)
    expect(error.message).toContain(`'${xid}'`)
    await connection.rollback()
    expect(await recoverable(engine)).toContain(xid)
    await finish(engine, 'commitPrepared', xid as string)
    expect([await peopleIn(engine), (await recoverable(engine)).includes(xid as string)]).toEqual([1, false])
  })

  it('TXN-042 a connection that is closed and cannot roll back what it prepared warns of the name', async () => {
    const { engine, faults } = await openOne(freshUrl)
    const connection = await engine.connect()
    const { xid } = await connection.beginTwoPhase()
    await connection.execute(addEd)
    await connection.prepare()
    faults.plan(rollbackText, 'refuse')
    const warnings = await warningsDuring(() => connection.close())
    expect(warnings).toMatchObject([{ code: 'HEDDLE_LEFT_PREPARED', message: expect.stringContaining(`'${xid}'`) }])
    await finish(engine, 'rollbackPrepared', xid as string)
    expect(await peopleIn(engine)).toBe(0)
  })

  it('TXN-042 the victim of a deadlock can only be rolled back, and its connection is good for the next transaction', async () => {
    const { engine } = await openOne(freshUrl)
    await engine.begin(async (connection) => {
      for (const name of ['ed', 'jack']) await connection.execute(insertPerson(name))
    })
    await using one = await engine.connect()
    await using two = await engine.connect()
    await one.beginTwoPhase()
    await two.beginTwoPhase()
    await one.execute(rename(1))
    await two.execute(rename(2))
    const results = await Promise.allSettled([one.execute(rename(2)), two.execute(rename(1))])
    const [victim, winner] = results[0].status === 'rejected' ? [one, two] : [two, one]
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1)
    await expect(victim.prepare()).rejects.toThrow(PendingRollbackError)
    await victim.rollback()
    await winner.commit()
    expect(victim.invalidated).toBe(false)
    await victim.beginTwoPhase()
    await victim.execute(addEd)
    await victim.commit()
    expect(await peopleIn(engine)).toBe(3)
  })

  it('TXN-042 a session prepares every connection before it commits any', async () => {
    const { one, two, Sessions } = await openTwo(freshUrl)
    two.engine.on('connect', ({ resource }) => one.faults.watch(resource as never))
    await Sessions.begin((session) => {
      session.add(new Person({ name: 'ed' }))
      session.add(new Account({ email: 'e@x.org' }))
    })
    const steps = one.faults.calls.map((text) =>
      prepareText.test(text) ? 'prepare' : commitText.test(text) ? 'commit' : '',
    )
    expect(steps.filter((step) => step !== '')).toEqual(['prepare', 'prepare', 'commit', 'commit'])
    expect([await peopleIn(one.engine), await accountsIn(two.engine)]).toEqual([1, 1])
    expect([connectionsOut(one.engine), connectionsOut(two.engine)]).toEqual([0, 0])
  })

  it('TXN-042 a failure to prepare rolls everything back, new objects leave the session, and the error is thrown on', async () => {
    const { one, two, Sessions } = await openTwo(freshUrl)
    await using session = Sessions()
    const ed = new Person({ name: 'ed' })
    const account = new Account({ email: 'e@x.org' })
    session.addAll([ed, account])
    await session.flush()
    const [first, second] = inOrder(session, one, two)
    const failure = second.faults.plan(prepareText, 'refuse')
    expect(((await thrownBy(() => session.commit())) as Error).cause).toBe(failure)
    expect([objectSession(ed), objectSession(account), session.inTransaction()]).toEqual([undefined, undefined, false])
    expect([connectionsOut(one.engine), connectionsOut(two.engine)]).toEqual([0, 0])
    const [xid = ''] = xidsIn(first.faults)
    expect(xid).toMatch(/^heddle_/)
    expect([await peopleIn(one.engine), await accountsIn(two.engine)]).toEqual([0, 0])
    expect(await recoverable(first.engine)).not.toContain(xid)
    session.addAll([ed, account])
    await session.commit()
    expect([await peopleIn(one.engine), await accountsIn(two.engine)]).toEqual([1, 1])
  })

  it('TXN-042 once one connection has committed, what is prepared on the others stays, and the error says their names', async () => {
    const { one, two, Sessions } = await openTwo(freshUrl)
    await using session = Sessions()
    session.addAll([new Person({ name: 'ed' }), new Account({ email: 'e@x.org' })])
    await session.flush()
    const [, second] = inOrder(session, one, two)
    second.faults.plan(commitText, 'refuse')
    const error = (await thrownBy(() => session.commit())) as Error
    const [xid = ''] = xidsIn(second.faults)
    expect(error.message).toContain(`'${xid}'`)
    expect(error.message).toContain('1 of 2 connections had committed')
    await session.rollback()
    await session.close()
    expect(await recoverable(second.engine)).toContain(xid)
    await finish(second.engine, 'commitPrepared', xid)
    expect([await peopleIn(one.engine), await accountsIn(two.engine)]).toEqual([1, 1])
  })

  it('TXN-042 a commit that the first connection refuses for certain rolls back what is prepared everywhere', async () => {
    const { one, two, Sessions } = await openTwo(freshUrl)
    await using session = Sessions()
    session.addAll([new Person({ name: 'ed' }), new Account({ email: 'e@x.org' })])
    await session.prepare()
    const [first] = inOrder(session, one, two)
    first.faults.plan(commitText, 'refuse')
    await expect(session.commit()).rejects.toThrow(/was not committed by this call/)
    expect(session.isActive).toBe(false)
    await session.rollback()
    const xids = [...xidsIn(one.faults), ...xidsIn(two.faults)]
    expect(xids).toHaveLength(2)
    const left = [...(await recoverable(one.engine)), ...(await recoverable(two.engine))]
    expect(left.filter((xid) => xids.includes(xid))).toEqual([])
    expect([await peopleIn(one.engine), await accountsIn(two.engine)]).toEqual([0, 0])
  })

  it('TXN-028 after prepare() any SQL of the session is refused until the transaction ends', async () => {
    const { one, two, Sessions } = await openTwo(freshUrl, { bind: openEngine(await freshUrl()) })
    await using session = Sessions()
    for (const end of ['rollback', 'close', 'commit'] as const) {
      session.addAll([new Person({ name: 'ed' }), new Account({ email: 'e@x.org' })])
      await session.prepare()
      expect(session.getTransaction()?.state).toBe('prepared')
      for (const call of [
        () => session.query(Person).all(),
        () => session.execute(sql`select 1`),
        () => session.beginNested(),
        () => session.connection(),
        () => session.prepare(),
      ]) {
        const refused = (await thrownBy(call)) as Error
        expect(refused).toBeInstanceOf(InvalidRequestError)
        expect(refused.message).toContain('prepared')
      }
      await session[end]()
      const stored = end === 'commit' ? 1 : 0
      expect([await peopleIn(one.engine), await accountsIn(two.engine)]).toEqual([stored, stored])
    }
  })

  it('TXN-042 prepare() is refused without twophase, and while a savepoint is open', async () => {
    const { one, Sessions } = await openTwo(freshUrl)
    await using plain = sessionmaker({ bind: one.engine })()
    await expect(plain.prepare()).rejects.toThrow(/'twophase' mode is not enabled/)
    await using session = Sessions()
    await session.beginNested(async () => {
      session.add(new Person({ name: 'ed' }))
      await expect(session.prepare()).rejects.toThrow(/savepoint/)
    })
    await session.commit()
    expect(await peopleIn(one.engine)).toBe(1)
  })

  it('TXN-042 what is added in a block after prepare() is refused, as it would be part of no transaction', async () => {
    const { one, Sessions } = await openTwo(freshUrl)
    await Sessions.begin(async (session) => {
      session.add(new Person({ name: 'ed' }))
      await session.prepare()
      expect(() => session.add(new Person({ name: 'late' }))).toThrow(InvalidRequestError)
    })
    expect(await peopleIn(one.engine)).toBe(1)
  })

  it("TXN-042 a two-phase session joins only a transaction that it may prepare: the caller's own two-phase one", async () => {
    const { engine } = await openOne(freshUrl)
    await using connection = await engine.connect()
    await connection.begin()
    await using refused = sessionmaker({ bind: connection, twophase: true })()
    await expect(refused.query(Person).all()).rejects.toThrow(/cannot join/)
    await refused.close()
    await connection.rollback()
    await connection.beginTwoPhase()
    const Joined = sessionmaker({ bind: connection, twophase: true, joinTransactionMode: 'control_fully' })
    await Joined.begin((session) => session.add(new Person({ name: 'ed' })))
    expect([connection.inTransaction(), await peopleIn(engine)]).toEqual([false, 1])
  })
}

describe('on a PostgreSQL that may prepare transactions', () => {
  let source: PostgresSource | undefined
  let reason = ''
  let made = 0

  beforeAll(async () => {
    const folder = mkdtempSync(join(inject('databases').folder, 'two-phase-'))
    // The server runs as another user and has to pass through it.
    chmodSync(folder, 0o711)
    try {
      source = await startEmbedded(folder, ['max_prepared_transactions=10'])
    } catch (error) {
      reason = `no PostgreSQL of its own: ${error instanceof Error ? error.message : error}`
      console.log(`Two-phase commit on PostgreSQL is not covered by this run: ${reason}`)
    }
  }, 120_000)

  afterAll(() => source?.stop?.())

  beforeEach(({ skip }) => skip(source === undefined, reason))

  promises(async () => {
    if (source === undefined) throw new Error(reason)
    const name = `two_phase_${++made}`
    const client = await connectPostgres(source.server.url)
    try {
      await client.query(`create database ${name}`)
    } finally {
      await client.end()
    }
    const url = new URL(source.server.url)
    url.pathname = `/${name}`
    return url.href
  })
})

onEvery({ on: ['mysql'] }, (db) => promises(() => db.freshUrl()))

onEvery({ on: ['postgres', 'pglite'] }, (db) => {
  it('TXN-042 a PostgreSQL that may not prepare transactions says what to set', async ({ skip }) => {
    const engine = openEngine(db)
    await using connection = await engine.connect()
    const result = await connection.execute(
      sql<{ n: string }>`select current_setting('max_prepared_transactions') as n`,
    )
    await connection.rollback()
    skip(result.all()[0]?.n !== '0', 'This server may prepare transactions.')
    await connection.beginTwoPhase()
    await connection.execute(sql`select 1`)
    await expect(connection.prepare()).rejects.toThrow(/set max_prepared_transactions to more than 0/)
    await connection.rollback()
    expect(connection.inTransaction()).toBe(false)
  })
})

onEvery({ on: ['sqlite'] }, (db) => {
  it('TXN-042 SQLite has no two-phase commit, and says so', async () => {
    const engine = openEngine(db)
    await using connection = await engine.connect()
    const refusal = /no two-phase commit/
    await expect(connection.beginTwoPhase()).rejects.toThrow(refusal)
    await expect(connection.recoverTwoPhase()).rejects.toThrow(refusal)
    await expect(connection.commitPrepared('a')).rejects.toThrow(refusal)
    expect(connection.inTransaction()).toBe(false)
    await using session = sessionmaker({ bind: engine, twophase: true })()
    onTestFinished(() => session.close())
    await expect(session.execute(sql`select 1`)).rejects.toThrow(refusal)
    await session.close()
    expect(connectionsOut(engine)).toBe(1)
  })
})
