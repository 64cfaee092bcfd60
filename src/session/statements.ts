import type { Outcome, Statement } from '../drivers/index.ts'
import { type Connection, type Executable, Result, type StatementRunner } from '../engine/index.ts'
import { modelOf } from '../mapping/index.ts'
import { compileQuery } from '../sql/index.ts'
import type { SessionCore } from './core.ts'
import type { AnyEntityClass, Bind } from './options.ts'

/** How one statement is executed. */
export interface ExecuteOptions {
  /** The entity whose bind serves the statement. Default: the session's own bind. */
  readonly entity?: AnyEntityClass
  /** Flush first. Default: the session's autoflush. */
  readonly autoflush?: boolean
  readonly executionOptions?: Readonly<Record<string, unknown>>
}

/** Runs a program's own statement inside an operation: autoflush, then the statement in the session's transaction. */
export async function executeIn<Row>(
  core: SessionCore,
  query: Executable,
  options: ExecuteOptions,
): Promise<Result<Row>> {
  const bind = options.entity === undefined ? core.binds.forStatement() : core.binds.forModel(modelOf(options.entity))
  const statement = withOptions(compileQuery(bind.dialect, query), options)
  await core.autoflushNow('execute()', options.autoflush)
  const connection = await core.connectionOf(bind, 'execute()')
  if (!isSelect(query, statement)) core.transaction?.snapshot.noteWrite()
  return new Result<Row>(await connection.run(statement))
}

/** The options of the call travel with the statement, and win over those that the connection has from the session. */
function withOptions(statement: Statement, { executionOptions }: ExecuteOptions): Statement {
  return executionOptions === undefined ? statement : { ...statement, executionOptions }
}

/** Whether a statement only reads. What cannot be told counts as a write: rows loaded after it may be taken back by a rollback. */
function isSelect(query: Executable, statement: Statement): boolean {
  if ('toOperationNode' in query && (query.toOperationNode().kind as string) === 'SelectQueryNode') return true
  return (
    /^\s*select\b(?![\s\S]*\binto\b)/i.test(statement.sql) && !/\b(insert|update|delete|call)\b/i.test(statement.sql)
  )
}

/** What `session.db` runs on: every statement is an operation of the session. */
export function runnerOf(core: SessionCore, bind: Bind): StatementRunner {
  const prepare = async (what: string, statement: Statement): Promise<Connection> => {
    await core.autoflushNow(what)
    const connection = await core.connectionOf(bind, what)
    if (!/^\s*select\b(?![\s\S]*\binto\b)/i.test(statement.sql)) core.transaction?.snapshot.noteWrite()
    return connection
  }
  return {
    run: (statement: Statement): Promise<Outcome> =>
      core.gate.run('db query', async () => (await prepare('db query', statement)).run(statement)),
    async *stream(statement: Statement, batchSize: number) {
      const batches = await core.gate.run('db stream', async () =>
        (await prepare('db stream', statement)).streamBatches(statement, batchSize),
      )
      try {
        for (;;) {
          const batch = await core.gate.run('db stream', () => batches.next())
          if (batch.done === true) return
          yield batch.value
        }
      } finally {
        await batches.return()
      }
    },
  }
}
