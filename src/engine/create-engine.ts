import { ArgumentError } from '../errors.ts'
import { EventHub } from '../support/index.ts'
import { EngineCore } from './core.ts'
import { Engine } from './engine.ts'
import type { EngineEvents } from './events.ts'
import { listEngine } from './live.ts'
import { checkEngineOptions, checkIsolation, type EngineOptions, mergeExecutionOptions } from './options.ts'
import { EngineUrl, parseUrl } from './url.ts'

/**
 * Makes an engine. Connects to nothing and imports no driver before the first connection is asked for.
 *
 * @param url where the database is; see {@link parseUrl} for the forms
 * @throws UrlError for a bad URL; ArgumentError for unknown options and wrong values
 * @example
 * const engine = createEngine('postgresql://ed:secret@localhost/shop', { pool: { size: 10 }, echo: true })
 */
export function createEngine(url: string | EngineUrl, options: EngineOptions = {}): Engine {
  checkEngineOptions(options)
  const parsed = url instanceof EngineUrl ? url : parseUrl(url)
  const given = options.isolation === undefined ? {} : { isolation: options.isolation }
  const execution = mergeExecutionOptions(given, options.executionOptions, 'createEngine() executionOptions')
  const events = new EventHub<EngineEvents>()
  const primary = new EngineCore(parsed, options, events)
  checkIsolation(primary.dialect, execution.isolation, `createEngine() for '${parsed}'`)
  const replicas = (options.replicas ?? []).map((replica) => replicaCore(primary, replica, options))
  const parts = { primary, replicas, replicaTurns: 0 }
  listEngine(parts)
  return new Engine(parts, execution)
}

/** A replica's listeners are the engine's: what happens on one is heard in the same place. */
function replicaCore(primary: EngineCore, url: string | EngineUrl, options: EngineOptions): EngineCore {
  const parsed = url instanceof EngineUrl ? url : parseUrl(url)
  if (parsed.dialect !== primary.url.dialect) {
    throw new ArgumentError(
      `createEngine() replicas: '${parsed}' is no replica of '${primary.url}': it is another product`,
    )
  }
  return new EngineCore(parsed, { ...options, echo: false }, new EventHub<EngineEvents>(primary.events))
}
