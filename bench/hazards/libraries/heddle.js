import { createEngine, sessionmaker, sql } from '../../../src/index.ts'

export const library = 'heddle'

/** Opens the library on a database, with a pool of so many connections. */
export async function open(url, size) {
  const engine = createEngine(url, { pool: { size, maxOverflow: 0, timeout: 3_000 } })
  const Sessions = sessionmaker({ bind: engine })
  return {
    transaction: (work) => Sessions.begin(work),
    nested: (session, work) => session.beginNested(() => work(session)),
    run: async (session, text) => (await session.execute(sql.raw(text))).rows,
    alone: (text) => Sessions.begin(async (session) => (await session.execute(sql.raw(text))).rows),
    close: () => engine.dispose(),
  }
}
