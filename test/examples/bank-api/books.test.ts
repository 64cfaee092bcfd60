import { expect, it } from 'vitest'
import { checkBooks } from '../../../examples/bank-api/books.ts'
import { Account, Entry } from '../../../examples/bank-api/entities.ts'
import { CheckViolationError, type Session } from '../../../examples/bank-api/heddle.ts'
import { open, transfer } from '../../../examples/bank-api/operations.ts'
import { Sessions } from '../../../examples/bank-api/session.ts'
import { inTransaction } from '../../../examples/bank-api/transactions.ts'
import { onEvery } from '../../support/index.ts'
import { openTables } from './open-bank.ts'

const { signal } = new AbortController()
const expected = { total: 150n, transfers: 1, open: 0 }

async function fill(): Promise<void> {
  await inTransaction(
    async () => {
      await open('Ada', 100n)
      await open('Bo', 50n)
      await transfer(1, 2, 30n)
    },
    { signal },
  )
}

/** Changes the tables behind the bank's back. */
function tamper(change: (session: Session) => Promise<void>): Promise<void> {
  return Sessions.begin(change)
}

onEvery({}, (db) => {
  it('books in order have no problems', async () => {
    await openTables(db)
    await fill()
    expect(await checkBooks(expected)).toEqual({
      accounts: 2,
      entries: 4,
      transfers: 1,
      unequal: 0,
      total: 150n,
      problems: [],
    })
  })

  it('a balance that its history does not explain is found', async () => {
    await openTables(db)
    await fill()
    await tamper(async (session) => {
      const account = await session.getOne(Account, 2)
      account.balance += 1n
    })
    const { problems, unequal } = await checkBooks(expected)
    expect(unequal).toBe(1)
    expect(problems).toEqual([
      'Account 2 has 81, but its history adds up to 80.',
      'All balances together are 151, but 150 was paid in.',
    ])
  })

  it('a transfer of which one half is missing is found', async () => {
    await openTables(db)
    await fill()
    await tamper(async (session) => {
      session.delete(await session.query(Entry).where('amount', '=', -30n).one())
      const account = await session.getOne(Account, 1)
      account.balance = 100n
    })
    expect((await checkBooks(expected)).problems).toEqual([
      'There are 1 entries of transfers, so one transfer is half there.',
      'Transfers have made 30 out of nothing; they must only move money.',
      '1 transfers were confirmed, but only 0 are stored.',
      'All balances together are 180, but 150 was paid in.',
    ])
  })

  it('an entry that was changed is found, and so are transfers that are lost or that nobody wanted', async () => {
    await openTables(db)
    await fill()
    expect((await checkBooks({ ...expected, transfers: 2 })).problems).toEqual([
      '2 transfers were confirmed, but only 1 are stored.',
    ])
    expect((await checkBooks({ ...expected, transfers: 0 })).problems).toEqual([
      '1 transfers are stored, but at most 0 were wanted.',
    ])
    expect((await checkBooks({ ...expected, transfers: 0, open: 1 })).problems).toEqual([])
    await tamper(async (session) => {
      const entry = await session.query(Entry).where('amount', '=', 50n).one()
      entry.balance = 51n
    })
    expect((await checkBooks(expected)).problems).toEqual([
      expect.stringMatching(/^Entry \d+ of account 2 says 51, but the entries up to it make 50\.$/),
    ])
  })

  it('the database itself refuses an overdraft', async () => {
    await openTables(db)
    await fill()
    const overdraw = tamper(async (session) => {
      const account = await session.getOne(Account, 1)
      account.balance = -1n
    })
    await expect(overdraw).rejects.toBeInstanceOf(CheckViolationError)
  })
})
