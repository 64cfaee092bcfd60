import { Account, Entry } from './entities.ts'
import { createAll, createEngine, dropAll, type Engine, type EngineUrl, parseUrl } from './heddle.ts'
import { Sessions } from './session.ts'

/** Connections that the bank takes at most, whatever the number of its clients. */
export const MOST_CONNECTIONS = 10

/** How the bank's database is opened. */
export interface DatabaseOptions {
  /** Put before the names of the tables. Default: `bank_` */
  readonly prefix?: string
}

/** An engine for the bank, its tables, and the bank's sessions on it. */
export async function openDatabase(url: string | EngineUrl, options: DatabaseOptions = {}): Promise<Engine> {
  const { prefix = 'bank_' } = options
  const engine = createEngine(url, { naming: { table: (name) => `${prefix}${name}` }, ...poolFor(url) })
  try {
    await createAll(engine, [Account, Entry])
  } catch (error) {
    await engine.dispose()
    throw error
  }
  Sessions.configure({ bind: engine })
  return engine
}

/** Removes the tables of the bank, and all that is in them. */
export async function dropDatabase(engine: Engine): Promise<void> {
  await dropAll(engine, [Account, Entry])
}

/** A database in memory is one connection, which all take in turns: there is nothing to choose. */
function poolFor(url: string | EngineUrl) {
  const { singleConnection } = typeof url === 'string' ? parseUrl(url) : url
  return singleConnection ? {} : { pool: { size: 5, maxOverflow: MOST_CONNECTIONS - 5 } }
}
