import { threadId } from 'node:worker_threads'
import { ArgumentError, type Session, type Sessionmaker, type SessionScopes, workParallel } from '../index.ts'
import { describeValue } from '../support/index.ts'

/** What a worker is told of the item that it works on. */
export interface ThreadTask {
  /** The place of the item among the others of its `map()`. */
  readonly index: number
  /** Aborts when the work is to stop: the caller's signal, another item that failed, the end of the pool. */
  readonly signal: AbortSignal
}

/** @internal Runs a worker on behalf of a pool. */
export const RUN: unique symbol = Symbol.for('heddle.threadWorker') as never

/** What {@link threadWorker} gives: called by a pool of threads by its name, or directly in its own thread. */
export interface ThreadWorker<Item = never, Result = unknown> {
  /** Works on one item in the calling thread. */
  (item: Item): Promise<Result>
  /** @internal */
  readonly [RUN]: (item: Item, task: ThreadTask) => Promise<Result>
}

/**
 * Makes what a pool of threads can call: exported by the module of the worker. Each item has a scope, a session and a transaction of its
 * own, committed when the function resolves, rolled back when it rejects.
 *
 * ```ts
 * // worker.ts
 * const engine = createEngine('postgresql://…')
 * export const Session = scopedSession(sessionmaker({ bind: engine }))
 * export const handle = threadWorker(Session, async (session, n: number) => (await session.getOne(Order, n)).total)
 * ```
 *
 * @param sessions a registry, or a sessionmaker (there are no scopes then): made in this module, so that each thread has its own
 * @param work what it resolves to is sent back: values and plain objects, no instances
 * @throws ArgumentError for anything else
 */
export function threadWorker<S extends Session, Item, Result>(
  sessions: SessionScopes<S> | Sessionmaker<S>,
  work: (session: S, item: Item, task: ThreadTask) => Promise<Result> | Result,
): ThreadWorker<Item, Result> {
  if (typeof sessions !== 'function') {
    throw new ArgumentError(
      `threadWorker(): what scopedSession() or sessionmaker() gives is needed first, not ${describeValue(sessions)}.`,
    )
  }
  if (typeof work !== 'function') {
    throw new ArgumentError(`threadWorker(): a function is needed for the work, not ${describeValue(work)}.`)
  }
  const run = async (item: Item, task: ThreadTask): Promise<Result> => {
    const onItem = (session: S, given: Item) => work(session, given, task)
    const how = { concurrency: 1, signal: task.signal, label: `thread ${threadId}` }
    const [result] = await workParallel(sessions, [item], onItem, how)
    return result as Result
  }
  const call = (item: Item) => run(item, { index: 0, signal: new AbortController().signal })
  return Object.assign(call, { [RUN]: run })
}

/** Whether a value is what {@link threadWorker} gives. */
export function isThreadWorker(value: unknown): value is ThreadWorker<unknown> {
  return typeof value === 'function' && RUN in value
}
