import type { CascadeName } from './cascade.ts'
import type { CollectionShape } from './collection-shape.ts'
import type { JoinCondition, TargetFilter } from './join-condition.ts'

/** What connects two entities, seen from the one whose property it is. */
export type RelationKind = 'manyToOne' | 'oneToMany' | 'oneToOne' | 'manyToMany'

/**
 * How a relation is loaded when nothing else is said: `'select'` when it is awaited, `'selectin'` by a second query for all
 * together, `'joined'` in the same query, `'immediate'` right after the query as if it were awaited, `'raise'` never (awaiting it is an error unless it was loaded or set), `'raiseOnSql'` never by SQL.
 */
export type Lazy = 'select' | 'selectin' | 'joined' | 'immediate' | 'raise' | 'raiseOnSql'

/** A property to order by, or a property and a direction. */
export type OrderTerm = string | readonly [property: string, direction: 'asc' | 'desc']

/** What every relation takes. */
export interface RelationOptions {
  /** The property of the other entity that is this relation seen from there. Both sides then agree at once. */
  readonly backPopulates?: string
  /**
   * Which acts on this instance reach the related ones: names of `save-update`, `merge`, `delete`, `delete-orphan`,
   * `expunge`, `refresh-expire`, `all` (all but delete-orphan), `none`, with commas between. Default: `'save-update, merge'`.
   */
  readonly cascade?: string
  /** How it is loaded when a query does not say. Default: `'select'`. */
  readonly lazy?: Lazy
  /**
   * How many levels of a relation of an entity to itself come along, where `lazy` says that it does. Default: 0 for `'joined'`, else 1.
   */
  readonly joinDepth?: number
  /** Read only: changes of it write nothing. Default: false. */
  readonly viewOnly?: boolean
  /** Written by an UPDATE of its own, so that two rows can point at each other. Default: false. */
  readonly postUpdate?: boolean
}

/** What a relation to one instance, held by a foreign key of this entity, takes. */
export interface ManyToOneOptions extends RelationOptions {
  /** The property of this entity (several for a composite key) that holds the other's key. Default: found by its reference. */
  readonly foreignKey?: string | readonly string[]
  /** An instance has one parent at most; needed for `delete-orphan` on this side. Default: false. */
  readonly singleParent?: boolean
  /** As for `oneToMany`. */
  readonly on?: JoinCondition
}

/** What a relation to many instances, held by a foreign key of theirs, takes. */
export interface OneToManyOptions<Shape extends CollectionShape = CollectionShape> extends RelationOptions {
  /** What the collection is: `'array'`, `'set'`, or a map: `{ keyedBy: 'name' }`. Default: `'array'`. */
  readonly collection?: Shape
  /** The property of the other entity that holds this one's key. Default: found by its reference. */
  readonly foreignKey?: string | readonly string[]
  /**
   * What makes rows related, instead of a foreign key; the relation must be `viewOnly`.
   * `(eb) => eb('target.until', '>', eb.ref('source.since'))`
   */
  readonly on?: JoinCondition
  /** What related rows meet beside their foreign key; others are not loaded. `(eb) => eb('city', '=', 'Boston')` */
  readonly where?: TargetFilter
  /** The order in which the collection is loaded. */
  readonly orderBy?: OrderTerm | readonly OrderTerm[]
  /** Leaves what is not loaded to the database's own ON DELETE; `'all'`: touches no child at all. Default: false. */
  readonly passiveDeletes?: boolean | 'all'
  /**
   * Leaves it to the database's own ON UPDATE to give a changed key to the related rows; false: they are loaded and updated after
   * this one, for tables whose foreign keys the database does not check. Default: true.
   */
  readonly passiveUpdates?: boolean
}

/** What a relation to one instance, where that instance has this one alone, takes. */
export interface OneToOneOptions extends RelationOptions {
  /** The property of this entity that holds the other's key. Left out on the side whose key the other holds. */
  readonly foreignKey?: string | readonly string[]
  /** As for `oneToMany`: the latest of many, for example. */
  readonly on?: JoinCondition
  /** As for `oneToMany`; on the side whose key the other holds. */
  readonly where?: TargetFilter
  readonly passiveDeletes?: boolean | 'all'
  /** As for `oneToMany`. Default: true. */
  readonly passiveUpdates?: boolean
  readonly singleParent?: boolean
}

/** What a relation through a table of pairs takes. */
export interface ManyToManyOptions<Shape extends CollectionShape = CollectionShape> extends RelationOptions {
  /** As for `oneToMany`. Default: `'array'`. */
  readonly collection?: Shape
  /**
   * The table of the pairs. It may be mapped as an entity of its own: its rows are then written by the relation and by the instances
   * alike, and the database refuses a pair that both add in one flush; make the relation `viewOnly` where the instances are enough.
   */
  readonly through: string
  /**
   * The properties of that table that hold this entity's key and the other's; an array of them for a key of several columns.
   * Default: `userId` for User's `id`. Needed where an entity is related to itself.
   */
  readonly throughColumns?: readonly [own: string | readonly string[], other: string | readonly string[]]
  /** As for `oneToMany`: what related rows meet beside being paired. */
  readonly where?: TargetFilter
  readonly orderBy?: OrderTerm | readonly OrderTerm[]
  readonly passiveDeletes?: boolean | 'all'
  readonly singleParent?: boolean
}

/** All options of a relation as they were given, of whatever kind it is. */
export interface GivenRelationOptions extends OneToManyOptions, Omit<ManyToManyOptions, 'through'> {
  readonly through?: string
}

/** Where a relation's own description is found. Not for programs: `relationsOf` reads it. */
export const RELATION: unique symbol = Symbol('heddle.relation')

/** What a relation builder has gathered. */
export interface RelationSpec {
  readonly kind: RelationKind
  readonly target: () => unknown
  readonly nullable: boolean
  readonly options: GivenRelationOptions
  readonly cascade: ReadonlySet<CascadeName>
}

declare const CLASS: unique symbol
declare const NULLABLE: unique symbol
declare const SHAPE: unique symbol

/**
 * A relation to one instance. It keeps the type of the class it points at unresolved, so that two classes may name each
 * other in their own definitions.
 */
export class ToOneRelation<Class, Nullable extends boolean> {
  declare readonly [CLASS]: Class
  declare readonly [NULLABLE]: Nullable
  readonly [RELATION]: RelationSpec

  /** Not for programs: use `manyToOne` and `oneToOne`. */
  constructor(spec: RelationSpec) {
    this[RELATION] = Object.freeze(spec)
    Object.freeze(this)
  }

  /** The relation may be to nothing: the property's type includes null. */
  nullable(): ToOneRelation<Class, true> {
    return new ToOneRelation({ ...this[RELATION], nullable: true })
  }
}

/** A relation to many instances: a collection, which `Shape` says the kind of. */
export class ToManyRelation<Class, Shape extends CollectionShape = 'array'> {
  declare readonly [CLASS]: Class
  declare readonly [SHAPE]: Shape
  readonly [RELATION]: RelationSpec

  /** Not for programs: use `oneToMany` and `manyToMany`. */
  constructor(spec: RelationSpec) {
    this[RELATION] = Object.freeze(spec)
    Object.freeze(this)
  }
}

/** Whether a value is a relation as the builders make it. */
export function isRelation(value: unknown): value is { readonly [RELATION]: RelationSpec } {
  return typeof value === 'object' && value !== null && RELATION in value
}
