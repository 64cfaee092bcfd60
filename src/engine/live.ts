import { LiveList } from '../support/index.ts'
import { disposeParts, type EngineParts } from './parts.ts'

/** What the engines of this thread are made of; those that `withOptions` derives share it. */
const live = new LiveList<EngineParts>()

export function listEngine(parts: EngineParts): void {
  live.add(parts)
}

/**
 * Disposes of every engine of this thread, those included to which the caller holds no reference: for tests and shutdown, and where a
 * worker thread ends. Each can be used again afterwards, as after `engine.dispose()`.
 *
 * ```ts
 * process.on('SIGTERM', () => disposeAllEngines().then(() => process.exit()))
 * ```
 *
 * @throws AggregateError when some could not be disposed of; the others are all the same
 */
export function disposeAllEngines(): Promise<void> {
  return live.endAll((parts) => disposeParts(parts, true), 'engine(s) could not be disposed of')
}
