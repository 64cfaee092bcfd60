import { PoolTimeoutError } from '../errors.ts'
import type { PoolHolder, PoolStatus } from './contract.ts'
import type { Slot } from './resource.ts'

/** How many holders a message names; the error's `holders` has them all. */
const NAMED_HOLDERS = 10

/** The last failure to open a resource. */
export interface OpenFailure {
  readonly error: unknown
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** What a caller who waited in vain is to be told. */
export interface WaitFailure {
  readonly resourceName: string
  readonly label: string
  /** Milliseconds. */
  readonly waited: number
  readonly now: number
  readonly status: PoolStatus
  readonly opening: number
  readonly holders: readonly PoolHolder[]
  readonly lastOpenFailure: OpenFailure | undefined
}

/** Who holds a place among these, the longest first. */
export function holdersOf<R extends object>(slots: Iterable<Slot<R>>): readonly PoolHolder[] {
  const holders: PoolHolder[] = []
  for (const slot of slots) {
    const holder = slot.holder()
    if (holder !== undefined) holders.push(holder)
  }
  return holders.sort((left, right) => left.since - right.since)
}

/** The error that says how long, how full, who holds what since when, and what went wrong last. */
export function waitedInVain(failure: WaitFailure): PoolTimeoutError {
  const { resourceName, label, waited, status, holders, lastOpenFailure, now } = failure
  const parts = [
    `'${label}' got no ${resourceName} within ${Math.round(waited)} ms: ${describeStatus(status, failure.opening)}.`,
    describeHolders(holders, now),
  ]
  if (lastOpenFailure !== undefined) {
    const ago = Math.round(now - lastOpenFailure.at)
    parts.push(`The last attempt to open one failed ${ago} ms ago: ${describeError(lastOpenFailure.error)}.`)
  }
  parts.push('Release sooner, raise size, maxOverflow or timeout, or look for a holder that never releases.')
  const cause = lastOpenFailure === undefined ? {} : { cause: lastOpenFailure.error }
  return new PoolTimeoutError(parts.filter((part) => part !== '').join(' '), { waited, holders, ...cause })
}

/** An error in one line. */
export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

function describeStatus(status: PoolStatus, opening: number): string {
  const { size, checkedOut, idle, overflow, waiting } = status
  const openingPart = opening === 0 ? '' : ` (${opening} being opened)`
  return `size ${size}, overflow ${overflow}, ${checkedOut} checked out${openingPart}, ${idle} idle, ${waiting} waiting`
}

function describeHolders(holders: readonly PoolHolder[], now: number): string {
  if (holders.length === 0) return ''
  const named = holders.slice(0, NAMED_HOLDERS).map((holder) => {
    const note = holder.lastNote === undefined ? '' : ` (last: ${holder.lastNote})`
    const stack = holder.stack === undefined ? '' : `\n${holder.stack}\n`
    return `'${holder.label}' for ${Math.round(now - holder.since)} ms${note}${stack}`
  })
  const rest = holders.length > NAMED_HOLDERS ? ` and ${holders.length - NAMED_HOLDERS} more` : ''
  return `Held by ${named.join(', ')}${rest}.`
}
