import type { MessagePort } from 'node:worker_threads'
import type { Packed } from './packed-error.ts'

/** What every thread of a pool is told when it starts. */
export interface ThreadSetting {
  /** The name of the channel on which the pool tells its threads that they end. */
  readonly channel: string
}

/** One item for a thread. */
export interface Assignment {
  /** The module of the worker. */
  readonly url: string
  /** The export that works on it. */
  readonly name: string
  readonly item: unknown
  readonly index: number
  /** Where the answer goes, and a request to stop comes from. */
  readonly port: MessagePort
}

/** From the pool to a thread that works on an item. */
export interface StopRequest {
  readonly stop: Packed
}

/** From a thread to the pool, once for each item. */
export type Answer = { readonly result: unknown } | { readonly failure: Packed }

/** On the channel: from the pool to all its threads, and from each of them when it has ended. */
export type EndMessage = 'end' | { readonly ended: number; readonly failure?: Packed }
