/**
 * heddle: sessions that don't tangle. The whole public interface; `heddle/managed` and `heddle/kysely` are beside it.
 */
export { sql } from 'kysely'
export * from './engine/index.ts'
export * from './errors.ts'
export { Query, type RowLockOptions, type StreamOptions } from './loading/index.ts'
export {
  bigint,
  boolean,
  bytes,
  type ColumnNames,
  type ColumnsOf,
  custom,
  date,
  decimal,
  type EntityClass,
  type EntityOptions,
  enumeration,
  type Instance,
  integer,
  json,
  type KeyOf,
  type Loaded,
  type LoadedCollection,
  manyToMany,
  manyToOne,
  oneToMany,
  oneToOne,
  type Paths,
  real,
  type ToMany,
  type ToOne,
  text,
  timestamp,
  type Unloaded,
  type UnloadedCollection,
  uuid,
  type Values,
  varchar,
} from './mapping/index.ts'
export * from './scope/index.ts'
export {
  type AfterBeginEvent,
  type Bind,
  type Concurrency,
  closeAllSessions,
  type ExecuteOptions,
  type ForUpdate,
  type GetOptions,
  type InstanceEvent,
  type JoinTransactionMode,
  makeTransient,
  makeTransientToDetached,
  objectSession,
  Session,
  type SessionEvent,
  type SessionEvents,
  type Sessionmaker,
  type SessionmakerOptions,
  type SessionOptions,
  type SessionTransaction,
  type SessionTransactionEvent,
  type SoftRollbackEvent,
  sessionmaker,
  wasDeleted,
} from './session/index.ts'
export { entity, type IdentityMapView, type InstanceInspection, type InstanceStatus, state } from './state/index.ts'
