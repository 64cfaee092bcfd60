import mysql from 'mysql2'
import { expect, it, onTestFinished } from 'vitest'
import { canSendAhead, sendAhead } from '../../src/drivers/mysql-ahead.ts'
import type { MysqlClient } from '../../src/drivers/mysql-client.ts'
import { ArgumentError } from '../../src/errors.ts'
import { onEvery } from '../support/index.ts'
import { Network } from '../support/network.ts'
import { Connections, failure, run, targetOf, value } from './server-drivers.ts'

onEvery({ on: ['mariadb'] }, (db) => {
  const connections = new Connections(db)

  /** A connection of mysql2 itself. */
  async function connect(options: object = {}): Promise<MysqlClient> {
    const { host, port, user, database } = targetOf(db.url)
    const client = mysql.createConnection({
      ...(host !== undefined && { host }),
      ...(port !== undefined && { port }),
      ...(user !== undefined && { user }),
      ...(database !== undefined && { database }),
      rowsAsArray: true,
      ...options,
    }) as unknown as MysqlClient
    onTestFinished(() => client.end(() => undefined))
    await new Promise<void>((resolve, reject) => client.connect((error) => (error ? reject(error) : resolve())))
    return client
  }

  function query(client: MysqlClient, sql: string, values?: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const done = (error: unknown, rows?: unknown) => (error ? reject(error) : resolve(rows))
      if (values === undefined) client.query({ sql }, done)
      else client.execute({ sql, values }, done)
    })
  }

  it('a command and the statement behind it are answered each for itself', async () => {
    const client = await connect()
    expect(canSendAhead(client)).toBe(true)
    const rounds = [
      () => query(client, 'select @a + 1'),
      // Prepared first, then known.
      () => query(client, 'select @a + ?', [1]),
      () => query(client, 'select @a + ?', [1]),
    ]
    for (const [n, round] of rounds.entries()) {
      const { sent, following } = sendAhead(client, `set @a = ${n}`, round)
      expect(await following).toEqual([[n + 1]])
      expect(sent.error).toBeUndefined()
      expect(await query(client, 'select ?, @a', [n])).toEqual([[n, n]])
    }
    const many = 'select seq, repeat(?, 100) from seq_1_to_5000'
    const { following } = sendAhead(client, 'set @a = 9', () => query(client, many, ['x']))
    expect(await following).toHaveLength(5_000)
  })

  it('what fails is told where it failed, and nothing gets out of step', async () => {
    const client = await connect()
    const first = sendAhead(client, 'set @a = no_such_thing', () => query(client, 'select ?', [5]))
    expect(await first.following).toEqual([[5]])
    expect(first.sent.error).toMatchObject({ code: 'ER_BAD_FIELD_ERROR', sql: 'set @a = no_such_thing' })
    const second = sendAhead(client, 'set @a = 1', () => query(client, 'select nothing', []))
    await expect(second.following).rejects.toMatchObject({ code: 'ER_BAD_FIELD_ERROR' })
    expect(second.sent.error).toBeUndefined()
    const third = sendAhead(client, 'set @a = no_such_thing', () => query(client, 'select nothing', []))
    await expect(third.following).rejects.toMatchObject({ code: 'ER_BAD_FIELD_ERROR' })
    expect(third.sent.error).toMatchObject({ code: 'ER_BAD_FIELD_ERROR' })
    expect(await query(client, 'select ?, @a', [6])).toEqual([[6, 1]])
  })

  it('is left alone where packets are compressed', async () => {
    expect(canSendAhead(await connect({ compress: true }))).toBe(false)
  })

  const select = { sql: 'select 1 + ? as n', parameters: [1], name: 'one' }

  it('START TRANSACTION leaves with a select of heddle’s, and before everything else', async () => {
    const network = await Network.open(db.url)
    onTestFinished(() => network.close())
    const own = new Connections({ ...db, url: network.url })
    const connection = await own.open()
    await connection.run(select)
    const turnsOf = async (statement: typeof select) => {
      await connection.begin({})
      network.takeTurns()
      await connection.run(statement)
      expect(connection.transactionStatus).toBe('open')
      await connection.rollback()
      return network.takeTurns() - 1
    }
    expect(await turnsOf(select)).toBe(1)
    const update = { sql: 'update mysql_ahead set n = ?', parameters: [1], name: 'two' }
    await run(connection, 'create table if not exists mysql_ahead (n int)')
    await connection.run(update)
    expect(await turnsOf(update)).toBe(2)
    await connection.close()
  })

  it('does not where the URL says so', async () => {
    const network = await Network.open(db.url)
    onTestFinished(() => network.close())
    const own = new Connections({ ...db, url: network.url })
    const connection = await own.open({ suffix: '?pipelining=false' })
    await connection.run(select)
    await connection.begin({})
    network.takeTurns()
    await connection.run(select)
    expect(network.takeTurns()).toBe(2)
    await connection.rollback()
    await connection.close()
    await expect(own.open({ suffix: '?pipelining=perhaps' })).rejects.toThrow(ArgumentError)
  })

  it('a statement that fails behind it leaves a transaction that goes on', async () => {
    const connection = await connections.open()
    await connection.begin({})
    const bad = { sql: 'select nothing from nowhere where 1 = ?', parameters: [1], name: 'bad' }
    expect(await failure(connection.run(bad))).toMatchObject({ code: 'ER_NO_SUCH_TABLE' })
    expect(connection.transactionStatus).toBe('open')
    expect(await value(connection, 'select @@in_transaction')).toBe(1)
    await connection.rollback()
    expect(await value(connection, 'select @@in_transaction')).toBe(0)
  })
})
