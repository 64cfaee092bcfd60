import { BankClient } from './client.ts'
import { MidTransaction } from './mid-transaction.ts'
import type { Answer } from './protocol.ts'

/** How much is asked of the bank. */
export interface LoadOptions {
  readonly port: number
  /** Clients at a time, each with a socket of its own. */
  readonly clients: number
  /** Requests of all clients together. */
  readonly requests: number
  /** How many accounts the clients share: the fewer, the more they get in each other's way. */
  readonly accounts: number
  readonly signal: AbortSignal
  /** Called after each request, with how many are done. */
  readonly onProgress: (done: number) => void
  /** Asked before each request: whether it is time to stop, however many requests are left. Default: never. */
  readonly isEnough?: () => boolean
}

/** What the clients have seen. */
export class Tally {
  /** Milliseconds from each question to its answer. */
  readonly latencies: number[] = []
  /** Cents in deposits that were confirmed. */
  deposited = 0n
  /** Cents in deposits of which nobody knows what became of them. */
  openDeposited = 0n
  /** Transfers that were confirmed. */
  transfers = 0
  /** Transfers of which nobody knows what became of them. */
  openTransfers = 0
  /** Overdrafts that were tried, and those that were refused. */
  overdrafts = 0
  refused = 0
  /** Clients that vanished when their transfer was written and not committed. */
  vanished = 0
  /** Answers that nobody had wanted: a code and how often. */
  readonly unexpected = new Map<string, number>()

  /** Requests that were sent. */
  get requests(): number {
    return this.latencies.length + this.vanished
  }
}

type Kind = 'transfer' | 'deposit' | 'overdraft' | 'vanish' | 'balance' | 'history' | 'statement'

/** What every client asks, in turn: one in ten is an overdraft, one in twenty ends with the client gone. */
const mix: readonly Kind[] = [
  ...[
    'transfer',
    'balance',
    'transfer',
    'deposit',
    'transfer',
    'overdraft',
    'transfer',
    'history',
    'transfer',
    'transfer',
  ],
  ...[
    'vanish',
    'transfer',
    'balance',
    'transfer',
    'statement',
    'transfer',
    'deposit',
    'transfer',
    'overdraft',
    'transfer',
  ],
] as Kind[]

const OPENING = 1_000

/** Opens the accounts, then has all clients ask at once. Rejects when the bank cannot be reached, or the signal aborts. */
export async function drive(options: LoadOptions): Promise<Tally> {
  const tally = new Tally()
  const middle = new MidTransaction()
  try {
    await openAccounts(options, tally)
    await Promise.all(Array.from({ length: options.clients }, (_, index) => ask(index, options, tally, middle)))
  } finally {
    middle.end()
  }
  options.signal.throwIfAborted()
  return tally
}

/** By one client, which does not wait for one answer before it asks for the next account. */
async function openAccounts({ port, accounts }: LoadOptions, tally: Tally): Promise<void> {
  const client = await BankClient.connect(port)
  const owners = Array.from({ length: accounts }, (_, index) => `Owner ${index + 1}`)
  const answers = await Promise.all(owners.map((owner) => timed(tally, client.ask('open', { owner, amount: OPENING }))))
  for (const answer of answers) {
    if (answer.ok) tally.deposited += BigInt(OPENING)
    else noteUnexpected(tally, answer)
  }
  await client.close()
}

/** One client's share, from its place in the mix on, so that all kinds happen at any time. */
async function ask(index: number, options: LoadOptions, tally: Tally, middle: MidTransaction): Promise<void> {
  const { port, clients, requests, signal, isEnough = () => false } = options
  const share = Math.floor(requests / clients) + (index < requests % clients ? 1 : 0)
  let client = await BankClient.connect(port)
  for (let turn = 0; turn < share && !signal.aborted && !isEnough(); turn += 1) {
    const kind = mix[(index * 7 + turn) % mix.length] as Kind
    if (kind === 'vanish') {
      await vanish(client, options, tally, middle)
      client = await BankClient.connect(port)
    } else {
      await askOne(client, kind, options, tally)
    }
    options.onProgress(tally.requests - options.accounts)
  }
  await client.close()
}

/** Asks for a transfer, and is gone when that is half done. */
async function vanish(client: BankClient, options: LoadOptions, tally: Tally, middle: MidTransaction): Promise<void> {
  let gone = false
  middle.once(client.address, () => {
    gone = true
    return client.close()
  })
  try {
    const answer = await timed(tally, client.ask('transfer', anyTransfer(options)))
    noteTransfer(tally, answer)
    await client.close()
  } catch (error) {
    if (!gone) throw error
    tally.vanished += 1
  }
}

async function askOne(client: BankClient, kind: Exclude<Kind, 'vanish'>, options: LoadOptions, tally: Tally) {
  switch (kind) {
    case 'transfer': {
      noteTransfer(tally, await timed(tally, client.ask('transfer', anyTransfer(options))))
      return
    }
    case 'overdraft': {
      tally.overdrafts += 1
      const answer = await timed(tally, client.ask('transfer', { ...anyTransfer(options), amount: 10 ** 12 }))
      if (!answer.ok && answer.error.code === 'insufficient_funds') tally.refused += 1
      else noteUnexpected(tally, answer)
      return
    }
    case 'deposit': {
      const amount = upTo(100)
      const answer = await timed(tally, client.ask('deposit', { account: upTo(options.accounts), amount }))
      if (answer.ok) tally.deposited += BigInt(amount)
      else noteUnexpected(tally, answer)
      if (isOpen(answer)) tally.openDeposited += BigInt(amount)
      return
    }
    default: {
      const answer = await timed(tally, client.ask(kind, { account: upTo(options.accounts) }))
      if (!answer.ok) noteUnexpected(tally, answer)
    }
  }
}

/** The tables are new, so the accounts have the numbers from 1 on. */
function anyTransfer({ accounts }: LoadOptions) {
  const from = upTo(accounts)
  const to = ((from + upTo(accounts - 1) - 1) % accounts) + 1
  return { from, to, amount: upTo(100) }
}

async function timed(tally: Tally, answer: Promise<Answer>): Promise<Answer> {
  const start = performance.now()
  const result = await answer
  tally.latencies.push(performance.now() - start)
  return result
}

/** Without enough money in an account, a transfer is rightly refused. */
function noteTransfer(tally: Tally, answer: Answer): void {
  if (answer.ok) tally.transfers += 1
  else if (answer.error.code !== 'insufficient_funds') noteUnexpected(tally, answer)
  if (isOpen(answer)) tally.openTransfers += 1
}

function isOpen(answer: Answer): boolean {
  return !answer.ok && answer.error.code === 'outcome_unknown'
}

function noteUnexpected(tally: Tally, answer: Answer): void {
  const what = answer.ok ? 'a success that should have been refused' : answer.error.code
  tally.unexpected.set(what, (tally.unexpected.get(what) ?? 0) + 1)
}

/** A whole number from 1 to `highest`. */
function upTo(highest: number): number {
  return 1 + Math.floor(Math.random() * highest)
}
