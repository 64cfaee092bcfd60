import type { ColumnModel, EntityModel, RelationLink } from '../mapping/index.ts'
import { AppendSet, LazyMap, LazySet } from '../support/index.ts'
import type { IdentityKey } from './identity.ts'
import type { InstanceState, KeptRecord } from './instance-state.ts'

/** The identity that an instance had before its key changed. */
export interface FormerKey {
  readonly identity: IdentityKey
  readonly storedKey: readonly unknown[]
}

/**
 * What one transaction, or one savepoint inside it, has done to the instances of a session: enough to put every record
 * back as it was when the transaction or savepoint began. Released savepoints merge theirs into the enclosing one.
 */
export class Snapshot {
  readonly parent: Snapshot | undefined
  /** Instances whose INSERT was flushed. */
  readonly inserted = new AppendSet<InstanceState>()
  /** Instances whose DELETE was flushed. */
  readonly deleted = new LazySet<InstanceState>()
  /** The values and relations at the beginning, of instances that have changed since. */
  readonly values = new LazyMap<InstanceState, KeptRecord>()
  readonly formerKeys = new LazyMap<InstanceState, FormerKey>()
  /** Instances loaded after the first write: their values may be of rows that a rollback takes back. */
  readonly volatile = new LazySet<InstanceState>()
  /** Relations loaded after the first write, for the same reason. */
  readonly volatileRelations = new LazyMap<InstanceState, Set<RelationLink>>()
  /** Identities of rows that were inserted, or got them: no instance that was loaded since may keep one after a rollback. */
  readonly newKeys = new LazyMap<EntityModel, AppendSet<IdentityKey>>()
  /** Whether anything was written since the beginning. */
  #wrote = false

  constructor(parent?: Snapshot) {
    this.parent = parent
  }

  get wrote(): boolean {
    return this.#wrote
  }

  /** Notes that rows may have changed: what is loaded from now on is volatile. */
  noteWrite(): void {
    this.#wrote = true
  }

  /** Keeps the values of an instance as they are now, unless an earlier change has kept them already. */
  noteChange(state: InstanceState): void {
    if (!this.knows(state)) this.values.set(state, state.keep())
  }

  /** A value was changed in place: a rollback leaves it to be read again. */
  forgetValue(state: InstanceState, column: ColumnModel): void {
    const kept = this.values.get(state)
    if (kept !== undefined) this.values.set(state, { ...kept, values: kept.values.with(column.index, undefined) })
    this.parent?.forgetValue(state, column)
  }

  /** Notes that an instance took its values from the database just now. */
  noteLoad(state: InstanceState): void {
    if (this.#wrote && !this.knows(state)) this.volatile.add(state)
    this.parent?.noteLoad(state)
  }

  /** Notes that a relation of an instance was read from the database just now. */
  noteRelationLoad(state: InstanceState, link: RelationLink): void {
    if (this.#wrote) this.addRelation(state, link)
    this.parent?.noteRelationLoad(state, link)
  }

  private addRelation(state: InstanceState, link: RelationLink): void {
    const links = this.volatileRelations.get(state)
    if (links === undefined) this.volatileRelations.set(state, new Set([link]))
    else links.add(link)
  }

  noteInsert(state: InstanceState): void {
    this.inserted.add(state)
    this.noteNewKey(state.model, state.identity as IdentityKey)
  }

  /** Notes that a row has a key which no row had before. */
  noteNewKey(model: EntityModel, identity: IdentityKey): void {
    let keys = this.newKeys.get(model)
    if (keys === undefined) {
      keys = new AppendSet()
      this.newKeys.set(model, keys)
    }
    keys.add(identity)
  }

  noteDelete(state: InstanceState): void {
    this.deleted.add(state)
  }

  /** Keeps the identity from before the first change of key. */
  noteKeyChange(state: InstanceState, former: FormerKey): void {
    if (!this.formerKeys.has(state)) this.formerKeys.set(state, former)
  }

  /** An instance left the session: a rollback does not bring it back. */
  forget(state: InstanceState): void {
    this.inserted.delete(state)
    this.deleted.delete(state)
    this.values.delete(state)
    this.formerKeys.delete(state)
    this.volatile.delete(state)
    this.volatileRelations.delete(state)
    this.parent?.forget(state)
  }

  /** Hands everything to the enclosing snapshot, whose own older notes win. */
  mergeIntoParent(): void {
    const { parent } = this
    if (parent === undefined) return
    for (const state of this.inserted) parent.noteInsert(state)
    for (const [model, keys] of this.newKeys) for (const key of keys) parent.noteNewKey(model, key)
    for (const state of this.deleted) parent.deleted.add(state)
    for (const [state, values] of this.values) if (!parent.knows(state)) parent.values.set(state, values)
    for (const [state, former] of this.formerKeys) parent.noteKeyChange(state, former)
    for (const state of this.volatile) if (!parent.knows(state)) parent.volatile.add(state)
    for (const [state, links] of this.volatileRelations) for (const link of links) parent.addRelation(state, link)
    if (this.#wrote) parent.noteWrite()
  }

  /** Whether it is settled already what a rollback does with the instance's values. */
  private knows(state: InstanceState): boolean {
    return this.values.has(state) || this.inserted.has(state) || this.volatile.has(state)
  }
}
