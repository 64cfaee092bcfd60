import { type Engine, type Session, sessionmaker, sql } from '../../src/index.ts'
import { Account, openPeople, Person } from '../behaviour/people.ts'
import type { TestDatabase } from '../support/index.ts'

/** A session in a state, with an instance to work on. */
export interface Prepared {
  readonly session: Session
  readonly person: Person
}

type Prepare = (session: Session, person: Person) => Promise<unknown>

const failFlush: Prepare = async (session) => {
  session.addAll([new Account({ email: 'same' }), new Account({ email: 'same' })])
  await session.flush().catch(() => {})
}

/** How a session comes into each state that a program can tell. Each begins with a session that has 'ed', stored and loaded. */
export const preparations: Readonly<Record<string, Prepare>> = {
  quiet: async () => {},
  autobegun: (session) => session.query(Person).count(),
  begun: (session) => session.begin(),
  'with changes': async (session, person) => {
    person.nickname = 'changed'
    session.add(new Person({ name: 'new' }))
  },
  'in a savepoint': (session) => session.beginNested(),
  failed: failFlush,
  'failed in a savepoint': async (session, person) => {
    await session.beginNested()
    await failFlush(session, person)
  },
  closed: (session) => session.close(),
}

export type SessionCall = (session: Session, person: Person) => unknown

/** Every method of a session that has to do with its state. */
export const calls: Readonly<Record<string, SessionCall>> = {
  add: (session) => session.add(new Person({ name: 'added' })),
  delete: (session, person) => session.delete(person),
  expire: (session, person) => session.expire(person),
  expunge: (session, person) => session.expunge(person),
  get: (session) => session.get(Person, 77),
  query: (session) => session.query(Person).all(),
  stream: async (session) => {
    for await (const _ of session.query(Person).stream()) break
  },
  execute: (session) => session.execute(sql`select 1 as one`),
  connection: (session) => session.connection(),
  refresh: (session, person) => session.refresh(person),
  merge: (session) => session.merge(new Person({ name: 'merged' })),
  flush: (session) => session.flush(),
  begin: (session) => session.begin(),
  beginBlock: (session) => session.begin(() => 'in the block'),
  beginNested: (session) => session.beginNested(),
  nestedBlock: (session) => session.beginNested(() => 'in the savepoint'),
  prepare: (session) => session.prepare(),
  commit: (session) => session.commit(),
  rollback: (session) => session.rollback(),
  close: (session) => session.close(),
  reset: (session) => session.reset(),
  invalidate: (session) => session.invalidate(),
  afterCommit: (session) => session.afterCommit(() => {}),
}

export async function openStates(
  db: TestDatabase,
  options = {},
): Promise<{ engine: Engine; inState(state: string): Promise<Prepared> }> {
  const { engine } = await openPeople(db)
  const Sessions = sessionmaker({ bind: engine, ...options })
  const inState = async (state: string) => {
    await engine.begin(({ db: kysely }) => kysely.deleteFrom('accounts').execute())
    const session = Sessions()
    const person = new Person({ name: 'ed' })
    session.add(person)
    await session.commit()
    await preparations[state]?.(session, person)
    return { session, person }
  }
  return { engine, inState }
}

/** 'ok', or the name of the error. */
export async function outcomeOf(call: () => unknown): Promise<string> {
  try {
    await call()
    return 'ok'
  } catch (error) {
    return (error as Error).name
  }
}
