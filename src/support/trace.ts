import process from 'node:process'
import { fileURLToPath } from 'node:url'

/** Frames kept of a call site: enough to find the caller, little enough to keep thousands. */
const KEPT_FRAMES = 10

/** The folder of heddle's own files, whose frames say nothing about who called. */
const ownFolder = fileURLToPath(new URL('..', import.meta.url))

let tracing = process.env['HEDDLE_TRACE'] === '1'

/** Whether call sites are remembered. Off unless `HEDDLE_TRACE=1` is in the environment or {@link setTracing} was called. */
export function isTracing(): boolean {
  return tracing
}

/** Turns the remembering of call sites on or off, for all that begins from now on. Costs a few microseconds a call. */
export function setTracing(on: boolean): void {
  tracing = on
}

/**
 * Where the running call came from: at most ten lines of the stack without frames of Node and of heddle itself,
 * or `undefined` while tracing is off.
 */
export function callSite(): string | undefined {
  return tracing ? captureCallSite() : undefined
}

/** Like {@link callSite}, whether tracing is on or not: for what is worth its cost always. */
export function captureCallSite(): string {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 40
  const holder: { stack?: string } = {}
  Error.captureStackTrace(holder, captureCallSite)
  Error.stackTraceLimit = limit
  const frames = (holder.stack ?? '').split('\n').slice(1)
  const callers = frames.filter((frame) => !frame.includes('node:internal') && !frame.includes(ownFolder))
  return (callers.length > 0 ? callers : frames).slice(0, KEPT_FRAMES).join('\n')
}
