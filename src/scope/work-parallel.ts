import { ArgumentError } from '../errors.ts'
import { isSessionmaker, type Session, type Sessionmaker } from '../session/index.ts'
import {
  aBoolean,
  aFunction,
  anAbortSignal,
  anInteger,
  aString,
  describeValue,
  type ParallelProgress,
  type RulesOf,
  readOptions,
  runParallel,
} from '../support/index.ts'
import { runBlockWithin } from './interruption.ts'
import { type SessionScopes, scopesOf } from './scoped-session.ts'
import { openTransaction } from './transaction.ts'

/** How {@link workParallel} goes about it. */
export interface WorkParallelOptions {
  /** Items that are worked on at a time; each needs a connection. Default: 8 */
  readonly concurrency?: number
  /** Stops everything when it aborts; its reason is thrown. */
  readonly signal?: AbortSignal | undefined
  /** Called after each item. What it throws stops everything, as the error of an item does. */
  readonly onProgress?: (progress: ParallelProgress) => void
  /** Work on every item, whatever becomes of the others, and give the outcome of each. Default: false */
  readonly settle?: boolean
  /** What the sessions call themselves, with the number of the item. Default: 'workParallel' */
  readonly label?: string
}

type Work<S, Item, Result> = (session: S, item: Item, index: number) => Promise<Result> | Result
type Open<S> = <T>(body: (session: S) => Promise<T> | T, label: string, signal: AbortSignal) => Promise<T>

const rules: RulesOf<WorkParallelOptions> = {
  concurrency: anInteger(1),
  signal: anAbortSignal,
  onProgress: aFunction,
  settle: aBoolean,
  label: aString,
}

/**
 * Works on many items, a few at a time, each in a scope, session and transaction of its own, which is committed when its work resolves.
 * Gives the results in the order of the items.
 *
 * The first error stops the rest: items that are worked on are rolled back, those that wait are never begun, and the error is thrown
 * when all have ended. What was committed before stays. With `settle: true` every item is worked on.
 *
 * ```ts
 * const totals = await workParallel(Session, [1, 2, 3], async (session, id) => totalOf(await session.getOne(Order, id)))
 * ```
 *
 * @param sessions a registry, or a sessionmaker: then there are no scopes
 * @param items an async iterable is asked for the next item when one can be worked on
 * @throws what the work throws; errors of other items that ended with it are in its `suppressed`
 */
export function workParallel<S extends Session, Item, Result>(
  sessions: SessionScopes<S> | Sessionmaker<S>,
  items: Iterable<Item> | AsyncIterable<Item>,
  work: Work<S, Item, Result>,
  options: WorkParallelOptions & { readonly settle: true },
): Promise<PromiseSettledResult<Result>[]>
export function workParallel<S extends Session, Item, Result>(
  sessions: SessionScopes<S> | Sessionmaker<S>,
  items: Iterable<Item> | AsyncIterable<Item>,
  work: Work<S, Item, Result>,
  options?: WorkParallelOptions & { readonly settle?: false },
): Promise<Result[]>
export async function workParallel<S extends Session, Item, Result>(
  sessions: SessionScopes<S> | Sessionmaker<S>,
  items: Iterable<Item> | AsyncIterable<Item>,
  work: Work<S, Item, Result>,
  options: WorkParallelOptions = {},
): Promise<Result[] | PromiseSettledResult<Result>[]> {
  if (typeof work !== 'function') {
    throw new ArgumentError(`workParallel(): a function is needed for the work, not ${describeValue(work)}.`)
  }
  const settings = readOptions('workParallel()', options, rules, {
    concurrency: 8,
    settle: false,
    label: 'workParallel',
  })
  const open = openerOf(sessions)
  const onItem = (item: Item, index: number, signal: AbortSignal) =>
    open((session) => work(session, item, index), `${settings.label} #${index}`, signal)
  const outcomes = await runParallel('workParallel()', items, onItem, settings)
  if (settings.settle) return outcomes
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<Result>).value)
}

/** How one item gets its session. */
function openerOf<S extends Session>(sessions: SessionScopes<S> | Sessionmaker<S>): Open<S> {
  if (isSessionmaker(sessions)) {
    return (body, label, signal) => {
      const session = (sessions as Sessionmaker<S>)({ label })
      return runBlockWithin(session, () => body(session), signal)
    }
  }
  const scopes = typeof sessions === 'function' ? scopesOf<S>(sessions) : undefined
  if (scopes !== undefined) return (body, label, signal) => openTransaction(scopes, body, { label }, { signal })
  throw new ArgumentError(
    `workParallel(): what scopedSession() or sessionmaker() gives is needed first, not ${describeValue(sessions)}.`,
  )
}
