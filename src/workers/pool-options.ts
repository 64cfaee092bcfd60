import { availableParallelism } from 'node:os'
import type { ParallelProgress } from '../index.ts'
import {
  aBoolean,
  aFunction,
  anAbortSignal,
  anInteger,
  milliseconds,
  type RulesOf,
  readOptions,
  rule,
} from '../support/index.ts'
import type { ErrorClass } from './packed-error.ts'

/** How a pool of threads is made. */
export interface ThreadPoolOptions {
  /** Threads that are kept, from the first item on until the end. Each has an engine of its own. Default: one for each processor */
  readonly threads?: number
  /** Classes of the program's own errors: those keep their class on the way back, as heddle's and the language's do. */
  readonly errors?: readonly ErrorClass[]
  /** Milliseconds that a thread has to stop when asked to, before it is ended by force. Default: 5000 */
  readonly grace?: number
}

/** How `map()` of a pool of threads goes about it. */
export interface ThreadMapOptions {
  /** Items that are given to threads at a time. Default: the number of threads */
  readonly concurrency?: number
  /** Stops everything when it aborts: statements are cancelled, transactions rolled back. Its reason is thrown. */
  readonly signal?: AbortSignal | undefined
  /** Work on every item, whatever becomes of the others, and give the outcome of each. Default: false */
  readonly settle?: boolean
  /** Called after each item. What it throws stops everything, as the error of an item does. */
  readonly onProgress?: (progress: ParallelProgress) => void
}

const poolRules: RulesOf<ThreadPoolOptions> = {
  threads: anInteger(1),
  errors: rule('an array of classes that extend Error', isListOfErrors),
  grace: milliseconds,
}

const mapRules: RulesOf<ThreadMapOptions> = {
  concurrency: anInteger(1),
  signal: anAbortSignal,
  settle: aBoolean,
  onProgress: aFunction,
}

/** @throws ArgumentError for unknown options and wrong values */
export function readPoolOptions(given: ThreadPoolOptions): Required<ThreadPoolOptions> {
  const defaults = { threads: availableParallelism(), errors: [], grace: 5_000 }
  return readOptions('threadPool()', given, poolRules, defaults)
}

/** @throws ArgumentError for unknown options and wrong values */
export function readMapOptions(given: ThreadMapOptions, threads: number) {
  return readOptions('map()', given, mapRules, { concurrency: threads, settle: false })
}

function isListOfErrors(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'function' && each.prototype instanceof Error)
}
