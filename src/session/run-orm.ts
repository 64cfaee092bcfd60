import type { Outcome, Statement } from '../drivers/index.ts'
import type { Connection } from '../engine/index.ts'
import { ArgumentError } from '../errors.ts'
import type { Reader } from '../loading/index.ts'
import type { EntityModel } from '../mapping/index.ts'
import type { SessionCore } from './core.ts'
import { type OrmAnswer, type OrmDraft, OrmExecution, type OrmExecutionSubject } from './orm-execution.ts'

type ReadSubject = OrmExecutionSubject & { readonly model: EntityModel }

/** The connection for an entity's reads: the session's own, or, where somebody listens, one that tells of each statement. */
export async function readerFor(core: SessionCore, subject: ReadSubject): Promise<Reader> {
  return listened(core, await core.connectionFor(subject.model, subject.call), subject)
}

/** The same where no waiting is needed, else undefined. */
export function readerNow(core: SessionCore, subject: ReadSubject): Reader | undefined {
  const connection = core.connectionNow(core.binds.forModel(subject.model), subject.call)
  return connection && listened(core, connection, subject)
}

function listened(core: SessionCore, connection: Connection, subject: ReadSubject): Reader {
  if (!core.events.has('doOrmExecute')) return connection
  const { dialect, statements } = connection
  return { dialect, statements, run: (statement) => runOrm(core, connection, statement, subject) }
}

/** Runs a statement of a session, unless a listener of `doOrmExecute` answers it. */
export function runOrm(
  core: SessionCore,
  connection: Connection,
  statement: Statement,
  subject: OrmExecutionSubject,
): Promise<Outcome> {
  if (!core.events.has('doOrmExecute')) return connection.run(statement)
  const draft: OrmDraft = { statement }
  const listeners = core.events.listenersOf('doOrmExecute')
  const from = async (place: number): Promise<Outcome> => {
    const listener = listeners[place]
    if (listener === undefined) return connection.run(draft.statement)
    const next = () => from(place + 1)
    const given = await listener(new OrmExecution(core.session, subject, draft, next))
    return given === undefined ? next() : checkedAnswer(given)
  }
  return core.callOut(() => from(0))
}

/** The same for a stream: a listener may change the statement, or give all rows at once. */
export async function streamOrm(
  core: SessionCore,
  connection: Connection,
  statement: Statement,
  subject: OrmExecutionSubject,
  batchSize?: number,
): Promise<AsyncGenerator<readonly unknown[], void, undefined>> {
  if (!core.events.has('doOrmExecute')) return connection.streamBatches(statement, batchSize)
  const draft: OrmDraft = { statement }
  const answer = await core.callOut(async () => {
    for (const listener of core.events.listenersOf('doOrmExecute')) {
      const given = await listener(new OrmExecution(core.session, subject, draft, undefined))
      if (given !== undefined) return checkedAnswer(given)
    }
    return undefined
  })
  return answer === undefined ? connection.streamBatches(draft.statement, batchSize) : inOne(answer.rows)
}

async function* inOne(rows: readonly unknown[]): AsyncGenerator<readonly unknown[], void, undefined> {
  if (rows.length > 0) yield rows
}

function checkedAnswer(given: unknown): OrmAnswer {
  const answer = given as OrmAnswer | null
  if (
    typeof answer === 'object' &&
    answer !== null &&
    Array.isArray(answer.rows) &&
    typeof answer.rowCount === 'number'
  )
    return answer
  throw new ArgumentError(
    'A listener of doOrmExecute gave something that is no answer: give { rows, rowCount, columns }, as invoke() does, or nothing.',
  )
}
