import { AsyncLocalStorage } from 'node:async_hooks'

/** A function that runs in the context of this call, whenever and from wherever it is called. */
export function bindContext<Call extends (...args: never[]) => unknown>(call: Call): Call {
  return AsyncLocalStorage.bind(call) as Call
}

/**
 * A value that belongs to everything awaited from one call, and to nothing else. The only place that knows how Node carries it.
 *
 * @example
 * const request = new AsyncContext<string>()
 * await request.run('r1', async () => { request.get() }) // 'r1', after every await too
 */
export class AsyncContext<Value> {
  readonly #storage = new AsyncLocalStorage<Value>()

  /** Calls `work`; `get` gives the value in it and in all that it awaits or starts. */
  run<T>(value: Value, work: () => T): T {
    return this.#storage.run(value, work)
  }

  /** The value of the innermost `run` around this call, or undefined outside. */
  get(): Value | undefined {
    return this.#storage.getStore()
  }

  /** Calls `work` as if it were outside every `run`. */
  exit<T>(work: () => T): T {
    return this.#storage.exit(work)
  }
}
