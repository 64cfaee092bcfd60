/** Marks what a slot of a to-many relation holds. */
export const COLLECTION: unique symbol = Symbol('heddle.collection')

/** The stored members of a collection at some moment, to come back to; undefined: it was not loaded. */
export type CollectionContent = readonly object[] | undefined

/** A collection as the record that holds it sees it. Once made, it stays in its slot, so that no change of it can get lost. */
export interface CollectionSlot {
  readonly [COLLECTION]: true
  readonly isLoaded: boolean
  readonly isChanged: boolean
  content(): CollectionContent
  restore(content: CollectionContent): void
  becomeNew(): void
}

/** A slot as it is kept: a collection as its content, an instance or null as it is. */
export function keepSlot(slot: unknown): unknown {
  return isCollectionSlot(slot) ? slot.content() : slot
}

/** The opposite of {@link keepSlot}: a collection comes back as the same object. With `undefined` it is not loaded any more. */
export function restoreSlot(kept: unknown, slot: unknown): unknown {
  if (!isCollectionSlot(slot)) return kept
  slot.restore(kept as CollectionContent)
  return slot
}

export function isCollectionSlot(slot: unknown): slot is CollectionSlot {
  return typeof slot === 'object' && slot !== null && COLLECTION in slot
}

/** So many slots of which nothing is known. By a loop, which is quicker than `fill` for the few that an entity has. */
export function emptySlots(count: number): unknown[] {
  const slots = new Array<unknown>(count)
  for (let index = 0; index < count; index++) slots[index] = undefined
  return slots
}
