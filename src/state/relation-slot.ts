/** Marks what a slot of a to-many relation holds. */
export const COLLECTION: unique symbol = Symbol('heddle.collection')

/** A collection's content at some moment, to come back to. */
export interface CollectionContent {
  /** undefined: it was not loaded. */
  readonly items: readonly object[] | undefined
  readonly added: ReadonlySet<object>
  readonly removed: ReadonlySet<object>
}

/** A collection as the record that holds it sees it. */
export interface CollectionSlot {
  readonly [COLLECTION]: true
  content(): CollectionContent
  restore(content: CollectionContent): void
}

/** A slot as it is kept: a collection as its content, an instance or null as it is. */
export function keepSlot(slot: unknown): unknown {
  return isCollectionSlot(slot) ? slot.content() : slot
}

/** The opposite of {@link keepSlot}: a collection comes back as the same object. */
export function restoreSlot(kept: unknown, slot: unknown): unknown {
  if (!isCollectionSlot(slot) || kept === undefined) return kept
  slot.restore(kept as CollectionContent)
  return slot
}

function isCollectionSlot(slot: unknown): slot is CollectionSlot {
  return typeof slot === 'object' && slot !== null && COLLECTION in slot
}
