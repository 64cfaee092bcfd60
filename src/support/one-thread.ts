import * as threads from 'node:worker_threads'

/** Bun and Deno have all else of the module. */
const mark = (threads as { markAsUncloneable?: (object: object) => void }).markAsUncloneable

/**
 * Marks what belongs to one thread, so that `postMessage` and `structuredClone` refuse it with a DataCloneError, where else they
 * would make an empty object of it.
 */
export function keepInThread(object: object): void {
  mark?.(object)
}
