import {
  createAll,
  dropAll,
  type Engine,
  type EngineOptions,
  entity,
  integer,
  type ScopedSession,
  type ScopedSessionOptions,
  type SessionOptions,
  scopedSession,
  sessionmaker,
  text,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import type { TestDatabase } from '../support/index.ts'

/** What the tests of scopes store. */
export class Note extends entity('scope_notes', {
  id: integer().primaryKey(),
  body: text(),
}) {}

/** An engine whose table is empty, and a registry of sessions on it. */
export async function openNotes(
  db: TestDatabase,
  { engine: engineOptions, ...own }: SessionOptions & ScopedSessionOptions & { readonly engine?: EngineOptions } = {},
): Promise<{ readonly engine: Engine; readonly Session: ScopedSession }> {
  const { scope, ...sessionOptions } = own
  const engine = openEngine(db, engineOptions)
  await dropAll(engine, [Note])
  await createAll(engine, [Note])
  const maker = sessionmaker({ bind: engine, ...sessionOptions })
  return { engine, Session: scopedSession(maker, scope === undefined ? {} : { scope }) }
}

/** What is stored, as others see it. */
export async function stored(Session: ScopedSession): Promise<string[]> {
  return Session.run(async () => (await Session.query(Note).orderBy('body').all()).map(({ body }) => body))
}

/** What a call throws or rejects with. */
export async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown')
}

/** A promise, and how to resolve it from outside. */
export function signalOf<T = void>(): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>()
}
