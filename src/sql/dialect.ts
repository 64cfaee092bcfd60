import type { DialectAdapter, QueryCompiler } from 'kysely'
import type { ColumnModel, ColumnType, EntityModel } from '../mapping/index.ts'
import type { Classify } from './classification.ts'

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
  /** Parameters in one statement at most. */
  readonly maxParameters: number
  readonly rowLocks: boolean
  readonly skipLocked: boolean
  readonly lockOf: boolean
  readonly savepoints: boolean
  readonly twoPhase: boolean
  readonly schemas: boolean
  readonly nullsFirstLast: boolean
  readonly upsert: 'on conflict' | 'on duplicate key'
  /** The whole database lives in one connection (in memory): all sessions take turns on it. */
  readonly serverCursors: boolean
  readonly isolationLevels: readonly string[]
  /** Transactions of one database that write run one after another. */
  readonly singleWriter: boolean
}

/** Turns values of one column type into what the driver takes, and what it gives back into values. */
export interface Codec {
  /** undefined: values are given to the driver as they are. Never called with null. */
  readonly encode?: (value: never) => unknown
  /** undefined: the driver's values (of `typed` statements) are the program's values. Never called with null. */
  readonly decode?: (value: never) => unknown
}

/** How names of properties and tables become names in the database. */
export interface Naming {
  readonly table: (name: string) => string
  readonly column: (property: string) => string
}

/** One database product as heddle speaks to it, with an engine's naming. Stateless but for its caches. */
export interface Dialect {
  readonly name: 'sqlite' | 'postgres' | 'mysql'
  readonly capabilities: Capabilities
  readonly adapter: DialectAdapter
  readonly compiler: QueryCompiler
  readonly naming: Naming
  readonly classify: Classify
  tableName(model: EntityModel): string
  columnName(column: ColumnModel): string
  codec(type: ColumnType): Codec
  /** The column type's name in DDL. */
  ddlType(column: ColumnModel, model: EntityModel): string
}
