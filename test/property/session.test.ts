import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createAll, sessionmaker, sql } from '../../src/index.ts'
import { Tag } from '../behaviour/people.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { SessionWorld, type Step } from './session-world.ts'

const kinds: readonly Step['kind'][] = [
  'add',
  'add',
  'set',
  'set',
  'delete',
  'undelete',
  'flush',
  'savepoint',
  'release',
  'rollback to savepoint',
  'commit',
  'rollback',
  'expunge',
  'put back',
  'get',
  'query',
  'fail',
]
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    code: fc.constantFrom('a', 'b', 'c'),
    label: fc.constantFrom('1', '2', '3'),
  }),
  { maxLength: 40, size: 'max' },
)

onEvery({}, (db) => {
  it('whatever a session is asked to do, each commit stores what the model says and each rollback restores every record', async () => {
    const engine = openEngine(db)
    await createAll(engine, [Tag])
    const Sessions = sessionmaker({ bind: engine })
    const property = fc.asyncProperty(steps, fc.boolean(), async (sequence, autoflush) => {
      await engine.begin((connection) => connection.execute(sql`delete from tags`))
      await using session = Sessions({ autoflush })
      const world = new SessionWorld(session, engine)
      for (const step of sequence) await world.run(step)
      await world.end()
    })
    await fc.assert(property, {
      numRuns: Number(process.env['HEDDLE_PROPERTY_RUNS'] ?? (db.name === 'sqlite' ? 300 : 40)),
    })
    expect(engine.pool.status().checkedOut).toBe(0)
  }, 60_000)
})
