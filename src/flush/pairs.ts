import { linksOf, type PairTable, type RelationLink } from '../mapping/index.ts'
import { type InstanceState, knownCollection, stateOf, type UnitOfWork } from '../state/index.ts'
import { keyOf } from './deferred-key.ts'

/** A row of a table of pairs that is to be written or deleted. */
export interface PairRow {
  /** By column index of the table. Deferred keys until both instances have rows. */
  readonly values: unknown[]
  /** What the row connects, for messages. */
  readonly between: readonly [InstanceState, InstanceState]
}

/** The rows of one table of pairs that a flush inserts and deletes. */
export interface PairWork {
  readonly table: PairTable
  readonly inserts: readonly PairRow[]
  readonly deletes: readonly PairRow[]
}

/** Both sides of a many-to-many relation may have been told of one change; each row is written once. */
export function collectPairs(unit: UnitOfWork): readonly PairWork[] {
  const tables = new Map<PairTable['model'], PairCollector>()
  const collectorOf = (link: RelationLink) => {
    const through = link.through as PairTable
    const collector = tables.get(through.model) ?? new PairCollector(through)
    tables.set(through.model, collector)
    return collector
  }
  const collect = (state: InstanceState) => {
    // Without a relation in memory there is no collection that could have changed.
    if (state.related === undefined || unit.doomed.has(state)) return
    for (const link of pairLinks(state)) collectorOf(link).addChanges(unit, state, link)
  }
  for (const state of unit.pending) collect(state)
  for (const state of unit.dirty) collect(state)
  for (const state of unit.doomed) for (const link of pairLinks(state)) collectorOf(link).addDeleted(state, link)
  return [...tables.values()]
    .map((collector) => collector.work())
    .filter(({ inserts, deletes }) => inserts.length + deletes.length > 0)
}

/** The relations of an instance whose pairs a flush writes. */
export function pairLinks({ model }: InstanceState): readonly RelationLink[] {
  const links = linksOf(model)
  let paired = pairedOf.get(links)
  if (paired === undefined) {
    paired = links.filter((link) => link.holder === 'pairs' && link.options.viewOnly !== true)
    pairedOf.set(links, paired)
  }
  return paired
}

/** Found once for the relations of each entity: every flush asks for every instance. */
const pairedOf = new WeakMap<readonly RelationLink[], readonly RelationLink[]>()

/** Whether there can be pairs of the instance: one that an earlier flush has deleted took them with it. */
function hasPairs(state: InstanceState): boolean {
  return state.identity !== undefined && !state.wasDeleted
}

class PairCollector {
  readonly #table: PairTable
  readonly #inserts = new Map<InstanceState, Map<InstanceState, PairRow>>()
  readonly #deletes = new Map<InstanceState, Map<InstanceState, PairRow>>()

  constructor(table: PairTable) {
    this.#table = table
  }

  addChanges(unit: UnitOfWork, state: InstanceState, link: RelationLink): void {
    const collection = knownCollection(state, link)
    if (collection === undefined) return
    for (const item of collection.added) {
      const other = stateOf(item)
      if (other.owner === unit && !unit.doomed.has(other)) this.#note(this.#inserts, state, link, other)
    }
    for (const item of collection.removed) {
      if (hasPairs(stateOf(item))) this.#note(this.#deletes, state, link, stateOf(item))
    }
  }

  /** A deleted instance takes all of its stored pairs with it. */
  addDeleted(state: InstanceState, link: RelationLink): void {
    const collection = knownCollection(state, link)
    if (collection === undefined) return
    for (const item of [...collection.knownItems, ...collection.removed]) {
      const other = stateOf(item)
      if (!collection.added.has(item) && hasPairs(other)) this.#note(this.#deletes, state, link, other)
    }
  }

  /** In the order of the table's columns, so that both sides of a relation name a row alike. */
  #note(
    rows: Map<InstanceState, Map<InstanceState, PairRow>>,
    state: InstanceState,
    link: RelationLink,
    other: InstanceState,
  ): void {
    const through = link.through as PairTable
    const isFirst = through.sourceColumns[0]?.index === 0
    const between = isFirst ? ([state, other] as const) : ([other, state] as const)
    const byFirst = rows.get(between[0]) ?? new Map<InstanceState, PairRow>()
    rows.set(between[0], byFirst)
    if (byFirst.has(between[1])) return
    const values: unknown[] = []
    link.source.key.forEach((key, i) => {
      values[through.sourceColumns[i]?.index as number] = keyOf(state, key)
    })
    link.target.key.forEach((key, i) => {
      values[through.targetColumns[i]?.index as number] = keyOf(other, key)
    })
    byFirst.set(between[1], { values, between })
  }

  work(): PairWork {
    const all = (rows: Map<InstanceState, Map<InstanceState, PairRow>>) =>
      [...rows.values()].flatMap((byFirst) => [...byFirst.values()])
    return { table: this.#table, inserts: all(this.#inserts), deletes: all(this.#deletes) }
  }
}
