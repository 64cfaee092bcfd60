import type { Statement } from '../drivers/index.ts'
import { ArgumentError } from '../errors.ts'
import type { EventHub } from '../support/index.ts'
import type { EngineEvents, ExecuteEvent } from './events.ts'

/**
 * The statement as the listeners of `beforeExecute` want it sent. What a listener throws refuses the statement: nothing is sent, and the
 * transaction goes on.
 *
 * @throws ArgumentError where a listener assigned what is no statement
 */
export function replacedByListeners(
  events: EventHub<EngineEvents>,
  statement: Statement,
  about: Pick<ExecuteEvent, 'connection' | 'executionOptions'>,
  batch?: number,
): Statement {
  const { sql, parameters } = statement
  const executionOptions = { ...about.executionOptions, ...statement.executionOptions }
  const event: ExecuteEvent = { ...about, executionOptions, sql, parameters, ...(batch !== undefined && { batch }) }
  events.emit('beforeExecute', event)
  if (event.sql === sql && event.parameters === parameters) return statement
  if (typeof event.sql !== 'string' || !Array.isArray(event.parameters)) {
    throw new ArgumentError("A listener of 'beforeExecute' must leave a text in 'sql' and an array in 'parameters'")
  }
  const { name, ...unnamed } = statement
  const kept = event.sql === sql && name !== undefined ? { name } : {}
  return { ...unnamed, ...kept, sql: event.sql, parameters: event.parameters }
}
