import type { Connection } from '../engine/index.ts'
import { InvalidRequestError } from '../errors.ts'
import type { RowListeners } from '../flush/index.ts'
import type { RelationLink } from '../mapping/index.ts'
import { type InstanceState, isHeard, listenersOf, type RowEventName } from '../state/index.ts'
import type { Gate } from './gate.ts'

/** Calls the listeners of an entity between the statements of a flush, one after another. */
export class SessionRowListeners implements RowListeners {
  readonly #session: object
  readonly #gate: Gate
  /** How many calls are under way: while there are none, nobody has to ask who the caller is. */
  #running = 0

  constructor(session: object, gate: Gate) {
    this.#session = session
    this.#gate = gate
  }

  readonly hears = isHeard

  async tell(name: RowEventName, states: readonly InstanceState[], connection: Connection): Promise<void> {
    this.#running++
    try {
      await this.#gate.within(() => this.#call(name, states, connection), 'between')
    } finally {
      this.#running--
    }
  }

  async #call(name: RowEventName, states: readonly InstanceState[], connection: Connection): Promise<void> {
    for (const { instance } of states) {
      const event = { target: instance, session: this.#session, connection }
      for (const listener of listenersOf(instance, name)) await listener(event as never)
    }
  }

  /** @throws InvalidRequestError where the caller is such a listener, whatever it awaits or has started */
  refuseBetween(what: string, link?: RelationLink): void {
    if (this.#running === 0 || !this.#gate.isBetweenStatements()) return
    throw betweenStatements(link === undefined ? what : `${link.source.name}.${link.property}: ${what}`)
  }
}

function betweenStatements(what: string): InvalidRequestError {
  return new InvalidRequestError(
    `${what} was called by a listener between the statements of a flush, whose plan is made already. Set columns of the target, ` +
      'use the connection that the listener is given, or do it in beforeFlush.',
  )
}
