import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { createEngine, type EngineEvents, sql } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'

const secret = 'pa55-w0rd-secret'
const events = [
  'connect',
  'checkout',
  'checkin',
  'invalidate',
  'close',
  'query',
  'begin',
  'handleError',
  'rollback',
] as const

/** Everything that a program may print of a thing. */
const shown = (thing: unknown) => `${inspect(thing, { depth: 6, showHidden: false })}\n${String(thing)}`

onEvery({ needs: ['server'] }, (db) => {
  it('a password is in no error, log line, event or inspected object, wherever it was given', async () => {
    const inUrl = new URL(db.url)
    inUrl.username = 'no_such_user'
    inUrl.password = secret
    const user = { user: 'no_such_user', password: secret }
    const lines: string[] = []
    const echo = (line: string) => void lines.push(line)
    const engines = [
      createEngine(inUrl.href, { echo }),
      createEngine(db.url, { echo, connectArgs: user }),
      createEngine(db.url, { echo, creator: ({ connect }) => connect(user) }),
    ]
    for (const engine of engines) {
      const error = await engine.connect({ label: 'stranger', timeout: 5_000 }).catch((failure: unknown) => failure)
      expect(error).toBeInstanceOf(Error)
      lines.push(
        shown(error),
        shown((error as Error).cause),
        JSON.stringify(error),
        shown(engine),
        JSON.stringify(engine),
      )
      lines.push(shown(engine.pool), shown(engine.pool.holders()), shown(engine.url))
      await engine.dispose()
    }
    expect(lines.length).toBeGreaterThan(20)
    expect(lines.filter((line) => line.includes(secret))).toEqual([])
  })

  it('an engine that connects by a password tells it to none of its listeners', async () => {
    const engine = createEngine(db.url, { connectArgs: { password: secret } })
    const told: string[] = []
    for (const name of events) {
      engine.on(name, (event: EngineEvents[typeof name]) => void told.push(shown(event)))
    }
    const work = engine.begin(async (connection) => {
      await connection.execute(sql`select 1`)
      told.push(shown(connection))
      await connection.execute(sql`select nothing from nowhere`)
    })
    await work.catch((error: unknown) => told.push(shown(error)))
    await engine.dispose()
    expect(told.filter((text) => text.includes(secret))).toEqual([])
    expect(told.length).toBeGreaterThan(0)
  })
})
