export type { CascadeName } from './cascade.ts'
export type { CollectionShape, KeyedBy, MemberKey } from './collection-shape.ts'
export { Column, type ColumnFlag, isSqlExpression } from './column.ts'
export {
  bigint,
  boolean,
  bytes,
  type CustomOptions,
  custom,
  date,
  decimal,
  enumeration,
  integer,
  json,
  real,
  text,
  timestamp,
  uuid,
  varchar,
} from './columns.ts'
export { defineEntity } from './define-entity.ts'
export { defineSubclass, type SubclassOptions } from './define-subclass.ts'
export type { EntityOptions, IndexOption } from './entity-options.ts'
export { classesOf, isInTable, isKindOf, kindsOf, rootOf } from './family.ts'
export { type FamilyTable, familyTables, tablesOfClass } from './family-tables.ts'
export { type ForeignKey, type ForeignKeyGraph, foreignKeyGraph } from './foreign-keys.ts'
export type { JoinCondition, TargetFilter } from './join-condition.ts'
export { type ColumnPair, linkOf, linksOf, ownersOf, pairTablesOf, type RelationLink } from './links.ts'
export type {
  ColumnKind,
  ColumnModel,
  ColumnType,
  Computed,
  Conversion,
  EntityModel,
  Family,
  ForeignKeyTarget,
  IndexModel,
  Inheritance,
  KeyPart,
  NextVersion,
  ReferentialAction,
  RelationSource,
  SqlExpression,
  TableName,
  TablePart,
} from './model.ts'
export { MODEL } from './model-symbol.ts'
export { camelToSnake, type Naming, type NamingChoice, namingOf } from './naming.ts'
export type { PairTable } from './pair-table.ts'
export type { ReferenceOptions } from './reference.ts'
export { adoptClass, classOf, modelOf, modelOfInstance, nameOf, registerEntities, tryModelOf } from './registry.ts'
export type {
  Lazy,
  ManyToManyOptions,
  ManyToOneOptions,
  OneToManyOptions,
  OneToOneOptions,
  OrderTerm,
  RelationKind,
  RelationOptions,
  ToManyRelation,
  ToOneRelation,
} from './relation.ts'
export { manyToMany, manyToOne, oneToMany, oneToOne } from './relation-builders.ts'
export { type RelationModel, relationsOf } from './relations.ts'
export type { DiscriminatorOf, Inheritable, SubclassFunction, SubclassOf } from './subclass-types.ts'
export type {
  CollectionWrites,
  ColumnNamed,
  ColumnNames,
  ColumnsOf,
  EntityClass,
  EntityFunction,
  Instance,
  InstanceMethods,
  InstanceOf,
  KeyOf,
  Loaded,
  LoadedCollection,
  LoadedMap,
  LoadedSet,
  MemberQuery,
  Paths,
  PlainObject,
  RelatedAt,
  RelatedTo,
  RelationNamed,
  RelationsOf,
  ToMany,
  ToManyKeyed,
  ToManyNames,
  ToManyUnordered,
  ToOne,
  ToOneNames,
  Unloaded,
  UnloadedCollection,
  UnloadedMap,
  UnloadedSet,
  Values,
  WriteOnlyCollection,
} from './types.ts'
