import { InvalidRequestError } from '../errors.ts'
import { forgetRow, identityOf, keyValuesOf, moveStatus, stateOf, type UnitOfWork } from '../state/index.ts'

/**
 * Forgets the row and the session of an instance: it is new again, and can be added to be inserted. Values that are not there read as null.
 *
 * ```ts
 * makeTransient(user)
 * session.add(user) // a new row with the same values
 * ```
 *
 * @throws UnmappedInstanceError for anything but an instance of an entity class
 * @see https://docs.sqlalchemy.org/en/20/orm/session_api.html#sqlalchemy.orm.make_transient
 */
export function makeTransient(instance: object): void {
  const state = stateOf(instance)
  const unit = state.owner as UnitOfWork | undefined
  unit?.expunge(state)
  unit?.kept.delete(state)
  forgetRow(state)
  moveStatus(state, 'makeTransient')
}

/**
 * Makes a detached instance of a transient one: its key is taken as that of a row, everything else counts as expired and is
 * read when the instance is in a session and refreshed.
 *
 * @throws InvalidRequestError when it is in a session, has a row already, or its key is incomplete
 * @see https://docs.sqlalchemy.org/en/20/orm/session_api.html#sqlalchemy.orm.make_transient_to_detached
 */
export function makeTransientToDetached(instance: object): void {
  const state = stateOf(instance)
  if (state.owner !== undefined || state.identity !== undefined) {
    throw new InvalidRequestError(
      `makeTransientToDetached(${state.describe()}): only a transient instance can become detached.`,
    )
  }
  const key = keyValuesOf(state.model, state.values)
  const identity = identityOf(state.model, key)
  if (identity === undefined) {
    throw new InvalidRequestError(`makeTransientToDetached(${state.describe()}): its key is incomplete; set it first.`)
  }
  const keyValues = new Map(state.model.key.map((column, i) => [column.index, key[i]]))
  state.expire()
  for (const [index, value] of keyValues) state.values[index] = value
  state.originals = undefined
  state.identity = identity
  state.storedKey = key
  moveStatus(state, 'makeTransientToDetached')
}

/** Whether the row of an instance was deleted by a flush. */
export function wasDeleted(instance: object): boolean {
  return stateOf(instance).wasDeleted
}
