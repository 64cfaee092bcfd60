import { inspect } from 'node:util'
import type { EventHub } from '../support/index.ts'
import type { EngineEvents, QueryEvent } from './events.ts'

/**
 * Whether statements are logged: `true` prints them with their values, duration and outcome; `'debug'` also what happens to
 * transactions and to connections; a function gets the lines instead of the console (and all that `'debug'` prints).
 */
export type Echo = boolean | 'debug' | ((line: string) => void)

const LONGEST = 300

/** Logs what happens on an engine. */
export function echoTo(events: EventHub<EngineEvents>, echo: Echo, name: string): void {
  if (echo === false) return
  // biome-ignore lint/suspicious/noConsole: printing to the console is what `echo` asks for
  const print = typeof echo === 'function' ? echo : console.log
  const write = (line: string) => print(`${name} ${line}`)
  events.on('query', (event) => write(queryLine(event)))
  if (echo === true) return
  for (const event of ['begin', 'commit', 'rollback'] as const) {
    events.on(event, () => write(event.toUpperCase()))
  }
  for (const event of ['savepoint', 'releaseSavepoint', 'rollbackSavepoint'] as const) {
    events.on(event, (payload) => write(`${words(event)} ${payload.name}`))
  }
  for (const event of ['connect', 'checkout', 'checkin', 'close'] as const) {
    events.on(event, () => write(`connection: ${event}`))
  }
  for (const event of ['invalidate', 'softInvalidate'] as const) {
    events.on(event, ({ reason }) => write(`connection: ${words(event).toLowerCase()}: ${reasonText(reason)}`))
  }
}

function queryLine({ sql, parameters, durationMs, rowCount, error, batch }: QueryEvent): string {
  const values =
    parameters === undefined ? '[parameters hidden]' : shortened(inspect(parameters, { breakLength: Infinity }))
  const times = batch === undefined ? '' : ` × ${batch}`
  const outcome = error === undefined ? `${rowCount ?? 'streamed'} rows` : `failed: ${reasonText(error)}`
  return `${sql} ${values}${times} -- ${durationMs.toFixed(1)} ms, ${outcome}`
}

function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text
}

function words(event: string): string {
  return event.replaceAll(/[A-Z]/g, ' $&').toUpperCase()
}

function reasonText(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason)
}
