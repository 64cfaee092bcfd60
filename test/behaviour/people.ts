import {
  boolean,
  bytes,
  createAll,
  type Engine,
  entity,
  integer,
  json,
  type SessionOptions,
  sessionmaker,
  text,
  timestamp,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import type { TestDatabase } from '../support/index.ts'

/** A plain entity with a key that the database makes. */
export class Person extends entity('people', {
  id: integer().primaryKey(),
  name: varchar(100),
  nickname: text().nullable(),
  active: boolean().default(true),
}) {
  readonly greeting = 'hello'
  greet(): string {
    return `${this.greeting} ${this.name}`
  }
}

/** An entity with a key of its own. */
export class Tag extends entity('tags', { code: varchar(40).primaryKey(), label: text().nullable() }) {}

/** An entity with a key of two parts. */
export class Seat extends entity('seats', {
  row: integer().primaryKey(),
  place: integer().primaryKey(),
  guest: text().nullable(),
}) {}

/** An entity with a unique column, to make statements fail. */
export class Account extends entity('accounts', { id: integer().primaryKey(), email: varchar(100).unique() }) {}

/** An entity whose values are objects. */
export class Note extends entity('notes', {
  id: integer().primaryKey(),
  made: timestamp(),
  body: json<{ words: string[] }>(),
  scan: bytes(),
}) {}

const everything = [Person, Tag, Seat, Account, Note]

/** An engine with the tables of the entities above, a maker of sessions, and a recorder of statements. */
export async function openPeople(db: TestDatabase, options: SessionOptions = {}) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, everything)
  const statements = recordStatements(engine)
  const Sessions = sessionmaker({ bind: engine, ...options })
  return { engine, Sessions, statements }
}

/** How many connections are out. */
export function connectionsOut(engine: Engine): number {
  return engine.pool.status().checkedOut
}

/** The names of all people as another session sees them, by key. */
export async function namesIn(Sessions: ReturnType<typeof sessionmaker>): Promise<string[]> {
  return Sessions.begin(async (session) => {
    const people = await session.query(Person).orderBy('id').all()
    return people.map((person) => person.name)
  })
}
