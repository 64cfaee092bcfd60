import type { PairTable, RelationLink } from '../mapping/index.ts'
import {
  type Collection,
  type InstanceState,
  identityOf,
  knownCollection,
  stateOf,
  type UnitOfWork,
} from '../state/index.ts'
import { pairLinks } from './pairs.ts'
import type { ConnectionFor } from './run.ts'

/** An instance put into a collection that was not loaded, where it may be stored already. */
interface Addition {
  readonly collection: Collection
  readonly item: object
  readonly key: readonly unknown[]
}

/**
 * Finds out which pairs are stored already, of those that were added to collections nobody has loaded: a member that is in stays in once.
 * One statement for each relation that has such additions; none where one of the two rows is new.
 */
export async function forgetStoredPairs(unit: UnitOfWork, connectionFor: ConnectionFor): Promise<void> {
  const additions = new Map<RelationLink, Addition[]>()
  for (const state of unit.dirty) {
    if (!state.relationsChanged || unit.doomed.has(state)) continue
    for (const link of pairLinks(state)) {
      const unsure = unsureAdditions(state, link)
      if (unsure.length > 0) additions.set(link, [...(additions.get(link) ?? []), ...unsure])
    }
  }
  for (const [link, added] of additions) await forgetStored(link, added, connectionFor)
}

function unsureAdditions(state: InstanceState, link: RelationLink): Addition[] {
  const collection = knownCollection(state, link)
  if (collection === undefined || collection.isWhole || state.storedKey === undefined) return []
  const unsure: Addition[] = []
  for (const item of collection.added) {
    const other = stateOf(item)
    const { inverse } = link
    const opposite = inverse === undefined ? undefined : knownCollection(other, inverse)
    if (other.storedKey === undefined || opposite?.isWhole === true) {
      if (opposite?.isWhole === true && !opposite.added.has(state.instance)) collection.added.delete(item)
      continue
    }
    unsure.push({ collection, item, key: pairKey(link.through as PairTable, state.storedKey, other.storedKey) })
  }
  return unsure
}

/** In the order of the table's columns. */
function pairKey(through: PairTable, source: readonly unknown[], target: readonly unknown[]): unknown[] {
  const values: unknown[] = []
  through.sourceColumns.forEach(({ index }, i) => {
    values[index] = source[i]
  })
  through.targetColumns.forEach(({ index }, i) => {
    values[index] = target[i]
  })
  return values
}

async function forgetStored(
  link: RelationLink,
  added: readonly Addition[],
  connectionFor: ConnectionFor,
): Promise<void> {
  const { model } = link.through as PairTable
  const connection = await connectionFor(link.source)
  const decode = model.columns.map((column) => decoderOf(connection.dialect.codec(column.type)))
  const stored = new Set<unknown>()
  for (const statement of connection.statements.selectByKeys(model, model.columns)(added.map(({ key }) => key))) {
    for (const row of (await connection.run(statement)).rows as unknown[][]) {
      stored.add(
        identityOf(
          model,
          row.map((value, i) => decode[i]?.(value)),
        ),
      )
    }
  }
  for (const { collection, item, key } of added) if (stored.has(identityOf(model, key))) forget(link, collection, item)
}

function decoderOf({ decode }: { readonly decode?: unknown }): (value: unknown) => unknown {
  return (decode as ((value: unknown) => unknown) | undefined) ?? ((value) => value)
}

/** On both sides, neither of which is loaded. */
function forget({ inverse }: RelationLink, collection: Collection, item: object): void {
  collection.added.delete(item)
  const opposite = inverse === undefined ? undefined : knownCollection(stateOf(item), inverse)
  opposite?.added.delete(collection.state.instance)
}
