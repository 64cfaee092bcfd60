/**
 * What a scope costs, and which part of that is Node's AsyncLocalStorage: microseconds of CPU time each, the best of several rounds.
 *
 *   node bench/scopes.ts                          run it by the Node to be measured
 *   npm run build && node bench/scopes.ts dist    the built package, for a Node that does not run the sources (22)
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import process from 'node:process'

const { createEngine, scopedSession, sessionmaker, sql } = (await import(
  process.argv[2] === 'dist' ? '../dist/index.js' : '../src/index.ts'
)) as typeof import('../src/index.ts')

const ROUNDS = 15
const TIMES = 20_000

const storage = new AsyncLocalStorage<object>()
const engine = createEngine('sqlite://')
const Session = scopedSession(sessionmaker({ bind: engine }))
const nothing = async () => {}

const works: Readonly<Record<string, (times: number) => Promise<unknown>>> = {
  'an awaited call': async (times) => {
    for (let n = 0; n < times; n++) await nothing()
  },
  'AsyncLocalStorage: run around it': async (times) => {
    for (let n = 0; n < times; n++) await storage.run({}, nothing)
  },
  'AsyncLocalStorage: getStore': (times) =>
    storage.run({}, async () => {
      let found = 0
      for (let n = 0; n < times; n++) if (storage.getStore() !== undefined) found++
      return found
    }),
  'a scope: Session.run around it': async (times) => {
    for (let n = 0; n < times; n++) await Session.run(nothing)
  },
  'the session of the scope: Session()': (times) =>
    Session.run(async () => {
      let last: unknown
      for (let n = 0; n < times; n++) last = Session()
      return last
    }),
  'a scope with a session and a transaction that does nothing': async (times) => {
    for (let n = 0; n < times; n++) await Session.begin(nothing)
  },
  'the same with one statement (SQLite, in memory)': async (times) => {
    for (let n = 0; n < times; n++) await Session.begin(() => Session.execute(sql`select 1`))
  },
}

async function measure(work: (times: number) => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    await work(TIMES)
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / TIMES)
  }
  return best
}

console.log(`Node ${process.versions.node}`)
for (const [what, work] of Object.entries(works)) {
  console.log(`${what.padEnd(60)} ${(await measure(work)).toFixed(3).padStart(8)} µs`)
}
await engine.dispose()
