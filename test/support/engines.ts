import { expect, onTestFinished } from 'vitest'
import { createEngine, type Engine, type EngineOptions } from '../../src/engine/index.ts'
import type { TestDatabase } from './on-every.ts'

/**
 * An engine on a test's database, or on a URL of its own. When the test ends the engine is disposed of; a connection that
 * was not given back by then fails the test.
 */
export function openEngine(database: Pick<TestDatabase, 'url'> | string, options: EngineOptions = {}): Engine {
  const engine = createEngine(typeof database === 'string' ? database : database.url, options)
  onTestFinished(async () => {
    const { checkedOut } = engine.pool.status()
    const holders = engine.pool.holders().map(({ label }) => label)
    await engine.dispose()
    expect(checkedOut, `connections that the test did not give back, held by: ${holders.join(', ')}`).toBe(0)
  })
  return engine
}

export { recordStatements } from '../../src/testing/statements.ts'
