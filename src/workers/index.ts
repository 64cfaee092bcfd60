/** The entry `heddle/workers`: work on many items in real threads. */

export type { ErrorClass } from './packed-error.ts'
export type { ThreadMapOptions, ThreadPoolOptions } from './pool-options.ts'
export { type ItemOf, type ResultOf, type ThreadPool, threadPool, type WorkerName } from './thread-pool.ts'
export { type ThreadTask, type ThreadWorker, threadWorker } from './thread-worker.ts'
