/** What an entity is, as frozen data. Nothing here does I/O, and nothing here knows a database. */

export type ColumnKind =
  | 'integer' | 'bigint' | 'real' | 'decimal' | 'text' | 'varchar' | 'boolean' | 'timestamp' | 'date'
  | 'json' | 'uuid' | 'bytes' | 'enumeration'

/** How values of a column look in JavaScript and what the database is asked to store. */
export interface ColumnType {
  readonly kind: ColumnKind
  /** varchar: characters. */
  readonly length?: number
  /** decimal. */
  readonly precision?: number
  readonly scale?: number
  /** enumeration: the allowed values. */
  readonly values?: readonly string[]
  /** custom(): turns the program's value into the value of `kind` and back. Never called with null. */
  readonly convert?: { readonly toStored: (value: unknown) => unknown; readonly fromStored: (value: unknown) => unknown }
  /** Whether two values (never undefined) are one and the same to the database. */
  readonly equals: (a: unknown, b: unknown) => boolean
  /** Why a value that is not null cannot be stored in the column, or undefined when it can. */
  readonly problem: (value: unknown) => string | undefined
  /** A primitive that stands for the value in an identity; undefined where the value itself is one. */
  readonly keyOf?: (value: unknown) => string | number | bigint | boolean
}

export type ReferentialAction = 'cascade' | 'set null' | 'set default' | 'restrict' | 'no action'

export interface ForeignKeyTarget {
  readonly table: string
  readonly column: string
  readonly onDelete?: ReferentialAction
  readonly onUpdate?: ReferentialAction
}

/** One column of an entity. */
export interface ColumnModel {
  /** Its place among the entity's columns, and in every row array and state record of the entity. */
  readonly index: number
  /** The property on instances. */
  readonly property: string
  /** The column's name in the database when it was given by hand; otherwise the engine's naming makes it. */
  readonly explicitName: string | undefined
  readonly type: ColumnType
  readonly nullable: boolean
  readonly primaryKey: boolean
  readonly unique: boolean
  /** The database makes the key: an integer or bigint primary key alone, without a default or a reference. */
  readonly autoincrement: boolean
  /** Makes a value for an instance that has none at its first flush. */
  readonly makeDefault: (() => unknown) | undefined
  /** Makes a value for a changed instance that was not given one, at each UPDATE. */
  readonly makeOnUpdate: (() => unknown) | undefined
  /** A default that the database fills in: a Kysely raw builder; read back after INSERT. */
  readonly serverDefault: unknown | undefined
  /** A counter that guards against lost updates. */
  readonly version: boolean
  readonly references: ForeignKeyTarget | undefined
}

export interface IndexModel {
  readonly name: string | undefined
  /** Property names. */
  readonly properties: readonly string[]
  readonly unique: boolean
}

/** An entity: a class of instances and the table that holds their rows. */
export interface EntityModel {
  /** The class's name where it is known, else the table's; for messages. */
  readonly name: string
  readonly table: string
  /** The schema (PostgreSQL) or database (MySQL) that holds the table, where it was given. */
  readonly schema: string | undefined
  readonly columns: readonly ColumnModel[]
  readonly columnOf: ReadonlyMap<string, ColumnModel>
  /** The columns of the primary key, in order; at least one. */
  readonly key: readonly ColumnModel[]
  readonly version: ColumnModel | undefined
  /** Column indexes whose values the database makes on INSERT: generated keys and server defaults. */
  readonly generated: readonly ColumnModel[]
  readonly indexes: readonly IndexModel[]
  /** Kysely raw builders. */
  readonly checks: readonly unknown[]
  /** The class that instances of this entity are made of: the user's own. */
  readonly entityClass: new (...args: never[]) => object
}
