export {
  type ExpectedStatement,
  type RecordedStatement,
  StatementRecorder,
  type StatementSource,
} from '../../src/testing/statements.ts'
