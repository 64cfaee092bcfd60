import { expect, it, onTestFinished } from 'vitest'
import {
  type Connection,
  createAll,
  type JoinTransactionMode,
  type Session,
  sessionmaker,
  sql,
  state,
} from '../../src/index.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import { Account, connectionsOut, Person } from './people.ts'

onEvery({}, (db) => {
  /** A connection in an outer transaction that has written 'outer', and a session on it. */
  const join = async (mode?: JoinTransactionMode) => {
    const { engine, connection } = await connectOuter(db)
    await connection.begin()
    await write(connection, 'outer')
    const options = mode === undefined ? {} : { joinTransactionMode: mode }
    const session = sessionmaker({ bind: connection, ...options })()
    return { engine, connection, session }
  }

  it("TXN-040 by default a session's commit and close leave the outer transaction open, and its rollback rolls that back", async () => {
    const { connection, session } = await join()
    await add(session, 'committed')
    await session.commit()
    expect([connection.inTransaction(), await names(connection)]).toEqual([true, ['outer', 'committed']])
    await add(session, 'closed')
    await session.close()
    expect([connection.inTransaction(), await names(connection)]).toEqual([true, ['outer', 'committed', 'closed']])
    await add(session, 'rolled back')
    await session.rollback()
    expect(connection.inTransaction()).toBe(false)
    expect(await names(connection)).toEqual([])
  })

  it('TXN-040 with rollback_only the same', async () => {
    const { connection, session } = await join('rollback_only')
    await add(session, 'committed')
    await session.commit()
    expect(connection.inTransaction()).toBe(true)
    await add(session, 'rolled back')
    await session.rollback()
    expect(connection.inTransaction()).toBe(false)
    expect(await names(connection)).toEqual([])
  })

  it('TXN-040 with create_savepoint the outer transaction survives commit, close and rollback', async () => {
    const { connection, session } = await join('create_savepoint')
    await add(session, 'committed')
    await session.commit()
    await add(session, 'closed')
    await session.close()
    const ed = await add(session, 'rolled back')
    await session.rollback()
    expect(state(ed).transient).toBe(true)
    expect([connection.inTransaction(), connection.inNestedTransaction()]).toEqual([true, false])
    expect(await names(connection)).toEqual(['outer', 'committed'])
    await connection.rollback()
    expect(await names(connection)).toEqual([])
  })

  it('TXN-040 with create_savepoint a failed flush is undone alone', async () => {
    const { connection, session } = await join('create_savepoint')
    session.addAll([new Account({ email: 'e@x.org' }), new Account({ email: 'e@x.org' })])
    await thrownBy(() => session.flush())
    await session.rollback()
    expect([connection.inTransaction(), await names(connection)]).toEqual([true, ['outer']])
    await connection.commit()
  })

  it('TXN-040 with control_fully each of the three ends the outer transaction', async () => {
    for (const end of ['commit', 'close', 'rollback'] as const) {
      const { connection, session } = await join('control_fully')
      await add(session, 'inner')
      await session[end]()
      expect(connection.inTransaction()).toBe(false)
      expect(await names(connection)).toEqual(end === 'commit' ? ['outer', 'inner'] : [])
      await connection.close()
    }
  })

  it('TXN-041 by default, in a savepoint of the outer transaction, a session works in one of its own', async () => {
    const { connection, session } = await join()
    const savepoint = await connection.beginNested()
    await write(connection, 'in the savepoint')
    await add(session, 'rolled back')
    await session.rollback()
    expect([savepoint.isActive, connection.inNestedTransaction()]).toEqual([true, true])
    expect(await names(connection)).toEqual(['outer', 'in the savepoint'])
    await add(session, 'committed')
    await session.commit()
    expect(await names(connection)).toEqual(['outer', 'in the savepoint', 'committed'])
    await savepoint.rollback()
    expect(await names(connection)).toEqual(['outer'])
    await connection.rollback()
  })

  it('a session on a connection without a transaction begins one, and leaves the connection to its owner', async () => {
    const { engine, connection } = await connectOuter(db)
    const session = sessionmaker({ bind: connection })()
    await add(session, 'ed')
    expect(connection.inTransaction()).toBe(true)
    await session.commit()
    expect([connection.inTransaction(), connection.closed, connectionsOut(engine)]).toEqual([false, false, 1])
    await add(session, 'never')
    await session.close()
    expect([connection.inTransaction(), connection.closed]).toEqual([false, false])
    expect(await names(connection)).toEqual(['ed'])
  })

  it('savepoints of a session that joined are set on the connection, and rolled back alone', async () => {
    for (const mode of ['rollback_only', 'create_savepoint', 'control_fully'] as const) {
      const { connection, session } = await join(mode)
      await add(session, 'kept')
      const nested = await session.beginNested()
      await add(session, 'undone')
      await nested.rollback()
      expect(await names(connection)).toEqual(['outer', 'kept'])
      await session.commit()
      await connection.rollback()
      await connection.close()
    }
  })

  it('a savepoint that the owner has ended under a session is warned of at its rollback', async () => {
    const { connection, session } = await join('create_savepoint')
    await add(session, 'lost')
    await connection.rollback()
    const warnings = await warningsDuring(() => session.rollback())
    expect(warnings.map(({ code }) => code)).toEqual(['HEDDLE_SAVEPOINT_LOST'])
    expect(session.inTransaction()).toBe(false)
    await add(session, 'new')
    await session.commit()
    await connection.close()
  })
})

// A database in memory goes with its connection.
onEvery({ needs: ['outlivesConnection'] }, (db) => {
  it('TXN-043 invalidate() closes the session and has the pool discard its connection; the next use gets a valid one', async () => {
    const engine = openEngine(db)
    await createAll(engine, [Person, Account])
    const discarded: unknown[] = []
    engine.on('invalidate', (event) => void discarded.push(event))
    await using session = sessionmaker({ bind: engine })()
    const ed = await add(session, 'never')
    const connection = await session.connection()
    await session.invalidate()
    expect([discarded.length, connectionsOut(engine), session.inTransaction()]).toEqual([1, 0, false])
    expect([connection.closed, state(ed).session]).toEqual([true, undefined])
    expect(await session.query(Person).where('name', '=', 'never').count()).toBe(0)
    await session.commit()
  })
})

async function connectOuter(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [Person, Account])
  const connection = await engine.connect()
  onTestFinished(() => connection.close())
  return { engine, connection }
}

async function add(session: Session, name: string): Promise<Person> {
  const person = new Person({ name })
  session.add(person)
  await session.flush()
  return person
}

async function write(connection: Connection, name: string): Promise<void> {
  await connection.execute(sql`insert into people (name, active) values (${name}, ${true})`)
}

async function names(connection: Connection): Promise<unknown[]> {
  const { rows } = await connection.execute<{ name: string }>(sql`select name from people order by id`)
  return rows.map(({ name }) => name)
}
