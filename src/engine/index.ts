export type { StatementCacheStatus } from '../sql/index.ts'
export { Connection } from './connection.ts'
export { createEngine } from './create-engine.ts'
export type { Echo } from './echo.ts'
export { Enclosure, type EnclosureOptions } from './enclosure.ts'
export { Engine } from './engine.ts'
export type {
  EngineEvents,
  ExecuteEvent,
  QueryEvent,
  SavepointEvent,
  TransactionEvent,
  TransactionMessage,
  TwophaseEvent,
} from './events.ts'
export { ErrorContext } from './events.ts'
export { type HeldLock, type LockAttempt, tryExclusiveLock } from './exclusive-lock.ts'
export type { Executable } from './executable.ts'
export { engineFromConfig } from './from-config.ts'
export { engineDialect } from './kysely-dialect.ts'
export { kyselyOver, type StatementRunner } from './kysely-over.ts'
export type { ListenedConnection } from './listened-connection.ts'
export { disposeAllEngines } from './live.ts'
export type {
  ConnectAttempt,
  ConnectChanges,
  ConnectOptions,
  EngineOptions,
  ExecutionOptions,
  Isolation,
  StreamOptions,
  TransactionOptions,
} from './options.ts'
export { Result } from './result.ts'
export { createAll, dropAll, type SchemaOptions, schemaSql } from './schema.ts'
export { type SlowLogOptions, slowLog } from './slow-log.ts'
export { Transaction } from './transaction.ts'
export { EngineUrl, parseUrl, type UrlParts } from './url.ts'
