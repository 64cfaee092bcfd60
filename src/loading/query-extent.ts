import type { ExpressionOrFactory, SqlBool } from 'kysely'
import { ArgumentError } from '../errors.ts'
import { aBoolean, anInteger, describeValue } from '../support/index.ts'
import { readWhere } from './conditions.ts'
import { readGroups, readOrderBy } from './orderings.ts'
import { QueryConditions } from './query-conditions.ts'
import type {
  ConditionOperator,
  LeftExpression,
  NoJoins,
  Operand,
  OrderModifiers,
  PropertyAt,
  PropertyReference,
  TableNames,
  Tables,
} from './query-types.ts'

/** In which order, how many of them, and how the statement runs. The second layer of every query. */
export abstract class QueryExtent<
  Entity,
  Table extends string,
  Joined = NoJoins,
  Selected extends string = never,
> extends QueryConditions<Entity, Table, Joined> {
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
      | Selected
      | PropertyReference<Entity, Table, Joined>
      | ExpressionOrFactory<Tables<Entity, Table, Joined>, TableNames<Table, Joined>, unknown>,
    modifiers?: OrderModifiers,
  ): this {
    return this.derive({
      orderings: [...this.state.orderings, readOrderBy(this.scope, key, modifiers, this.state.selection?.names)],
    })
  }

  /**
   * Makes one row of all that have the same values; what is selected beside them must be aggregates.
   *
   * @throws ArgumentError for an unknown property
   * @example
   * query.select(({ count }) => ({ city: 'city', users: count() })).groupBy('city')
   */
  groupBy(
    ...keys: readonly (
      | PropertyReference<Entity, Table, Joined>
      | ExpressionOrFactory<Tables<Entity, Table, Joined>, TableNames<Table, Joined>, unknown>
    )[]
  ): this {
    return this.derive({ groups: [...this.state.groups, ...readGroups(this.scope, keys)] })
  }

  /**
   * Keeps the groups for which a condition on aggregates holds; takes what `where()` takes.
   *
   * @throws ArgumentError as `where()`
   * @example
   * query.groupBy('city').having((eb) => eb.fn.countAll(), '>', 3)
   */
  having<Reference extends PropertyReference<Entity, Table, Joined>, Operator extends ConditionOperator>(
    property: Reference,
    operator: Operator,
    value: Operand<Entity, Table, PropertyAt<Entity, Reference, Joined>, Operator, Joined>,
  ): this
  having<Value>(
    left: LeftExpression<Entity, Table, Value, Joined>,
    operator: ConditionOperator,
    value:
      | Value
      | readonly Value[]
      | ExpressionOrFactory<Tables<Entity, Table, Joined>, TableNames<Table, Joined>, Value>,
  ): this
  having(condition: ExpressionOrFactory<Tables<Entity, Table, Joined>, TableNames<Table, Joined>, SqlBool>): this
  having(...args: readonly unknown[]): this {
    return this.derive({ havings: [...this.state.havings, readWhere(this.scope, 'having()', args)] })
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
