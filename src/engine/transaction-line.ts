import type { BeginOptions, TransactionStatus } from '../drivers/index.ts'
import type { TransactionLine } from './transaction-stack.ts'
import { beginTwoPhase, commitPrepared, prepareTwoPhase, rollbackPrepared, rollbackUnprepared } from './two-phase.ts'
import type { Wire } from './wire.ts'

/** Who has the driver connection in hand. */
export interface WireHolder {
  readonly wire: Wire
  /** The driver connection; another one where the last is gone. */
  connectedWire(): Promise<Wire>
}

/** Carries the steps of one connection's transaction to whatever driver connection it has at the time. */
export class WireLine implements TransactionLine {
  readonly #holder: WireHolder

  constructor(holder: WireHolder) {
    this.#holder = holder
  }

  get status(): TransactionStatus {
    return this.#holder.wire.status
  }

  beginNow(options: BeginOptions): boolean {
    const { wire } = this.#holder
    return !wire.isGone && wire.beginNow(options)
  }

  async begin(options: BeginOptions, xid: string | undefined): Promise<void> {
    const wire = await this.#holder.connectedWire()
    await (xid === undefined ? wire.begin(options) : beginTwoPhase(wire, options, xid))
  }

  commitNow(): 'committed' | 'rolled back' | undefined {
    return this.#holder.wire.commitNow()
  }

  commit(): Promise<'committed' | 'rolled back'> {
    return this.#holder.wire.commit()
  }

  rollback(xid: string | undefined): Promise<void> {
    const { wire } = this.#holder
    return xid === undefined ? wire.rollback() : rollbackUnprepared(wire, xid)
  }

  prepare(xid: string): Promise<void> {
    return prepareTwoPhase(this.#holder.wire, xid)
  }

  // Prepared, it has outlived a connection that is gone.
  async commitPrepared(xid: string): Promise<void> {
    await commitPrepared(await this.#holder.connectedWire(), xid)
  }

  async rollbackPrepared(xid: string): Promise<void> {
    await rollbackPrepared(await this.#holder.connectedWire(), xid)
  }

  savepoint(event: 'savepoint' | 'releaseSavepoint' | 'rollbackSavepoint', name: string): Promise<void> {
    return this.#holder.wire.savepoint(event, name)
  }
}
