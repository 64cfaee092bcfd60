import type { ResetMode, ResourceKeeper } from '../../src/pool/index.ts'
import { type Deferred, deferred } from '../support-unit/deferred.ts'

/** A resource that lives in memory and remembers what was done to it. */
export class MemoryResource {
  readonly id: number
  readonly log: string[] = []
  /** Why it is broken; undefined while it is well. */
  brokenBy: unknown
  isOpen = true
  isDirty = true

  constructor(id: number) {
    this.id = id
  }
}

/** Keeps resources in memory; what the outside world would do to them is in the hands of the test. */
export class MemoryKeeper implements ResourceKeeper<MemoryResource> {
  readonly made: MemoryResource[] = []
  /** Every opening that was asked for, also the failed ones. */
  opens = 0
  /** The most that were ever open, or being opened or closed, at a time. */
  peak = 0
  /** Errors for the next openings, in order. */
  readonly openFailures: Error[] = []
  /** While set, openings wait in `openings` for the test. */
  holdsOpenings = false
  readonly openings: Deferred<void>[] = []
  obeysSignal = true
  pingFailure: Error | undefined
  resetFailure: Error | undefined
  /** While set, what it names waits for it. */
  pingGate: Promise<void> | undefined
  resetGate: Promise<void> | undefined
  closeGate: Promise<void> | undefined
  #busy = 0

  async open({ signal }: { readonly signal?: AbortSignal }): Promise<MemoryResource> {
    this.opens++
    this.#count(1)
    try {
      if (this.holdsOpenings) await this.#held(signal)
      else await Promise.resolve()
      const failure = this.openFailures.shift()
      if (failure !== undefined) throw failure
    } catch (error) {
      this.#count(-1)
      throw error
    }
    const resource = new MemoryResource(this.made.length + 1)
    this.made.push(resource)
    return resource
  }

  async reset(resource: MemoryResource, mode: ResetMode): Promise<void> {
    resource.log.push(mode)
    if (this.resetGate !== undefined) await this.resetGate
    if (this.resetFailure !== undefined) throw this.resetFailure
  }

  needsReset(resource: MemoryResource): boolean {
    return resource.isDirty
  }

  async ping(resource: MemoryResource): Promise<void> {
    resource.log.push('ping')
    if (this.pingGate !== undefined) await this.pingGate
    if (this.pingFailure !== undefined) throw this.pingFailure
  }

  async close(resource: MemoryResource): Promise<void> {
    resource.log.push('close')
    if (this.closeGate !== undefined) await this.closeGate
    this.#end(resource)
  }

  destroy(resource: MemoryResource): void {
    resource.log.push('destroy')
    this.#end(resource)
  }

  brokenBy(resource: MemoryResource): unknown {
    return resource.brokenBy
  }

  get stillOpen(): MemoryResource[] {
    return this.made.filter((resource) => resource.isOpen)
  }

  async #held(signal: AbortSignal | undefined): Promise<void> {
    const gate = deferred()
    this.openings.push(gate)
    if (this.obeysSignal) signal?.addEventListener('abort', () => gate.reject(signal.reason), { once: true })
    await gate.promise
  }

  #end(resource: MemoryResource): void {
    if (resource.isOpen) this.#count(-1)
    resource.isOpen = false
  }

  #count(change: number): void {
    this.#busy += change
    this.peak = Math.max(this.peak, this.#busy)
  }
}
