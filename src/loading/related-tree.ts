import { type EntityModel, linksOf, type RelationLink } from '../mapping/index.ts'
import { type InstanceState, knownOne, knownRelated, stateOf } from '../state/index.ts'
import { isLoaded, loadRelation, relatedValue } from './related.ts'
import { type RelatedSource, readExpired } from './related-rows.ts'
import type { JoinedNode, JoinedPlan } from './strategies/joined-plan.ts'
import { comesAlong, isEager, type LoadPlan } from './strategies/load-plan.ts'
import { renew } from './strategies/renew.ts'

/** How the relations of instances are loaded. */
export interface TreeOptions {
  /** Drop what is loaded and read it again, unflushed changes included. */
  readonly populateExisting: boolean
  /** With it: the instances whose relations were read again already. */
  readonly renewed?: Set<InstanceState> | undefined
  /** What came in the rows of the instances. */
  readonly joined?: JoinedPlan | undefined
}

/**
 * Loads relations of instances, and those of their targets: one statement for each relation of each level, whatever the number of
 * instances. Beside those that the plan names, relations are loaded that are declared to come along.
 */
export function loadTree(
  source: RelatedSource,
  model: EntityModel,
  states: readonly InstanceState[],
  plan: LoadPlan,
  options: TreeOptions,
): Promise<void> {
  const renewed = options.populateExisting ? (options.renewed ?? new Set<InstanceState>()) : undefined
  const tree = { ...source, ...options, renewed, followed: new Map() }
  return loadLevel(tree, model, states, plan, [])
}

interface TreeSource extends RelatedSource {
  /** The instances whose relations were dropped to be read again, each once; undefined where none is to be. */
  readonly renewed: Set<InstanceState> | undefined
  /** The instances whose relations to their own kind were followed, so that a circle of rows is followed once. */
  readonly followed: Map<RelationLink, Set<InstanceState>>
  readonly joined?: JoinedPlan | undefined
}

/** Loads what is said of the targets of a relation that is loaded, for those of several owners. */
export async function loadBelow(
  source: RelatedSource,
  owners: readonly InstanceState[],
  link: RelationLink,
  below: LoadPlan,
): Promise<void> {
  if (!hasRelationsToLoad(link.target, below)) return
  const loaded = owners.filter((owner) => isLoaded(owner, link))
  const tree = { ...source, renewed: undefined, followed: new Map() }
  const targets = await targetsLoaded(tree, loaded, link, below)
  await loadLevel(tree, link.target, targets, below, [link])
}

/** Whether there is anything to load with instances of an entity. */
export function hasRelationsToLoad(model: EntityModel, plan: LoadPlan): boolean {
  return model.relations.length > 0 && linksOf(model).some((link) => isEager(plan.strategyOf(link)))
}

async function loadLevel(
  source: TreeSource,
  model: EntityModel,
  states: readonly InstanceState[],
  plan: LoadPlan,
  path: readonly RelationLink[],
): Promise<void> {
  if (states.length === 0 || model.relations.length === 0) return
  if (source.renewed !== undefined) renew(source.unit, states, source.renewed)
  for (const link of linksToLoad(model, plan, path)) {
    const below = plan.below(link)
    const owners = plan.recurses(link) ? notFollowed(source, states, link) : states
    const isThere = cameAsPart(source, plan, link, path)
    const read = isThere ? undefined : await loadRelation(source, owners, link, below, plan.choiceOf(link))
    const targets = read ?? (await targetsLoaded(source, owners, link, below))
    if (link.target.relations.length === 0) continue
    await loadLevel(source, link.target, isEachOnce(link, read) ? targets : [...new Set(targets)], below, [
      ...path,
      link,
    ])
  }
}

/** A row has one owner where it holds the owner's key; else one may be a target of many. */
function isEachOnce({ holder }: RelationLink, read: readonly InstanceState[] | undefined): boolean {
  return read === undefined || holder === 'target'
}

/** Whether a part of the relation came in the rows, which is all that is wanted: a whole one is known as loaded. */
function cameAsPart(
  { joined }: TreeSource,
  plan: LoadPlan,
  link: RelationLink,
  path: readonly RelationLink[],
): boolean {
  if (plan.strategyOf(link) === 'containsEager') return true
  const node = joined && nodeAt(joined, [...path, link])
  return node !== undefined && node.criteria.length > 0
}

/** The node at the end of a path from the query's own entity. */
function nodeAt({ nodes }: JoinedPlan, path: readonly RelationLink[]): JoinedNode | undefined {
  let parent: number | undefined
  for (const link of path) {
    const place = nodes.findIndex((node) => node.link === link && node.parent === parent)
    if (place < 0) return undefined
    parent = place
  }
  return parent === undefined ? undefined : nodes[parent]
}

function notFollowed({ followed }: TreeSource, states: readonly InstanceState[], link: RelationLink): InstanceState[] {
  const seen = followed.get(link) ?? new Set<InstanceState>()
  followed.set(link, seen)
  const fresh = states.filter((state) => !seen.has(state))
  for (const state of fresh) seen.add(state)
  return fresh
}

function linksToLoad(model: EntityModel, plan: LoadPlan, path: readonly RelationLink[]): RelationLink[] {
  return linksOf(model).filter((link) => isEager(plan.strategyOf(link)) && (plan.names(link) || comesAlong(link, path)))
}

/** The targets of a relation that is loaded, each once, all of them readable. */
async function targetsLoaded(
  source: TreeSource,
  states: readonly InstanceState[],
  link: RelationLink,
  below: LoadPlan,
): Promise<InstanceState[]> {
  if (!link.toMany) keepKnown(source, states, link)
  const targets = targetsOf(states, link)
  await readExpired(source, targets, below)
  return targets
}

/** What was found in the identity map is held from now on, whatever leaves the session later. */
function keepKnown(source: RelatedSource, states: readonly InstanceState[], link: RelationLink): void {
  for (const state of states) {
    if (state.related?.[link.index] !== undefined) continue
    state.slots()[link.index] = relatedValue(state, link)
    source.unit.snapshot?.noteRelationLoad(state, link)
  }
}

function targetsOf(states: readonly InstanceState[], link: RelationLink): InstanceState[] {
  const targets = new Set<InstanceState>()
  for (const state of states) {
    const one = link.toMany ? undefined : knownOne(state, link)
    for (const item of one == null ? knownRelated(state, link) : [one]) targets.add(stateOf(item))
  }
  return [...targets]
}
