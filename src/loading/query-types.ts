import type {
  ComparisonOperatorExpression,
  DynamicReferenceBuilder,
  Expression,
  ExpressionOrFactory,
  OrderByModifiers,
} from 'kysely'
import type { ColumnNames, ColumnsOf, EntityModel, MODEL } from '../mapping/index.ts'

// biome-ignore lint/suspicious/noExplicitAny: only `any` matches the constructor parameters of every class
type ClassOf<Instance> = abstract new (...values: any[]) => Instance

/** A class that can be queried: what `entity()` returns, or extends it. */
export type Queryable<Entity, Table extends string = string> = ClassOf<Entity> & {
  readonly [MODEL]: EntityModel & { readonly table: Table }
}

/**
 * The tables that expressions of a query can name, as Kysely's `DB` type: the entity's own with its properties, and every other
 * table of the database with columns of any name and type.
 */
export type Tables<Entity, Table extends string> = {
  // biome-ignore lint/suspicious/noExplicitAny: nothing is known of the columns of other tables
  [Name in Table | (string & {})]: Name extends Table ? ColumnsOf<Entity> : Record<string, any>
}

/** A property as conditions name it: alone, or behind its table. */
export type PropertyReference<Entity, Table extends string> = ColumnNames<Entity> | `${Table}.${ColumnNames<Entity>}`

/** The type of the property that a {@link PropertyReference} means. */
export type PropertyAt<Entity, Reference> = Reference extends keyof ColumnsOf<Entity>
  ? ColumnsOf<Entity>[Reference]
  : Reference extends `${string}.${infer Name extends ColumnNames<Entity>}`
    ? ColumnsOf<Entity>[Name]
    : never

type ListOperator = 'in' | 'not in'
type LiteralOperator = 'is' | 'is not'
type ValueOperator =
  | '='
  | '=='
  | '!='
  | '<>'
  | '<'
  | '<='
  | '>'
  | '>='
  | '<=>'
  | 'is distinct from'
  | 'is not distinct from'
type PatternOperator = 'like' | 'not like' | 'ilike' | 'not ilike'

/** The plain values that may stand behind an operator. */
type PlainOperand<Value, Operator> = Operator extends ListOperator
  ? readonly Value[]
  : Operator extends LiteralOperator
    ? null | Extract<Value, boolean>
    : Operator extends ValueOperator
      ? Value
      : Operator extends PatternOperator
        ? string
        : unknown

/** What may stand behind an operator: a value of the column, or an expression that makes one. */
export type Operand<Entity, Table extends string, Value, Operator> =
  | PlainOperand<Value, Operator>
  | (Operator extends ListOperator ? readonly (Value | Expression<Value>)[] : never)
  | ExpressionOrFactory<Tables<Entity, Table>, Table, Value | null>

/** What may stand before an operator instead of a property. */
export type LeftExpression<Entity, Table extends string, Value> =
  | ExpressionOrFactory<Tables<Entity, Table>, Table, Value>
  // biome-ignore lint/suspicious/noExplicitAny: the type that Kysely gives to a reference made at run time
  | DynamicReferenceBuilder<any>

/** The operators that conditions take. */
export type ConditionOperator = ComparisonOperatorExpression

/** Where nulls go in an order. */
export interface OrderOptions {
  /** Default: `asc`. */
  readonly direction?: 'asc' | 'desc'
  /** Default: where the database puts them. On databases that cannot say it, a second sort key has the same effect. */
  readonly nulls?: 'first' | 'last'
}

/** How one key of an order runs: a direction, options, or Kysely's builder. */
export type OrderModifiers = OrderByModifiers | OrderOptions

/** Equality conditions by property. */
export type FilterValues<Entity> = { readonly [Name in keyof ColumnsOf<Entity>]?: ColumnsOf<Entity>[Name] }
