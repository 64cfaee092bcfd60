import type { EntityModel } from '../../mapping/index.ts'
import type { Dialect } from '../../sql/index.ts'
import type { InstanceState, UnitOfWork } from '../../state/index.ts'
import { hydrateRows, hydrationOf } from '../hydrate.ts'
import type { EntitySelect } from '../query-target.ts'
import { isLoaded } from '../related.ts'
import { giveMembers } from '../related-members.ts'
import type { JoinedNode, JoinedPlan } from './joined-plan.ts'
import { type LoadPlan, notePlan } from './load-plan.ts'
import { renew } from './renew.ts'

/** What rows of a select hold. */
export type HydratedSelect = Pick<EntitySelect, 'model' | 'columns' | 'populateExisting' | 'plan' | 'joined'>
/** The same with relations beside the entity. */
export type HydratedJoins = HydratedSelect & { readonly joined: JoinedPlan }

/** The columns of one entity in rows that hold several. */
interface Part {
  readonly model: EntityModel
  readonly columns: EntitySelect['columns']
  readonly plan: LoadPlan
  readonly offset: number
}

/** An entity's instances in rows that hold several. */
interface PartStates {
  /** Each once, in the order in which they come. */
  readonly each: (InstanceState | null)[]
  /** By row; null where an outer join found nothing. */
  readonly byRow: readonly (InstanceState | null)[]
}

/**
 * Rows of a query that joins relations into instances, with these relations. Gives one instance for each row; where collections are
 * joined, each instance once.
 *
 * @param renewed instances whose relations were dropped to be read again; undefined where what is loaded stays
 */
export function hydrateJoined(
  unit: UnitOfWork,
  dialect: Dialect,
  select: HydratedJoins,
  rows: readonly unknown[],
  renewed: Set<InstanceState> | undefined,
): (InstanceState | null)[] {
  const { model, columns, plan, joined } = select
  const read = (part: Part) => statesOf(unit, dialect, part, rows as readonly unknown[][], select)
  const own = read({ model, columns, plan, offset: 0 })
  const targets = joined.nodes.map(({ link, columns, plan, offset }) =>
    read({ model: link.target, columns, plan, offset }),
  )
  if (renewed !== undefined) {
    for (const { each } of [own, ...targets]) renew(unit, each, renewed)
  }
  joined.nodes.forEach((node, i) => {
    const owners = node.parent === undefined ? own : (targets[node.parent] as PartStates)
    relate(unit, node, owners, targets[i] as PartStates)
  })
  return joined.hasCollections ? own.each : [...own.byRow]
}

function statesOf(
  unit: UnitOfWork,
  dialect: Dialect,
  { model, columns, plan, offset }: Part,
  rows: readonly unknown[][],
  options: { readonly populateExisting: boolean },
): PartStates {
  const { unique, placeOf } = partsOf(
    rows,
    offset,
    columns.length,
    model.key.map((column) => offset + columns.indexOf(column)),
  )
  const each = hydrateRows(unit, hydrationOf(dialect, model, columns), unique, options)
  notePlan(each, plan)
  return { each, byRow: placeOf.map((place) => each[place] ?? null) }
}

/** The parts of rows that are one entity's, each key once; and which of them each row holds, -1 for none. */
function partsOf(
  rows: readonly unknown[][],
  offset: number,
  width: number,
  keyPlaces: readonly number[],
): { readonly unique: unknown[][]; readonly placeOf: readonly number[] } {
  const places = new Map<unknown, number>()
  const unique: unknown[][] = []
  const placeOf = rows.map((row) => {
    const key = keyIn(row, keyPlaces)
    if (key === null) return -1
    const known = places.get(key)
    if (known !== undefined) return known
    places.set(key, unique.length)
    return unique.push(row.slice(offset, offset + width)) - 1
  })
  return { unique, placeOf }
}

function keyIn(row: readonly unknown[], places: readonly number[]): unknown {
  const [first, ...others] = places
  const value = row[first as number] ?? null
  if (others.length === 0) return value
  const parts = places.map((place) => row[place] ?? null)
  return parts.includes(null) ? null : parts.map((part) => `${typeof part}:${String(part)}`).join('\u0000')
}

/** Gives the owners that lack the relation what their rows hold of it. */
function relate(unit: UnitOfWork, { link, join, criteria }: JoinedNode, owners: PartStates, targets: PartStates): void {
  const members = new Map<InstanceState, Set<object>>()
  for (const owner of owners.each) {
    if (owner !== null && (link.toMany ? !isLoaded(owner, link) : isOpen(owner, link))) members.set(owner, new Set())
  }
  owners.byRow.forEach((owner, row) => {
    const target = targets.byRow[row]
    if (owner !== null && target != null) members.get(owner)?.add(target.instance)
  })
  for (const [owner, found] of members) {
    giveMembers(owner, link, [...found], join === 'present' || criteria.length > 0)
    unit.snapshot?.noteRelationLoad(owner, link)
  }
}

/** Whether a to-one relation is still to be told: not where it, or its foreign key, was set meanwhile. */
function isOpen(state: InstanceState, { index, pairs, holder }: JoinedNode['link']): boolean {
  if (state.related?.[index] !== undefined) return false
  return holder !== 'source' || pairs.every(({ source }) => state.originals?.has(source.index) !== true)
}
