import { ArgumentError } from '../errors.ts'
import { type ColumnModel, type EntityModel, linkOf, type RelationLink } from '../mapping/index.ts'
import { IdentityMapView, type InstanceState, stateOf } from '../state/index.ts'
import { nearest } from '../support/index.ts'
import type { SessionCore } from './core.ts'

/**
 * What a session does with instances in memory, at once and without any SQL. The first of the three parts of a
 * {@link Session}.
 */
export abstract class SessionInstances {
  /** @internal */
  abstract readonly core: SessionCore

  /**
   * Puts an instance into the session: a new one becomes pending and is inserted at the next flush, a detached one becomes
   * persistent, and one marked for DELETE is unmarked.
   *
   * ```ts
   * session.add(new User({ name: 'ed' }))
   * ```
   *
   * @throws UnmappedInstanceError for anything but an instance of an entity class
   * @throws InvalidRequestError when it belongs to another session, was deleted, or its row has another instance here
   */
  add(instance: object): void {
    this.core.rows.refuseBetween('add()')
    this.core.unit.add(stateOf(instance))
  }

  /** `add` for each, in order. Checked first: where one is no entity instance, none is added. */
  addAll(instances: Iterable<object>): void {
    this.core.rows.refuseBetween('addAll()')
    for (const state of Array.from(instances, stateOf)) this.core.unit.add(state)
  }

  /**
   * Marks an instance for DELETE at the next flush. A detached one is attached first.
   *
   * @throws InvalidRequestError when it has no row
   */
  delete(instance: object): void {
    this.core.rows.refuseBetween('delete()')
    this.core.unit.doom(stateOf(instance))
  }

  /** `delete` for each, in order. */
  deleteAll(instances: Iterable<object>): void {
    this.core.rows.refuseBetween('deleteAll()')
    for (const state of Array.from(instances, stateOf)) this.core.unit.doom(state)
  }

  /**
   * Takes an instance out of the session: it is detached, or transient again where it was pending. A rollback does not bring it back.
   *
   * @throws InvalidRequestError when it is not in this session
   */
  expunge(instance: object): void {
    this.core.unit.expunge(stateOf(instance))
  }

  /** Takes every instance out of the session. */
  expungeAll(): void {
    const { unit } = this.core
    for (const state of [...unit.pending, ...unit.map.states()]) if (state.owner === unit) unit.expunge(state)
  }

  /**
   * Drops the values and relations of an instance, or the named properties, unflushed changes included. Reading a column before it
   * was read again (`refresh`, `get`, a query) throws NotLoadedError; a relation is loaded when it is awaited. Without names,
   * relations that cascade `refresh-expire` are followed.
   *
   * @throws InvalidRequestError when it is not persistent in this session, ArgumentError for an unknown property
   */
  expire(instance: object, properties?: readonly string[]): void {
    const state = this.core.unit.persistentStateOf(instance, 'expire')
    const { unit } = this.core
    if (properties === undefined) {
      unit.expire(state)
      return
    }
    const { columns, links } = propertiesOf(state, properties)
    if (columns.length > 0) unit.expire(state, columns)
    for (const link of links) unit.expireRelation(state, link)
  }

  /** `expire` for every persistent instance of the session. */
  expireAll(): void {
    const { unit } = this.core
    for (const state of unit.map.states()) state.expire()
    unit.dirty.clear()
  }

  /** The instances to be inserted, in the order of `add`. */
  get new(): ReadonlySet<object> {
    return instancesOf(this.core.unit.pending)
  }

  /** The persistent instances with changes. A change that was undone may still be among them; see `isModified`. */
  get dirty(): ReadonlySet<object> {
    const { dirty, doomed } = this.core.unit
    return instancesOf([...dirty].filter((state) => !doomed.has(state)))
  }

  /** The instances marked for DELETE. */
  get deleted(): ReadonlySet<object> {
    return instancesOf(this.core.unit.doomed)
  }

  /** The persistent instances by key: `session.identityMap.get(User, 1)`. */
  get identityMap(): IdentityMapView {
    return new IdentityMapView(this.core.unit.map)
  }

  /** Whether the instance is pending or persistent in this session. */
  has(instance: object): boolean {
    return this.core.unit.has(stateOf(instance))
  }

  /** Whether the instance has a net change since the last flush. Never loads anything. */
  isModified(instance: object): boolean {
    return stateOf(instance).isModified
  }

  /** The pending and persistent instances. */
  *[Symbol.iterator](): IterableIterator<object> {
    for (const { instance } of this.core.unit.pending) yield instance
    for (const { instance } of this.core.unit.map.states()) yield instance
  }
}

function instancesOf(states: Iterable<InstanceState>): ReadonlySet<object> {
  return new Set(Array.from(states, (state) => state.instance))
}

/** The columns and relations of the named properties. @throws ArgumentError for one that is neither */
export function propertiesOf(
  { model }: InstanceState,
  properties: readonly string[],
): { readonly columns: ColumnModel[]; readonly links: RelationLink[] } {
  const columns: ColumnModel[] = []
  const links: RelationLink[] = []
  for (const property of properties) {
    const column = model.columnOf.get(property)
    const link = column === undefined ? linkOf(model, property) : undefined
    if (column !== undefined) columns.push(column)
    else if (link !== undefined) links.push(link)
    else throw unknownProperty(model, property)
  }
  return { columns, links }
}

function unknownProperty(model: EntityModel, property: string): ArgumentError {
  const names = [...model.columnOf.keys(), ...model.relations.map((relation) => relation.property)]
  const close = nearest(property, names)
  const hint = close === undefined ? `it has ${names.join(', ')}` : `did you mean '${close}'?`
  return new ArgumentError(`${model.name} has no property '${property}'; ${hint}`)
}
