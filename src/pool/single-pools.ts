import { InvalidRequestError } from '../errors.ts'
import { captureCallSite } from '../support/index.ts'
import type { AcquireOptions, HolderLabel, Lease, PoolSetting, ResourceKeeper } from './contract.ts'
import type { PoolOptions } from './options.ts'
import { type Loan, QueuePool } from './pool.ts'

/** The pool of kind `null`: opens a resource for every caller and closes it on return. Nobody ever waits. */
export class NullPool<R extends object> extends QueuePool<R> {
  constructor(keeper: ResourceKeeper<R>, options: Required<PoolOptions>, setting: PoolSetting<R> = {}) {
    super(keeper, options, setting, { keep: 0, limit: Number.POSITIVE_INFINITY })
  }
}

/**
 * The pool of kind `assertion`: has one resource, and whoever asks for it while it is out gets an error that says who has it and where it
 * was taken. For tests of programs that should never need two.
 */
export class AssertionPool<R extends object> extends QueuePool<R> {
  constructor(keeper: ResourceKeeper<R>, options: Required<PoolOptions>, setting: PoolSetting<R> = {}) {
    super(keeper, options, setting, { keep: 1, limit: 1 })
  }

  /** @throws InvalidRequestError when it is out already */
  override acquire(options: AcquireOptions): Promise<Lease<R>> {
    const { checkedOut } = this.status()
    if (checkedOut > 0) return Promise.reject(this.#takenError(options.label))
    return super.acquire({ ...options, stack: options.stack ?? captureCallSite() })
  }

  protected override loanFor(holder: HolderLabel): Loan {
    return { label: holder.label, stack: holder.stack ?? captureCallSite() }
  }

  #takenError(label: string): InvalidRequestError {
    const [holder] = this.holders()
    const who =
      holder === undefined ? 'it is being opened or put back' : `'${holder.label}' has it, taken\n${holder.stack}`
    return new InvalidRequestError(`'${label}' asked for the only ${this.resourceName} while it is out: ${who}`)
  }
}
