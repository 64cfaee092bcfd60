import { beforeEach, describe, expect, it } from 'vitest'
import type { SqliteDatabase, SqliteStatement } from '../../src/drivers/sqlite-library.ts'
import type { Prepared } from '../../src/drivers/sqlite-prepared.ts'
import { PreparedStatements } from '../../src/drivers/sqlite-statements.ts'
import { readStatementText } from '../../src/drivers/sqlite-text.ts'

describe('the prepared statements of a connection', () => {
  let prepared: string[]
  let statements: PreparedStatements
  beforeEach(() => {
    prepared = []
    const prepare = (sql: string) => {
      prepared.push(sql)
      return { returnsRows: false } as SqliteStatement
    }
    statements = new PreparedStatements({ prepare } as unknown as SqliteDatabase, 2)
  })

  /** As the connection does it. */
  function take(sql: string, name?: string): Prepared {
    const statement = { sql, parameters: [], ...(name === undefined ? {} : { name }) }
    const found = statements.find(statement)
    return found?.isBusy === false ? found : statements.prepare(statement, readStatementText(sql))
  }

  it('are prepared once for each name and once for each text', () => {
    expect(take('select 1', 'a')).toBe(take('select 1', 'a'))
    expect(take('select 1')).toBe(take('select 1'))
    expect(prepared).toEqual(['select 1', 'select 1'])
  })

  it('make room among the unnamed by the least recently used, and keep every named one', () => {
    for (const name of ['a', 'b', 'c', 'd']) take(`select '${name}'`, name)
    take('select 1')
    take('select 2')
    take('select 1')
    take('select 3')
    expect(statements.size).toBe(6)
    prepared.length = 0
    for (const name of ['a', 'b', 'c', 'd']) take(`select '${name}'`, name)
    take('select 1')
    expect(prepared).toEqual([])
    take('select 2')
    expect(prepared).toEqual(['select 2'])
  })

  it('are not given out while they are busy, and are kept for later', () => {
    for (const name of ['a', undefined]) {
      const busy = take('select 1', name)
      busy.isBusy = true
      const other = take('select 1', name)
      expect(other).not.toBe(busy)
      busy.isBusy = false
      expect(take('select 1', name)).toBe(busy)
    }
  })

  it.each(['pragma foreign_keys', 'create table a (b)', 'attach x as y', 'begin'])('never keep %j', (sql) => {
    expect(take(sql, 'a')).not.toBe(take(sql, 'a'))
    expect(take(sql)).not.toBe(take(sql))
    expect(statements.size).toBe(0)
  })
})
