import { Account, Entry } from './entities.ts'
import { Session } from './session.ts'

/** What the clients know must be in the bank, from the answers they got. */
export interface Expected {
  /** Cents that were paid in: every deposit that was answered with a success. */
  readonly total: bigint
  /** Transfers that were answered with a success: at least these are stored. */
  readonly transfers: number
  /** Transfers whose clients vanished, or were not told what became of them: each is stored as a whole or not at all. */
  readonly open: number
  /** Cents in deposits of which the clients were not told whether they are stored. Default: none. */
  readonly openTotal?: bigint
}

/** What a look into the books has found. */
export interface Books {
  readonly accounts: number
  readonly entries: number
  readonly transfers: number
  /** Accounts whose balance is not what their history adds up to. */
  readonly unequal: number
  /** The sum of all balances, in cents. */
  readonly total: bigint
  /** What is wrong; nothing when all is well. */
  readonly problems: readonly string[]
}

/**
 * Checks all that must hold, whatever was asked and whoever vanished: every balance is what its history adds up to and never below
 * zero, no transfer is half there, and all balances together are what was paid in.
 */
export function checkBooks(expected: Expected): Promise<Books> {
  return Session.begin(async () => {
    const histories = await addUpEntries()
    const problems = [...histories.values()].flatMap(({ problems }) => problems)
    let total = 0n
    let accounts = 0
    let unequal = 0
    for await (const { id, balance } of Session().query(Account).orderBy('id').stream()) {
      accounts += 1
      total += balance
      const booked = histories.get(id)?.sum ?? 0n
      if (balance < 0n) problems.push(`Account ${id} is overdrawn: ${balance}.`)
      if (balance === booked) continue
      unequal += 1
      problems.push(`Account ${id} has ${balance}, but its history adds up to ${booked}.`)
    }
    const all = [...histories.values()]
    const entries = all.reduce((sum, { entries }) => sum + entries, 0)
    const halves = all.reduce((sum, { halves }) => sum + halves, 0)
    const moved = all.reduce((sum, { moved }) => sum + moved, 0n)
    problems.push(...checkTransfers(halves, moved, expected), ...checkTotal(total, expected))
    return { accounts, entries, transfers: Math.floor(halves / 2), unequal, total, problems }
  })
}

/** What the entries of one account say. */
interface History {
  sum: bigint
  entries: number
  /** Entries of transfers: each transfer has two, in two accounts. */
  halves: number
  /** What transfers brought and took; nothing, over all accounts. */
  moved: bigint
  readonly problems: string[]
}

async function addUpEntries(): Promise<Map<number, History>> {
  const histories = new Map<number, History>()
  for await (const entry of Session().query(Entry).orderBy('id').stream()) {
    const { accountId } = entry
    const history = histories.get(accountId) ?? { sum: 0n, entries: 0, halves: 0, moved: 0n, problems: [] }
    histories.set(accountId, history)
    addUp(history, entry)
  }
  return histories
}

function addUp(history: History, { id, accountId, amount, balance, reason }: Entry): void {
  history.sum += amount
  history.entries += 1
  if (reason === 'transfer') {
    history.halves += 1
    history.moved += amount
  }
  if (history.sum === balance) return
  history.problems.push(
    `Entry ${id} of account ${accountId} says ${balance}, but the entries up to it make ${history.sum}.`,
  )
}

function checkTransfers(halves: number, moved: bigint, { transfers, open }: Expected): string[] {
  const problems: string[] = []
  if (halves % 2 !== 0) problems.push(`There are ${halves} entries of transfers, so one transfer is half there.`)
  if (moved !== 0n) problems.push(`Transfers have made ${moved} out of nothing; they must only move money.`)
  const stored = Math.floor(halves / 2)
  if (stored < transfers) problems.push(`${transfers} transfers were confirmed, but only ${stored} are stored.`)
  if (stored > transfers + open)
    problems.push(`${stored} transfers are stored, but at most ${transfers + open} were wanted.`)
  return problems
}

function checkTotal(total: bigint, { total: paidIn, openTotal = 0n }: Expected): string[] {
  if (total >= paidIn && total <= paidIn + openTotal) return []
  return [
    `All balances together are ${total}, but ${paidIn} was paid in${openTotal > 0n ? `, ${openTotal} more at most` : ''}.`,
  ]
}
