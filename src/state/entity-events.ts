import { ArgumentError, InvalidRequestError } from '../errors.ts'
import { classesOf, type EntityModel, modelOf, nameOf, tryModelOf } from '../mapping/index.ts'
import { isThenable, nearest } from '../support/index.ts'

/** Around the statements of a flush. */
export type RowEventName =
  | 'beforeInsert'
  | 'afterInsert'
  | 'beforeUpdate'
  | 'afterUpdate'
  | 'beforeDelete'
  | 'afterDelete'
/** In the life of an instance. */
export type InstanceEventName = 'init' | 'load' | 'refresh' | 'refreshFlush' | 'expire'
/** When the program changes a property. */
export type AttributeEventName = 'set' | 'append' | 'remove' | 'bulkReplace' | 'modified' | 'initScalar'
/** Everything that `on(EntityClass, …)` knows. */
export type EntityEventName = RowEventName | InstanceEventName | AttributeEventName

const NAMES: ReadonlySet<string> = new Set<EntityEventName>([
  ...(['beforeInsert', 'afterInsert', 'beforeUpdate', 'afterUpdate', 'beforeDelete', 'afterDelete'] as const),
  ...(['init', 'load', 'refresh', 'refreshFlush', 'expire'] as const),
  ...(['set', 'append', 'remove', 'bulkReplace', 'modified', 'initScalar'] as const),
])
const ATTRIBUTE_NAMES: ReadonlySet<string> = new Set<AttributeEventName>([
  ...(['set', 'append', 'remove', 'bulkReplace', 'modified', 'initScalar'] as const),
])

/** Hears an event of an entity. */
export type EntityListener = (event: never) => unknown

/** How a listener is added. */
export interface EntityListenOptions {
  /** Events of properties only: of this property alone. Default: of every property. */
  readonly property?: string
  /** Only for the next event. Default: false. */
  readonly once?: boolean
  /** Before the listeners that are there already. Default: false. */
  readonly prepend?: boolean
}

interface Registered {
  readonly property: string | undefined
  /** What is called. */
  readonly listener: EntityListener
  /** What was given to `on`. */
  readonly given: EntityListener
}

/** The listeners of a class. Lists are replaced, never changed, so that listeners may come and go while one is called. */
const byClass = new WeakMap<object, Map<EntityEventName, readonly Registered[]>>()
/** Of all classes together: where nobody listens at all, asking costs a look at one number. */
const counts = new Map<EntityEventName, number>()
/** Of one entity, plain classes below its class included. */
const countsOfModel = new WeakMap<EntityModel, Map<EntityEventName, number>>()

/**
 * Listens to what happens to the instances of a class, and of the classes below it. Gives a function that stops it.
 *
 * @throws ArgumentError for an unknown event or property, MappingError for a class that is no entity
 */
export function listenToEntity(
  entityClass: object,
  name: EntityEventName,
  listener: EntityListener,
  options: EntityListenOptions = {},
): () => void {
  const model = tryModelOf(entityClass) ?? modelOf(entityClass)
  checkListening(model, name, listener, options)
  const stop = () => remove(entityClass, model, name, (one) => one === registered)
  const calledOnce: EntityListener = (event) => {
    stop()
    return listener(event)
  }
  const registered: Registered = {
    property: options.property,
    listener: options.once === true ? calledOnce : listener,
    given: listener,
  }
  const lists = byClass.get(entityClass) ?? new Map<EntityEventName, readonly Registered[]>()
  byClass.set(entityClass, lists)
  const before = lists.get(name) ?? []
  lists.set(name, options.prepend === true ? [registered, ...before] : [...before, registered])
  count(model, name, 1)
  return stop
}

/** Takes a listener of a class away, all its registrations under the name. Nothing happens where there is none. */
export function stopListening(entityClass: object, name: EntityEventName, listener: EntityListener): void {
  remove(entityClass, tryModelOf(entityClass) ?? modelOf(entityClass), name, ({ given }) => given === listener)
}

/** Whether a listener was added to this very class. */
export function isListening(entityClass: object, name: EntityEventName, listener: EntityListener): boolean {
  return (
    byClass
      .get(entityClass)
      ?.get(name)
      ?.some(({ given }) => given === listener) === true
  )
}

function remove(
  entityClass: object,
  model: EntityModel,
  name: EntityEventName,
  isMeant: (registered: Registered) => boolean,
): void {
  const lists = byClass.get(entityClass)
  const left = lists?.get(name)?.filter((one) => !isMeant(one))
  for (let gone = (lists?.get(name)?.length ?? 0) - (left?.length ?? 0); gone > 0; gone--) count(model, name, -1)
  if (left !== undefined) lists?.set(name, left)
}

function count(model: EntityModel, name: EntityEventName, by: 1 | -1): void {
  counts.set(name, (counts.get(name) ?? 0) + by)
  const own = countsOfModel.get(model) ?? new Map<EntityEventName, number>()
  countsOfModel.set(model, own.set(name, (own.get(name) ?? 0) + by))
}

function checkListening(
  model: EntityModel,
  name: unknown,
  listener: unknown,
  { property }: EntityListenOptions,
): asserts name is EntityEventName {
  const call = `on(${nameOf(model)}, ${typeof name === 'string' ? `'${name}'` : String(name)})`
  if (typeof name !== 'string' || !NAMES.has(name)) throw new ArgumentError(`${call}: ${unknown(String(name), NAMES)}`)
  if (typeof listener !== 'function')
    throw new ArgumentError(`${call}: a function is needed, ${typeof listener} given.`)
  if (property === undefined) return
  if (!ATTRIBUTE_NAMES.has(name)) {
    throw new ArgumentError(`${call}: 'property' is for events of properties (set, append, remove, …); leave it out.`)
  }
  const properties = new Set([...model.columnOf.keys(), ...model.relations.map((relation) => relation.property)])
  if (!properties.has(property)) throw new ArgumentError(`${call}: ${unknown(property, properties)}`)
}

function unknown(given: string, known: ReadonlySet<string>): string {
  const close = nearest(given, known)
  return `there is no '${given}'; ${close === undefined ? `known are ${[...known].join(', ')}.` : `did you mean '${close}'?`}`
}

/** Whether anybody listens to an event, of whatever entity: one look, for places that are passed very often. */
export function isHeardAnywhere(name: EntityEventName): boolean {
  const listeners = counts.get(name)
  return listeners !== undefined && listeners > 0
}

/** Whether anybody listens to an event of an entity, or of a class of its family: asked once for many rows. */
export function isHeard(model: EntityModel, name: EntityEventName): boolean {
  if (!isHeardAnywhere(name)) return false
  if (model.inheritance !== undefined) {
    return classesOf(model).some((one) => (countsOfModel.get(one)?.get(name) ?? 0) > 0)
  }
  if ((countsOfModel.get(model)?.get(name) ?? 0) > 0) return true
  for (let current: object | null = model.entityClass; current !== null; current = Object.getPrototypeOf(current)) {
    if ((byClass.get(current)?.get(name)?.length ?? 0) > 0) return true
  }
  return false
}

/** The listeners of an instance, those of the topmost class first, in the order of `on`. */
export function listenersOf(instance: object, name: EntityEventName, property?: string): readonly EntityListener[] {
  if (!isHeardAnywhere(name)) return NOBODY
  const levels: (readonly Registered[])[] = []
  let current: object | null = Object.getPrototypeOf(instance)?.constructor ?? null
  for (; current !== null; current = Object.getPrototypeOf(current)) {
    const own = byClass.get(current)?.get(name)
    if (own !== undefined) levels.unshift(own)
  }
  return levels
    .flat()
    .filter((registered) => registered.property === undefined || registered.property === property)
    .map(({ listener }) => listener)
}

const NOBODY: readonly EntityListener[] = []

/**
 * Calls the listeners of an event that happens at once, in order.
 *
 * @throws InvalidRequestError where a listener returns a promise: nobody would wait for it
 */
export function emitNow(instance: object, name: EntityEventName, event: object, property?: string): void {
  for (const listener of listenersOf(instance, name, property)) {
    const returned: unknown = listener(event as never)
    if (isThenable(returned)) throw refusePromise(name, returned)
  }
}

function refusePromise(name: EntityEventName, promise: PromiseLike<unknown>): InvalidRequestError {
  promise.then(undefined, () => {})
  return new InvalidRequestError(
    `A listener of '${name}' returned a promise: the event happens at once and nothing waits; let the listener be a plain ` +
      'function, or use an event around a flush (beforeInsert, afterInsert, …).',
  )
}

/** What an attribute event carries: a listener may assign `value`, and refuses the change by throwing. */
export interface AttributeChange {
  readonly target: object
  readonly property: string
  value: unknown
  readonly oldValue?: unknown
  /** It follows from a change of the other side of a relation. */
  readonly fromOtherSide?: boolean
}

/** Asks the listeners of an attribute event, and gives the value that is to be taken. */
export function heard(name: AttributeEventName, change: AttributeChange): unknown {
  emitNow(change.target, name, change, change.property)
  return change.value
}

/** Tells the listeners of an event in the life of an instance. */
export function emitInstanceEvent(
  { instance, owner }: { readonly instance: object; readonly owner: unknown },
  name: InstanceEventName,
  more: object = {},
): void {
  const { session } = (owner ?? {}) as { readonly session?: unknown }
  emitNow(instance, name, { target: instance, session, ...more })
}
