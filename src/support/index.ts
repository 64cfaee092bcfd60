export { allInOrder } from './all-in-order.ts'
export { AsyncContext, bindContext } from './async-context.ts'
export { startOfDay } from './calendar.ts'
export type { Clock, ClockTimer } from './clock.ts'
export { nextTurn, systemClock } from './clock.ts'
export type { DeadlineOptions } from './deadline.ts'
export { abortable, Deadline, sleep } from './deadline.ts'
export type { FlushMessage, PoolMessage, ScopeMessage } from './diagnostics.ts'
export { channels } from './diagnostics.ts'
export { nearest } from './did-you-mean.ts'
export type { Listener, ListenOptions } from './events.ts'
export { EventHub } from './events.ts'
export type { LaneEntry } from './lane.ts'
export { Lane } from './lane.ts'
export { AppendSet, LazyMap, LazySet } from './lazy.ts'
export type { Lifecycle, LifecycleDefinition, Machine, Move } from './lifecycle.ts'
export { defineLifecycle, describeLifecycle } from './lifecycle.ts'
export { sharedLiteral } from './literal.ts'
export { type Listed, LiveList } from './live-list.ts'
export { momentOf } from './moment.ts'
export { keepInThread } from './one-thread.ts'
export type { Rule, RulesOf } from './options.ts'
export {
  aBoolean,
  aFunction,
  anAbortSignal,
  anInteger,
  anObject,
  anything,
  aString,
  checkOptions,
  describeValue,
  either,
  milliseconds,
  oneOf,
  readOptions,
  rule,
} from './options.ts'
export { type ParallelProgress, type ParallelSettings, runParallel } from './parallel.ts'
export { attachSuppressed } from './suppressed.ts'
export { isThenable } from './thenable.ts'
export type { Edge, SortOutcome } from './toposort.ts'
export { describeCycle, sortOrCycle, toposort, toposortLevels } from './toposort.ts'
export { callSite, captureCallSite, isTracing, setTracing } from './trace.ts'
export { TurnEnd } from './turn-end.ts'
export type { Warning } from './warn.ts'
export { warn } from './warn.ts'
