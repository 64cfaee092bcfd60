import type { Clock } from '../support/index.ts'

/**
 * The promise, or a rejection when it has not settled within `limit` milliseconds. It goes on by itself then, and what becomes of it
 * is nobody's business any more.
 */
export function within<T>(promise: Promise<T>, limit: number, clock: Clock, makeError: () => Error): Promise<T> {
  if (limit === Number.POSITIVE_INFINITY) return promise
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(makeError()), limit, { unref: true })
    const settled = () => clock.clearTimeout(timer)
    promise.then(resolve, reject).then(settled)
  })
}
