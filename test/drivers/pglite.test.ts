import { describe, expect, it } from 'vitest'
import { openDriver } from '../../src/drivers/index.ts'
import { ArgumentError, InvalidRequestError, ResourceClosedError } from '../../src/errors.ts'
import { classifyPostgres } from '../../src/sql/postgres-errors.ts'
import { onEvery } from '../support/index.ts'
import { failure, run, targetOf, value } from './server-drivers.ts'

onEvery({ on: ['pglite'] }, (db) => {
  it('is one connection, taken in turns, each of which finds a fresh session', async () => {
    const driver = await openDriver('pglite')(targetOf(db.url))
    expect(driver.singleConnection).toBe(true)
    const first = await driver.connect({})
    expect(first.server).toMatchObject({ product: 'postgres', version: expect.stringMatching(/^\d+/) })
    await expect(driver.connect({})).rejects.toThrow(InvalidRequestError)
    await run(first, 'create table kept (id int)')
    await run(first, 'create temp table gone (id int)')
    await first.begin({})
    await run(first, 'insert into kept values ($1)', [1], { name: 'i' })
    await first.close()
    const second = await driver.connect({})
    expect(second.transactionStatus).toBe('idle')
    expect(await value(second, 'select count(*) from kept')).toBe(0)
    await expect(run(second, 'select * from gone')).rejects.toMatchObject({ code: '42P01' })
    expect((await run(second, 'insert into kept values ($1)', [2], { name: 'i' })).rowCount).toBe(1)
    await driver.dispose()
    expect(classifyPostgres(await failure(run(second, 'select 1'))).kind).toBe('disconnect')
    await expect(driver.connect({})).rejects.toThrow(ResourceClosedError)
  })

  it('keeps what was stored in its directory', async () => {
    const url = await db.freshUrl()
    for (const expected of [1, 2]) {
      const driver = await openDriver('pglite')(targetOf(url))
      const connection = await driver.connect({})
      await run(connection, 'create table if not exists stored (id int)')
      await run(connection, 'insert into stored values (1)')
      expect(await value(connection, 'select count(*) from stored')).toBe(expected)
      await connection.close()
      await driver.dispose()
    }
  })
})

describe('the driver of PGlite', () => {
  it('refuses parameters of the URL that it does not know', async () => {
    await expect(openDriver('pglite')({ query: { nonsense: '1' }, connectArgs: {} })).rejects.toThrow(ArgumentError)
  })

  it('gives up when the signal says so before it starts, and can be disposed of unused', async () => {
    const driver = await openDriver('pglite')({ query: {}, connectArgs: {} })
    const reason = new Error('enough')
    expect(await failure(driver.connect({ signal: AbortSignal.abort(reason) }))).toBe(reason)
    await driver.dispose()
  })
})

it('names the drivers that there are, where one is asked for that is not', () => {
  expect(() => openDriver('oracle')).toThrow(/node-sqlite, better-sqlite3, pg, pglite, mysql2/)
  expect(() => openDriver('toString')).toThrow(ArgumentError)
})
