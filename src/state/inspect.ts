import { UnmappedInstanceError } from '../errors.ts'
import type { InstanceState, InstanceStatus, StateOwner } from './instance-state.ts'
import { tryStateOf } from './slot.ts'

/** What is known about one instance, as {@link state} tells it. A view: it follows the instance. */
export interface InstanceInspection<Session = unknown> {
  readonly status: InstanceStatus
  readonly transient: boolean
  readonly pending: boolean
  readonly persistent: boolean
  readonly deleted: boolean
  readonly detached: boolean
  /** The session that the instance is attached to. */
  readonly session: Session | undefined
  /** The key values of its row as stored, or undefined while it has no row. */
  readonly key: readonly unknown[] | undefined
  readonly hasIdentity: boolean
  /** Its row was deleted by a flush. */
  readonly wasDeleted: boolean
  /** Properties whose values are not there: expired, or never loaded. */
  readonly unloaded: readonly string[]
  /** What changed since the last flush, by property: the old value and the new one. */
  readonly modified: Readonly<Record<string, readonly [old: unknown, now: unknown]>>
}

/** An owner that belongs to a session. */
interface SessionOwner extends StateOwner {
  readonly session?: unknown
}

/**
 * The state of an instance.
 *
 * ```ts
 * user.name = 'ed'
 * state(user).persistent        // true
 * state(user).modified          // { name: ['jack', 'ed'] }
 * ```
 *
 * @throws UnmappedInstanceError for anything that is no instance of an entity class.
 * @see https://docs.sqlalchemy.org/en/20/orm/session_state_management.html
 */
export function state(instance: object): InstanceInspection {
  return new Inspection(stateOf(instance))
}

/** The state of an instance. @throws UnmappedInstanceError */
export function stateOf(instance: unknown): InstanceState {
  const found = tryStateOf(instance)
  if (found === undefined) {
    const given =
      instance === null ? 'null' : typeof instance === 'object' ? instance.constructor?.name : typeof instance
    throw new UnmappedInstanceError(`An instance of an entity class is needed, ${given ?? 'an object'} was given.`)
  }
  return found
}

class Inspection implements InstanceInspection {
  readonly #state: InstanceState

  constructor(state: InstanceState) {
    this.#state = state
  }

  get status(): InstanceStatus {
    return this.#state.status
  }
  get transient(): boolean {
    return this.#state.status === 'transient'
  }
  get pending(): boolean {
    return this.#state.status === 'pending'
  }
  get persistent(): boolean {
    return this.#state.status === 'persistent'
  }
  get deleted(): boolean {
    return this.#state.status === 'deleted'
  }
  get detached(): boolean {
    return this.#state.status === 'detached'
  }
  get session(): unknown {
    return (this.#state.owner as SessionOwner | undefined)?.session
  }
  get key(): readonly unknown[] | undefined {
    return this.#state.storedKey
  }
  get hasIdentity(): boolean {
    return this.#state.identity !== undefined
  }
  get wasDeleted(): boolean {
    return this.#state.wasDeleted
  }
  get unloaded(): readonly string[] {
    if (this.#state.status === 'transient' || this.#state.status === 'pending') return []
    return this.#state.absentColumns().map((column) => column.property)
  }
  get modified(): Readonly<Record<string, readonly [unknown, unknown]>> {
    const changes: Record<string, readonly [unknown, unknown]> = {}
    for (const [index, old] of this.#state.originals ?? []) {
      const property = this.#state.model.columns[index]?.property as string
      changes[property] = [old, this.#state.values[index]]
    }
    return changes
  }

  /** What `console.log` shows. */
  [Symbol.for('nodejs.util.inspect.custom')](_depth: number, options: object, inspect: Printer): string {
    const { status, key, unloaded, modified } = this
    return `state ${inspect({ status, key, unloaded, modified }, options)}`
  }
}

type Printer = (value: unknown, options: object) => string
