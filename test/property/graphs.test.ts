import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAll, dropAll, type Session, sessionmaker, state } from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { acts, GraphWorld, type Keeper, namedGraph, type StoredGraph, worldEntities } from './graph-world.ts'
import { keepInMemory, MemoryTables } from './memory-tables.ts'

describe('in memory', () => {
  it('no plan violates a foreign key at any row, and what is written is what the instances say', async () => {
    await fc.assert(
      fc.asyncProperty(acts, async (program) => {
        const tables = new MemoryTables(worldEntities)
        const world = new GraphWorld(keepInMemory(tables))
        for (const act of program) {
          await world.act(act)
          world.checkShapes()
        }
        await world.act({ verb: 'flush', a: 0, b: 0 })
        const rows = (table: string) => tables.rowsOf(table)
        const stored = namedGraph({
          persons: rows('persons'),
          houses: rows('houses'),
          rooms: rows('rooms'),
          clubs: rows('clubs'),
          pairs: rows('club_members'),
        })
        expect(stored).toEqual(world.expected())
      }),
      { numRuns: 500 },
    )
  }, 60_000)
})

function keepIn(session: Session): Keeper {
  return {
    add: (instance) => session.add(instance),
    delete: (instance) => session.delete(instance),
    isStored: (instance) => state(instance).persistent,
    flush: () => session.flush(),
    commit: () => session.commit(),
  }
}

async function readGraph(session: Session): Promise<StoredGraph> {
  const rowsOf = async (table: string) => (await session.execute(session.db.selectFrom(table).selectAll())).all()
  return namedGraph({
    persons: await rowsOf('persons'),
    houses: await rowsOf('houses'),
    rooms: await rowsOf('rooms'),
    clubs: await rowsOf('clubs'),
    pairs: await rowsOf('club_members'),
  })
}

const runs: Readonly<Record<string, number>> = { sqlite: 200, postgres: 25, mariadb: 15, mysql: 15 }

onEvery({ on: ['sqlite', 'postgres', 'mysql'] }, (db) => {
  it('a random graph that is flushed and read back is the one that the instances say', async () => {
    const engine = openEngine(await db.freshUrl())
    const Sessions = sessionmaker({ bind: engine })
    await fc.assert(
      fc.asyncProperty(acts, async (program) => {
        await dropAll(engine, worldEntities)
        await createAll(engine, worldEntities)
        await using session = Sessions()
        const world = new GraphWorld(keepIn(session))
        for (const act of program) {
          await world.act(act)
          world.checkShapes()
        }
        await world.act({ verb: 'commit', a: 0, b: 0 })
        expect(await readGraph(session)).toEqual(world.expected())
      }),
      { numRuns: runs[db.name] ?? 10 },
    )
  }, 120_000)
})
