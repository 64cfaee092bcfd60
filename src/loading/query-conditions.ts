import type { ExpressionOrFactory, ReferenceExpression, SqlBool } from 'kysely'
import { readFilters, readWhere, readWhereRef } from './conditions.ts'
import { QueryParts } from './query-parts.ts'
import type {
  ConditionOperator,
  FilterValues,
  LeftExpression,
  Operand,
  PropertyAt,
  PropertyReference,
  Tables,
} from './query-types.ts'

/** Which rows a query means. The first layer of every query. */
export abstract class QueryConditions<Entity, Table extends string> extends QueryParts {
  /**
   * Adds a condition; several must all hold. Takes what Kysely's `where()` takes, with properties in the place of columns.
   *
   * Values are checked against the property's type and stored as its column stores them. `= null` is `is null`, and `in` an
   * empty list matches nothing.
   *
   * @throws ArgumentError for an unknown property or operator, and for a value that does not fit the property
   * @example
   * query.where('id', 'in', [1, 2, 3])
   * query.where((eb) => eb.or([eb('name', '=', 'ed'), eb('nickname', 'is', null)]))
   * query.where(sql`length(name) > 3`)
   */
  where<Reference extends PropertyReference<Entity, Table>, Operator extends ConditionOperator>(
    property: Reference,
    operator: Operator,
    value: Operand<Entity, Table, PropertyAt<Entity, Reference>, Operator>,
  ): this
  where<Value>(
    left: LeftExpression<Entity, Table, Value>,
    operator: ConditionOperator,
    value: Value | readonly Value[] | ExpressionOrFactory<Tables<Entity, Table>, Table, Value>,
  ): this
  where(condition: ExpressionOrFactory<Tables<Entity, Table>, Table, SqlBool>): this
  where(...args: readonly unknown[]): this {
    return this.derive({ conditions: [...this.state.conditions, readWhere(this.table, args)] })
  }

  /**
   * Adds a condition that compares two columns.
   *
   * @throws ArgumentError for an unknown property or operator
   * @example
   * query.whereRef('updatedAt', '>', 'createdAt')
   */
  whereRef<Left extends ReferenceExpression<Tables<Entity, Table>, Table>>(
    left: Left,
    operator: ConditionOperator,
    right: ReferenceExpression<Tables<Entity, Table>, Table>,
  ): this {
    return this.derive({ conditions: [...this.state.conditions, readWhereRef(this.table, left, operator, right)] })
  }

  /**
   * Adds an equality condition for each property of an object; null asks for rows without a value.
   *
   * @throws ArgumentError for an unknown property, for undefined, and for a value that does not fit its property
   * @example
   * query.filterBy({ name: 'ed', nickname: null })
   */
  filterBy(values: FilterValues<Entity>): this {
    return this.derive({ conditions: [...this.state.conditions, ...readFilters(this.table, values)] })
  }
}
