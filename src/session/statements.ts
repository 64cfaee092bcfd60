import type { Outcome, Statement } from '../drivers/index.ts'
import { type Connection, type Executable, Result, type StatementRunner } from '../engine/index.ts'
import { modelOf } from '../mapping/index.ts'
import { compileQuery } from '../sql/index.ts'
import type { SessionCore } from './core.ts'
import type { AnyEntityClass, Bind } from './options.ts'
import type { OrmExecutionSubject } from './orm-execution.ts'
import { runOrm, streamOrm } from './run-orm.ts'

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
  return new Result<Row>(await runOrm(core, connection, statement, aside('execute()')))
}

/** The options of the call travel with the statement, and win over those that the connection has from the session. */
function withOptions(statement: Statement, { executionOptions }: ExecuteOptions): Statement {
  return executionOptions === undefined ? statement : { ...statement, executionOptions }
}

/** What is no statement about entities. */
function aside(call: string): OrmExecutionSubject {
  return { call, isOrmStatement: false }
}

/** Whether a statement only reads. What cannot be told counts as a write: rows loaded after it may be taken back by a rollback. */
function isSelect(query: Executable, statement: Statement): boolean {
  return isSelectNode(query) || readsOnly(statement.sql)
}

function isSelectNode(query: Executable): boolean {
  return 'toOperationNode' in query && (query.toOperationNode().kind as string) === 'SelectQueryNode'
}

/** A text that begins with SELECT, goes into no table, and names nothing that writes, such as a CTE or a called function may. */
function readsOnly(text: string): boolean {
  const withoutLocks = text.replace(/\bfor\s+(no\s+key\s+)?update\b/gi, '')
  return /^\s*select\b(?![\s\S]*\binto\b)/i.test(text) && !/\b(insert|update|delete|call)\b/i.test(withoutLocks)
}

/** What `session.db` runs on: every statement is an operation of the session. */
export function runnerOf(core: SessionCore, bind: Bind): StatementRunner {
  const prepare = async (what: string, statement: Statement): Promise<Connection> => {
    await core.autoflushNow(what)
    const connection = await core.connectionOf(bind, what)
    if (!readsOnly(statement.sql)) core.transaction?.snapshot.noteWrite()
    return connection
  }
  return {
    run: (statement: Statement): Promise<Outcome> =>
      core.gate.run('db query', async () => {
        const connection = await prepare('db query', statement)
        return runOrm(core, connection, statement, aside('db query'))
      }),
    async *stream(statement: Statement, batchSize: number) {
      const batches = await core.gate.run('db stream', async () => {
        const connection = await prepare('db stream', statement)
        return streamOrm(core, connection, statement, aside('db stream'), batchSize)
      })
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
