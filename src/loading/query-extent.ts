import type { ExpressionOrFactory } from 'kysely'
import { ArgumentError } from '../errors.ts'
import { aBoolean, anInteger, describeValue } from '../support/index.ts'
import { readOrderBy } from './orderings.ts'
import { QueryConditions } from './query-conditions.ts'
import type { NoJoins, OrderModifiers, PropertyReference, TableNames, Tables } from './query-types.ts'

/** In which order, how many of them, and how the statement runs. The second layer of every query. */
export abstract class QueryExtent<Entity, Table extends string, Joined = NoJoins> extends QueryConditions<
  Entity,
  Table,
  Joined
> {
  /**
   * Adds a sort key, after those that are there.
   *
   * @throws ArgumentError for an unknown property, direction or option
   * @example
   * query.orderBy('id', 'desc')
   * query.orderBy('nickname', { direction: 'desc', nulls: 'last' })
   * query.orderBy(sql`lower(name)`)
   */
  orderBy(
    key:
      | PropertyReference<Entity, Table, Joined>
      | ExpressionOrFactory<Tables<Entity, Table, Joined>, TableNames<Table, Joined>, unknown>,
    modifiers?: OrderModifiers,
  ): this {
    return this.derive({ orderings: [...this.state.orderings, readOrderBy(this.scope, key, modifiers)] })
  }

  /**
   * Gives at most so many rows; a later call replaces an earlier one.
   *
   * @throws ArgumentError unless it is a whole number, 0 or more
   */
  limit(rows: number): this {
    return this.derive({ limit: wholeNumber('limit()', rows) })
  }

  /**
   * Leaves out so many rows at the beginning; a later call replaces an earlier one.
   *
   * @throws ArgumentError unless it is a whole number, 0 or more
   */
  offset(rows: number): this {
    return this.derive({ offset: wholeNumber('offset()', rows) })
  }

  /** Gives equal rows once: of use after `modify()` has joined other tables. */
  distinct(): this {
    return this.derive({ distinct: true })
  }

  /** Whether pending changes are flushed before this query runs, whatever the session does by itself. */
  autoflush(enabled: boolean): this {
    if (!aBoolean.accepts(enabled)) {
      throw new ArgumentError(`autoflush() takes true or false, not ${describeValue(enabled)}.`)
    }
    return this.derive({ autoflush: enabled })
  }

  /** Adds options for the execution of this query; a later value replaces an earlier one of the same name. */
  executionOptions(options: Readonly<Record<string, unknown>>): this {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      throw new ArgumentError(`executionOptions() takes an object, not ${describeValue(options)}.`)
    }
    return this.derive({ executionOptions: { ...this.state.executionOptions, ...options } })
  }
}

function wholeNumber(call: string, value: unknown): number {
  if (anInteger(0).accepts(value)) return value as number
  throw new ArgumentError(`${call} takes a whole number, 0 or more, not ${describeValue(value)}.`)
}
