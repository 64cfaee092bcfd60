import type { Outcome } from '../drivers/index.ts'
import type { ColumnModel, EntityModel, PairTable } from '../mapping/index.ts'
import type { Dialect, LockOptions } from './dialect.ts'
import { insertRows, rowsAtOnce } from './insert.ts'
import {
  type MemberOrder,
  type MemberPart,
  type RelationFilter,
  type SelectByKey,
  type SelectByKeys,
  selectByKey,
  selectByKeys,
  selectJoined,
  selectMembers,
  selectPaired,
} from './select.ts'
import { type Row, type Runner, statementContext } from './statement-parts.ts'
import { type ConflictRule, upsertRows } from './upsert.ts'
import { deleteRows, updateRows } from './write.ts'
import type { Change } from './write-parts.ts'

/**
 * The statements that heddle itself issues: rows by key, and the batches of a flush. Each is compiled once for each
 * entity and shape, and has a name under which connections keep it prepared. Values are the program's on both sides.
 *
 * A value of a row may be an expression (`` sql`visits + 1` ``): its row then travels alone, at its place in the order.
 */
export interface Statements {
  /**
   * A select of one row by its key: typed, rows as arrays, in the order of `columns`.
   *
   * @throws ArgumentError for a lock that the server does not know
   */
  selectByKey(model: EntityModel, columns: readonly ColumnModel[], lock?: LockOptions): SelectByKey
  /**
   * Selects of many rows by their keys, as few statements as can be. A row holds `columns` in order, then the columns
   * of the key that are not among them. Rows come in any order, once each; keys without a row give none.
   */
  selectByKeys(model: EntityModel, columns: readonly ColumnModel[], lock?: LockOptions): SelectByKeys
  /**
   * Selects of the rows whose foreign key `match` is any of a list of keys; rows hold `columns`, then what of the key is not among them.
   * With a `part`, which may put its own value behind these, they are fewer for each owner.
   */
  selectMembers(
    model: EntityModel,
    columns: readonly ColumnModel[],
    match: readonly ColumnModel[],
    order: readonly MemberOrder[],
    filter?: RelationFilter,
    part?: MemberPart,
  ): SelectByKeys
  /** The same through a table of pairs: rows hold `columns`, then the key of the owner they are paired with. */
  selectPaired(
    model: EntityModel,
    columns: readonly ColumnModel[],
    through: PairTable,
    order: readonly MemberOrder[],
    filter?: RelationFilter,
    part?: MemberPart,
  ): SelectByKeys
  /** The same where a condition ties them: rows hold `columns`, then the key of the row of `source`. */
  selectJoined(
    model: EntityModel,
    columns: readonly ColumnModel[],
    source: EntityModel,
    filter: RelationFilter,
    order: readonly MemberOrder[],
    part?: MemberPart,
  ): SelectByKeys
  /**
   * Inserts rows with values for `columns`, in order. Gives the values of `returning` for each, in the order of the
   * rows (empty rows where nothing is returned); generated keys belong to their row by a rule that the database
   * guarantees.
   *
   * @throws FlushError when the database makes a key that it does not tell, or discards a row
   */
  insertRows(
    runner: Runner,
    model: EntityModel,
    columns: readonly ColumnModel[],
    returning: readonly ColumnModel[],
    rows: readonly Row[],
  ): Promise<readonly Row[]>
  /** How many rows with values for these columns {@link insertRows} sends at a time. */
  rowsAtOnce(columns: readonly ColumnModel[]): number
  /**
   * Updates rows; a match value may be null. Gives the indexes of the rows whose match found no row. Run it in a
   * transaction.
   *
   * @throws ArgumentError when there is nothing to set or to match
   */
  updateRows(
    runner: Runner,
    model: EntityModel,
    set: readonly ColumnModel[],
    match: readonly ColumnModel[],
    rows: readonly Change[],
  ): Promise<readonly number[]>
  /**
   * Inserts rows with values for `columns`; those that conflict with stored ones change them as the rule says.
   *
   * @throws ArgumentError for a condition where the database has none for this
   */
  upsertRows(
    runner: Runner,
    model: EntityModel,
    columns: readonly ColumnModel[],
    rule: ConflictRule,
    rows: readonly Row[],
  ): Promise<readonly Outcome[]>
  /**
   * Deletes rows; otherwise as {@link updateRows}. `rows` are the values of `match`.
   *
   * @throws ArgumentError when there is nothing to match
   */
  deleteRows(
    runner: Runner,
    model: EntityModel,
    match: readonly ColumnModel[],
    rows: readonly Row[],
  ): Promise<readonly number[]>
}

const made = new WeakMap<Dialect, Statements>()

/**
 * The statements of a dialect, with what is compiled so far: the same object each time.
 *
 * @example
 * const [id] = (await statementsOf(dialect).insertRows(connection, model, [name], [key], [['ed']]))[0]
 */
export function statementsOf(dialect: Dialect): Statements {
  const known = made.get(dialect)
  if (known !== undefined) return known
  const statements = makeStatements(dialect)
  made.set(dialect, statements)
  return statements
}

function makeStatements(dialect: Dialect): Statements {
  const context = statementContext(dialect)
  // The statement of every plain get(), found without making its key.
  const gets = new WeakMap<readonly ColumnModel[], SelectByKey>()
  return Object.freeze({
    selectByKey: (model, columns, lock) => {
      if (lock !== undefined || columns !== model.loaded) return selectByKey(context, model, columns, lock)
      const known = gets.get(columns)
      if (known !== undefined) return known
      const made = selectByKey(context, model, columns, lock)
      gets.set(columns, made)
      return made
    },
    selectByKeys: (model, columns, lock) => selectByKeys(context, model, columns, lock),
    selectMembers: (...select) => selectMembers(context, ...select),
    selectPaired: (...select) => selectPaired(context, ...select),
    selectJoined: (...select) => selectJoined(context, ...select),
    insertRows: (runner, model, columns, returning, rows) =>
      insertRows(context, runner, model, columns, returning, rows),
    rowsAtOnce: (columns) => rowsAtOnce(dialect, columns),
    updateRows: async (runner, model, set, match, rows) => updateRows(context, runner, model, set, match, rows),
    upsertRows: async (runner, model, columns, rule, rows) => upsertRows(context, runner, model, columns, rule, rows),
    deleteRows: async (runner, model, match, rows) => deleteRows(context, runner, model, match, rows),
  } satisfies Statements)
}
