import { ArgumentError, InvalidRequestError } from '../errors.ts'
import { describeValue } from '../support/index.ts'
import { Query } from './query.ts'
import type { QueryTarget } from './query-target.ts'
import type { Queryable } from './query-types.ts'

/** What a prepared query runs on: a session, or a registry of sessions. */
export interface PreparedOn {
  /** @internal */
  readonly queryTarget: QueryTarget
}

/** The session for which a prepared query is made at this moment. Its function runs at once, so that no two are mixed up. */
let current: QueryTarget | undefined

/**
 * A query that is written once, with parameters, and run on any session. Its text is compiled at the first run of each shape; later
 * runs only bind values, and a server keeps it prepared.
 *
 * @throws ArgumentError for anything but a function
 * @example
 * const byName = prepared((name: string) => query(User).where('name', '=', name))
 * const ed = await byName(session, 'ed').one()
 */
export function prepared<Args extends readonly unknown[], Made>(
  make: (...args: Args) => Made,
): (session: PreparedOn, ...args: Args) => Made {
  if (typeof make !== 'function') {
    throw new ArgumentError(`prepared() takes a function that makes a query, not ${describeValue(make)}.`)
  }
  return (session, ...args) => {
    const before = current
    current = targetOf(session)
    try {
      return make(...args)
    } finally {
      current = before
    }
  }
}

function targetOf(session: unknown): QueryTarget {
  const isSession = (typeof session === 'object' && session !== null) || typeof session === 'function'
  const target = isSession ? (session as Partial<PreparedOn>).queryTarget : undefined
  if (target !== undefined) return target
  throw new ArgumentError(`A prepared query: a session is needed before its arguments, not ${describeValue(session)}.`)
}

/**
 * A query for instances of an entity, inside the function of {@link prepared}: as `session.query()`, on whatever session it is run.
 *
 * @throws InvalidRequestError outside of one
 */
export function query<Entity extends object, Table extends string>(
  entityClass: Queryable<Entity, Table>,
): Query<Entity, Entity, Table> {
  if (current !== undefined) return new Query<Entity, Entity, Table>(current, entityClass)
  throw new InvalidRequestError(
    'query() was called outside of prepared(), where there is no session to run it on; use session.query(), or wrap it: ' +
      'prepared((name) => query(User).where(…)).',
  )
}
