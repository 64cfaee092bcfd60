import type { Expression, ExpressionBuilder, SqlBool } from 'kysely'
import { ArgumentError } from '../errors.ts'
import type { BulkValues, Queryable, Tables } from '../loading/index.ts'
import { type ColumnNames, type ColumnsOf, type EntityModel, modelOf } from '../mapping/index.ts'
import { aBoolean, anything, checkOptions, rule } from '../support/index.ts'
import { insertGiven, readRowValues, updateGiven } from './row-writes.ts'
import { SessionTransactions } from './transactions.ts'
import { upsertGiven } from './upsert.ts'

/** Plain rows of an entity: any of its columns. */
export type RowValues<Entity> = { readonly [Name in keyof ColumnsOf<Entity>]?: ColumnsOf<Entity>[Name] }

/** What an upsert does with rows that are there already. */
export interface UpsertOptions<Entity, Table extends string> {
  /** The properties of the unique constraint that decides. Default: the key. MySQL and MariaDB try every unique constraint. */
  readonly on?: readonly ColumnNames<Entity>[]
  /** What is set: properties, from the given rows; or values and expressions. Default: all that the rows have. */
  readonly set?: readonly ColumnNames<Entity>[] | BulkValues<Entity, Table, object>
  /** Only stored rows for which it holds are changed. Not on MySQL and MariaDB. */
  readonly where?: (eb: ExpressionBuilder<Tables<Entity, Table>, Table>) => Expression<SqlBool>
  /** Leave stored rows as they are. Default: false. */
  readonly ignore?: boolean
}

const anArrayOfNames = rule('an array of properties', (value) => Array.isArray(value))
const upsertRules = {
  on: anArrayOfNames,
  set: anything,
  where: rule('a function that makes a condition', (value) => typeof value === 'function'),
  ignore: aBoolean,
  returning: aBoolean,
}

/** Plain rows that are written without instances. The third of the parts of a session. */
export abstract class SessionRows extends SessionTransactions {
  /**
   * Inserts plain rows, in as few statements as the database allows, with the defaults that instances would get. No instance is made
   * of them, and no listener asked, unless they are wanted back.
   *
   * @throws ArgumentError for unknown properties and values that do not fit; the database's error
   * @example
   * await session.insert(User, [{ name: 'ed' }, { name: 'wendy' }])
   * const users = await session.insert(User, rows, { returning: true })
   */
  insert<Entity extends object>(
    entityClass: Queryable<Entity>,
    rows: readonly RowValues<Entity>[],
    options: { readonly returning: true },
  ): Promise<Entity[]>
  insert<Entity extends object>(
    entityClass: Queryable<Entity>,
    rows: readonly RowValues<Entity>[],
    options?: { readonly returning?: false },
  ): Promise<number>
  insert<Entity extends object>(
    entityClass: Queryable<Entity>,
    rows: readonly RowValues<Entity>[],
    options: { readonly returning?: boolean } = {},
  ): Promise<number | Entity[]> {
    const model = modelOfRows('insert', entityClass)
    const label = `insert(${model.name})`
    checkOptions(label, options, { returning: aBoolean })
    const { returning = false } = options
    const given = readRowValues(model, label, rows)
    return this.core.gate.run(label, async () => {
      const instances = await insertGiven(this.core, model, given, returning, label)
      return returning ? (instances as Entity[]) : given.length
    })
  }

  /**
   * Updates rows by their keys: each row has its whole key, and what is to be set. A row that has its version is updated only where
   * the stored one is that; every update makes the next. Instances of the session agree with it afterwards.
   *
   * @throws StaleDataError when a row is not there, or of another version; ArgumentError for a row without its key
   * @example
   * await session.update(User, [{ id: 1, name: 'ed' }, { id: 2, name: 'wendy' }])
   */
  update<Entity extends object>(entityClass: Queryable<Entity>, rows: readonly RowValues<Entity>[]): Promise<number> {
    const model = modelOfRows('update', entityClass)
    const label = `update(${model.name})`
    const given = readRowValues(model, label, rows)
    return this.core.gate.run(label, () => updateGiven(this.core, model, given, label))
  }

  /**
   * Inserts rows, and changes those that are there already: `on conflict`, or `on duplicate key`. Instances of the session agree with
   * it afterwards; with `returning` the rows come back as instances, in their order, by a second statement.
   *
   * @throws ArgumentError for unknown properties, for rows without a value for `on`, and for `where` on MySQL and MariaDB
   * @example
   * await session.upsert(User, [{ email: 'e@x.org', name: 'ed' }], { on: ['email'] })
   * await session.upsert(Visit, [{ page: '/', count: 1 }], { on: ['page'], set: { count: (eb) => eb('count', '+', 1) } })
   */
  upsert<Entity extends object, Table extends string>(
    entityClass: Queryable<Entity, Table>,
    rows: readonly RowValues<Entity>[],
    options: UpsertOptions<Entity, Table> & { readonly returning: true },
  ): Promise<Entity[]>
  upsert<Entity extends object, Table extends string>(
    entityClass: Queryable<Entity, Table>,
    rows: readonly RowValues<Entity>[],
    options?: UpsertOptions<Entity, Table> & { readonly returning?: false },
  ): Promise<void>
  upsert<Entity extends object, Table extends string>(
    entityClass: Queryable<Entity, Table>,
    rows: readonly RowValues<Entity>[],
    options: UpsertOptions<Entity, Table> & { readonly returning?: boolean } = {},
  ): Promise<unknown> {
    const model = modelOfRows('upsert', entityClass)
    const label = `upsert(${model.name})`
    checkOptions(label, options, upsertRules)
    const { returning = false, ...conflict } = options
    const given = readRowValues(model, label, rows)
    return this.core.gate.run(label, async () => {
      if (given.length === 0) return returning ? [] : undefined
      const instances = await upsertGiven(this.core, model, given, conflict, returning, label)
      return returning ? (instances as Entity[]) : undefined
    })
  }
}

/** Plain rows go into one table, and those of classes that inherit may be in several. */
function modelOfRows(call: string, entityClass: unknown): EntityModel {
  const model = modelOf(entityClass)
  if (model.inheritance === undefined) return model
  throw new ArgumentError(
    `session.${call}(${model.name}, …) takes plain rows for one table, and ${model.name} is of a family of classes that inherit; add instances ` +
      'instead, which a flush writes in batches.',
  )
}
