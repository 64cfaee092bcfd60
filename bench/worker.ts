/** One library in a process of its own: opens it, and runs workloads as the conductor asks. */
import type { Library, Runner, Target } from './contract.ts'
import { WORKLOADS } from './workloads.ts'

/** What the conductor asks, and what it is answered. */
export type Ask =
  | { readonly do: 'open'; readonly target: Target }
  | { readonly do: 'run'; readonly id: string; readonly size: number }
  | { readonly do: 'heap'; readonly size: number }
  | { readonly do: 'close' }

/** Milliseconds of one run, and what it gave. */
export interface Ran {
  readonly wall: number
  readonly cpu: number
  readonly result: number
}

const { library } = (await import(`./${process.argv[2]}.ts`)) as { library: Library }
let runner: Runner | undefined

async function answer(ask: Ask): Promise<unknown> {
  switch (ask.do) {
    case 'open':
      runner = await library.open(ask.target)
      return runner === undefined ? undefined : { version: library.version, w6: runner.w6 !== undefined }
    case 'run':
      return run(opened(), ask.id, ask.size)
    case 'heap':
      return heapPerRow(opened(), ask.size)
    default:
      await runner?.close()
      return true
  }
}

function opened(): Runner {
  if (runner === undefined) throw new Error(`${process.argv[2]} is not open`)
  return runner
}

async function run(on: Runner, id: string, size: number): Promise<Ran> {
  const workload = WORKLOADS.find((each) => each.id === id)
  if (workload === undefined) throw new Error(`there is no workload ${id}`)
  const cpu = process.cpuUsage()
  const start = performance.now()
  const result = await workload.run(on, size)
  const wall = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  return { wall, cpu: (user + system) / 1_000, result }
}

/** Bytes of heap for each row that is held. */
async function heapPerRow(on: Runner, size: number): Promise<number> {
  let held: object | undefined = await on.w7(1_000)
  held = undefined
  const before = await settledHeap()
  held = await on.w7(size)
  const after = await settledHeap()
  return held === undefined ? 0 : (after - before) / size
}

async function settledHeap(): Promise<number> {
  for (let n = 0; n < 4; n++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return process.memoryUsage().heapUsed
}

process.on('message', (ask: Ask) => {
  answer(ask).then(
    (value) => process.send?.({ value }),
    (error: unknown) =>
      process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
process.send?.({ value: 'ready' })
