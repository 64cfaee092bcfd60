import { BankError } from './bank-error.ts'
import { Account, Entry } from './entities.ts'
import { Session } from './session.ts'

/**
 * What the bank does. These are plain functions: they call `Session()` and never begin, commit or roll back. Whoever calls them
 * decides where the transaction begins and ends (see transactions.ts), so they can be put together freely.
 */

/** Balances go over the wire as JSON numbers, which are exact up to here. */
const HIGHEST_BALANCE = BigInt(Number.MAX_SAFE_INTEGER)

/** An account for a new owner. With an amount, that is its first deposit. */
export async function open(owner: string, amount = 0n) {
  const account = new Account({ owner })
  Session().add(account)
  await Session().flush() // the database gives the number
  if (amount > 0n) payIn(account, amount)
  return shown(account)
}

/** Money from outside. */
export async function deposit(accountId: number, amount: bigint) {
  const [account] = await lock(accountId)
  payIn(account, amount)
  return shown(account)
}

/** Money from one account to another: both balances and both entries, or nothing. */
export async function transfer(fromId: number, toId: number, amount: bigint) {
  if (fromId === toId) {
    throw new BankError('same_account', `The money would stay in account ${fromId}: 'from' and 'to' are the same.`)
  }
  const [from, to] = await lock(fromId, toId)
  refuseOverdraft(from, amount)
  refuseExcess(to, amount)
  Session().addAll([from.book(-amount, 'transfer', to), to.book(amount, 'transfer', from)])
  return { from: shown(from), to: shown(to), amount }
}

/** What is in an account. */
export async function balance(accountId: number) {
  return shown(await find(accountId))
}

/** The latest entries, newest first; with `before`, those that are older than that entry. */
export async function history(accountId: number, limit = 20, before?: number) {
  await find(accountId)
  const all = Session().query(Entry).filterBy({ accountId })
  const older = before === undefined ? all : all.where('id', '<', before)
  const entries = await older.orderBy('id', 'desc').limit(limit).all()
  return { account: accountId, entries: entries.map(shownEntry) }
}

/** What came in and went out, over the whole life of an account. The entries are streamed: any number of them fits. */
export async function statement(accountId: number) {
  const { owner } = await find(accountId)
  const totals = { deposited: 0n, received: 0n, sent: 0n, balance: 0n }
  let entries = 0
  for await (const { amount, balance, reason } of Session()
    .query(Entry)
    .filterBy({ accountId })
    .orderBy('id')
    .stream()) {
    if (reason === 'deposit') totals.deposited += amount
    else if (amount > 0n) totals.received += amount
    else totals.sent -= amount
    totals.balance = balance
    entries += 1
  }
  return { account: accountId, owner, entries, ...totals }
}

// -------------------------------------------------------------------------------------------------- inside

async function find(id: number): Promise<Account> {
  return (await Session().get(Account, id)) ?? unknown(id)
}

/**
 * The accounts of these numbers, locked until the transaction ends: whoever else wants to change one waits, and then sees what was
 * done. Always in the order of the numbers, so that two transfers in opposite directions do not wait for each other for ever.
 * SQLite has no row locks and needs none: it has one writer at a time.
 */
async function lock<Ids extends readonly number[]>(...ids: Ids): Promise<{ [Index in keyof Ids]: Account }> {
  const found = await Session().query(Account).where('id', 'in', ids).orderBy('id').forUpdate().all()
  const accounts = ids.map((id) => found.find((account) => account.id === id) ?? unknown(id))
  return accounts as { [Index in keyof Ids]: Account }
}

function payIn(account: Account, amount: bigint): void {
  refuseExcess(account, amount)
  Session().add(account.book(amount, 'deposit'))
}

function refuseOverdraft({ id, balance }: Account, amount: bigint): void {
  if (balance >= amount) return
  throw new BankError('insufficient_funds', `Account ${id} has ${balance}, which is less than ${amount}.`)
}

function refuseExcess({ id, balance }: Account, amount: bigint): void {
  if (balance + amount <= HIGHEST_BALANCE) return
  throw new BankError(
    'balance_limit',
    `Account ${id} has ${balance}; with ${amount} more it would exceed ${HIGHEST_BALANCE}.`,
  )
}

function unknown(id: number): never {
  throw new BankError('unknown_account', `There is no account ${id}.`)
}

function shown({ id, owner, balance }: Account) {
  return { account: id, owner, balance }
}

function shownEntry({ id, amount, balance, reason, otherId, at }: Entry) {
  return { entry: id, amount, balance, reason, other: otherId, at: at.toISOString() }
}
