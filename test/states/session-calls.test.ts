import { expect, it } from 'vitest'
import { type Connection, sql } from '../../src/index.ts'
import { connectionsOut } from '../behaviour/people.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { calls, openStates, outcomeOf, preparations } from './session-states.ts'

const names: Readonly<Record<string, string>> = {
  ok: 'ok',
  Pending: 'PendingRollbackError',
  Invalid: 'InvalidRequestError',
  Closed: 'ResourceClosedError',
}

/** A line for each call: what it gives in each state, in the order of the states. Repeated words stand for several states. */
function table(states: readonly string[], text: string): Map<string, string[]> {
  const lines = text.trim().split('\n')
  return new Map(
    lines.map((line) => {
      const [call = '', ...outcomes] = line.trim().split(/\s+/)
      expect(outcomes, `the outcomes of ${call}`).toHaveLength(states.length)
      return [call, outcomes.map((outcome) => names[outcome] ?? outcome)]
    }),
  )
}

const sessionTable = table(
  Object.keys(preparations),
  //           quiet   autobegun  begun   changes  savepoint  failed  failed in savepoint  closed
  `add         ok      ok         ok      ok       ok         ok      ok                   ok
  delete       ok      ok         ok      ok       ok         ok      ok                   ok
  expire       ok      ok         ok      ok       ok         ok      ok                   Invalid
  expunge      ok      ok         ok      ok       ok         ok      ok                   Invalid
  get          ok      ok         ok      ok       ok         Pending Pending              ok
  query        ok      ok         ok      ok       ok         Pending Pending              ok
  stream       ok      ok         ok      ok       ok         Pending Pending              ok
  execute      ok      ok         ok      ok       ok         Pending Pending              ok
  connection   ok      ok         ok      ok       ok         Pending Pending              ok
  refresh      ok      ok         ok      ok       ok         Pending Pending              Invalid
  merge        ok      ok         ok      ok       ok         ok      ok                   ok
  flush        ok      ok         ok      ok       ok         Pending Pending              ok
  begin        ok      Invalid    Invalid Invalid  Invalid    Invalid Invalid              ok
  beginBlock   ok      Invalid    Invalid Invalid  Invalid    Invalid Invalid              ok
  beginNested  ok      ok         ok      ok       ok         Pending Pending              ok
  nestedBlock  ok      ok         ok      ok       ok         Pending Pending              ok
  prepare      Invalid Invalid    Invalid Invalid  Invalid    Invalid Invalid              Invalid
  commit       ok      ok         ok      ok       ok         Pending Pending              ok
  rollback     ok      ok         ok      ok       ok         ok      ok                   ok
  close        ok      ok         ok      ok       ok         ok      ok                   ok
  reset        ok      ok         ok      ok       ok         ok      ok                   ok
  invalidate   ok      ok         ok      ok       ok         ok      ok                   ok
  afterCommit  ok      ok         ok      ok       ok         ok      ok                   ok`,
)

const connectionPreparations: Readonly<Record<string, (connection: Connection) => unknown>> = {
  open: () => {},
  autobegun: (connection) => connection.execute(sql`select 1 as one`),
  begun: (connection) => connection.begin(),
  savepoint: (connection) => connection.beginNested(),
  invalidated: async (connection) => {
    await connection.begin()
    connection.invalidate()
  },
  closed: (connection) => connection.close(),
}

const connectionCalls: Readonly<Record<string, (connection: Connection) => unknown>> = {
  execute: (connection) => connection.execute(sql`select 1 as one`),
  stream: async (connection) => {
    for await (const _ of connection.stream(sql`select 1 as one`)) break
  },
  begin: (connection) => connection.begin(),
  beginNested: (connection) => connection.beginNested(),
  commit: (connection) => connection.commit(),
  rollback: (connection) => connection.rollback(),
  close: (connection) => connection.close(),
  invalidate: (connection) => connection.invalidate(),
}

const connectionTable = table(
  Object.keys(connectionPreparations),
  //           open   autobegun  begun    savepoint  invalidated  closed
  `execute     ok     ok         ok       ok         Pending      Closed
  stream       ok     ok         ok       ok         Pending      Closed
  begin        ok     Invalid    Invalid  Invalid    Invalid      Closed
  beginNested  ok     ok         ok       ok         Pending      Closed
  commit       ok     ok         ok       ok         Pending      Closed
  rollback     ok     ok         ok       ok         ok           Closed
  close        ok     ok         ok       ok         ok           ok
  invalidate   ok     ok         ok       ok         ok           Closed`,
)

// One of the calls is invalidate(), and a database in memory goes with its connection.
onEvery({ needs: ['outlivesConnection'] }, (db) => {
  it('every call of a session in every state of it does what it should, and close() ends all of them', async () => {
    const { engine, inState } = await openStates(db)
    expect([...sessionTable.keys()].toSorted()).toEqual(Object.keys(calls).toSorted())
    for (const [name, call] of Object.entries(calls)) {
      const outcomes: Record<string, string> = {}
      for (const state of Object.keys(preparations)) {
        const { session, person } = await inState(state)
        outcomes[state] = await outcomeOf(() => call(session, person))
        await session.close()
        expect([session.inTransaction(), session.isActive], `${name} in ${state}, then close()`).toEqual([false, true])
      }
      expect(Object.values(outcomes), name).toEqual(sessionTable.get(name))
    }
    expect(connectionsOut(engine)).toBe(0)
  }, 60_000)
})

onEvery({}, (db) => {
  it('every call of a connection in every state of it does what it should, and close() ends all of them', async () => {
    const engine = openEngine(await db.freshUrl())
    for (const [name, call] of Object.entries(connectionCalls)) {
      const outcomes: string[] = []
      for (const prepare of Object.values(connectionPreparations)) {
        const connection = await engine.connect()
        await prepare(connection)
        outcomes.push(await outcomeOf(() => call(connection)))
        await connection.close()
        expect(connection.closed).toBe(true)
      }
      expect(outcomes, name).toEqual(connectionTable.get(name))
    }
    expect(connectionsOut(engine)).toBe(0)
  })
})
