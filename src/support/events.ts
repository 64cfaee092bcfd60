/** Hears one event. Where the event is emitted asynchronously, a promise that it returns is awaited. */
export type Listener<Payload> = (payload: Payload) => unknown

/** How a listener is added. */
export interface ListenOptions {
  /** Only for the next emit. Default: false. */
  readonly once?: boolean
  /** Before the listeners that are there already, instead of after them. Default: false. */
  readonly prepend?: boolean
}

interface Registered {
  readonly listener: Listener<never>
  readonly once: boolean
}

const done: Promise<void> = Promise.resolve()

/**
 * Named events with typed payloads. A hub can have a parent, whose listeners hear everything first: what is listened for
 * on a maker applies to all that it made. Nobody listening costs one lookup; ask `has` before building a payload.
 *
 * @example
 * const events = new EventHub<{ saved: { id: number } }>()
 * const off = events.on('saved', ({ id }) => console.log(id))
 * if (events.has('saved')) events.emit('saved', { id: 1 })
 * off()
 */
export class EventHub<Events extends object> {
  /** Lists are replaced, never changed, so that a listener may add or remove others while an event is emitted. */
  #listeners: Map<keyof Events, readonly Registered[]> | undefined
  readonly #parent: EventHub<Events> | undefined

  /** @param parent the hub whose listeners hear every event of this one, before its own */
  constructor(parent?: EventHub<Events>) {
    this.#parent = parent
  }

  /** Adds a listener and gives a function that takes it away again. Adding the same function twice calls it twice. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>, options: ListenOptions = {}): () => void {
    const registered: Registered = { listener: listener as Listener<never>, once: options.once === true }
    const before = this.#listeners?.get(name) ?? []
    this.#listeners ??= new Map()
    this.#listeners.set(name, options.prepend === true ? [registered, ...before] : [...before, registered])
    return () => this.#remove(name, (candidate) => candidate === registered)
  }

  /** Takes a listener away; all its registrations under the name. Nothing happens when there is none. */
  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    this.#remove(name, (candidate) => candidate.listener === listener)
  }

  /** Whether anybody, here or in a parent, listens. */
  has(name: keyof Events): boolean {
    if (this.#listeners?.has(name) === true) return true
    return this.#parent === undefined ? false : this.#parent.has(name)
  }

  /** The listeners in the order in which they are called, for who wants to hear what they return. */
  listenersOf<Name extends keyof Events>(name: Name): ((payload: Events[Name]) => unknown)[] {
    const own = this.#listeners?.get(name) ?? []
    return [
      ...(this.#parent?.listenersOf(name) ?? []),
      ...own.map((registered) => (payload: Events[Name]) => this.#call(name, registered, payload)),
    ]
  }

  /** Calls the listeners in order, and throws what the first one to throw throws; those behind it are not called. */
  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    this.#parent?.emit(name, payload)
    const listeners = this.#listeners?.get(name)
    if (listeners === undefined) return
    for (const registered of listeners) this.#call(name, registered, payload)
  }

  /** Like {@link emit}, and awaits each listener before it calls the next. */
  emitAsync<Name extends keyof Events>(name: Name, payload: Events[Name]): Promise<void> {
    return this.has(name) ? this.#emitInOrder(name, payload) : done
  }

  async #emitInOrder<Name extends keyof Events>(name: Name, payload: Events[Name]): Promise<void> {
    if (this.#parent?.has(name) === true) await this.#parent.#emitInOrder(name, payload)
    for (const registered of this.#listeners?.get(name) ?? []) await this.#call(name, registered, payload)
  }

  #call<Name extends keyof Events>(name: Name, registered: Registered, payload: Events[Name]): unknown {
    if (registered.once) {
      if (this.#listeners?.get(name)?.includes(registered) !== true) return undefined
      this.#remove(name, (candidate) => candidate === registered)
    }
    return registered.listener(payload as never)
  }

  #remove(name: keyof Events, matches: (candidate: Registered) => boolean): void {
    const before = this.#listeners?.get(name)
    if (before === undefined) return
    const after = before.filter((candidate) => !matches(candidate))
    if (after.length === 0) this.#listeners?.delete(name)
    else this.#listeners?.set(name, after)
  }
}
