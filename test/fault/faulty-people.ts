import { createAll, type EngineOptions, type SessionOptions, sessionmaker } from '../../src/index.ts'
import { Account, Person, Tag } from '../behaviour/people.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { injectFaults } from '../support/faulty-driver.ts'
import type { TestDatabase } from '../support/index.ts'

/** An engine on a database of its own whose driver fails on demand, its tables, and a maker of sessions. */
export async function openFaultyPeople(
  db: TestDatabase,
  options: SessionOptions = {},
  engineOptions: EngineOptions = {},
) {
  const url = await db.freshUrl()
  const engine = openEngine(url, engineOptions)
  const faults = injectFaults(engine)
  await createAll(engine, [Person, Tag, Account])
  const statements = recordStatements(engine)
  const Sessions = sessionmaker({ bind: engine, ...options })
  faults.clear()
  return { url, engine, faults, statements, Sessions }
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
