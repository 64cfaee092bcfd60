import type {
  ComparisonOperatorExpression,
  DynamicReferenceBuilder,
  Expression,
  ExpressionOrFactory,
  OrderByModifiers,
} from 'kysely'
import type { ColumnNames, ColumnsOf, EntityModel, MODEL, RelatedTo, ToOneNames } from '../mapping/index.ts'

// biome-ignore lint/suspicious/noExplicitAny: only `any` matches the constructor parameters of every class
type ClassOf<Instance> = abstract new (...values: any[]) => Instance

/** A class that can be queried: what `entity()` returns, or extends it. */
export type Queryable<Entity, Table extends string = string> = ClassOf<Entity> & {
  readonly [MODEL]: EntityModel & { readonly table: Table }
}

/** The entities that a query has joined, by the names it has given them; with null where an outer join may find none. */
// biome-ignore lint/complexity/noBannedTypes: a query that has joined nothing has no names at all
export type NoJoins = {}

/** The columns of a joined entity: all of them may be null where there may be no row. */
export type JoinedColumns<Joined> = null extends Joined
  ? { [Name in keyof ColumnsOf<NonNullable<Joined>>]: ColumnsOf<NonNullable<Joined>>[Name] | null }
  : ColumnsOf<Joined>

/**
 * The tables that expressions of a query can name, as Kysely's `DB` type: the entity's own with its properties, those that were
 * joined, and every other table of the database with columns of any name and type.
 */
export type Tables<Entity, Table extends string, Joined = NoJoins> = {
  [Name in Table | (keyof Joined & string) | (string & {})]: Name extends Table
    ? ColumnsOf<Entity>
    : Name extends keyof Joined
      ? JoinedColumns<Joined[Name]>
      : // biome-ignore lint/suspicious/noExplicitAny: nothing is known of the columns of other tables
        Record<string, any>
}

/** The names of a query's own and joined tables, as Kysely's `TB` type. */
export type TableNames<Table extends string, Joined> = Table | (keyof Joined & string)

/** A property as conditions name it: alone, behind its table, or behind the name of a joined entity. */
export type PropertyReference<Entity, Table extends string, Joined = NoJoins> =
  | ColumnNames<Entity>
  | `${Table}.${ColumnNames<Entity>}`
  | { [Name in keyof Joined & string]: `${Name}.${keyof JoinedColumns<Joined[Name]> & string}` }[keyof Joined & string]

/** The type of the property that a {@link PropertyReference}, or the name of a relation to one instance, means. */
export type PropertyAt<Entity, Reference, Joined = NoJoins> = Reference extends keyof ColumnsOf<Entity>
  ? ColumnsOf<Entity>[Reference]
  : Reference extends `${infer Name}.${infer Property}`
    ? Name extends keyof Joined
      ? JoinedColumns<Joined[Name]>[Property & keyof JoinedColumns<Joined[Name]>]
      : ColumnsOf<Entity>[Property & keyof ColumnsOf<Entity>]
    : Reference extends ToOneNames<Entity>
      ? RelatedTo<Entity, Reference> | null
      : never

/** What conditions compare: a property, or a relation to one instance. */
export type Comparable<Entity, Table extends string, Joined = NoJoins> =
  | PropertyReference<Entity, Table, Joined>
  | ToOneNames<Entity>

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
export type Operand<Entity, Table extends string, Value, Operator, Joined = NoJoins> =
  | PlainOperand<Value, Operator>
  | (Operator extends ListOperator ? readonly (Value | Expression<Value>)[] : never)
  | ExpressionOrFactory<Tables<Entity, Table, Joined>, TableNames<Table, Joined>, Value | null>

/** What may stand before an operator instead of a property. */
export type LeftExpression<Entity, Table extends string, Value, Joined = NoJoins> =
  | ExpressionOrFactory<Tables<Entity, Table, Joined>, TableNames<Table, Joined>, Value>
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

// -------------------------------------------------------------------------------------------------- joins

/** The last name of a path: what a join is called unless it is given a name. */
export type LastOf<Path extends string> = Path extends `${string}.${infer Rest}` ? LastOf<Rest> : Path

type Beyond<Entity, Path extends string, Rest extends string, Alias extends string, Outer> = {
  [Name in Path]: RelatedTo<Entity, Name> | Outer
} & JoinsOf<RelatedTo<Entity, Path>, Rest, Alias, Outer>

type JoinsOf<Entity, Path extends string, Alias extends string, Outer> = Path extends `${infer First}.${infer Rest}`
  ? Beyond<Entity, First, Rest, Alias, Outer>
  : { [Name in Alias]: RelatedTo<Entity, Path> | Outer }

/** What a join along a path adds to the joined entities. `Outer` is null for an outer join, else never. */
export type Joins<
  Entity,
  Joined,
  Path extends string,
  Alias extends string,
  Outer,
> = Path extends `${infer First}.${infer Rest}`
  ? First extends keyof Joined
    ? JoinsOf<NonNullable<Joined[First]>, Rest, Alias, Outer>
    : JoinsOf<Entity, Path, Alias, Outer>
  : JoinsOf<Entity, Path, Alias, Outer>
