import type { Connection } from '../engine/index.ts'
import type { Queryable } from '../loading/index.ts'
import {
  type AttributeEventName,
  type EntityEventName,
  type EntityListener,
  type EntityListenOptions,
  type InstanceEventName,
  isListening,
  listenToEntity,
  type RowEventName,
  stopListening,
} from '../state/index.ts'
import type { Session } from './session.ts'

/** A row of an instance is about to be written by a flush, or has been. */
export interface RowEvent<Entity> {
  readonly target: Entity
  readonly session: Session
  /** The connection that the statement runs on: what a listener runs there is in the same transaction. */
  readonly connection: Connection
}

/** Something happened to an instance: it was made, came from a row, or its values were read again or dropped. */
export interface EntityInstanceEvent<Entity> {
  readonly target: Entity
  /** Undefined for an instance that is in no session. */
  readonly session: Session | undefined
}

/** A flush has put into an instance what the database made for its row. */
export interface RefreshFlushEvent<Entity> extends EntityInstanceEvent<Entity> {
  readonly properties: readonly string[]
}

/** A property is about to change. A listener may assign `value` to have another one taken, and refuses by throwing. */
export interface AttributeEvent<Entity, Value = unknown> {
  readonly target: Entity
  readonly property: string
  value: Value
  /** It follows from a change of the other side of a relation: it can be refused, and not be replaced. */
  readonly fromOtherSide?: boolean
}

/** A column or a to-one relation is about to be set. */
export interface SetEvent<Entity, Value = unknown> extends AttributeEvent<Entity, Value> {
  /** Undefined where it is not loaded, or was never set. */
  readonly oldValue: Value | undefined
}

/** The events of an entity, and what their listeners are given. */
export interface EntityEvents<Entity> {
  beforeInsert: RowEvent<Entity>
  afterInsert: RowEvent<Entity>
  beforeUpdate: RowEvent<Entity>
  afterUpdate: RowEvent<Entity>
  beforeDelete: RowEvent<Entity>
  afterDelete: RowEvent<Entity>
  init: EntityInstanceEvent<Entity>
  load: EntityInstanceEvent<Entity>
  refresh: EntityInstanceEvent<Entity>
  refreshFlush: RefreshFlushEvent<Entity>
  expire: EntityInstanceEvent<Entity>
  set: SetEvent<Entity>
  append: AttributeEvent<Entity, object>
  remove: AttributeEvent<Entity, object>
  bulkReplace: AttributeEvent<Entity, Iterable<object>>
  modified: AttributeEvent<Entity>
  initScalar: AttributeEvent<Entity>
}

/** How a listener of an entity is added. */
export interface OnOptions {
  /** Before the listeners that are there already. Default: false. */
  readonly prepend?: boolean
  /** Only for the next event. Default: false. */
  readonly once?: boolean
}

/** The same for a listener of one property. */
export interface OnPropertyOptions<Property extends string> extends OnOptions {
  readonly property: Property
}

type PropertyNames<Entity> = keyof Entity & string

/**
 * Listens to what happens to the instances of an entity, and of classes below it. Gives a function that stops it.
 *
 * - `beforeInsert`, `afterInsert`, `beforeUpdate`, `afterUpdate`, `beforeDelete`, `afterDelete`: around the statements of a flush; the
 *   listeners of a batch run before its statement, one after another, and those behind it after. They may be async, run SQL on
 *   `connection`, and, before the statement, set columns of `target`, which it then writes. They may not add, delete, merge, change
 *   relations, flush, or end the transaction: do that in the session's `beforeFlush`.
 * - `init` (made by `new`), `load` (came from a row), `refresh` (read again), `refreshFlush` (a flush has read what the database made),
 *   `expire` (values dropped): at once, without I/O.
 * - `set`, `append`, `remove`: before the program's own change of a property, also from the other side of a relation and in `new`; at
 *   once. Assigning `event.value` replaces the value, throwing refuses it. What a flush or a load writes is not told.
 *
 * - `bulkReplace`: a whole collection is assigned, told before its members; `initScalar`: a column is read that a new instance was never
 *   given, and `event.value` becomes its value; `modified`: `flagModified` was called.
 *
 * ```ts
 * on(User, 'beforeInsert', ({ target }) => { target.slug = slugOf(target.name) })
 * on(User, 'afterUpdate', async ({ target, connection }) => {
 *   await connection.execute(sql`insert into audit (user_id) values (${target.id})`)
 * })
 * on(User, 'set', { property: 'email' }, (event) => { event.value = event.value.trim() })
 * ```
 *
 * @throws ArgumentError for an unknown event or property; MappingError for a class that is no entity
 * @see https://docs.sqlalchemy.org/en/20/orm/events.html
 */
export function on<Entity extends object, Property extends PropertyNames<Entity>>(
  entityClass: Queryable<Entity>,
  name: 'set',
  options: OnPropertyOptions<Property>,
  listener: (event: SetEvent<Entity, Entity[Property]>) => unknown,
): () => void
export function on<Entity extends object, Property extends PropertyNames<Entity>>(
  entityClass: Queryable<Entity>,
  name: 'bulkReplace',
  options: OnPropertyOptions<Property>,
  listener: (event: AttributeEvent<Entity, Iterable<object>>) => unknown,
): () => void
export function on<Entity extends object, Property extends PropertyNames<Entity>>(
  entityClass: Queryable<Entity>,
  name: 'modified' | 'initScalar',
  options: OnPropertyOptions<Property>,
  listener: (event: AttributeEvent<Entity, Entity[Property]>) => unknown,
): () => void
export function on<Entity extends object, Property extends PropertyNames<Entity>>(
  entityClass: Queryable<Entity>,
  name: 'append' | 'remove',
  options: OnPropertyOptions<Property>,
  listener: (event: AttributeEvent<Entity, object>) => unknown,
): () => void
export function on<Entity extends object, Name extends RowEventName | InstanceEventName | AttributeEventName>(
  entityClass: Queryable<Entity>,
  name: Name,
  listener: (event: EntityEvents<Entity>[Name]) => unknown,
  options?: OnOptions,
): () => void
export function on(
  entityClass: object,
  name: EntityEventName,
  first: EntityListener | EntityListenOptions,
  second?: EntityListener | EntityListenOptions,
): () => void {
  const [listener, options] = typeof first === 'function' ? [first, second] : [second, first]
  return listenToEntity(entityClass, name, listener as EntityListener, (options ?? {}) as EntityListenOptions)
}

/**
 * Takes a listener of an entity away, as the function that `on` gives does. Nothing happens where it was not added to this very class.
 *
 * @see https://docs.sqlalchemy.org/en/20/core/event.html#sqlalchemy.event.remove
 */
export function off<Entity extends object, Name extends EntityEventName>(
  entityClass: Queryable<Entity>,
  name: Name,
  listener: (event: EntityEvents<Entity>[Name]) => unknown,
): void {
  stopListening(entityClass, name, listener as EntityListener)
}

/**
 * Whether a listener was added to this very class.
 *
 * @see https://docs.sqlalchemy.org/en/20/core/event.html#sqlalchemy.event.contains
 */
export function listens<Entity extends object, Name extends EntityEventName>(
  entityClass: Queryable<Entity>,
  name: Name,
  listener: (event: EntityEvents<Entity>[Name]) => unknown,
): boolean {
  return isListening(entityClass, name, listener as EntityListener)
}
