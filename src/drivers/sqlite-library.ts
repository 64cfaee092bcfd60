/** A value as SQLite stores it. Whole numbers travel as bigint, so that they are stored as integers and not as reals. */
export type SqliteValue = null | number | bigint | string | Uint8Array

/** A column of a result. */
export interface SqliteColumn {
  readonly name: string
  /** The type in the declaration of the column that is selected; null for an expression. */
  readonly type: string | null
}

/** How rows come back. */
export interface RowMode {
  readonly arrays: boolean
  /** All integers as bigint. Without it one beyond 2^53 fails or is rounded, as the package has it. */
  readonly bigints: boolean
  /** Whoever reads the arrays relies on the order and the number of the columns, and not on their names alone. */
  readonly isOrdered: boolean
}

/** What a statement without rows did. */
export interface WriteCounts {
  readonly changes: number | bigint
  readonly lastInsertRowid: number | bigint
}

/** One prepared statement of one of the two packages. */
export interface SqliteStatement {
  /** Whether it gives rows, be there any or not. */
  readonly returnsRows: boolean
  /** As of the last run: a change of the schema shows after the run that met it. Costs some microseconds. */
  columns(): readonly SqliteColumn[]
  /** Stays until the next call. */
  setMode(mode: RowMode): void
  all(values: readonly SqliteValue[]): unknown[]
  run(values: readonly SqliteValue[]): WriteCounts
  /** Ending the iteration early resets the statement. Nothing else may run this statement meanwhile. */
  iterate(values: readonly SqliteValue[]): Iterator<unknown>
}

/** One open database of one of the two packages. */
export interface SqliteDatabase {
  /** Asks SQLite itself. */
  readonly inTransaction: boolean
  prepare(sql: string): SqliteStatement
  exec(sql: string): void
  close(): void
}

/** What the two SQLite packages do, each in its own way. */
export interface SqliteLibrary {
  /** The driver's name as in a URL. */
  readonly name: string
  /** The options of the package's own constructor that `connectArgs` may carry. */
  readonly constructorOptions: readonly string[]
  /** Whether text that holds a NUL character comes back whole. */
  readonly keepsNul: boolean
  /** Opens a file, or ':memory:'. */
  open(file: string, options: { readonly readOnly: boolean } & Readonly<Record<string, unknown>>): SqliteDatabase
}
