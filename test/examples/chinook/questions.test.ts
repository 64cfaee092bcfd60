import { beforeAll, describe, expect, it } from 'vitest'
import { fill } from '../../../examples/chinook/data.ts'
import { entities, InvoiceLine, Track } from '../../../examples/chinook/entities.ts'
import {
  createAll,
  createEngine,
  type Engine,
  type Session,
  sessionmaker,
  sql,
} from '../../../examples/chinook/heddle.ts'
import { questions } from '../../../examples/chinook/questions.ts'
import { onEvery } from '../../support/index.ts'

/** Values that are the same number, text or moment, however the database tells them. */
function plain(value: unknown): unknown {
  if (value === null || value === undefined) return null
  if (value instanceof Date) return value.toISOString()
  const isNumber = typeof value === 'number' || typeof value === 'bigint' || /^-?\d+(\.\d+)?$/.test(String(value))
  return isNumber ? Number(value).toFixed(4) : value
}

onEvery({}, (db) => {
  let engine: Engine
  beforeAll(async () => {
    engine = createEngine(db.url, { naming: 'camelToSnake' })
    await createAll(engine, entities)
    await sessionmaker({ bind: engine }).begin((session) => fill(session))
    return () => engine.dispose()
  })
  const asking = <T>(ask: (session: Session) => Promise<T>) => sessionmaker({ bind: engine, readOnly: true }).begin(ask)

  it('the store is as large as it says', async () => {
    await asking(async (session) => {
      expect(await session.query(Track).count()).toBe(3_503)
      expect(await session.query(InvoiceLine).count()).toBeGreaterThan(2_000)
    })
  })

  describe('the answer of a query is that of plain SQL', () => {
    for (const { title, ask, columns, sql: text } of questions) {
      it(title, async () => {
        await asking(async (session) => {
          const answer = await ask(session)
          const result = await session.execute<Record<string, unknown>>(sql.raw(text))
          const expected = result.rows.map((row) => Object.values(row).map(plain))
          expect(expected.length).toBeGreaterThan(0)
          expect(answer.map((row) => columns.map((name) => plain((row as Record<string, unknown>)[name])))).toEqual(
            expected,
          )
        })
      })
    }
  })
})

it('there are twenty questions', () => {
  expect(questions.length).toBe(20)
})
