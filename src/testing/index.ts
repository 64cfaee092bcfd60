/** The entry `heddle/testing`: for tests of programs that use heddle. */

export { type FreshDatabase, type FreshDatabaseOptions, freshDatabase } from './fresh-database.ts'
export { type RollbackPerTestOptions, rollbackPerTest } from './rollback-per-test.ts'
export type { AroundEach, EachHook, RunnerHooks } from './runner.ts'
export {
  type ExpectedStatement,
  type RecordedStatement,
  recordStatements,
  StatementRecorder,
  type StatementSource,
} from './statements.ts'
