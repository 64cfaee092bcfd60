import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { linkSync, symlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DriverConnection } from '../../src/drivers/driver.ts'
import { WriterQueue } from '../../src/drivers/sqlite-writer-queue.ts'
import {
  InvalidRequestError,
  LockNotAvailableError,
  ResourceClosedError,
  StatementTimeoutError,
} from '../../src/errors.ts'
import { classifySqlite } from '../../src/sql/sqlite-errors.ts'
import { failureOf, rowsOf, run, SQLITE_DRIVERS, Workplace } from './sqlite-drivers.ts'

/** Another process that holds the write lock of a file until it is told to commit. */
class OtherProcess {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async holding(path: string, sql = 'begin immediate; insert into log values (0)'): Promise<OtherProcess> {
    const program = `
      const { DatabaseSync } = require('node:sqlite')
      const database = new DatabaseSync(${JSON.stringify(path)})
      database.exec(${JSON.stringify(sql)})
      process.send('holds')
      process.on('message', () => { database.exec('commit'); database.close(); process.disconnect() })`
    const child = spawn(process.execPath, ['--no-warnings', '-e', program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    await once(child, 'message')
    return new OtherProcess(child)
  }

  async letGo(): Promise<void> {
    const exit = once(this.#child, 'exit')
    this.#child.send('commit')
    await exit
  }
}

describe.each(SQLITE_DRIVERS)('writers of one file through $name', ({ open }) => {
  let place: Workplace
  let first: DriverConnection
  let second: DriverConnection
  let third: DriverConnection
  beforeEach(async () => {
    place = new Workplace(open)
    first = await place.connect()
    second = await place.connect()
    third = await place.connect({ busyTimeout: 30 })
    await run(first, 'create table log (n integer)')
  })
  afterEach(() => place.end())

  const log = (connection: DriverConnection, n: number) => run(connection, 'insert into log values (?)', [n])
  const logged = async () => (await rowsOf(first, 'select n from log order by rowid')).map((row) => row[0])

  /** Turns the event loop a few times: whoever can go on without waiting for others has then done so. */
  async function settled(): Promise<void> {
    for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve))
  }

  it('begin one after another, in the order in which they asked', async () => {
    const patient = await place.connect()
    const order: string[] = []
    const transfer = async (connection: DriverConnection, name: string) => {
      await connection.begin({})
      order.push(`${name} begins`)
      await settled()
      order.push(`${name} commits`)
      await connection.commit()
    }
    await Promise.all([transfer(first, '1'), transfer(second, '2'), transfer(patient, '3')])
    expect(order).toEqual(['1 begins', '1 commits', '2 begins', '2 commits', '3 begins', '3 commits'])
  })

  it('include statements outside of transactions', async () => {
    await first.begin({})
    const insert = log(second, 2)
    const each = third.runEach({ sql: 'insert into log values (?)', parameters: [] }, [[3], [4]])
    await log(first, 1)
    await first.commit()
    await Promise.all([insert, each])
    expect(await logged()).toEqual([1, 2, 3, 4])
  })

  it('never keep readers waiting', async () => {
    await first.begin({})
    await log(first, 1)
    expect(await rowsOf(second, 'select count(*) from log')).toEqual([[0]])
    await second.begin({ readOnly: true })
    expect(await rowsOf(second, 'select count(*) from log')).toEqual([[0]])
    await second.commit()
    await first.commit()
  })

  it('leave the line when they are aborted, and the next one has their place', async () => {
    await first.begin({})
    const giveUp = new AbortController()
    const aborted = failureOf(second.begin({ signal: giveUp.signal }))
    const patient = await place.connect()
    const next = patient.begin({})
    giveUp.abort(new Error('no more time'))
    expect((await aborted).message).toBe('no more time')
    expect(second.transactionStatus).toBe('idle')
    await first.commit()
    await next
    expect(patient.transactionStatus).toBe('open')
    await patient.rollback()
    await log(second, 1)
    expect(await logged()).toEqual([1])
  })

  it('let go of the signal when they have had their turn', async () => {
    const { signal } = new AbortController()
    await first.begin({})
    const waiting = second.begin({ signal })
    await first.commit()
    await waiting
    await second.rollback()
    const queue = new WriterQueue()
    const turn = queue.tryEnter({ label: 'one' })
    const next = queue.enter({ label: 'two' }, { limit: 1_000, signal, expired: () => new Error('late') })
    expect([queue.waiting, getEventListeners(signal, 'abort').length]).toEqual([1, 1])
    turn?.release()
    turn?.release()
    expect([(await next).owner.label, queue.holder?.owner.label, queue.waiting]).toEqual(['two', 'two', 0])
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('are refused after the limit by an error that says who writes for how long', async () => {
    await first.begin({ label: 'the transfer of 5 o’clock' })
    for (const attempt of [() => third.begin({}), () => log(third, 1)]) {
      const failure = await failureOf(attempt())
      expect(failure).toBeInstanceOf(LockNotAvailableError)
      expect(failure.message).toMatch(/within 30 ms\. the transfer of 5 o’clock of this process has held it for \d+ ms/)
      expect(classifySqlite(failure).kind).toBe('lock not available')
    }
    await first.commit()
    await log(third, 1)
    expect(await logged()).toEqual([1])
  })

  it('give the place up however they end', async () => {
    const ends: ((writer: DriverConnection) => unknown)[] = [
      (writer) => writer.commit(),
      (writer) => writer.rollback(),
      (writer) => writer.close(),
      (writer) => writer.destroy(),
      (writer) => failureOf(run(writer, "insert into strict_log values ('x'), ('x')")),
    ]
    await run(first, 'create table strict_log (a unique on conflict rollback)')
    for (const end of ends) {
      const writer = await place.connect()
      await writer.begin({})
      const waiting = second.begin({})
      await end(writer)
      await waiting
      await second.rollback()
    }
    const typed = await place.connect()
    await run(typed, 'begin')
    const waiting = second.begin({})
    await run(typed, 'commit')
    await waiting
    await second.rollback()
    await failureOf(run(typed, 'insert into log values (1, 2, 3)'))
    await log(third, 1)
  })

  it('who wait are told when their connection is closed or their statement is cancelled', async () => {
    await first.begin({})
    const cancelled = failureOf(log(second, 1))
    await second.cancel()
    expect(await cancelled).toBeInstanceOf(StatementTimeoutError)
    const closed = failureOf(second.begin({}))
    second.destroy()
    expect(await closed).toBeInstanceOf(ResourceClosedError)
    await first.commit()
    await log(third, 3)
    expect(await logged()).toEqual([3])
  })

  it('meet in one line under every name of the file', async () => {
    symlinkSync(place.path(), place.path('symbolic.db'))
    const linked = await place.connect({ busyTimeout: 20 }, place.path('symbolic.db'))
    await first.begin({})
    expect((await failureOf(linked.begin({}))).message).toMatch(/connection \d+ of this process has held it/)
    await first.commit()
  })

  it('wait for another process without blocking the event loop', async () => {
    const other = await OtherProcess.holding(place.path())
    let turns = 0
    const ticking = setInterval(() => turns++, 1)
    const begun = first.begin({})
    const inserted = log(second, 2)
    while (turns < 20) await new Promise((resolve) => setTimeout(resolve, 1))
    expect(first.transactionStatus).toBe('idle')
    await other.letGo()
    await begun
    clearInterval(ticking)
    await log(first, 1)
    await first.commit()
    await inserted
    expect(await logged()).toEqual([0, 1, 2])
  })

  it('give up on another process after the limit, and are the next in line no longer', async () => {
    const other = await OtherProcess.holding(place.path())
    const failure = await failureOf(third.begin({}))
    expect(failure).toBeInstanceOf(LockNotAvailableError)
    expect(failure.message).toMatch(/within 30 ms\. Another process/)
    expect(classifySqlite((failure as Error).cause)).toEqual({
      kind: 'lock not available',
      databaseCode: 'SQLITE_BUSY',
    })
    const aborted = failureOf(first.begin({ signal: AbortSignal.timeout(20) }))
    expect((await aborted).name).toBe('TimeoutError')
    await other.letGo()
    await second.begin({})
    await second.commit()
  })

  it('find a stale snapshot as a serialization failure when they have begun by reading', async () => {
    await log(first, 1)
    await run(first, 'begin deferred')
    await rowsOf(first, 'select * from log')
    const write = `new (require('node:sqlite').DatabaseSync)(${JSON.stringify(place.path())}).exec('insert into log values (2)')`
    execFileSync(process.execPath, ['--no-warnings', '-e', write])
    const failure = await failureOf(log(first, 3))
    expect(classifySqlite(failure)).toEqual({ kind: 'serialization', databaseCode: 'SQLITE_BUSY_SNAPSHOT' })
    await first.rollback()
    await log(first, 3)
    expect(await logged()).toEqual([1, 2, 3])
  })

  it('keep their transaction while a reader of another process is in the way of the commit', async () => {
    const journal = { journalMode: 'delete', busyTimeout: 30 }
    const writer = await place.connect(journal, place.path('rollback.db'))
    await run(writer, 'create table log (n integer)')
    const reader = await OtherProcess.holding(place.path('rollback.db'), 'begin; select * from log')
    const holding = await OtherProcess.holding(
      place.path('rollback.db'),
      'begin; create temp table t as select * from log',
    )
    await writer.begin({})
    await log(writer, 1)
    expect(await failureOf(writer.commit())).toBeInstanceOf(LockNotAvailableError)
    expect(writer.transactionStatus).toBe('open')
    await Promise.all([reader.letGo(), holding.letGo()])
    expect(await writer.commit()).toBe('committed')
    expect(await rowsOf(writer, 'select n from log')).toEqual([[1]])
  })

  it.runIf(SQLITE_DRIVERS.length > 1)('may not come through two copies of SQLite in one process', async () => {
    const foreign = SQLITE_DRIVERS.find((driver) => driver.open !== open)
    linkSync(place.path(), place.path('hard.db'))
    for (const database of [place.path(), place.path('hard.db')]) {
      const driver = await foreign?.open({ database, query: {}, connectArgs: {} })
      const failure = await failureOf(driver?.connect({}) as Promise<unknown>)
      expect(failure).toBeInstanceOf(InvalidRequestError)
      expect(failure.message).toMatch(/two copies of SQLite/i)
    }
    await Promise.all([first.close(), second.close(), third.close()])
    const driver = await foreign?.open({ database: place.path(), query: {}, connectArgs: {} })
    const connection = (await driver?.connect({})) as DriverConnection
    expect(await rowsOf(connection, 'select count(*) from log')).toEqual([[0]])
    await connection.close()
  })

  it('lose nothing when many of them count in one row', async () => {
    await run(first, 'create table counter (n integer)')
    await run(first, 'insert into counter values (0)')
    const connections = await Promise.all(Array.from({ length: 8 }, () => place.connect()))
    const count = async (connection: DriverConnection) => {
      for (let round = 0; round < 10; round++) {
        await connection.begin({})
        const [[n]] = (await rowsOf(connection, 'select n from counter')) as [[number]]
        await Promise.resolve()
        await run(connection, 'update counter set n = ?', [n + 1])
        await connection.commit()
      }
    }
    await Promise.all(connections.map(count))
    expect(await rowsOf(first, 'select n from counter')).toEqual([[80]])
  })
})
