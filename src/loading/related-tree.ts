import { type EntityModel, linksOf, type RelationLink } from '../mapping/index.ts'
import { type InstanceState, stateOf } from '../state/index.ts'
import { loadRelation, type RelatedSource, readExpired, relatedValue } from './related.ts'
import { noRelations, type RelationTree } from './relation-paths.ts'

/** How the relations of instances are loaded. */
export interface TreeOptions {
  /** Drop what is loaded and read it again, unflushed changes included. */
  readonly populateExisting: boolean
}

/**
 * Loads relations of instances, and those of their targets: one statement for each relation of each level, whatever the number of
 * instances. Beside those that are named, relations declared with `lazy: 'selectin'` or `'joined'` are loaded.
 */
export function loadTree(
  source: RelatedSource,
  model: EntityModel,
  states: readonly InstanceState[],
  tree: RelationTree,
  options: TreeOptions,
): Promise<void> {
  const renewed = options.populateExisting ? new Set<InstanceState>() : undefined
  return loadLevel({ ...source, ...options, renewed }, model, states, tree, [])
}

interface TreeSource extends RelatedSource {
  /** The instances whose relations were dropped to be read again, each once; undefined where none is to be. */
  readonly renewed: Set<InstanceState> | undefined
}

function renew({ unit, renewed }: TreeSource, states: readonly InstanceState[]): void {
  if (renewed === undefined) return
  for (const state of states) {
    if (renewed.has(state)) continue
    renewed.add(state)
    if (state.related === undefined) continue
    for (const link of linksOf(state.model)) unit.expireRelation(state, link)
  }
}

/** Whether there is anything to load with instances of an entity. */
export function hasRelationsToLoad(model: EntityModel, tree: RelationTree): boolean {
  return tree.size > 0 || (model.relations.length > 0 && linksOf(model).some(isEager))
}

async function loadLevel(
  source: TreeSource,
  model: EntityModel,
  states: readonly InstanceState[],
  tree: RelationTree,
  path: readonly RelationLink[],
): Promise<void> {
  if (states.length === 0 || model.relations.length === 0) return
  renew(source, states)
  for (const link of linksToLoad(model, tree, path)) {
    const targets = await loadOne(source, states, link)
    await loadLevel(source, link.target, targets, tree.get(link) ?? noRelations, [...path, link])
  }
}

/** The named ones, and the eager ones that do not lead back: a tree whose nodes load their children would never end. */
function linksToLoad(model: EntityModel, tree: RelationTree, path: readonly RelationLink[]): RelationLink[] {
  const isNew = (link: RelationLink) =>
    !path.includes(link) && (link.inverse === undefined || path.at(-1) !== link.inverse)
  return linksOf(model).filter((link) => tree.has(link) || (isEager(link) && isNew(link)))
}

function isEager({ options }: RelationLink): boolean {
  return options.lazy === 'selectin' || options.lazy === 'joined'
}

/** One relation of all instances; gives its targets, each once, all of them readable. */
async function loadOne(source: RelatedSource, states: readonly InstanceState[], link: RelationLink) {
  await loadRelation(source, states, link)
  if (!link.toMany) keepKnown(source, states, link)
  const targets = targetsOf(states, link)
  await readExpired(source, targets)
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
    const value = relatedValue(state, link)
    if (value === null || value === undefined) continue
    for (const item of link.toMany ? (value as Iterable<object>) : [value as object]) targets.add(stateOf(item))
  }
  return [...targets]
}
