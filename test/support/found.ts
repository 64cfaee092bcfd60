import 'vitest'

/** A database server that the tests can use. */
export interface FoundServer {
  /** How to reach it as an administrator, without a database: `postgresql://user:password@host:port`. */
  readonly url: string
  /** As the server tells it. */
  readonly version: string
  /** Where it comes from, for the line that the run begins with. */
  readonly from: string
}

/** What the global setup found, once for all test files. Plain data: it travels to the worker processes. */
export interface FoundDatabases {
  /** A folder for this run; removed at its end. */
  readonly folder: string
  readonly postgres: FoundServer | undefined
  readonly mysql: (FoundServer & { readonly product: 'mariadb' | 'mysql' }) | undefined
  /** Why a server is missing, by its name. */
  readonly missing: Readonly<Record<string, string>>
}

declare module 'vitest' {
  interface ProvidedContext {
    databases: FoundDatabases
  }
}
