import { expect, it } from 'vitest'
import { type RecordedStatement, StatementRecorder } from './statements.ts'

function recorded(...texts: readonly string[]): StatementRecorder {
  return new StatementRecorder({
    on: (_event, listener: (event: RecordedStatement) => void) => {
      for (const sql of texts) listener({ sql, parameters: [] })
    },
  })
}

it('leaves out what only begins, ends or marks a transaction', () => {
  const texts = [
    'BEGIN',
    'begin immediate',
    'SAVEPOINT a',
    'select 1',
    'release savepoint a',
    'rollback to a',
    'COMMIT',
  ]
  const recorder = recorded(
    ...texts,
    'START TRANSACTION READ ONLY',
    'set session transaction isolation level serializable',
  )
  expect(recorder.statements.map(({ sql }) => sql)).toEqual(['select 1'])
})

it('expects exactly these statements, whatever the quotes and the case', () => {
  const recorder = recorded('insert into "users" ("name")\n values ($1)', 'UPDATE `items` set a = 1')
  recorder.expectExactly('INSERT INTO users (name) values', /^update items .*a = 1$/)
  expect(() => recorder.expectExactly('update items', 'insert into users')).toThrow(
    /these 2 were sent:\n {2}insert into users/,
  )
  expect(() => recorder.expectExactly('insert into users')).toThrow(/exactly these statements, in this order/)
})

it('expects statements in any order, each for one expectation', () => {
  const recorder = recorded('insert into a', 'insert into b')
  recorder.expectInAnyOrder('insert into', 'insert into a')
  expect(() => recorder.expectInAnyOrder('insert into a', 'insert into a')).toThrow(/in any order/)
  expect(() => recorder.expectInAnyOrder('insert into a')).toThrow(/in any order/)
})

it('counts, and forgets on request', async () => {
  const recorder = recorded('select 1', 'select 2')
  recorder.expectCount(2)
  recorder.expectAtMost(2)
  expect(() => recorder.expectAtMost(1)).toThrow('at most 1 statements')
  expect(() => recorder.expectCount(1)).toThrow('expected 1 statements')
  expect(await recorder.during(() => 'result')).toBe('result')
  recorder.expectExactly()
})
