import { InvalidRequestError } from '../errors.ts'
import { nameOf, type RelationLink } from '../mapping/index.ts'
import { type AttributeEventName, heard, isHeardAnywhere } from './entity-events.ts'
import { stateOf } from './inspect.ts'
import type { InstanceState } from './instance-state.ts'
import { knownOne } from './to-one.ts'

/*
 * Listeners hear of a change of a relation before anything is changed, so that the one who refuses it leaves both sides as they were.
 */

/** A to-one property is about to be set. Gives what the listeners want in its place. */
export function hearAssigned(
  state: InstanceState,
  link: RelationLink,
  item: object | null,
  before: object | null | undefined,
): unknown {
  if (!isAnyHeard() || link.options.viewOnly === true) return item
  const change = { target: state.instance, property: link.property, value: item, oldValue: before }
  const wanted = heard('set', change)
  const { inverse } = link
  if (inverse === undefined) return wanted
  if (before != null) tellLeft(before, inverse, state.instance)
  if (typeof wanted === 'object' && wanted !== null) tellJoined(wanted, inverse, state.instance)
  return wanted
}

/** A collection is about to be replaced as a whole, before its members are told of one by one. Gives what the listeners want in its place. */
export function hearReplaced(
  { instance }: InstanceState,
  { property, options }: RelationLink,
  value: unknown,
): unknown {
  if (!isHeardAnywhere('bulkReplace') || options.viewOnly === true) return value
  return heard('bulkReplace', { target: instance, property, value })
}

/** An instance is about to be put into a collection. Gives what the listeners want in its place. */
export function hearAppended(state: InstanceState, link: RelationLink, item: object): unknown {
  if (!isAnyHeard() || link.options.viewOnly === true) return item
  const wanted = heard('append', { target: state.instance, property: link.property, value: item })
  const { inverse } = link
  if (inverse === undefined || typeof wanted !== 'object' || wanted === null) return wanted
  tellJoined(wanted, inverse, state.instance)
  return wanted
}

/** An instance is about to be taken out of a collection. */
export function hearRemoved(state: InstanceState, link: RelationLink, item: object): void {
  if (!isAnyHeard() || link.options.viewOnly === true) return
  tellOnly('remove', state.instance, link, item)
  if (link.inverse !== undefined) tellLeft(item, link.inverse, state.instance)
}

function isAnyHeard(): boolean {
  return isHeardAnywhere('set') || isHeardAnywhere('append') || isHeardAnywhere('remove')
}

/** The other side of what was set or appended; and the parent that it has until now. */
function tellJoined(item: object, inverse: RelationLink, instance: object): void {
  if (inverse.toMany) {
    tellOnly('append', item, inverse, instance)
    return
  }
  const before = knownOne(stateOf(item), inverse)
  if (before === instance) return
  tellOnly('set', item, inverse, instance, before)
  const { inverse: back } = inverse
  if (before != null && back?.toMany === true) tellOnly('remove', before, back, item)
}

function tellLeft(item: object, inverse: RelationLink, instance: object): void {
  if (inverse.toMany) tellOnly('remove', item, inverse, instance)
  else tellOnly('set', item, inverse, null, instance)
}

/** Of what follows from a change elsewhere: it can be refused, and not be replaced. */
function tellOnly(
  name: AttributeEventName,
  target: object,
  { source, property }: RelationLink,
  value: object | null,
  oldValue?: object | null,
): void {
  const change = { target, property, value, fromOtherSide: true, ...(name === 'set' ? { oldValue } : {}) }
  if (heard(name, change) === value) return
  throw new InvalidRequestError(
    `A listener of '${name}' replaced ${nameOf(source)}.${property}, which is what the other side of the relation was given, or a ` +
      'removal; it can only be refused here. Replace the value on the side where it is assigned.',
  )
}
