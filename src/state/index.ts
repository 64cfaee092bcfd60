export type { Collection } from './collection.ts'
export { checkValue } from './column-value.ts'
export { entity } from './entity.ts'
export { createEntityClass } from './entity-class.ts'
export {
  type AttributeEventName,
  type EntityEventName,
  type EntityListener,
  type EntityListenOptions,
  emitInstanceEvent,
  emitNow,
  type InstanceEventName,
  isHeard,
  isHeardAnywhere,
  isListening,
  listenersOf,
  listenToEntity,
  type RowEventName,
  stopListening,
} from './entity-events.ts'
export { asValue, flagModified, type TypedExpression } from './flag-modified.ts'
export { fromObject } from './from-object.ts'
export { mayHideOne, noteHidden } from './hidden-one.ts'
export type { Identities } from './identities.ts'
export { type IdentityKey, identityIn, identityOf, keyValuesOf, readKey } from './identity.ts'
export { IdentityMap, IdentityMapView } from './identity-map.ts'
export { type InstanceInspection, state, stateOf } from './inspect.ts'
export { type InstanceMove, instanceLifecycle, moveStatus, type Transition } from './instance-lifecycle.ts'
export type { RelationChange, StateOwner } from './instance-state.ts'
export {
  InstanceState,
  type InstanceStatus,
  type Originals,
} from './instance-state.ts'
export { generatedClassOf, type Instantiate, instantiatorOf } from './instantiate.ts'
export { type LoadStyle, loadStyleOf, setLoadStyle } from './load-style.ts'
export { isOrphanOf } from './orphans.ts'
export { knownCollection, knownRelated, lostRelated, reachable } from './reach.ts'
export { isForbidden, writeRelation } from './relation-access.ts'
export { collectionOf } from './relation-sync.ts'
export { expireAll, forgetRow, restore, settleCommit } from './restore.ts'
export { tryStateOf } from './slot.ts'
export { Snapshot } from './snapshot.ts'
export { subclass } from './subclass.ts'
export { foreignKeyOf, knownOne, pointsAtKey } from './to-one.ts'
export { type InFlight, type UnitListener, UnitOfWork } from './unit-of-work.ts'
export { ValuesByColumn } from './values-by-column.ts'
