import { channel } from 'node:diagnostics_channel'
import process from 'node:process'

/** What the diagnostics channel `heddle:warning` carries. */
export interface Warning {
  /** Stable across releases, like the code of an error. */
  readonly code: string
  readonly message: string
}

const warnings = channel('heddle:warning')

/**
 * Warns of something that is allowed and probably wrong: a process warning of type `HeddleWarning`, and a message
 * on the diagnostics channel `heddle:warning`. What was asked goes on.
 *
 * @param code stable, in capitals, for example `HEDDLE_LEASE_LOST`
 * @param message what was found and what to do
 */
export function warn(code: string, message: string): void {
  if (warnings.hasSubscribers) warnings.publish({ code, message } satisfies Warning)
  process.emitWarning(message, { code, type: 'HeddleWarning' })
}
