import type { ExpressionOrFactory, ReferenceExpression, SqlBool } from 'kysely'
import { ArgumentError } from '../errors.ts'
import type { RelatedAt, RelatedTo, RelationsOf, ToManyNames } from '../mapping/index.ts'
import { describeValue } from '../support/index.ts'
import type { Condition } from './condition.ts'
import { readFilters, readWhere, readWhereRef } from './conditions.ts'
import type { EntityTable } from './entity-table.ts'
import { QueryParts } from './query-parts.ts'
import { freshState, type QueryState, scopeIn } from './query-state.ts'
import type { QueryTarget } from './query-target.ts'
import type {
  Comparable,
  ConditionOperator,
  FilterValues,
  LastOf,
  LeftExpression,
  NoJoins,
  Operand,
  PropertyAt,
  TableNames,
  Tables,
} from './query-types.ts'
import { innerTable, relatedCondition } from './related-conditions.ts'
import { readContains, readParent } from './related-values.ts'
import { relationIn } from './relation-paths.ts'
import type { Scope } from './scope.ts'

/** The paths that conditions follow: relations, two levels deep. */
export type ConditionPaths<Entity> =
  | RelationsOf<Entity>
  | { [Name in RelationsOf<Entity>]: `${Name}.${RelationsOf<RelatedTo<Entity, Name>>}` }[RelationsOf<Entity>]

/** Narrows the related rows that a condition asks for. */
export type Narrowing<Entity, Path extends string> = (
  related: RelatedConditions<RelatedAt<Entity, Path>, LastOf<Path>>,
) => RelatedConditions<RelatedAt<Entity, Path>, LastOf<Path>>

/** Which rows a query means. The first layer of every query. */
export abstract class QueryConditions<Entity, Table extends string, Joined = NoJoins> extends QueryParts {
  /**
   * Adds a condition; several must all hold. Takes what Kysely's `where()` takes, with properties in the place of columns.
   *
   * Values are checked against the property's type and stored as its column stores them. `= null` is `is null`, and `in` an
   * empty list matches nothing. A relation to one instance is compared with an instance: its key is read when the statement runs.
   *
   * @throws ArgumentError for an unknown property or operator, and for a value that does not fit the property
   * @example
   * query.where('id', 'in', [1, 2, 3])
   * query.where('user', '=', user)
   * query.where((eb) => eb.or([eb('name', '=', 'ed'), eb('nickname', 'is', null)]))
   * query.where(sql`length(name) > 3`)
   */
  where<Reference extends Comparable<Entity, Table, Joined>, Operator extends ConditionOperator>(
    property: Reference,
    operator: Operator,
    value: Operand<Entity, Table, PropertyAt<Entity, Reference, Joined>, Operator, Joined>,
  ): this
  where<Value>(
    left: LeftExpression<Entity, Table, Value, Joined>,
    operator: ConditionOperator,
    value:
      | Value
      | readonly Value[]
      | ExpressionOrFactory<Tables<Entity, Table, Joined>, TableNames<Table, Joined>, Value>,
  ): this
  where(condition: ExpressionOrFactory<Tables<Entity, Table, Joined>, TableNames<Table, Joined>, SqlBool>): this
  where(...args: readonly unknown[]): this {
    return this.narrowed(readWhere(this.scope, 'where()', args))
  }

  /**
   * Adds a condition that compares two columns.
   *
   * @throws ArgumentError for an unknown property or operator
   * @example
   * query.whereRef('updatedAt', '>', 'createdAt')
   */
  whereRef<Left extends ReferenceExpression<Tables<Entity, Table, Joined>, TableNames<Table, Joined>>>(
    left: Left,
    operator: ConditionOperator,
    right: ReferenceExpression<Tables<Entity, Table, Joined>, TableNames<Table, Joined>>,
  ): this {
    return this.narrowed(readWhereRef(this.scope, 'whereRef()', left, operator, right))
  }

  /**
   * Adds an equality condition for each property of an object; null asks for rows without a value.
   *
   * @throws ArgumentError for an unknown property, for undefined, and for a value that does not fit its property
   * @example
   * query.filterBy({ name: 'ed', nickname: null })
   */
  filterBy(values: FilterValues<Entity>): this {
    return this.narrowed(...readFilters(this.table, values))
  }

  // ------------------------------------------------------------------------------------------ related rows

  /**
   * Keeps the rows that have a related row, or one that meets conditions: an `exists`, so that no row comes twice. SQLAlchemy calls it
   * `any()` and `has()`.
   *
   * @throws ArgumentError for a path that names no relation, and when the function gives something else than what it was given
   * @example
   * query.whereHas('addresses', (address) => address.where('email', 'like', '%@x.org'))
   * query.whereHas('addresses.city')
   */
  whereHas<Path extends ConditionPaths<Entity>>(path: Path, narrow?: Narrowing<Entity, Path>): this {
    return this.#whereRelated('whereHas()', path, narrow, false)
  }

  /** Keeps the rows that have no related row, or none that meets the conditions; otherwise as {@link whereHas}. */
  whereHasNo<Path extends ConditionPaths<Entity>>(path: Path, narrow?: Narrowing<Entity, Path>): this {
    return this.#whereRelated('whereHasNo()', path, narrow, true)
  }

  /**
   * Keeps the rows whose collection holds an instance; its key is read when the statement runs. SQLAlchemy calls it `contains()`.
   *
   * @throws ArgumentError for what is no collection, and for anything but an instance of its entity
   * @example
   * query.whereContains('groups', admins)
   */
  whereContains<Name extends ToManyNames<Entity>>(collection: Name, instance: RelatedTo<Entity, Name>): this {
    const link = relationIn('whereContains()', this.table.model, collection, collection)
    return this.narrowed(readContains(this.table, 'whereContains()', link, instance))
  }

  /**
   * Keeps the rows that a relation of an instance leads to, without loading the relation: a part of a collection, or a count of it.
   * SQLAlchemy calls it `with_parent()`.
   *
   * @throws ArgumentError when the instance has no such relation to this entity
   * @example
   * const recent = await session.query(Order).withParent(user, 'orders').orderBy('id', 'desc').limit(10).all()
   */
  withParent<Parent extends object>(parent: Parent, relation: RelationsOf<Parent>): this {
    return this.narrowed(readParent(this.table, 'withParent()', parent, relation))
  }

  #whereRelated(call: string, path: string, narrow: unknown, negated: boolean): this {
    if (narrow !== undefined && typeof narrow !== 'function') {
      throw new ArgumentError(`${call} takes a function that adds conditions, not ${describeValue(narrow)}.`)
    }
    const taken = new Set([...this.takenNames, this.alias, ...this.state.joins.map(({ table }) => table.name)])
    return this.narrowed(relatedBy(call, this.target, this.table, taken, path.split('.'), narrow, negated))
  }

  // -------------------------------------------------------------------------------------------- internals

  /** What the names of conditions may refer to. */
  protected get scope(): Scope {
    return scopeIn(this.table, this.state)
  }

  /** The names that enclosing queries use. */
  protected get takenNames(): Iterable<string> {
    return []
  }

  /** By which the statement knows the query's own table. */
  protected get alias(): string {
    return this.table.node.table.identifier.name
  }

  /** The same with more conditions. */
  protected narrowed(...conditions: readonly Condition[]): this {
    return this.derive({ conditions: [...this.state.conditions, ...conditions] })
  }

  /** @internal The conditions that it was told. */
  static stateOf(conditions: QueryConditions<unknown, never, unknown>): QueryState {
    return conditions.state
  }
}

/** Conditions on the rows that a relation leads to; see {@link QueryConditions.whereHas}. */
export class RelatedConditions<Entity, Table extends string> extends QueryConditions<Entity, Table> {
  readonly #taken: ReadonlySet<string>

  /** @internal */
  constructor(target: QueryTarget, table: EntityTable, state: QueryState, taken: ReadonlySet<string>) {
    super(target, table, state)
    this.#taken = taken
  }

  protected override derive(changes: Partial<QueryState>): this {
    return new RelatedConditions(this.target, this.table, { ...this.state, ...changes }, this.#taken) as this
  }

  protected override get takenNames(): Iterable<string> {
    return this.#taken
  }
}

function relatedBy(
  call: string,
  target: QueryTarget,
  outer: EntityTable,
  taken: ReadonlySet<string>,
  [name = '', ...further]: readonly string[],
  narrow: unknown,
  negated: boolean,
): Condition {
  const link = relationIn(call, outer.model, name, [name, ...further].join('.'))
  const inner = innerTable(outer, link, taken)
  const alias = inner.node.table.identifier.name
  const start = new RelatedConditions(target, inner, freshState, new Set([...taken, alias]))
  const conditions =
    further.length > 0
      ? {
          ...freshState,
          conditions: [relatedBy(call, target, inner, new Set([...taken, alias]), further, narrow, false)],
        }
      : narrowedBy(call, start, narrow)
  return relatedCondition(outer, link, inner, conditions, negated)
}

function narrowedBy(call: string, start: RelatedConditions<unknown, string>, narrow: unknown): QueryState {
  const result: unknown = narrow === undefined ? start : (narrow as (related: unknown) => unknown)(start)
  if (result instanceof RelatedConditions) return QueryConditions.stateOf(result as never)
  throw new ArgumentError(
    `${call}: the function must return the conditions that it was given, not ${describeValue(result)}.`,
  )
}
