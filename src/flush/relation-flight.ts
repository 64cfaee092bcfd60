import { linksOf } from '../mapping/index.ts'
import { type Collection, type InstanceState, knownCollection } from '../state/index.ts'

interface CollectionFlight {
  readonly collection: Collection
  readonly added: ReadonlySet<object>
  readonly removed: ReadonlySet<object>
}

/** The changes of an instance's relations that a flush is writing. */
export interface RelationFlight {
  readonly state: InstanceState
  readonly originals: InstanceState['relatedOriginals']
  readonly collections: readonly CollectionFlight[]
}

/** Takes the changes out of the record: what changes from now on is noted anew. */
export function takeRelations(state: InstanceState): RelationFlight {
  const collections: CollectionFlight[] = []
  for (const link of linksOf(state.model)) {
    const collection = link.toMany ? knownCollection(state, link) : undefined
    if (collection === undefined || !collection.isChanged) continue
    collections.push({ collection, added: collection.added, removed: collection.removed })
    collection.added = new Set()
    collection.removed = new Set()
  }
  const originals = state.relatedOriginals
  state.relatedOriginals = undefined
  state.relationsChanged = false
  return { state, originals, collections }
}

/** The changes are stored: an unloaded collection knows them no longer, and reads them when it is loaded. */
export function landRelations({ state }: RelationFlight): void {
  state.parents?.forEach((parent, link, parents) => {
    if (parent === null) parents.delete(link)
  })
}

/** The changes were not stored: they are noted again, under those made since. */
export function returnRelations({ state, originals, collections }: RelationFlight): void {
  for (const { collection, added, removed } of collections) {
    for (const item of added) if (!collection.removed.delete(item)) collection.added.add(item)
    for (const item of removed) if (!collection.added.delete(item)) collection.removed.add(item)
  }
  if (originals !== undefined) state.relatedOriginals = new Map([...(state.relatedOriginals ?? []), ...originals])
  state.relationsChanged = true
}
