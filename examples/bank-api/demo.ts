import { setImmediate as nextTurn } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { checkBooks } from './books.ts'
import type { Engine } from './heddle.ts'
import { drive, type Tally } from './load.ts'
import { Meter } from './meter.ts'
import { openPlace } from './place.ts'
import { Progress } from './progress.ts'
import { milliseconds, percentile, table } from './report.ts'
import { BankServer } from './server.ts'

const USAGE = `npm run demo -- [--url postgresql://…] [--clients 64] [--requests 6400] [--accounts 20]`

/** Problems that are told one by one. */
const MOST_SHOWN = 20

/** What the command line asks for. */
interface Settings {
  readonly url: string | undefined
  readonly clients: number
  readonly requests: number
  readonly accounts: number
}

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort(new Error(`${name}.`)))

try {
  const problems = await run(readSettings())
  for (const problem of problems.slice(0, MOST_SHOWN)) console.error(`WRONG: ${problem}`)
  if (problems.length > MOST_SHOWN) console.error(`WRONG: … and ${problems.length - MOST_SHOWN} more.`)
  console.log(problems.length === 0 ? 'All invariants hold.' : `${problems.length} problems.`)
  process.exitCode = problems.length === 0 ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : error)
  process.exitCode = 2
}

/** Opens a place for the bank, runs the demo there, and removes all of it. Gives what is wrong. */
async function run(settings: Settings): Promise<string[]> {
  const place = await openPlace(settings.url)
  try {
    return await runIn(place.engine, settings)
  } finally {
    await place.close()
  }
}

/** Opens the bank, lets the clients loose, closes it, looks into the books, tells. */
async function runIn(engine: Engine, settings: Settings): Promise<string[]> {
  const meter = new Meter(engine)
  const faults: string[] = []
  const bank = await BankServer.start({ onFault: (fault) => faults.push(String(fault)) })
  console.log(`${settings.clients} clients, ${settings.requests} requests, ${engine.url}`)
  const start = performance.now()
  const tally = await load(bank, settings).finally(() => bank.close())
  const seconds = (performance.now() - start) / 1_000
  const { commits, rollbacks } = meter
  const books = await checkBooks({ total: tally.deposited, transfers: tally.transfers, open: tally.vanished })
  console.log(
    table([
      ['requests', tally.requests],
      ['requests a second', Math.round(tally.requests / seconds)],
      ['p50', milliseconds(percentile(tally.latencies, 50))],
      ['p99', milliseconds(percentile(tally.latencies, 99))],
      ['commits', commits],
      ['rollbacks', rollbacks],
      ['retries', bank.counts.retries],
      ['overdrafts tried / refused', `${tally.overdrafts} / ${tally.refused}`],
      ['clients that vanished / rolled back', `${tally.vanished} / ${bank.counts.abandoned}`],
      ['connections taken at most', meter.mostTaken],
      ['connections leaked', meter.taken],
      ['sum of all balances', books.total],
      ['what was paid in', tally.deposited],
      ['balances equal to their history', `${books.accounts - books.unequal} of ${books.accounts}`],
    ]),
  )
  return [...books.problems, ...unexpectedOf(tally), ...faults, ...leaksOf(meter)]
}

async function load(bank: BankServer, { clients, requests, accounts }: Settings): Promise<Tally> {
  const progress = new Progress(requests)
  const onProgress = (done: number) => progress.show(done)
  const { signal } = interrupted
  const { port } = bank
  const tally = await drive({ port, clients, requests, accounts, signal, onProgress }).finally(() => progress.end())
  while (bank.clients > 0) await nextTurn() // all have hung up, and the bank is about to hear of it
  return tally
}

function unexpectedOf({ unexpected }: Tally): string[] {
  return [...unexpected].map(([what, times]) => `${times} requests were answered with ${what}.`)
}

function leaksOf({ taken, holders }: Meter): string[] {
  return taken === 0 ? [] : [`${taken} connections were not given back: ${holders.join(', ')}.`]
}

function readSettings(): Settings {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { url: text, clients: text, requests: text, accounts: text } })
  const { url, clients = '64', requests = '6400', accounts = '20' } = values
  return {
    url,
    clients: wholeNumber('clients', clients, 1),
    requests: wholeNumber('requests', requests, 1),
    accounts: wholeNumber('accounts', accounts, 2),
  }
}

function wholeNumber(name: string, text: string, lowest: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= lowest) return value
  throw new RangeError(`--${name} must be a whole number, ${lowest} or more; got '${text}'. ${USAGE}`)
}
