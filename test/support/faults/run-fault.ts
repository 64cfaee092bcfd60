import process from 'node:process'
import type { Bench } from './bench.ts'
import { Bench as ServerBench } from './bench.ts'
import type { Victim } from './products.ts'
import type { Fault } from './server-faults.ts'

/** What came of one fault on one database. */
export interface FaultReport {
  readonly fault: string
  readonly database: string
  /** Names of the errors that callers saw, in the order of the alphabet. */
  readonly saw: readonly string[]
  readonly leaked: number
  readonly lost: number
  /** What must not be: everything of this makes the run fail. */
  readonly problems: readonly string[]
}

/** More than any fault takes; what takes longer hangs. */
const PATIENCE = 40_000

/** Tries one fault, then looks whether all is as it should be. */
export async function runFault(fault: Fault, victim: Victim): Promise<FaultReport> {
  const strays = watchForStrays()
  const bench = await ServerBench.open(victim, fault.options?.(victim.product))
  try {
    const problems = await inTime(tryFault(fault, bench))
    const leaked = await bench.leaked()
    const { lost, unwanted } = await bench.compare()
    const saw = [...bench.ledger.seen].sort()
    return {
      fault: fault.name,
      database: `${victim.product.name} ${victim.version}`,
      saw,
      leaked,
      lost,
      problems: [...problems, ...wrongs(fault.sees, { saw, leaked, lost, unwanted }), ...strays.stop()],
    }
  } finally {
    strays.stop()
    await bench.close()
  }
}

/** The fault, then all is mended, and the next request must work at once. */
async function tryFault(fault: Fault, bench: Bench): Promise<string[]> {
  const before = await bench.ledger.request()
  if (before !== undefined) return [`the first request failed: ${String(before)}`]
  await fault.run(bench)
  await bench.network.heal()
  const seen = [...bench.ledger.seen]
  const after = await bench.ledger.request()
  if (after === undefined) return []
  if (after instanceof Error && !seen.includes(after.name)) bench.ledger.seen.delete(after.name)
  return [`the next request failed: ${String(after)}`]
}

/** What must not be, in words. */
export function wrongs(
  sees: readonly string[],
  found: { readonly saw: readonly string[]; leaked: number; lost: number; unwanted: number },
): string[] {
  const { saw, leaked, lost, unwanted } = found
  const wrong = saw.filter((name) => !sees.includes(name)).map((name) => `a caller saw ${name}`)
  if (sees.length > 0 && saw.length === 0) wrong.push('no caller was told')
  if (leaked > 0) wrong.push(`${leaked} connections leaked`)
  if (lost > 0) wrong.push(`${lost} confirmed writes lost`)
  if (unwanted > 0) wrong.push(`${unwanted} refused writes stored`)
  return wrong
}

/** Fails with a word about what hangs, instead of hanging. */
export async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`something hangs for ${PATIENCE} ms`)), PATIENCE)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Errors that nobody catches, and that would take a program down. */
export function watchForStrays(): { stop(): string[] } {
  const strays: string[] = []
  const onStray = (error: unknown) => void strays.push(`nobody caught ${String(error)}`)
  for (const name of ['uncaughtException', 'unhandledRejection'] as const) process.on(name, onStray)
  return {
    stop: () => {
      for (const name of ['uncaughtException', 'unhandledRejection'] as const) process.off(name, onStray)
      return strays
    },
  }
}
