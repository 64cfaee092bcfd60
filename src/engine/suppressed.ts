import { warn } from '../support/index.ts'

/** Keeps a failure that happened while an error was being handled with that error, as `suppressed`. */
export function attachSuppressed(error: unknown, failure: unknown): void {
  if (failure === error) return
  if (typeof error === 'object' && error !== null && Object.isExtensible(error)) {
    const holder = error as { suppressed?: unknown[] }
    holder.suppressed = [...(holder.suppressed ?? []), failure]
    return
  }
  warn('HEDDLE_SUPPRESSED', `A rollback failed too, after ${String(error)}: ${String(failure)}`)
}
