import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { sql } from 'kysely'
import { expect, it, vi } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import { onEvery } from '../support/index.ts'
import { openEngine, record } from './engines.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** In a function of its own, so that nothing of the connection is left on the stack. */
async function loseConnection(engine: Engine): Promise<void> {
  const connection = await engine.connect({ label: 'the forgetful' })
  await connection.execute(sql`select 1`)
}

onEvery({ on: ['sqlite', 'postgres'] }, (db) => {
  it('ASYNC-006 a connection that is dropped without close is ended, its place is freed, and that is warned of', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const engine = openEngine(db)
    const events = record(engine, 'invalidate', 'checkin')
    await loseConnection(engine)
    await expect
      .poll(
        () => {
          collectGarbage()
          return engine.pool.status().checkedOut
        },
        { timeout: 10_000 },
      )
      .toBe(0)
    const said = warned.mock.calls.map(([message]) => String(message))
    warned.mockRestore()
    expect(said.some((each) => each.includes('the forgetful'))).toBe(true)
    expect(events).toEqual(['invalidate'])
  })
})
