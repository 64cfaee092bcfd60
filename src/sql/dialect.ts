import type { DialectAdapter, QueryCompiler } from 'kysely'
import type { ServerInfo } from '../drivers/index.ts'
import type { ColumnModel, ColumnType, EntityModel, Naming, TableName } from '../mapping/index.ts'
import type { Classify } from './classification.ts'
import type { StatementCache } from './statement-cache.ts'

/** What a database can do. Code outside `sql/` asks for one of these by name and never for a database. */
export interface Capabilities {
  /** INSERT … RETURNING. */
  readonly insertReturning: boolean
  /** UPDATE / DELETE … RETURNING. */
  readonly updateReturning: boolean
  readonly deleteReturning: boolean
  /** How many rows of one shape are inserted: one array parameter a column, VALUES lists, or one prepared run a row. */
  readonly batchInsert: 'arrays' | 'values' | 'each'
  readonly batchUpdate: 'arrays' | 'case' | 'each'
  /** How rows are found by a list of keys in one statement. */
  readonly keyLists: 'arrays' | 'json' | 'placeholders'
  /** Parameters in one statement at most. */
  readonly maxParameters: number
  readonly rowLocks: boolean
  readonly skipLocked: boolean
  readonly noWait: boolean
  readonly lockOf: boolean
  /** How a shared row lock is written. */
  readonly shareLock: 'for share' | 'lock in share mode'
  /** PostgreSQL's weaker row locks; elsewhere the next stronger lock stands in for them. */
  readonly keyLocks: boolean
  /** A lock at the end of a select reaches the rows of a subquery in FROM. */
  readonly lockReachesSubqueries: boolean
  readonly savepoints: boolean
  readonly twoPhase: boolean
  readonly schemas: boolean
  readonly nullsFirstLast: boolean
  /** Whether two texts are equal exactly when they are the same, or as the collation says. */
  readonly textEquality: 'exact' | 'collated'
  /** An UPDATE or DELETE may read the table that it writes in a subquery. */
  readonly readsItsTarget: boolean
  readonly upsert: 'on conflict' | 'on duplicate key'
  /** Rows can be read in batches through a cursor on the server. */
  readonly serverCursors: boolean
  readonly isolationLevels: readonly string[]
  /** Transactions of one database that write run one after another. */
  readonly singleWriter: boolean
  /** A foreign key can be added to a table that exists. */
  readonly addForeignKey: boolean
  /** CREATE TABLE can be rolled back. */
  readonly transactionalDdl: boolean
}

/** Turns values of one column type into what the driver takes, and what it gives back into values. */
export interface Codec {
  /** undefined: values are given to the driver as they are. Never called with null. */
  readonly encode?: (value: never) => unknown
  /** undefined: the driver's values (of `typed` statements) are the program's values. Never called with null. */
  readonly decode?: (value: never) => unknown
  /** Of times: the milliseconds that instances keep of them, of a driver's value or of a Date. undefined: the value as it is. */
  readonly keep?: (value: never) => unknown
}

/** How a column that the database numbers is declared. */
export type GeneratedKey = 'identity' | 'auto_increment' | 'autoincrement'

/** What is peculiar to a product, as its own file states it; {@link Dialect} adds what all share. */
export interface Product {
  readonly name: 'sqlite' | 'postgres' | 'mysql'
  readonly adapter: DialectAdapter
  readonly compiler: QueryCompiler
  readonly classify: Classify
  codec(type: ColumnType): Codec
  capabilitiesFor(server: ServerInfo | undefined): Capabilities
  ddlType(column: ColumnModel, model: EntityModel): string
  readonly generatedKey: GeneratedKey
  /** What follows the closing parenthesis of CREATE TABLE. */
  tableOptions(server: ServerInfo | undefined): string | undefined
  /** The element type that values of a column travel as in an array parameter; only where key lists are arrays. */
  arrayElement?(type: ColumnType): string
  /** What the database said, without the values that it repeats. */
  redact(message: string): string
}

/** One database product as heddle speaks to it, with an engine's naming. Stateless but for its caches. */
export interface Dialect {
  readonly name: 'sqlite' | 'postgres' | 'mysql'
  /** The server whose version refined the capabilities; undefined before the first connection. */
  readonly server: ServerInfo | undefined
  readonly capabilities: Capabilities
  readonly adapter: DialectAdapter
  readonly compiler: QueryCompiler
  readonly naming: Naming
  readonly classify: Classify
  readonly product: Product
  /** What was compiled for the engine so far. */
  readonly cache: StatementCache
  tableName(model: TableName): string
  columnName(column: ColumnModel): string
  codec(type: ColumnType): Codec
  /** The column type's name in DDL. */
  ddlType(column: ColumnModel, model: EntityModel): string
  /**
   * The same dialect with what this very server can do; the same object for the same product, version and step between
   * generated keys, so that compiled statements are shared by all connections of an engine.
   */
  forServer(server: ServerInfo): Dialect
}

/** Rows to lock while they are selected. */
export interface LockOptions {
  readonly mode: 'update' | 'share' | 'no key update' | 'key share'
  /** Fail at once where a row is locked by another. */
  readonly nowait?: boolean
  /** Leave out rows that are locked by others. */
  readonly skipLocked?: boolean
  /** Tables (or aliases) whose rows are locked; all of the query without it. */
  readonly of?: readonly string[]
}
