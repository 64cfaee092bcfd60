export type { DatabaseName } from './databases.ts'
export { type Need, type OnEveryOptions, onEvery, type TestDatabase } from './on-every.ts'
export { type ExpectedStatement, type RecordedStatement, StatementRecorder } from './statements.ts'
