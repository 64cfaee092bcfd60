/**
 * Measures heddle, the bare drivers and other libraries on the same work: a process for each library, rounds interleaved, their order
 * reversed every second round, results checked against each other each time.
 *
 *   npm run bench                                       all databases, all libraries that are installed
 *   npm run bench -- --on sqlite --libraries heddle,kysely --rounds 15
 *   npm run bench -- --quick                            a glance: small sizes, three rounds
 *   npm run bench -- --write                            writes docs/benchmarks.md and its plots too
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { LibraryProcess, reasonOf } from './conductor.ts'
import type { Product, Target } from './contract.ts'
import { type Keeper, makeDatabase } from './data.ts'
import { type Cell, type ProductResult, printTable, writeReport } from './report.ts'
import { SIZES, WORKLOADS } from './workloads.ts'

/** Each library and the file that drives it; those in `peers` need `npm ci` there. */
const MODULES: Readonly<Record<string, string>> = {
  bare: 'libraries/bare',
  heddle: 'libraries/heddle',
  kysely: 'libraries/kysely',
  drizzle: 'peers/drizzle',
  'mikro-orm': 'peers/mikro-orm',
  typeorm: 'peers/typeorm',
  sequelize: 'peers/sequelize',
  objection: 'peers/objection',
  prisma: 'peers/prisma',
}

const { values: options } = parseArgs({
  options: {
    on: { type: 'string', default: 'sqlite,postgres,mariadb' },
    libraries: { type: 'string' },
    workloads: { type: 'string' },
    rounds: { type: 'string' },
    warming: { type: 'string', default: '5000' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    postgres: { type: 'string', default: 'postgresql://postgres@127.0.0.1:5432' },
    mariadb: { type: 'string', default: 'mysql://root@127.0.0.1:3306' },
  },
})

const rounds = Number(options.rounds ?? (options.quick ? 3 : 9))
const chosen = options.workloads?.split(',')
const folder = mkdtempSync(join(tmpdir(), 'heddle-bench-'))

function librariesToRun(): string[] {
  const asked = options.libraries?.split(',') ?? Object.keys(MODULES).filter(isInstalled)
  return ['bare', ...asked.filter((name) => name !== 'bare')]
}

function isInstalled(name: string): boolean {
  const module = MODULES[name] as string
  if (!module.startsWith('peers/')) return true
  const isThere = (path: string) => existsSync(join(import.meta.dirname, path))
  return isThere(`${module}.ts`) && isThere('peers/node_modules')
}

function targetOf(product: Product, library: string): Target {
  const url = new URL(product === 'mariadb' ? options.mariadb : options.postgres)
  return {
    product,
    file: join(folder, `${library}.db`),
    host: url.hostname,
    port: Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: `heddle_bench_${library.replaceAll('-', '_')}`,
  }
}

/** A library's process, and who keeps its database. */
interface Party {
  readonly library: LibraryProcess
  readonly keeper: Keeper
}

async function measure(product: Product): Promise<ProductResult> {
  const parties: Party[] = []
  try {
    for (const name of librariesToRun()) {
      const target = targetOf(product, name)
      const keeper = await makeDatabase(target)
      const library = await LibraryProcess.open(name, MODULES[name] ?? name, target)
      if (library === undefined) await keeper.close()
      else parties.push({ library, keeper })
    }
    const cells: Cell[] = []
    for (const workload of WORKLOADS) {
      if (chosen !== undefined && !chosen.includes(workload.id)) continue
      const size = options.quick ? workload.quick : workload.size
      cells.push(...(await measureWorkload(parties, workload, size)))
    }
    if (chosen === undefined || chosen.includes('W7')) cells.push(...(await measureHeap(parties)))
    return {
      product,
      libraries: parties.map(({ library: { name, version } }) => ({ name, version })),
      cells,
      rounds,
      warming: WARMING.time,
    }
  } finally {
    for (const { library, keeper } of parties) {
      await library.close()
      await keeper.close()
    }
  }
}

/** Rounds that are not measured at most, and how long they take at least, in milliseconds: a server's code is compiled, and that takes V8 seconds. */
const WARMING = { rounds: 200, time: Number(options.warming) } as const

/** Runs a workload until the library's code is warm. False where the library cannot do it, with the reason printed. */
async function warmUp(
  { library, keeper }: Party,
  workload: (typeof WORKLOADS)[number],
  size: number,
): Promise<boolean> {
  let spent = 0
  for (let round = 0; round < 2 || (round < WARMING.rounds && spent < WARMING.time); round++) {
    try {
      spent += (await library.run(workload.id, size)).wall
    } catch (error) {
      if (library.name === 'bare' || library.name === 'heddle') throw error
      console.log(`${library.name} is left out of ${workload.id}: ${reasonOf(error)}`)
      return false
    } finally {
      if (workload.undo.length > 0) await keeper.run(...workload.undo)
    }
  }
  return true
}

async function measureWorkload(
  parties: readonly Party[],
  workload: (typeof WORKLOADS)[number],
  size: number,
): Promise<Cell[]> {
  const able: Party[] = []
  for (const party of parties) {
    const has = workload.id !== 'W6' || party.library.hasW6
    if (has && (await warmUp(party, workload, size))) able.push(party)
  }
  const times = new Map(able.map(({ library }) => [library.name, { wall: [] as number[], cpu: [] as number[] }]))
  for (let round = 0; round < rounds; round++) {
    const results = new Map<string, number>()
    for (const { library, keeper } of round % 2 === 0 ? able : able.toReversed()) {
      const { wall, cpu, result } = await library.run(workload.id, size)
      if (workload.undo.length > 0) await keeper.run(...workload.undo)
      results.set(library.name, result)
      times.get(library.name)?.wall.push(wall)
      times.get(library.name)?.cpu.push(cpu)
    }
    refuseDifferences(workload.id, results)
  }
  return [...times].map(([library, { wall, cpu }]) => ({ workload: workload.id, library, wall, cpu, steps: size }))
}

function refuseDifferences(workload: string, results: ReadonlyMap<string, number>): void {
  const expected = results.get('bare')
  for (const [name, result] of results) {
    if (result !== expected) throw new Error(`${workload}: ${name} gave ${result}, the bare driver ${expected}`)
  }
}

async function measureHeap(parties: readonly { library: LibraryProcess }[]): Promise<Cell[]> {
  const cells: Cell[] = []
  for (const { library } of parties) {
    const bytes = await library.heap(options.quick ? 10_000 : SIZES.users)
    cells.push({ workload: 'W7', library: library.name, wall: [bytes], cpu: [bytes], steps: 1 })
  }
  return cells
}

try {
  const results: ProductResult[] = []
  for (const product of options.on.split(',') as Product[]) {
    const result = await measure(product)
    results.push(result)
    printTable(result)
  }
  if (options.write) writeReport(results)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
