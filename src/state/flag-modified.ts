import { ArgumentError } from '../errors.ts'
import { isSqlExpression } from '../mapping/index.ts'
import { nearest } from '../support/index.ts'
import { stateOf } from './inspect.ts'

/**
 * Says that the value of a column was changed in place, which nothing can notice by itself: a property inside a JSON document, a byte of
 * a `Uint8Array`. The column is then written by the next flush. After a rollback it is not loaded: what it was is not known.
 *
 * ```ts
 * user.settings.theme = 'dark'
 * flagModified(user, 'settings')
 * ```
 *
 * @throws ArgumentError for a property that is no column, NotLoadedError where there is no value
 * @see https://docs.sqlalchemy.org/en/20/orm/session_api.html#sqlalchemy.orm.attributes.flag_modified
 */
export function flagModified<Entity extends object>(instance: Entity, property: keyof Entity & string): void {
  const state = stateOf(instance)
  const column = state.model.columnOf.get(property)
  if (column !== undefined && !column.readOnly) {
    state.flagModified(column)
    return
  }
  const close = nearest(property, state.model.columnOf.keys())
  const hint = close === undefined ? '' : ` Did you mean '${close}'?`
  throw new ArgumentError(
    `flagModified(${state.describe()}, '${property}'): there is no such column to be written.${hint}`,
  )
}

/** An SQL expression and the type of its value, as Kysely's templates are. */
export interface TypedExpression<Value> {
  readonly expressionType?: Value | undefined
  toOperationNode(): object
}

/**
 * An SQL expression as the value of a property: the database computes it in the INSERT or UPDATE, from the row as it is then. After the
 * flush of an UPDATE the property is not loaded, until `await session.refresh(instance, ['visits'])`.
 *
 * ```ts
 * page.visits = asValue(sql<number>`visits + 1`)   // update pages set visits = visits + 1 where id = …
 * ```
 *
 * @param expression raw SQL, with the names in the database; Kysely's `sql` or an expression of a builder
 * @throws ArgumentError for anything else
 */
export function asValue<Value>(expression: TypedExpression<Value>): Value {
  const given: unknown = expression
  if (isSqlExpression(given)) return expression as unknown as Value
  throw new ArgumentError('asValue(…) takes an SQL expression such as sql<number>`visits + 1`.')
}
