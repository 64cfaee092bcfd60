import { InvalidRequestError } from '../errors.ts'
import { collectionOf, type InstanceState, instantiatorOf, stateOf } from '../state/index.ts'
import type { SessionCore } from './core.ts'
import { type GivenRelation, givenRelations, isOwn, mergeGraph } from './merge-graph.ts'

/**
 * Takes the sources' values and relations as they are for those of the rows: no SQL, nothing dirty.
 *
 * @throws InvalidRequestError for one that has no row, or where either side has changes that are not flushed
 */
export function mergeUnloaded(
  core: SessionCore,
  starts: readonly InstanceState[],
): ReadonlyMap<InstanceState, InstanceState> {
  const sources = mergeGraph(core.unit, starts)
  const copied = sources.filter((source) => !isOwn(core.unit, source))
  for (const source of copied) refuseUnfit(core, source)
  const targets = new Map(sources.map((source) => [source, source]))
  if (copied.length > 0) core.ensureTransaction('merge()')
  for (const source of copied) targets.set(source, copyRow(core, source))
  for (const source of copied) {
    for (const given of givenRelations(source)) relate(core, targets, targets.get(source) as InstanceState, given)
  }
  return targets
}

function refuseUnfit(core: SessionCore, source: InstanceState): void {
  if (source.identity === undefined) throw unfit(source, 'the instance has no row')
  if (source.isModified) throw unfit(source, 'the instance has unflushed changes')
  if (core.unit.find(source.model, source.identity)?.isModified !== true) return
  throw unfit(source, "this session's own instance of the row has unflushed changes, which would be lost")
}

function unfit(source: InstanceState, why: string): InvalidRequestError {
  return new InvalidRequestError(`merge(${source.describe()}, { load: false }): ${why}; merge it with loading.`)
}

function copyRow(core: SessionCore, source: InstanceState): InstanceState {
  const { unit } = core
  const present = source.identity === undefined ? undefined : unit.find(source.model, source.identity)
  if (present !== undefined) unit.snapshot?.noteLoad(present)
  const target = present ?? instantiatorOf(source.model)(new Array(source.model.columns.length).fill(undefined))
  target.values = source.values.slice()
  target.expired = source.expired
  if (present !== undefined) return present
  target.identity = source.identity
  target.storedKey = source.storedKey
  unit.adopt(target)
  return target
}

function relate(
  core: SessionCore,
  targets: ReadonlyMap<InstanceState, InstanceState>,
  target: InstanceState,
  given: GivenRelation,
): void {
  const merged = (item: object) => targets.get(stateOf(item)) as InstanceState
  const { link } = given
  core.unit.snapshot?.noteRelationLoad(target, link)
  if (given.kind === 'one') {
    target.slots()[link.index] = given.item === null ? null : merged(given.item).instance
  } else if (given.kind === 'all') {
    const members = given.items.map(merged)
    collectionOf(target, link).restore(members.map((member) => member.instance))
    pointBack(target, given, members)
  }
}

/** Members hold their owner too, where they have one only. */
function pointBack(target: InstanceState, { link }: GivenRelation, members: readonly InstanceState[]): void {
  const { inverse } = link
  if (inverse === undefined || inverse.toMany) return
  for (const member of members) member.slots()[inverse.index] ??= target.instance
}
