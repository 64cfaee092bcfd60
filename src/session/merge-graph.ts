import { linksOf, type RelationLink } from '../mapping/index.ts'
import { collectionOf, type InstanceState, stateOf, type UnitOfWork } from '../state/index.ts'

/** What an instance says about one of its relations, to a merge. */
export type GivenRelation =
  | { readonly kind: 'one'; readonly link: RelationLink; readonly item: object | null; readonly wasSet: boolean }
  | { readonly kind: 'all'; readonly link: RelationLink; readonly items: readonly object[] }
  | {
      readonly kind: 'changes'
      readonly link: RelationLink
      readonly added: readonly object[]
      readonly removed: readonly object[]
    }

/** The relations of an instance that a merge follows: those that cascade it and are loaded, or were changed. */
export function givenRelations(source: InstanceState): GivenRelation[] {
  if (source.related === undefined) return []
  const isFollowed = (link: RelationLink) => link.cascade.has('merge') && link.options.viewOnly !== true
  return linksOf(source.model)
    .filter((link) => isFollowed(link) && source.related?.[link.index] !== undefined)
    .flatMap((link) => (link.toMany ? givenMembers(source, link) : [givenOne(source, link)]))
}

function givenOne(source: InstanceState, link: RelationLink): GivenRelation {
  const item = source.related?.[link.index] as object | null
  const wasSet = isNew(source) || source.relatedOriginals?.has(link.index) === true
  return { kind: 'one', link, item, wasSet }
}

/** The collection of a new instance that was only read, and found empty, says nothing. */
function givenMembers(source: InstanceState, link: RelationLink): GivenRelation[] {
  const collection = collectionOf(source, link)
  if (!collection.isWhole) {
    const { added, removed } = collection
    return collection.isChanged ? [{ kind: 'changes', link, added: [...added], removed: [...removed] }] : []
  }
  if (isNew(source) && !collection.wasTouched) return []
  return [{ kind: 'all', link, items: [...collection.knownItems] }]
}

function isNew({ status }: InstanceState): boolean {
  return status === 'transient' || status === 'pending'
}

/** Whether the instance is the session's own for its row: then there is nothing to merge. */
export function isOwn(unit: UnitOfWork, { owner, status }: InstanceState): boolean {
  return owner === unit && status === 'persistent'
}

/** All that a merge of instances reaches, each once; those of the session are not followed. */
export function mergeGraph(unit: UnitOfWork, starts: readonly InstanceState[]): InstanceState[] {
  const reached = new Set(starts)
  for (const source of reached) {
    if (isOwn(unit, source)) continue
    for (const given of givenRelations(source)) for (const item of itemsOf(given)) reached.add(stateOf(item))
  }
  return [...reached]
}

function itemsOf(given: GivenRelation): readonly object[] {
  if (given.kind === 'one') return given.item === null ? [] : [given.item]
  return given.kind === 'all' ? given.items : [...given.added, ...given.removed]
}
