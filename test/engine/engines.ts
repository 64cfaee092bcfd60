import { onTestFinished } from 'vitest'
import { createEngine, type Engine, type EngineEvents, type EngineOptions } from '../../src/engine/index.ts'
import type { TestDatabase } from '../support/index.ts'

/** An engine that is disposed of when the test has ended, and that must have all of its connections back by then. */
export function openEngine(db: Pick<TestDatabase, 'url'>, options: EngineOptions = {}): Engine {
  const engine = createEngine(db.url, options)
  onTestFinished(async () => {
    const held = engine.pool.holders().map((holder) => holder.label)
    await engine.dispose()
    if (held.length > 0) throw new Error(`The test left connections with ${held.join(', ')}`)
  })
  return engine
}

/** The names of the events that happen from now on, in order. */
export function record(engine: Engine, ...names: (keyof EngineEvents)[]): string[] {
  const seen: string[] = []
  for (const name of names) engine.on(name, () => void seen.push(name))
  return seen
}

/** The statements that are sent from now on, without BEGIN, COMMIT and the like. */
export function statements(engine: Engine): string[] {
  const seen: string[] = []
  engine.on('query', ({ sql }) => void seen.push(sql))
  return seen
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
