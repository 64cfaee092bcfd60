import { createAll, entity, integer, sessionmaker } from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { injectFaults } from '../support/faulty-driver.ts'
import type { TestDatabase } from '../support/index.ts'

/** Whose updates can be lost. */
export class Plain extends entity('plain_counters', { id: integer().primaryKey(), value: integer() }) {}

/** Whose updates cannot. */
export class Counter extends entity('counters', {
  id: integer().primaryKey(),
  value: integer(),
  rev: integer().version(),
}) {}

export async function openCounters(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  const faults = injectFaults(engine)
  await createAll(engine, [Plain, Counter])
  const statements = recordStatements(engine)
  return { engine, faults, statements, Sessions: sessionmaker({ bind: engine }) }
}
