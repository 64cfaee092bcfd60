import { writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { createEngine } from '../../../src/engine/index.ts'
import { type FaultReport, inTime, watchForStrays, wrongs } from './run-fault.ts'
import { SqliteBench } from './sqlite-bench.ts'

/** Something that goes wrong between a program and its SQLite file. */
export interface SqliteFault {
  readonly name: string
  /** Names of the errors that callers may see. */
  readonly sees: readonly string[]
  run(bench: SqliteBench): Promise<void>
}

/** In the order of the table. */
export const sqliteFaults: readonly SqliteFault[] = [
  {
    name: 'disk full in a statement',
    sees: ['OperationalError'],
    run: async (bench) => {
      await bench.engine.dispose()
      bench.mostPages = 8
      await bench.ledger.request((session) =>
        session.execute(sql`insert into entries (id, worker) select -value, hex(zeroblob(500)) from (
          with recursive counted (value) as (select 1 union all select value + 1 from counted where value < 1000)
          select value from counted)`),
      )
      await bench.engine.dispose()
      bench.mostPages = undefined
    },
  },
  {
    name: 'file opened read-only',
    sees: ['OperationalError'],
    run: async (bench) => {
      await using engine = createEngine(bench.url('mode=ro'))
      const write = engine.begin((connection) => connection.execute(sql`insert into entries values (-1, 'never')`))
      bench.ledger.note(await write.catch((error: unknown) => error))
    },
  },
  {
    name: 'file locked by another process for longer than `busyTimeout`',
    sees: ['LockNotAvailableError'],
    run: async (bench) => {
      const intruder = await bench.intruder()
      await Promise.all([1, 2, 3].map(() => bench.ledger.request()))
      await intruder.commit()
    },
  },
  {
    name: 'file locked by another process for a while',
    sees: [],
    run: async (bench) => {
      const intruder = await bench.intruder()
      const requests = [1, 2, 3].map(() => bench.ledger.request())
      await pause(20)
      await Promise.all([intruder.commit(), ...requests])
    },
  },
  {
    name: 'another process killed in its transaction',
    sees: ['LockNotAvailableError'],
    run: async (bench) => {
      const intruder = await bench.intruder()
      await bench.ledger.request()
      await intruder.kill()
    },
  },
  {
    name: 'file is no database',
    sees: ['OperationalError'],
    run: async (bench) => {
      const file = `${bench.file}.txt`
      writeFileSync(file, 'a letter to a friend, which is no database at all '.repeat(100))
      await using engine = createEngine(bench.url('mode=rw', file))
      bench.ledger.note(await engine.connect().catch((error: unknown) => error))
    },
  },
]

/** Tries one fault, then looks whether all is as it should be. */
export async function runSqliteFault(fault: SqliteFault, folder: string, scheme: string): Promise<FaultReport> {
  const strays = watchForStrays()
  const bench = await SqliteBench.open(folder, scheme)
  try {
    const problems = await inTime(tryFault(fault, bench))
    const leaked = await bench.leaked()
    const { lost, unwanted } = await bench.compare()
    const saw = [...bench.ledger.seen].sort()
    const found = wrongs(fault.sees, { saw, leaked, lost, unwanted })
    const database = scheme.includes('+') ? 'better-sqlite3' : 'node:sqlite'
    return { fault: fault.name, database, saw, leaked, lost, problems: [...problems, ...found, ...strays.stop()] }
  } finally {
    strays.stop()
    await bench.close()
  }
}

async function tryFault(fault: SqliteFault, bench: SqliteBench): Promise<string[]> {
  await bench.ledger.request()
  await fault.run(bench)
  const after = await bench.ledger.request()
  return after === undefined ? [] : [`the next request failed: ${String(after)}`]
}
