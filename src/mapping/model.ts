/** What an entity is, as frozen data. Nothing here does I/O, and nothing here knows a database. */

/** What a column stores. A `custom()` column has the kind of its storage. */
export type ColumnKind =
  | 'integer'
  | 'bigint'
  | 'real'
  | 'decimal'
  | 'text'
  | 'varchar'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | 'json'
  | 'uuid'
  | 'bytes'
  | 'enumeration'

/** A primitive that can stand for a value in an identity, and be compared by `===`. */
export type KeyPart = string | number | bigint | boolean

/** The two directions of a `custom()` column. Neither is ever called with null or undefined. */
export interface Conversion {
  /** The program's value to the value of the storage column. */
  readonly toStored: (value: unknown) => unknown
  /** The storage column's value to the program's. */
  readonly fromStored: (value: unknown) => unknown
}

/** How values of a column look in JavaScript and what the database is asked to store. */
export interface ColumnType {
  readonly kind: ColumnKind
  /** varchar: characters (code points). */
  readonly length?: number
  /** decimal: digits in all. */
  readonly precision?: number
  /** decimal: digits after the point. */
  readonly scale?: number
  /** enumeration: the allowed values. */
  readonly values?: readonly string[]
  /** custom(): turns the program's value into the value of `kind` and back. Never called with null. */
  readonly convert?: Conversion
  /** Whether two values (null allowed, never undefined) are one and the same to the database. */
  readonly equals: (a: unknown, b: unknown) => boolean
  /** Why a value that is not null cannot be stored in the column, or undefined when it can. */
  readonly problem: (value: unknown) => string | undefined
  /**
   * A primitive that stands for the value in an identity: equal values give equal parts. Absent where the value itself
   * serves. Never called with null.
   */
  readonly keyOf?: (value: unknown) => KeyPart
}

/** What the database does to a referencing row when the row it points at is deleted, or its key changed. */
export type ReferentialAction = 'cascade' | 'set null' | 'set default' | 'restrict' | 'no action'

/** Where a foreign key points, as it was written; `foreignKeyGraph` finds the column that is meant. */
export interface ForeignKeyTarget {
  /** Only where it was written: 'schema.table.column'. */
  readonly schema?: string
  readonly table: string
  readonly column: string
  readonly onDelete?: ReferentialAction
  readonly onUpdate?: ReferentialAction
}

/** An expression of SQL, such as Kysely's `` sql`now()` ``: whatever can give Kysely its operation node. */
export interface SqlExpression {
  toOperationNode(): object
}

/** Makes the next version from the stored one, which is undefined at INSERT. */
export type NextVersion = (previous: unknown) => unknown

/** How the database computes a column from others of its row. */
export interface Computed {
  readonly expression: SqlExpression
  /** Kept in the row; otherwise computed when it is read. */
  readonly stored: boolean
}

/** That a column tells the classes of a family apart, and the value that stands for its root. */
export interface Discriminator {
  /** undefined: the root is abstract and has no rows of its own. */
  readonly identity: unknown
}

/** A table by name, as a dialect takes it. */
export interface TableName {
  readonly table: string
  readonly schema: string | undefined
}

/** One column of an entity. */
export interface ColumnModel {
  /** Its place among the entity's columns, and in every row array and state record of the entity. */
  readonly index: number
  /** The property on instances. */
  readonly property: string
  /** The column's name in the database when it was given by hand; otherwise the engine's naming makes it. */
  readonly explicitName: string | undefined
  /** A remark for the database to keep. */
  readonly comment: string | undefined
  readonly type: ColumnType
  readonly nullable: boolean
  readonly primaryKey: boolean
  readonly unique: boolean
  /** The database makes the key: an integer or bigint primary key alone, without a default or a reference. */
  readonly autoincrement: boolean
  /** Makes a value for an instance that has none at its first flush. Each call gives a value of its own. */
  readonly makeDefault: (() => unknown) | undefined
  /** Makes a value for a changed instance that was not given one, at each UPDATE. */
  readonly makeOnUpdate: (() => unknown) | undefined
  /** A default that the database fills in; read back after INSERT. */
  readonly serverDefault: SqlExpression | undefined
  /** Guards against lost updates. */
  readonly version: boolean
  /** What makes versions: undefined where they count 1, 2, 3; false where the program sets them, or, read-only, the database. */
  readonly nextVersion: NextVersion | false | undefined
  readonly computed: Computed | undefined
  /** The database changes the value at each UPDATE that does not set it. */
  readonly serverOnUpdate: boolean
  /** The database alone makes its values: computed columns, and those declared so. */
  readonly readOnly: boolean
  /** Queries leave it out. */
  readonly deferred: boolean
  /** Deferred columns of one group are loaded together. */
  readonly deferredGroup: string | undefined
  readonly references: ForeignKeyTarget | undefined
  /** Instances keep it as milliseconds until somebody reads it: a timestamp without a conversion that is no key and points at none. */
  readonly isMoment: boolean
  /** It holds which class a row is of. */
  readonly discriminator: Discriminator | undefined
  /** The table that holds it, where the entity is of a family, whose rows may be spread over several; otherwise undefined. */
  readonly home: TableName | undefined
}

/** An index, or a unique constraint, over one or several columns. */
export interface IndexModel {
  /** Given by hand; otherwise whoever writes the schema makes one. */
  readonly name: string | undefined
  /** Property names. */
  readonly properties: readonly string[]
  readonly unique: boolean
}

/** A relation as the definition holds it: described only when asked, because the class it names may not exist yet. */
export interface RelationSource {
  readonly property: string
  /** Evaluates the definition's getter, each time anew. What it gives is not checked: see `relationsOf`. */
  readonly describe: () => unknown
}

/** The columns of an entity that one table holds. */
export interface TablePart extends TableName {
  /** The class that brought the table in: the root, or a joined subclass. */
  readonly owner: EntityModel
  /** Columns of the entity, without the key where the table is not the root's. */
  readonly columns: readonly ColumnModel[]
}

/** The classes that inherit from one root, the root among them. It grows when another is declared. */
export interface Family {
  readonly root: EntityModel
  readonly discriminator: ColumnModel
  /** In the order of their declaration, so parents come before their children. */
  readonly classes: readonly EntityModel[]
  /** The class that a value of the discriminator stands for. */
  find(value: unknown): EntityModel | undefined
}

/** An entity's place in its family. */
export interface Inheritance {
  readonly family: Family
  readonly parent: EntityModel | undefined
  /** The root first, the entity itself last. */
  readonly lineage: readonly EntityModel[]
  /** The value of the discriminator; undefined for an abstract class, which has no rows of its own. */
  readonly identity: unknown
  /** The tables that hold a row, the root's first: one for a class that shares its table, several for a joined one. */
  readonly parts: readonly TablePart[]
}

/** An entity: a class of instances and the table that holds their rows. */
export interface EntityModel {
  /** Whether rows of one shape travel together, between their listeners. */
  readonly batch: boolean
  /** Whether a DELETE that finds fewer rows is worth a warning. */
  readonly confirmDeletedRows: boolean
  /** Whether what the database makes is read back at once. */
  readonly eagerDefaults: boolean
  /** All relations that own an instance must let it go before it is an orphan. */
  readonly legacyIsOrphan: boolean
  /** The class's name where it is known, else the table's; for messages. */
  readonly name: string
  readonly table: string
  /** The schema (PostgreSQL) or database (MySQL) that holds the table, where it was given. */
  readonly schema: string | undefined
  readonly columns: readonly ColumnModel[]
  readonly columnOf: ReadonlyMap<string, ColumnModel>
  /** The columns that queries read: all but the deferred ones; the very list of `columns` where none is deferred. */
  readonly loaded: readonly ColumnModel[]
  /** The places of the columns that are kept as milliseconds until they are read. */
  readonly moments: readonly number[]
  /** Columns that the database changes with an UPDATE: computed ones, and those declared so. */
  readonly changing: readonly ColumnModel[]
  /** The columns of the primary key, in order; at least one. */
  readonly key: readonly ColumnModel[]
  readonly version: ColumnModel | undefined
  /** Columns whose values the database makes on INSERT: generated keys, server defaults, computed and read-only ones. */
  readonly generated: readonly ColumnModel[]
  readonly indexes: readonly IndexModel[]
  /** Conditions that every row must meet. */
  readonly checks: readonly SqlExpression[]
  /** The relations, not yet evaluated; `relationsOf(model)` gives them checked. */
  readonly relations: readonly RelationSource[]
  /** Only of entities that inherit, or can be inherited from. Columns and relations of the parent come first, the very same objects. */
  readonly inheritance?: Inheritance | undefined
  /** The class that instances of this entity are made of: the user's own. Throws a MappingError before its first use. */
  readonly entityClass: new (
    ...args: never[]
  ) => object
}
