import { MappingError } from '../errors.ts'
import { found } from './found.ts'
import type { ColumnType, Computed, Discriminator, ForeignKeyTarget, NextVersion, SqlExpression } from './model.ts'
import { databaseNameProblem } from './names.ts'
import { parseReference, type ReferenceOptions } from './reference.ts'

/**
 * What the types remember of a column: `'key'` part of the primary key, `'numbered'` the database can number its rows,
 * `'optional'` a new instance may leave it out (it is nullable, or something makes its value), `'readOnly'` the program never gives one,
 * `'discriminator'` it tells which class a row is of.
 */
export type ColumnFlag = 'key' | 'numbered' | 'optional' | 'readOnly' | 'discriminator'

/** Where a column's own description is found. Not for programs: `defineEntity` reads it. */
export const SPEC: unique symbol = Symbol('heddle.column')

declare const VALUE: unique symbol
declare const FLAGS: unique symbol

/** A default as it was given: one value for all, or a function that makes one for each. */
export type Initial = { readonly value: unknown } | { readonly make: () => unknown }

/** What the chain of a column has gathered. */
export interface ColumnSpec {
  readonly type: ColumnType
  readonly nullable: boolean
  readonly primaryKey: boolean
  readonly unique: boolean
  readonly version: boolean
  /** false: only the program changes the version, or, where the column is read-only, the database. undefined: it counts. */
  readonly nextVersion: NextVersion | false | undefined
  readonly computed: Computed | undefined
  readonly serverOnUpdate: boolean
  readonly readOnly: boolean
  readonly deferred: boolean
  /** Deferred columns of one group are loaded together. */
  readonly deferredGroup: string | undefined
  readonly initial: Initial | undefined
  readonly makeOnUpdate: (() => unknown) | undefined
  readonly serverDefault: SqlExpression | undefined
  readonly references: ForeignKeyTarget | undefined
  readonly discriminator: Discriminator | undefined
  /** undefined: numbered where that is possible. */
  readonly autoincrement: boolean | undefined
  readonly name: string | undefined
  readonly comment: string | undefined
}

const PLAIN = {
  nullable: false,
  primaryKey: false,
  unique: false,
  version: false,
  nextVersion: undefined,
  computed: undefined,
  serverOnUpdate: false,
  readOnly: false,
  deferred: false,
  deferredGroup: undefined,
  initial: undefined,
  makeOnUpdate: undefined,
  serverDefault: undefined,
  references: undefined,
  discriminator: undefined,
  autoincrement: undefined,
  name: undefined,
  comment: undefined,
} as const

/**
 * A column of an entity, as `integer()`, `text()` and their like make it. Immutable: every method gives a new column, so
 * one may be kept in a variable and used in several entities.
 *
 * @example
 * id: integer().primaryKey(),
 * email: varchar(200).unique(),
 * createdAt: timestamp().default(() => new Date()),
 */
export class Column<Value, Flags extends ColumnFlag = never> {
  declare readonly [VALUE]: Value
  declare readonly [FLAGS]: Flags
  readonly [SPEC]: ColumnSpec

  /** Not for programs: use `integer()`, `text()` and their like. */
  constructor(type: ColumnType, changes: Partial<ColumnSpec> = {}) {
    this[SPEC] = Object.freeze({ ...PLAIN, ...changes, type })
    Object.freeze(this)
  }

  /**
   * Makes the column the primary key, or, on several columns, part of it. An `integer()` or `bigint()` that is the whole
   * key, has no default and references nothing is numbered by the database.
   */
  primaryKey(): Column<Value, Flags | 'key'> {
    return this.#with({ primaryKey: true })
  }

  /** Allows null. A new instance may leave the property out: it is null then, unless there is a default. */
  nullable(): Column<Value | null, Flags | 'optional'> {
    return this.#with({ nullable: true })
  }

  /** Forbids two rows with the same value. */
  unique(): Column<Value, Flags> {
    return this.#with({ unique: true })
  }

  /**
   * What the column holds when a new instance was not given a value, filled in at its first flush. A function makes a value
   * for each instance. A plain value is the same for all; a Date, bytes or JSON object given as a value is copied for each
   * instance, so that none can change another's.
   *
   * @throws MappingError from `entity()` when the value does not fit the column.
   */
  default(value: Value | (() => Value)): Column<Value, Flags | 'optional'> {
    if (value === undefined) {
      throw new MappingError(
        'default(undefined) is no default: give a value, a function that makes one, or leave it out.',
      )
    }
    const make = value as () => unknown
    return this.#with({ initial: Object.freeze(typeof value === 'function' ? { make } : { value }) })
  }

  /** Makes a value at each UPDATE of a changed instance whose change does not give one itself. */
  onUpdate(make: () => Value): Column<Value, Flags> {
    if (typeof make !== 'function') {
      throw new MappingError(`onUpdate(…) takes a function such as () => new Date(), got ${found(make)}.`)
    }
    return this.#with({ makeOnUpdate: make })
  }

  /**
   * A default that the database fills in, as an SQL expression; the value is read back after INSERT.
   *
   * @example
   * createdAt: timestamp().serverDefault(sql`current_timestamp`)
   */
  serverDefault(expression: SqlExpression): Column<Value, Flags | 'optional'> {
    if (!isSqlExpression(expression)) {
      throw new MappingError(`serverDefault(…) takes an SQL expression such as sql\`now()\`, got ${found(expression)}.`)
    }
    return this.#with({ serverDefault: expression })
  }

  /**
   * Makes the column a foreign key. Both names are as the other entity writes them: its table, and the column's property
   * (or its name in the database). A constructor need not be given it: a relation, of this entity or of the other, may supply it.
   *
   * @param target `'table.column'`, or `'schema.table.column'`
   * @throws MappingError when the target has another form or an option is unknown
   * @example
   * userId: integer().references('users.id', { onDelete: 'cascade' })
   */
  references(
    target: `${string}.${string}`,
    options?: ReferenceOptions,
  ): Column<Value, Exclude<Flags, 'numbered'> | 'optional'> {
    return this.#with({ references: parseReference(target, options) })
  }

  /**
   * Makes the integer column a counter that guards against lost updates: 1 at INSERT, one more at each UPDATE, which fails
   * with a StaleDataError when the row has another count by then.
   */
  version(this: Column<number, Flags>): Column<Value, Flags | 'optional'>
  /**
   * The same with versions of the program's making, in a column of any type: a function that makes the next one from the stored one
   * (undefined at INSERT), or `false` where only the program sets them by hand, and an UPDATE that does not leaves it as it is.
   *
   * @example
   * rev: uuid().version(() => crypto.randomUUID())
   */
  version(next: (previous: Value | undefined) => Value): Column<Value, Flags | 'optional'>
  version(next: false): Column<Value, Flags>
  /**
   * The same with versions that the database makes, by a trigger for example: heddle never writes the column, reads it back after INSERT
   * and UPDATE, and finds the row by it.
   *
   * @example
   * rev: integer().serverDefault(sql`1`).version('database')
   */
  version(next: 'database'): Column<Value, Flags | 'optional' | 'readOnly'>
  version(next?: ((previous: Value | undefined) => Value) | false | 'database'): Column<Value, Flags> {
    if (next === 'database') return this.#with({ version: true, nextVersion: false, readOnly: true })
    if (next !== undefined && next !== false && typeof next !== 'function') {
      throw new MappingError(
        `version(…) takes a function that makes the next version, 'database', or false, got ${found(next)}.`,
      )
    }
    return this.#with({ version: true, nextVersion: next as NextVersion | false | undefined })
  }

  /**
   * The database computes the value from other columns of the row: `GENERATED ALWAYS AS (…)`. heddle never writes the column, refuses
   * assignments, and reads it back after INSERT and UPDATE. The expression is raw SQL, with the names in the database.
   *
   * @param stored `true`: kept in the row, on every database. `false`: computed when it is read; PostgreSQL can from version 18 on.
   *   Default: true.
   * @example
   * total: integer().computed(sql`price * amount`)
   */
  computed(
    expression: SqlExpression,
    { stored = true }: { readonly stored?: boolean } = {},
  ): Column<Value, Flags | 'optional' | 'readOnly'> {
    if (!isSqlExpression(expression)) {
      throw new MappingError(`computed(…) takes an SQL expression such as sql\`a + b\`, got ${found(expression)}.`)
    }
    if (typeof stored !== 'boolean')
      throw new MappingError(`computed(…): stored is true or false, got ${found(stored)}.`)
    return this.#with({ computed: Object.freeze({ expression, stored }), readOnly: true })
  }

  /**
   * The program never gives the column a value: heddle reads it back after INSERT, never writes it, and refuses assignments. For columns
   * that a trigger or another program fills.
   */
  readOnly(): Column<Value, Flags | 'optional' | 'readOnly'> {
    return this.#with({ readOnly: true })
  }

  /**
   * The database changes the value at every UPDATE that does not set it, by a trigger for example: it is read back after the UPDATE.
   *
   * @example
   * changedAt: timestamp().serverDefault(sql`current_timestamp`).serverOnUpdate()
   */
  serverOnUpdate(): Column<Value, Flags> {
    return this.#with({ serverOnUpdate: true })
  }

  /**
   * Queries leave the column out: for long texts and documents that are seldom read. `await session.load(instance, 'body')` loads it,
   * for all instances that came from the same query.
   *
   * @param group a name that it shares with other deferred columns: all of a group are loaded together
   * @throws MappingError for a group that is no name
   */
  deferred(group?: string): Column<Value, Flags> {
    if (group !== undefined && (typeof group !== 'string' || group === '')) {
      throw new MappingError(`deferred(…) takes the name of a group or nothing, got ${found(group)}.`)
    }
    return this.#with({ deferred: true, deferredGroup: group })
  }

  /**
   * The column tells which class a row is of: other classes can inherit from the entity by `subclass()`, each with a value of its own.
   * heddle sets it, and no instance can be given another. For `text()`, `varchar()`, `enumeration()` and `integer()`.
   *
   * @param identity the value of the entity itself. Without it the entity is abstract: only its subclasses have rows.
   * @throws MappingError from `entity()` when the column cannot be one, or the value does not fit it
   * @example
   * type: varchar(20).discriminator('employee')
   * @see https://docs.sqlalchemy.org/en/20/orm/inheritance.html
   */
  discriminator(identity?: Value): Column<Value, Flags | 'optional' | 'readOnly' | 'discriminator'> {
    return this.#with({ discriminator: Object.freeze({ identity }) })
  }

  /** The column's name in the database, where the engine's naming does not give it. */
  named(name: string): Column<Value, Flags> {
    const problem = databaseNameProblem(name)
    if (problem !== undefined) throw new MappingError(`named(${found(name)}): a column's name ${problem}.`)
    return this.#with({ name })
  }

  /**
   * A remark that the database keeps with the column, where it can: `createAll` and `schemaSql` write it on PostgreSQL, MySQL and MariaDB.
   *
   * @throws MappingError for what is no text
   * @example
   * balance: decimal(12, 2).comment('in the currency of the account')
   */
  comment(text: string): Column<Value, Flags> {
    if (typeof text !== 'string' || text === '') {
      throw new MappingError(`comment(…) takes a text, got ${found(text)}.`)
    }
    return this.#with({ comment: text })
  }

  /** `false`: the program gives the key of every new instance, and the database does not number it. */
  autoincrement(numbered: false): Column<Value, Exclude<Flags, 'numbered'>>
  /** The database numbers the key, and `entity()` fails where it cannot. Numbering is the default where it is possible. */
  autoincrement(numbered?: true): Column<Value, Flags>
  autoincrement(numbered = true): Column<Value, Flags> {
    if (typeof numbered !== 'boolean') {
      throw new MappingError(`autoincrement(…) takes true or false, got ${found(numbered)}.`)
    }
    return this.#with({ autoincrement: numbered })
  }

  /** A method's own types say what the change does to `Value` and `Flags`. */
  #with<NewValue, NewFlags extends ColumnFlag>(changes: Partial<ColumnSpec>): Column<NewValue, NewFlags> {
    const { type, ...spec } = this[SPEC]
    return new Column(type, { ...spec, ...changes })
  }
}

/** Whether a value is a column as the builders make it. */
export function isColumn(value: unknown): value is Column<unknown, ColumnFlag> {
  return typeof value === 'object' && value !== null && SPEC in value
}

/** Whether a value can give Kysely its operation node. */
export function isSqlExpression(value: unknown): value is SqlExpression {
  if (typeof value !== 'object' || value === null) return false
  return typeof (value as { toOperationNode?: unknown }).toOperationNode === 'function'
}
