/**
 * Tells where the client's time goes in one workload of one library: the shares of the parts of a round, by V8's sampling profiler, on
 * code that has been warmed up.
 *
 *   node bench/profile.ts --on postgres --workload W6                 heddle
 *   node bench/profile.ts --on sqlite --workload W3 --library bare    to compare with
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import type { Library, Product, Target } from './contract.ts'
import { makeDatabase } from './data.ts'
import { median } from './report.ts'
import { WORKLOADS } from './workloads.ts'

const { values: options } = parseArgs({
  options: {
    on: { type: 'string', default: 'sqlite' },
    workload: { type: 'string', default: 'W3' },
    library: { type: 'string', default: 'heddle' },
    seconds: { type: 'string', default: '8' },
  },
})

/** Parts of the time by where a function is from: the first that fits. */
const PARTS: readonly (readonly [part: string, url: RegExp])[] = [
  ['heddle: sessions (session, scope, support)', /\/src\/(session|scope|support)\//],
  ['heddle: instances (state, mapping)', /\/src\/(state|mapping)\//],
  ['heddle: unit of work (flush)', /\/src\/flush\//],
  ['heddle: rows into instances (loading)', /\/src\/loading\//],
  ['heddle: statements (sql)', /\/src\/sql\//],
  ['heddle: engine and pool', /\/src\/(engine|pool)\//],
  ['heddle: drivers', /\/src\/drivers\//],
  ['the packages pg and mysql2', /node_modules\/(pg|mysql2|lru|aws)/],
  ['Node: streams, sockets, buffers, promises', /^node:/],
  ['the workload itself', /\/bench\//],
]
const NATIVE = [
  'writev',
  'writeBuffer',
  'utf8Slice',
  'latin1Slice',
  'utf8Write',
  'run',
  'all',
  'get',
  'exec',
  'runMicrotasks',
] as const

function partOf({ functionName, url }: Profiler.ProfileNode['callFrame']): string {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === '(idle)') return 'idle: the server works'
  if (url === '' && (NATIVE as readonly string[]).includes(functionName)) return `native: ${functionName}`
  return PARTS.find(([, pattern]) => pattern.test(url))?.[0] ?? 'other'
}

/** Microseconds by part. */
function sharesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Map<string, number> {
  const own = new Map<number, number>()
  for (const [at, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + (timeDeltas[at] ?? 0))
  const shares = new Map<string, number>()
  for (const { id, callFrame } of nodes) {
    // Starting and stopping the profiler.
    if (callFrame.url.startsWith('node:inspector')) continue
    const part = partOf(callFrame)
    shares.set(part, (shares.get(part) ?? 0) + (own.get(id) ?? 0))
  }
  return shares
}

const folder = mkdtempSync(join(tmpdir(), 'heddle-profile-'))
const product = options.on as Product
const target: Target = {
  product,
  file: join(folder, 'profile.db'),
  host: '127.0.0.1',
  port: product === 'mariadb' ? 3306 : 5432,
  user: product === 'mariadb' ? 'root' : 'postgres',
  password: '',
  database: `heddle_profile_${process.pid}`,
}
const place = ['bare', 'heddle', 'kysely'].includes(options.library) ? 'libraries' : 'peers'
const { library } = (await import(`./${place}/${options.library}.ts`)) as { library: Library }
const workload = WORKLOADS.find(({ id }) => id === options.workload)
if (workload === undefined) throw new Error(`there is no workload ${options.workload}`)

const keeper = await makeDatabase(target)
const runner = await library.open(target)
if (runner === undefined) throw new Error(`${options.library} has no driver for ${product}`)
const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.setSamplingInterval', { interval: 250 })

/** Rounds for so long, each profiled by itself, so that nothing but the rounds is. */
async function rounds(seconds: number): Promise<{ wall: number[]; parts: Map<string, number> }> {
  const wall: number[] = []
  const parts = new Map<string, number>()
  for (const end = performance.now() + seconds * 1_000; performance.now() < end || wall.length < 2; ) {
    await session.post('Profiler.start')
    const start = performance.now()
    await workload?.run(runner as NonNullable<typeof runner>, workload.size)
    wall.push(performance.now() - start)
    const { profile } = await session.post('Profiler.stop')
    for (const [part, time] of sharesOf(profile)) parts.set(part, (parts.get(part) ?? 0) + time)
    if (workload !== undefined && workload.undo.length > 0) await keeper.run(...workload.undo)
  }
  return { wall, parts }
}

await rounds(Number(options.seconds) / 2)
const { wall, parts } = await rounds(Number(options.seconds))
const total = [...parts.values()].reduce((sum, time) => sum + time, 0)
console.log(`${options.library}, ${product}, ${workload.id}: ${median(wall).toFixed(1)} ms a round`)
for (const [part, time] of [...parts].toSorted(([, a], [, b]) => b - a)) {
  const share = time / total
  if (share >= 0.005) console.log(`${(100 * share).toFixed(1).padStart(6)} %  ${part}`)
}
session.disconnect()
await runner.close()
await keeper.close()
rmSync(folder, { recursive: true, force: true })
