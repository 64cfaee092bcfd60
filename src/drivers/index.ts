import { ArgumentError } from '../errors.ts'
import type { OpenDriver } from './driver.ts'

export type {
  BeginOptions,
  Driver,
  DriverConnection,
  DriverTarget,
  IsolationLevel,
  OpenDriver,
  Outcome,
  ServerInfo,
  Statement,
  TransactionStatus,
} from './driver.ts'

/** The adapters by the names that URLs give them. Each file is imported when its driver is first asked for. */
const adapters: Readonly<Record<string, () => Promise<OpenDriver>>> = {
  'node-sqlite': async () => (await import('./node-sqlite.ts')).openNodeSqlite,
  'better-sqlite3': async () => (await import('./better-sqlite3.ts')).openBetterSqlite3,
  pg: async () => (await import('./pg.ts')).openPg,
  pglite: async () => (await import('./pglite.ts')).openPglite,
  mysql2: async () => (await import('./mysql2.ts')).openMysql2,
}

/**
 * The driver of a name. Neither the adapter nor the package behind it is loaded before the driver is opened.
 *
 * @param name 'node-sqlite', 'better-sqlite3', 'pg', 'pglite' or 'mysql2'
 * @throws ArgumentError for any other name
 * @example
 * const driver = await openDriver('pg')({ host: 'localhost', database: 'shop', query: {}, connectArgs: {} })
 */
export function openDriver(name: string): OpenDriver {
  const load = Object.hasOwn(adapters, name) ? adapters[name] : undefined
  if (load === undefined) {
    throw new ArgumentError(`There is no driver named '${name}'; there are ${Object.keys(adapters).join(', ')}.`)
  }
  return async (target) => await (await load())(target)
}
