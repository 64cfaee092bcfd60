import type { CollectionShape } from './collection-shape.ts'
import type { Column, ColumnFlag } from './column.ts'
import type { EntityOptions } from './entity-options.ts'
import type { EntityModel } from './model.ts'
import type { MODEL } from './model-symbol.ts'
import type { ToManyRelation, ToOneRelation } from './relation.ts'

/** What a query for members gives; no query has it. */
declare const MEMBER: unique symbol

/** Carries an entity's definition in the type of its instances; no instance has it. */
declare const DEFINITION: unique symbol

/** The instances of a class. */
// biome-ignore lint/suspicious/noExplicitAny: only `any` matches the constructor parameters of every class
export type InstanceOf<Class> = Class extends abstract new (...args: any[]) => infer Instance ? Instance : never

// ------------------------------------------------------------------------------------------------ relations

/** What an unloaded to-one property holds: reading it does no I/O, awaiting it loads it. */
export interface Unloaded<Target> extends PromiseLike<Target> {
  readonly isLoaded: false
}

/** A to-one property: the instance where it is loaded, else what can be awaited. `await` serves both. */
export type ToOne<Target> = Target | Unloaded<Target>

/** Changes of a collection that need not be loaded for them. */
export interface CollectionWrites<Item> {
  /** Puts instances into the collection; those that are in it already stay in it once. */
  add(...items: Item[]): void
  /** Takes instances out of the collection. */
  remove(...items: Item[]): void
}

/** A collection that is loaded: an array to read, with `add` and `remove`. */
export interface LoadedCollection<Item> extends ReadonlyArray<Item>, CollectionWrites<Item> {
  readonly isLoaded: true
}

/** A collection that is not loaded: `await` it to read it; `add` and `remove` need no loading. */
export interface UnloadedCollection<Item> extends PromiseLike<readonly Item[]>, CollectionWrites<Item> {
  readonly isLoaded: false
}

/** A to-many property, loaded or not. `await` serves both. */
export type ToMany<Item> = LoadedCollection<Item> | UnloadedCollection<Item>

/** A loaded collection of `collection: 'set'`: a set to read, with `add` and `remove`. */
export interface LoadedSet<Item> extends ReadonlySet<Item>, CollectionWrites<Item> {
  readonly isLoaded: true
}

/** The same while it is not loaded: `await` it to read it; `add` and `remove` need no loading. */
export interface UnloadedSet<Item> extends PromiseLike<LoadedSet<Item>>, CollectionWrites<Item> {
  readonly isLoaded: false
}

/** A to-many property of `collection: 'set'`, loaded or not. `await` serves both. */
export type ToManyUnordered<Item> = LoadedSet<Item> | UnloadedSet<Item>

/**
 * A loaded collection of `collection: { keyedBy: … }`: a map to read by the keys that the members have at that moment, with `add` and
 * `remove`. Reading it by key throws an InvalidRequestError where a member has no key yet, or two have the same.
 */
export interface LoadedMap<Key, Item> extends ReadonlyMap<Key, Item>, CollectionWrites<Item> {
  readonly isLoaded: true
}

/** The same while it is not loaded: `await` it to read it; `add` and `remove` need no loading. */
export interface UnloadedMap<Key, Item> extends PromiseLike<LoadedMap<Key, Item>>, CollectionWrites<Item> {
  readonly isLoaded: false
}

/** A to-many property of `collection: { keyedBy: … }`, loaded or not. `await` serves both. */
export type ToManyKeyed<Key, Item> = LoadedMap<Key, Item> | UnloadedMap<Key, Item>

/** A query for the members of a collection; what queries are adds its methods. */
export interface MemberQuery<Item> {
  /** What it gives; for types alone. */
  readonly [MEMBER]?: Item
}

/**
 * A collection of `collection: 'writeOnly'`, for relations with more members than fit into memory: it is never loaded. `query()` reads
 * its stored members, with conditions, an order, pages and streams; it needs an instance that has a row and is in a session.
 */
export interface WriteOnlyCollection<Item> extends CollectionWrites<Item> {
  readonly isLoaded: false
  /** A query for the stored members; a flush comes before it as before every query. */
  query(): MemberQuery<Item>
}

/** The property of a collection, by its shape. */
type CollectionOf<Item, Shape> = Shape extends 'set'
  ? ToManyUnordered<Item>
  : Shape extends 'writeOnly'
    ? WriteOnlyCollection<Item>
    : Shape extends { readonly keyedBy: infer By }
      ? ToManyKeyed<MemberKeyOf<Item, By>, Item>
      : ToMany<Item>

type MemberKeyOf<Item, By> = By extends (member: never) => infer Key ? Key : By extends keyof Item ? Item[By] : never

/** What a new instance may be given for a collection. */
type GivenItems<Item, Shape> = Shape extends 'set'
  ? Iterable<Item>
  : Shape extends { readonly keyedBy: infer By }
    ? Iterable<Item> | ReadonlyMap<MemberKeyOf<Item, By>, Item>
    : readonly Item[]

// -------------------------------------------------------------------------------------------------- columns

/** The value of a described column. */
export type ValueOf<Described> = Described extends Column<infer Value, infer _Flags> ? Value : never
/** What the types remember of a described column. */
export type FlagsOf<Described> = Described extends Column<infer _Value, infer Flags> ? Flags : never
type IsColumn<Described> = Described extends Column<unknown, ColumnFlag> ? true : false
type NamesOfColumns<Definition> = {
  [Name in keyof Definition]: IsColumn<Definition[Name]> extends true ? Name : never
}[keyof Definition]
type NamesOfKey<Definition> = {
  [Name in keyof Definition]: 'key' extends FlagsOf<Definition[Name]> ? Name : never
}[keyof Definition]

type Merged<Union> = (Union extends unknown ? (part: Union) => void : never) extends (part: infer All) => void
  ? All
  : never
type IsOne<Union> = [Union] extends [Merged<Union>] ? true : false

/** The columns' values of a definition, by property. */
type ColumnValues<Definition> = {
  -readonly [Name in keyof Definition as IsColumn<Definition[Name]> extends true ? Name : never]: ValueOf<
    Definition[Name]
  >
}

// ------------------------------------------------------------------------------------------------ instances

type PropertyOf<Described> =
  Described extends Column<infer Value, infer _Flags>
    ? Value
    : Described extends ToOneRelation<infer Class, infer Nullable>
      ? ToOne<OneOf<Class, Nullable>>
      : Described extends ToManyRelation<infer Class, infer Shape extends CollectionShape>
        ? CollectionOf<InstanceOf<Class>, Shape>
        : never

type OneOf<Class, Nullable> = Nullable extends true ? InstanceOf<Class> | null : InstanceOf<Class>

/** What every instance has beside its own properties. */
export interface InstanceMethods<Definition> {
  /**
   * The columns, and the relations that are loaded, as a plain object: a copy that may leave the session, go through
   * `structuredClone`, and travel to other threads. What is not loaded is left out.
   */
  toObject(): PlainObject<Definition>
  /** What `JSON.stringify` shows. A class may have its own. */
  toJSON(): unknown
  readonly [DEFINITION]?: Definition
}

/** What `toObject()` gives: the values of the columns, and of loaded relations. */
export type PlainObject<Definition> = Partial<ColumnValues<Definition>> & {
  [Name in Exclude<keyof Definition, NamesOfColumns<Definition>>]?: unknown
}

/** An instance of the entity of a definition: a property for each column and each relation. */
export type Instance<Definition> = Properties<Definition> & InstanceMethods<Definition>

/** A property for each column and each relation. */
export type Properties<Definition> = {
  -readonly [Name in keyof Definition]: PropertyOf<Definition[Name]>
}

// --------------------------------------------------------------------------------------------- construction

/** A column may be left out when something else makes its value; a numbered key only when it is the whole key. */
type IsRequired<Described, WholeKey> =
  Described extends Column<infer _Value, infer Flags>
    ? 'optional' extends Flags
      ? false
      : ['key' | 'numbered', WholeKey] extends [Flags, true]
        ? false
        : true
    : false

/** The columns that a new instance must be given. */
export type RequiredNames<Definition> = {
  [Name in keyof Definition]: IsRequired<Definition[Name], IsOne<NamesOfKey<Definition>>> extends true ? Name : never
}[keyof Definition]

type Given<Described> =
  Described extends Column<infer Value, infer _Flags>
    ? Value
    : Described extends ToOneRelation<infer Class, infer Nullable>
      ? OneOf<Class, Nullable>
      : Described extends ToManyRelation<infer Class, infer Shape extends CollectionShape>
        ? GivenItems<InstanceOf<Class>, Shape>
        : never

/** Columns that only the database gives a value. */
type ReadOnlyNames<Definition> = {
  [Name in keyof Definition]: 'readOnly' extends FlagsOf<Definition[Name]> ? Name : never
}[keyof Definition]

/** What a new instance is made with: columns that nothing else gives are required, the others and relations optional. */
export type Values<Definition> = {
  -readonly [Name in RequiredNames<Definition>]: Given<Definition[Name]>
} & {
  -readonly [Name in Exclude<keyof Definition, RequiredNames<Definition> | ReadOnlyNames<Definition>>]?: Given<
    Definition[Name]
  >
}

/** The constructor's arguments: where nothing is required, `new Settings()` will do. */
type Arguments<Definition> = [RequiredNames<Definition>] extends [never]
  ? [values?: Values<Definition>]
  : [values: Values<Definition>]

/** What `entity()` returns: the class that an entity's own class extends. */
export interface EntityClass<Table extends string, Definition> {
  readonly [MODEL]: EntityModel & { readonly table: Table }
  new (...values: Arguments<Definition>): Instance<Definition>
}

/**
 * The type of the function `entity`: describes a table, and gives the class to extend.
 *
 * @example
 * class User extends entity('users', { id: integer().primaryKey(), name: text() }, { indexes: [['name']] }) {}
 */
export type EntityFunction = <const Table extends string, Definition extends object>(
  table: Table,
  definition: Definition,
  options?: EntityOptions<keyof Definition & string>,
) => EntityClass<Table, Definition>

// -------------------------------------------------------------------------------------------------- queries

/** The definition behind the type of an instance. */
export type DefinitionOf<Entity> = Entity extends { readonly [DEFINITION]?: infer Definition }
  ? NonNullable<Definition>
  : never

/** The columns of an instance's entity and their types, without relations, methods and fields: what queries can name. */
export type ColumnsOf<Entity> = ColumnValues<DefinitionOf<Entity>>

/** The names of the columns of an instance's entity. */
export type ColumnNames<Entity> = keyof ColumnsOf<Entity> & string

/** The key columns of an instance's entity and their types. */
type KeyColumns<Entity> = Pick<ColumnsOf<Entity>, NamesOfKey<DefinitionOf<Entity>> & keyof ColumnsOf<Entity>>

type KeyValues<Columns> = Columns[keyof Columns]

/**
 * What finds one instance: the value of the key column; for a composite key an object of the key's properties, or their
 * values in the order of the definition.
 */
export type KeyOf<Entity> =
  IsOne<keyof KeyColumns<Entity>> extends true
    ? KeyValues<KeyColumns<Entity>>
    : Readonly<KeyColumns<Entity>> | CompositeKey<KeyValues<KeyColumns<Entity>>>

/** The values of a composite key, at least two. */
type CompositeKey<Value> = readonly [Value, Value, ...Value[]]

// -------------------------------------------------------------------------------------------------- loading

type FirstOf<Path extends string> = Path extends `${infer First}.${string}` ? First : Path
type RestAfter<Path extends string, First extends string> = Path extends `${First}.${infer Rest}` ? Rest : never
type LoadedFurther<Target, Path extends string> = Target extends null
  ? null
  : [Path] extends [never]
    ? Target
    : Loaded<Target, Path>

type LoadedProperty<Property, Path extends string> = Property extends { readonly isLoaded: false }
  ? never
  : [Path] extends [never]
    ? Property
    : Property extends LoadedCollection<infer Item>
      ? LoadedCollection<Loaded<Item, Path>>
      : Property extends LoadedMap<infer Key, infer Item>
        ? LoadedMap<Key, Loaded<Item, Path>>
        : Property extends LoadedSet<infer Item>
          ? LoadedSet<Loaded<Item, Path>>
          : LoadedFurther<Property, Path>

/**
 * An instance with the named relations loaded: those properties are plain values, read without `await`.
 *
 * TypeScript 5.9 takes such a collection in `map`, `forEach` and spreads, and in `for … of` by its `values()`; from 6.0 on it is
 * iterated as it is.
 *
 * @example
 * function total(order: Loaded<Order, 'lines.product'>) { … order.lines[0]?.product.price … }
 */
export type Loaded<Entity, Path extends string> = {
  [Name in FirstOf<Path> & keyof Entity]: LoadedProperty<Entity[Name], RestAfter<Path, Name & string>>
} & Entity

type RelationNames<Definition> = Exclude<keyof Definition, NamesOfColumns<Definition>> & string

type TargetOf<Described> =
  Described extends ToOneRelation<infer Class, infer _Nullable>
    ? InstanceOf<Class>
    : Described extends ToManyRelation<infer Class, infer _Shape extends CollectionShape>
      ? InstanceOf<Class>
      : never

/** Counts down how deep paths go. */
type Shorter = [never, 0, 1, 2, 3]

type PathsOfDefinition<Definition, Depth extends number> = {
  [Name in RelationNames<Definition>]: Name | `${Name}.${Paths<TargetOf<Definition[Name]>, Shorter[Depth] & number>}`
}[RelationNames<Definition>]

/** The names of an entity's relations, and paths through them: `'addresses'`, `'addresses.user'`; three levels deep. */
export type Paths<Entity, Depth extends number = 3> = [Depth] extends [0]
  ? never
  : PathsOfDefinition<DefinitionOf<Entity>, Depth>

type ToOneNamesOf<Definition> = {
  [Name in keyof Definition]: Definition[Name] extends ToOneRelation<unknown, boolean> ? Name : never
}[keyof Definition] &
  string

/** The names of an entity's relations, of every kind. */
export type RelationsOf<Entity> = RelationNames<DefinitionOf<Entity>>

/** The names of an entity's relations to one instance. */
export type ToOneNames<Entity> = ToOneNamesOf<DefinitionOf<Entity>>

/** The names of an entity's collections. */
export type ToManyNames<Entity> = Exclude<RelationsOf<Entity>, ToOneNames<Entity>>

/** The entity at the other end of a relation. */
export type RelatedTo<Entity, Name> = Name extends keyof DefinitionOf<Entity>
  ? TargetOf<DefinitionOf<Entity>[Name]>
  : never

/** The entity at the end of a path of relations. */
export type RelatedAt<Entity, Path extends string> = Path extends `${infer First}.${infer Rest}`
  ? RelatedAt<RelatedTo<Entity, First>, Rest>
  : RelatedTo<Entity, Path>

// ------------------------------------------------------------------------------------------- loader options

type Choices<Entity, Kind extends 'relation' | 'column'> =
  | (Kind extends 'relation' ? RelationNames<DefinitionOf<Entity>> : ColumnNames<Entity>)
  | '*'

/** Walks along a path: gives it where it can be followed, else the names that can stand where it goes wrong. */
type Followed<Entity, Path extends string, Kind extends 'relation' | 'column'> =
  Path extends Choices<Entity, Kind>
    ? Path
    : Path extends `${infer First}.${infer Rest}`
      ? First extends RelationNames<DefinitionOf<Entity>>
        ? `${First}.${Followed<TargetOf<DefinitionOf<Entity>[First]>, Rest, Kind>}`
        : RelationNames<DefinitionOf<Entity>>
      : Choices<Entity, Kind>

/** A path to a relation, as loader options name it: itself where it is one, else the choices; of any depth, and `'*'` at its end. */
export type RelationNamed<Entity, Path extends string> = Followed<Entity, Path, 'relation'>

/** The same for a column, behind any number of relations. */
export type ColumnNamed<Entity, Path extends string> = Followed<Entity, Path, 'column'>
