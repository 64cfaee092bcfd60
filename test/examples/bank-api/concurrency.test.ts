import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { checkBooks } from '../../../examples/bank-api/books.ts'
import { BankClient } from '../../../examples/bank-api/client.ts'
import { MOST_CONNECTIONS } from '../../../examples/bank-api/database.ts'
import { Account, Entry } from '../../../examples/bank-api/entities.ts'
import { DeadlockError, NoScopeError } from '../../../examples/bank-api/heddle.ts'
import { balance, deposit, open } from '../../../examples/bank-api/operations.ts'
import type { BankServer } from '../../../examples/bank-api/server.ts'
import { Session, Sessions } from '../../../examples/bank-api/session.ts'
import { inTransaction } from '../../../examples/bank-api/transactions.ts'
import { onEvery } from '../../support/index.ts'
import { line, openBank, openTables, type RawClient, rawClient } from './open-bank.ts'

const never = new AbortController().signal

/** A client, and the server's end of its socket. */
async function clientWithServerEnd(bank: BankServer): Promise<{ client: RawClient; serverEnd: Socket }> {
  const accepted = new Promise<Socket>((resolve) => {
    const listen = (message: unknown) => {
      unsubscribe('net.server.socket', listen)
      resolve((message as { socket: Socket }).socket)
    }
    subscribe('net.server.socket', listen)
  })
  const client = await rawClient(bank)
  return { client, serverEnd: await accepted }
}

/** Runs `act` once, inside the next transaction whose changes are written and not committed. */
function whenWritten(act: () => Promise<void>): Promise<void> {
  const acted = new Promise<void>((resolve, reject) => {
    const stop = Sessions.on('afterFlush', () => {
      stop()
      return act().then(resolve, reject)
    })
    onTestFinished(stop)
  })
  return acted
}

/** What is stored, seen from a session of its own. */
function stored(): Promise<{ balances: bigint[]; entries: number }> {
  return Sessions.begin(async (session) => {
    const accounts = await session.query(Account).orderBy('id').all()
    return { balances: accounts.map(({ balance }) => balance), entries: await session.query(Entry).count() }
  })
}

async function openTwo(client: RawClient): Promise<void> {
  await client.send(line({ op: 'open', owner: 'Ada', amount: 100 }) + line({ op: 'open', owner: 'Bo', amount: 100 }))
  await client.read(2)
}

onEvery({}, (db) => {
  it('a client that vanishes in mid-transaction has its changes rolled back, and its other requests are not begun', async () => {
    const { engine, bank, meter } = await openBank(db)
    const { client, serverEnd } = await clientWithServerEnd(bank)
    await openTwo(client)
    const before = { commits: meter.commits, rollbacks: meter.rollbacks, stored: await stored() }
    const written: string[] = []
    const stop = engine.on('query', ({ sql }) => written.push(sql.slice(0, 6).toLowerCase()))
    const vanished = whenWritten(async () => {
      expect(written).toContain('insert')
      expect(written).toContain('update')
      const noticed = once(serverEnd, 'close')
      await client.vanish()
      await noticed
    })
    await client.send(
      line({ id: 1, op: 'transfer', from: 1, to: 2, amount: 5 }) + line({ id: 2, op: 'open', owner: 'Cy' }),
    )
    await vanished
    stop()
    await bank.close()
    expect(bank.counts).toMatchObject({ requests: 3, abandoned: 1, retries: 0, faults: 0 })
    expect(meter.rollbacks - before.rollbacks).toBe(1)
    expect(await stored()).toEqual(before.stored)
    expect(meter.taken).toBe(0)
  })

  it('a request that runs when the bank closes is stored and answered, and only then the bank is closed', async () => {
    const { bank, meter } = await openBank(db)
    const client = await rawClient(bank)
    await openTwo(client)
    let closing: Promise<void> | undefined
    const begun = whenWritten(async () => {
      closing = bank.close()
    })
    await client.send(line({ id: 1, op: 'transfer', from: 1, to: 2, amount: 5 }))
    await begun
    await closing
    expect(meter.taken).toBe(0)
    expect(await client.read(1)).toMatchObject([{ id: 1, ok: true }])
    await client.ended
    expect((await stored()).balances).toEqual([95n, 105n])
    await expect(BankClient.connect(bank.port)).rejects.toThrow()
  })

  it('a request that does not end in time when the bank closes is rolled back', async () => {
    const { bank, meter } = await openBank(db)
    const client = await rawClient(bank)
    await openTwo(client)
    let closing: Promise<void> | undefined
    const hungUp = whenWritten(async () => {
      closing = bank.close(0)
      await client.ended
    })
    await client.send(line({ id: 1, op: 'transfer', from: 1, to: 2, amount: 5 }))
    await hungUp
    await closing
    expect(client.unread).toBe(0)
    expect(bank.counts.abandoned).toBe(1)
    expect(meter.taken).toBe(0)
    expect(await stored()).toEqual({ balances: [100n, 100n], entries: 2 })
  })

  it('fifty clients at once neither lose nor make money, over no more connections than the pool has', async () => {
    const { bank, meter, faults } = await openBank(db)
    const [clients, turns, accounts] = [50, 8, 5]
    const opener = await rawClient(bank)
    for (let owner = 0; owner < accounts; owner += 1) {
      await opener.send(line({ op: 'open', owner: `Owner ${owner}`, amount: 1_000 }))
    }
    await opener.read(accounts)
    let transfers = 0
    let refused = 0
    const work = async (_: unknown, index: number) => {
      const client = await BankClient.connect(bank.port)
      for (let turn = 0; turn < turns; turn += 1) {
        const from = ((index + turn) % accounts) + 1
        const to = ((index * 3 + turn + 1 + Number((index * 3 + turn + 1) % accounts === from - 1)) % accounts) + 1
        const answer = await client.ask('transfer', { from, to, amount: turn === 3 ? 1_000_000 : 1 + turn })
        if (answer.ok) transfers += 1
        else {
          expect(answer.error.code).toBe('insufficient_funds')
          refused += 1
        }
      }
      await client.close()
    }
    await Promise.all(Array.from({ length: clients }, work))
    expect(refused).toBeGreaterThanOrEqual(clients)
    expect(transfers + refused).toBe(clients * turns)
    const books = await checkBooks({ total: BigInt(accounts * 1_000), transfers, open: 0 })
    expect(books.problems).toEqual([])
    expect(books).toMatchObject({ accounts, unequal: 0, transfers, entries: accounts + 2 * transfers })
    expect(meter.mostTaken).toBeLessThanOrEqual(MOST_CONNECTIONS)
    expect(meter.taken).toBe(0)
    expect(faults).toEqual([])
  })

  it('work that the database gives up is run again from its beginning, and stored once', async () => {
    const engine = await openTables(db)
    let attempts = 0
    let retries = 0
    const work = async () => {
      attempts += 1
      const account = await open('Ada', 5n)
      await Session().flush()
      if (attempts < 3) throw new DeadlockError('Another transaction was in the way.')
      return account
    }
    const options = { signal: never, onRetry: () => ++retries }
    expect(await inTransaction(work, options)).toMatchObject({ owner: 'Ada', balance: 5n })
    expect([attempts, retries]).toEqual([3, 2])
    expect(await stored()).toEqual({ balances: [5n], entries: 1 })
    expect(engine.pool.status().checkedOut).toBe(0)
  })

  it('work that fails for good is not run again, and nothing of it is stored', async () => {
    await openTables(db)
    let attempts = 0
    const failure = new TypeError('a fault')
    const work = async () => {
      attempts += 1
      await open('Ada', 5n)
      throw failure
    }
    await expect(inTransaction(work, { signal: never })).rejects.toBe(failure)
    expect(attempts).toBe(1)
    expect(await stored()).toEqual({ balances: [], entries: 0 })
  })

  it('the operations refuse to run outside of a scope', async () => {
    await openTables(db)
    await expect(balance(1)).rejects.toBeInstanceOf(NoScopeError)
    await expect(deposit(1, 5n)).rejects.toBeInstanceOf(NoScopeError)
  })
})

onEvery({ needs: ['rowLocks', 'writers'] }, (db) => {
  it('a client that vanishes while its request waits for a lock is not waited for', async () => {
    const { engine, bank, meter } = await openBank(db)
    const client = await rawClient(bank)
    await openTwo(client)
    await Sessions.begin(async (session) => {
      await session.get(Account, 2, { forUpdate: true })
      await client.send(line({ id: 1, op: 'transfer', from: 1, to: 2, amount: 5 }))
      const isWaiting = () =>
        engine.pool
          .holders()
          .some(({ label, lastNote }) => label !== session.label && / for update/.test(lastNote ?? ''))
      while (!isWaiting()) await nextTurn()
      await client.vanish()
      while (bank.clients > 0) await nextTurn()
      expect(bank.counts.abandoned).toBe(1)
      expect(meter.holders).toEqual([session.label])
    })
    expect(await stored()).toEqual({ balances: [100n, 100n], entries: 2 })
  })

  it('of two transactions in a deadlock one is run again, and both are stored', async () => {
    await openTables(db)
    await inTransaction(async () => [await open('Ada'), await open('Bo')], { signal: never })
    let first = 0
    let bothHaveOne = () => {}
    const barrier = new Promise<void>((resolve) => {
      bothHaveOne = resolve
    })
    let retries = 0
    const crosswise = (ids: readonly [number, number]) => async () => {
      await deposit(ids[0], 1n)
      await Session().flush()
      first += 1
      if (first === 2) bothHaveOne()
      await barrier
      await deposit(ids[1], 1n)
    }
    const options = { signal: never, onRetry: () => ++retries }
    await Promise.all([inTransaction(crosswise([1, 2]), options), inTransaction(crosswise([2, 1]), options)])
    expect(retries).toBeGreaterThanOrEqual(1)
    expect(await stored()).toEqual({ balances: [2n, 2n], entries: 4 })
  })
})
