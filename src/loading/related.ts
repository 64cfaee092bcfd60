import type { RelationLink } from '../mapping/index.ts'
import {
  collectionOf,
  foreignKeyOf,
  type IdentityKey,
  type InstanceState,
  identityOf,
  knownOne,
  mayHideOne,
  noteHidden,
  pointsAtKey,
  type UnitOfWork,
} from '../state/index.ts'
import { settled } from './late-value.ts'
import { loadMembers, membersOfKey, ownerKey } from './related-members.ts'
import { hydrateTargets, type RelatedSource, readExpired, ruledPart, storedValues } from './related-rows.ts'
import { writeOnly } from './relation-paths.ts'
import { type LoadPlan, noPlan } from './strategies/load-plan.ts'
import type { MemberChoice } from './strategies/member-choice.ts'

/**
 * Loads one relation for several instances of an entity at once: one statement for up to ten thousand of them. Those that have it
 * already are left alone.
 *
 * @param choice which members of a collection, and in what order; undefined for all, as the relation was declared
 * @returns the targets of all the instances, some perhaps several times, where each of them was read just now (none of them where
 *   they have no relations to be followed); otherwise undefined
 */
export async function loadRelation(
  source: RelatedSource,
  states: readonly InstanceState[],
  link: RelationLink,
  below: LoadPlan = noPlan,
  choice?: MemberChoice,
): Promise<readonly InstanceState[] | undefined> {
  if (link.options.collection === 'writeOnly') throw writeOnly('Loading', link)
  if (source.criteria === undefined) uncover(states, link)
  const { lacking, unread } = lackingOf(states, link)
  if (lacking.length === 0) return undefined
  if (unread.length > 0) await readExpired(source, unread)
  const read =
    link.holder === 'source'
      ? await loadTargets(source, lacking, link, below)
      : await loadMembers(source, lacking, link, below, choice)
  const { snapshot } = source.unit
  if (snapshot !== undefined) for (const state of lacking) snapshot.noteRelationLoad(state, link)
  return lacking.length === states.length ? read : undefined
}

/** Where all is wanted, a null that hides something is not loaded. */
function uncover(states: readonly InstanceState[], link: RelationLink): void {
  if (link.toMany) return
  for (const state of states) if (mayHideOne(state, link)) state.slots()[link.index] = undefined
}

/** What is stored for a relation of one instance, whatever the program has set meanwhile; changes nothing of the relation. */
export async function readStored(
  source: RelatedSource,
  state: InstanceState,
  link: RelationLink,
): Promise<readonly object[]> {
  if (needsReading(state, link)) await readExpired(source, [state])
  const columns = link.pairs.map((pair) => pair.source)
  const key = link.holder === 'source' ? storedValues(state, columns) : ownerKey(state, link)
  if (key.some((part) => part === null || part === undefined)) return []
  if (link.holder === 'source') {
    const found = await targetsByKey(source, link, [key], noPlan)
    return Array.from(found.values(), (target) => target.instance)
  }
  return membersOfKey(source, link, key)
}

/** The instances that lack a relation, and those of them that must be read before it can be loaded. */
function lackingOf(states: readonly InstanceState[], link: RelationLink) {
  const lacking: InstanceState[] = []
  const unread: InstanceState[] = []
  for (const state of states) {
    if (isLoaded(state, link)) continue
    lacking.push(state)
    if (needsReading(state, link)) unread.push(state)
  }
  return { lacking, unread }
}

/** Whether the columns by which an instance points at its related ones, or they at it, are not there. */
function needsReading(state: InstanceState, { pairs }: RelationLink): boolean {
  if (state.expired) return true
  for (const { source } of pairs) if (state.raw[source.index] === undefined) return true
  return false
}

/** Whether a relation can be read without loading it; a collection of which a part was loaded is not. */
export function isLoaded(state: InstanceState, link: RelationLink): boolean {
  return link.toMany ? collectionOf(state, link).isWhole : knownOne(state, link) !== undefined
}

/** What the loaded relation of one instance is: the instance, null, or the members. */
export function relatedValue(state: InstanceState, link: RelationLink): unknown {
  return link.toMany ? collectionOf(state, link).view : knownOne(state, link)
}

/** To-one by foreign key: each target once, whatever the number of those that point at it. Some may be there, and not all of each. */
async function loadTargets(
  source: RelatedSource,
  states: readonly InstanceState[],
  link: RelationLink,
  below: LoadPlan,
): Promise<undefined> {
  const keys = new Map<IdentityKey, unknown[]>()
  for (const state of states) {
    const identity = foreignKeyOf(state, link)
    if (identity == null || keys.has(identity)) continue
    const key = link.pairs.map(({ source: column }) => state.valueOf(column))
    keys.set(identity, key)
  }
  const found = await targetsByKey(source, link, [...keys.values()], below)
  for (const state of states) {
    const identity = foreignKeyOf(state, link)
    if (identity === undefined || hasSlot(state, link)) continue
    const one = identity === null ? undefined : found.get(identity)
    state.slots()[link.index] = one?.instance ?? null
    if (one === undefined && identity !== null && source.criteria !== undefined) noteHidden(state, link)
  }
}

/** A program may have set the property while the statement ran: its word stays. */
function hasSlot(state: InstanceState, link: RelationLink): boolean {
  return state.related?.[link.index] !== undefined
}

async function targetsByKey(
  source: RelatedSource,
  link: RelationLink,
  keys: readonly (readonly unknown[])[],
  below: LoadPlan,
): Promise<Map<IdentityKey, InstanceState>> {
  const targets = link.pairs.map(({ target }) => target)
  const found = new Map<IdentityKey, InstanceState>()
  const wanted = pointsAtKey(link) ? keys.filter((key) => !takePresent(source.unit, link, key, found)) : keys
  if (wanted.length === 0) return found
  const connection = await source.connectionFor(link.target, link)
  const { statements } = connection
  const columns = below.columnsOf(link.target)
  const part = ruledPart(source, connection, link, below)
  const select =
    pointsAtKey(link) && part === undefined
      ? statements.selectByKeys(link.target, columns)
      : statements.selectMembers(link.target, columns, targets, [], undefined, part)
  for (const statement of select(wanted)) {
    const { rows } = await connection.run(settled(statement))
    for (const state of await hydrateTargets(source, connection, link, below, rows)) {
      const identity = state === null ? undefined : identityOf(link.target, storedValues(state, targets))
      if (state !== null && identity !== undefined) found.set(identity, state)
    }
  }
  return found
}

function takePresent(
  unit: UnitOfWork,
  link: RelationLink,
  key: readonly unknown[],
  found: Map<IdentityKey, InstanceState>,
): boolean {
  const identity = identityOf(link.target, key)
  const present = identity === undefined ? undefined : unit.find(link.target, identity)
  if (present === undefined || identity === undefined || present.expired) return false
  found.set(identity, present)
  return true
}
