import type { Outcome, Statement } from '../drivers/index.ts'
import { MultipleResultsError } from '../errors.ts'
import type { ColumnModel, EntityModel, RelationLink } from '../mapping/index.ts'
import type { Dialect, Statements } from '../sql/index.ts'
import {
  collectionOf,
  foreignKeyOf,
  type IdentityKey,
  type InstanceState,
  identityOf,
  knownOne,
  pointsAtKey,
  type UnitOfWork,
} from '../state/index.ts'
import { hydrateRows, hydrationOf } from './hydrate.ts'
import { hasKinds } from './kinds.ts'
import { memberOrder } from './member-order.ts'
import { loadFilter } from './own-condition.ts'
import { writeOnly } from './relation-paths.ts'
import { type LoadPlan, noPlan, notePlan } from './strategies/load-plan.ts'
import { isPartial, type MemberChoice, orderOf, partOf } from './strategies/member-choice.ts'

/** What reading rows needs of a connection. */
export interface Reader {
  readonly dialect: Dialect
  readonly statements: Statements
  run(statement: Statement): Promise<Outcome>
}

/** Where the statements of a load run. */
export interface RelatedSource {
  readonly unit: UnitOfWork
  /** Overwrite what instances hold, unflushed changes included. Default: false. */
  readonly populateExisting?: boolean
  /** @param link the relation whose targets are to be read, where it is one */
  connectionFor(model: RelationLink['target'], link?: RelationLink): Promise<Reader>
}

/**
 * Loads one relation for several instances of an entity at once: one statement for up to ten thousand of them. Those that have it
 * already are left alone.
 *
 * @param choice which members of a collection, and in what order; undefined for all, as the relation was declared
 */
export async function loadRelation(
  source: RelatedSource,
  states: readonly InstanceState[],
  link: RelationLink,
  below: LoadPlan = noPlan,
  choice?: MemberChoice,
): Promise<void> {
  if (link.options.collection === 'writeOnly') throw writeOnly('Loading', link)
  const lacking = states.filter((state) => !isLoaded(state, link))
  if (lacking.length === 0) return
  await readExpired(
    source,
    lacking.filter((state) => needsReading(state, link)),
  )
  if (link.holder === 'source') await loadTargets(source, lacking, link, below)
  else await loadMembers(source, lacking, link, below, choice)
  for (const state of lacking) source.unit.snapshot?.noteRelationLoad(state, link)
}

/** What is stored for a relation of one instance, whatever the program has set meanwhile; changes nothing of the relation. */
export async function readStored(
  source: RelatedSource,
  state: InstanceState,
  link: RelationLink,
): Promise<readonly object[]> {
  if (needsReading(state, link)) await readExpired(source, [state])
  const columns = link.pairs.map((pair) => pair.source)
  const key = link.holder === 'source' ? valuesOf(state, columns) : ownerKey(state, link)
  if (key.some((part) => part === null || part === undefined)) return []
  if (link.holder === 'source') {
    const found = await targetsByKey(source, link, [key], noPlan)
    return Array.from(found.values(), (target) => target.instance)
  }
  const owner = identityOf(link.source, key)
  const members = new Map<IdentityKey, object[]>()
  if (owner === undefined) return []
  members.set(owner, [])
  await readMembers(source, link, [key], members, noPlan)
  return members.get(owner) ?? []
}

/** Whether the columns by which an instance points at its related ones, or they at it, are not there. */
function needsReading(state: InstanceState, { pairs }: RelationLink): boolean {
  return state.expired || pairs.some(({ source }) => state.values[source.index] === undefined)
}

/**
 * Reads the columns of instances that are expired or lack some: one statement for each entity. One whose row is gone stays as it is.
 */
export async function readExpired(
  source: RelatedSource,
  states: readonly InstanceState[],
  plan: LoadPlan = noPlan,
): Promise<void> {
  const byModel = Map.groupBy(
    states.filter(({ owner, status }) => owner === source.unit && status === 'persistent'),
    (state) => state.model,
  )
  for (const [model, persistent] of byModel) {
    const columns = plan.columnsOf(model)
    const lacking = persistent.filter((state) => lacksColumns(state, columns))
    const keys = lacking.map((state) => state.storedKey as readonly unknown[])
    if (keys.length > 0) await readByKeys({ ...source, populateExisting: false }, model, keys, columns)
  }
}

/** Columns that are deferred, or left out by a query, are not missed: they are read when they are asked for. */
function lacksColumns({ values }: InstanceState, columns: readonly ColumnModel[]): boolean {
  return columns.some((column) => values[column.index] === undefined)
}

/** Reads columns of rows by their keys into the session's instances. */
export async function readByKeys(
  source: RelatedSource,
  model: EntityModel,
  keys: readonly (readonly unknown[])[],
  columns: readonly ColumnModel[] = model.loaded,
): Promise<void> {
  const connection = await source.connectionFor(model)
  const selected = [...columns, ...model.key.filter((column) => !columns.includes(column))]
  const read = selected.length === columns.length ? columns : selected
  const hydration = hydrationOf(connection.dialect, model, read)
  for (const statement of connection.statements.selectByKeys(model, read)(keys)) {
    const { rows } = await connection.run(statement)
    const states = hydrateRows(source.unit, hydration, rows, { populateExisting: source.populateExisting === true })
    if (hasKinds(model)) await readBeyond(source, model, states)
  }
}

/**
 * Reads what the rows of a class have beyond the columns of one above it, by which they were found: one statement for each class.
 *
 * @param plan says which columns are read
 */
export async function readBeyond(
  source: RelatedSource,
  model: EntityModel,
  states: readonly (InstanceState | null)[],
  plan: LoadPlan = noPlan,
): Promise<void> {
  const below = new Set(states.filter((state) => state !== null && state.model !== model)) as Set<InstanceState>
  for (const [kind, some] of Map.groupBy(below, (state) => state.model)) {
    const columns = plan.columnsOf(kind)
    const beyond = columns.filter(({ index }) => index >= model.columns.length)
    const wanted = some.filter((state) => source.populateExisting === true || lacksColumns(state, beyond))
    const keys = wanted.map((state) => state.storedKey as readonly unknown[])
    if (beyond.length > 0 && keys.length > 0) await readByKeys(source, kind, keys, columns)
  }
}

/** Rows of a relation's targets into instances, with what is said of them. */
async function hydrateTargets(
  source: RelatedSource,
  { dialect }: Reader,
  link: RelationLink,
  below: LoadPlan,
  rows: readonly unknown[],
): Promise<(InstanceState | null)[]> {
  const { unit, populateExisting = false } = source
  const hydration = hydrationOf(dialect, link.target, below.columnsOf(link.target))
  const states = hydrateRows(unit, hydration, rows, { populateExisting })
  notePlan(states, below)
  if (hasKinds(link.target)) await readBeyond(source, link.target, states, below)
  return states
}

/** Whether a relation can be read without loading it; a collection of which a part was loaded is not. */
export function isLoaded(state: InstanceState, link: RelationLink): boolean {
  return link.toMany ? collectionOf(state, link).isWhole : knownOne(state, link) !== undefined
}

/** What the loaded relation of one instance is: the instance, null, or the members. */
export function relatedValue(state: InstanceState, link: RelationLink): unknown {
  return link.toMany ? collectionOf(state, link).view : knownOne(state, link)
}

/** To-one by foreign key: each target once, whatever the number of those that point at it. */
async function loadTargets(
  source: RelatedSource,
  states: readonly InstanceState[],
  link: RelationLink,
  below: LoadPlan,
): Promise<void> {
  const keys = new Map<IdentityKey, unknown[]>()
  for (const state of states) {
    const identity = foreignKeyOf(state, link)
    if (identity != null)
      keys.set(
        identity,
        link.pairs.map(({ source: column }) => state.values[column.index]),
      )
  }
  const found = await targetsByKey(source, link, [...keys.values()], below)
  for (const state of states) {
    const identity = foreignKeyOf(state, link)
    if (identity !== undefined && !hasSlot(state, link)) {
      state.slots()[link.index] = identity === null ? null : (found.get(identity)?.instance ?? null)
    }
  }
}

/** A program may have set the property while the statement ran: its word stays. */
function hasSlot(state: InstanceState, link: RelationLink): boolean {
  return state.related?.[link.index] !== undefined
}

async function targetsByKey(
  source: RelatedSource,
  link: RelationLink,
  keys: readonly unknown[][],
  below: LoadPlan,
): Promise<Map<IdentityKey, InstanceState>> {
  const targets = link.pairs.map(({ target }) => target)
  const found = new Map<IdentityKey, InstanceState>()
  const wanted = pointsAtKey(link) ? keys.filter((key) => !takePresent(source.unit, link, key, found)) : keys
  if (wanted.length === 0) return found
  const connection = await source.connectionFor(link.target, link)
  const { statements } = connection
  const columns = below.columnsOf(link.target)
  const select = pointsAtKey(link)
    ? statements.selectByKeys(link.target, columns)
    : statements.selectMembers(link.target, columns, targets, [])
  for (const statement of select(wanted)) {
    const { rows } = await connection.run(statement)
    for (const state of await hydrateTargets(source, connection, link, below, rows)) {
      const identity = state === null ? undefined : identityOf(link.target, valuesOf(state, targets))
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

function valuesOf(state: InstanceState, columns: readonly ColumnModel[]): unknown[] {
  const values = state.committedValues()
  return columns.map((column) => values[column.index])
}

/** To-many, and to-one held by the other side: the members of all owners together, put to each in order. */
async function loadMembers(
  source: RelatedSource,
  states: readonly InstanceState[],
  link: RelationLink,
  below: LoadPlan,
  choice: MemberChoice | undefined,
): Promise<void> {
  const members = new Map<IdentityKey, object[]>()
  const keys = new Map<IdentityKey, unknown[]>()
  for (const state of states) {
    const key = ownerKey(state, link)
    const identity = identityOf(link.source, key)
    if (identity === undefined) continue
    keys.set(identity, key)
    members.set(identity, [])
  }
  if (keys.size > 0) await readMembers(source, link, [...keys.values()], members, below, choice)
  for (const state of states) {
    const identity = identityOf(link.source, ownerKey(state, link))
    giveMembers(state, link, identity === undefined ? [] : (members.get(identity) ?? []), isPartial(choice))
  }
}

/** The stored values by which members point at their owner. */
function ownerKey(state: InstanceState, link: RelationLink): unknown[] {
  if (isByOwnKey(link)) return [...(state.storedKey ?? [])]
  return valuesOf(
    state,
    link.pairs.map(({ source }) => source),
  )
}

async function readMembers(
  source: RelatedSource,
  link: RelationLink,
  keys: readonly unknown[][],
  members: Map<IdentityKey, object[]>,
  below: LoadPlan,
  choice?: MemberChoice,
): Promise<void> {
  const connection = await source.connectionFor(link.target, link)
  const { dialect } = connection
  const columns = below.columnsOf(link.target)
  const select = membersSelect(connection, link, columns, choice)
  const owners = ownerReader(link, dialect, columns)
  for (const statement of select(keys)) {
    const rows = (await connection.run(statement)).rows as unknown[][]
    const identities = rows.map(owners)
    const found = await hydrateTargets(source, connection, link, below, rows)
    found.forEach((member, i) => {
      const identity = identities[i]
      if (member !== null && identity !== undefined) members.get(identity)?.push(member.instance)
    })
  }
}

function membersSelect(
  { statements, dialect }: Reader,
  link: RelationLink,
  columns: readonly ColumnModel[],
  choice: MemberChoice | undefined,
) {
  const { source, target, through } = link
  const order = choice === undefined ? memberOrder(link) : orderOf(link, choice)
  const part = choice && partOf(dialect, link, choice)
  const filter = loadFilter(dialect, link)
  if (link.holder === 'condition' && filter !== undefined) {
    return statements.selectJoined(target, columns, source, filter, order, part)
  }
  if (through !== undefined) return statements.selectPaired(target, columns, through, order, filter, part)
  const foreignKey = link.pairs.map((pair) => pair.target)
  return statements.selectMembers(target, columns, foreignKey, order, filter, part)
}

/** Whether rows of the load say which owner they belong to by the owner's primary key. */
function isByOwnKey({ through, holder }: RelationLink): boolean {
  return through !== undefined || holder === 'condition'
}

/** Reads the owner's key out of a row, before the row is given away: a foreign key of the member, or what stands behind its columns. */
function ownerReader(
  link: RelationLink,
  dialect: Dialect,
  read: readonly ColumnModel[],
): (row: unknown[]) => IdentityKey | undefined {
  const ownKey = link.holder === 'condition' ? link.source.key : undefined
  const columns = link.through?.sourceColumns ?? ownKey ?? link.pairs.map(({ target }) => target)
  const behind = !isByOwnKey(link) ? columns.filter((column) => !read.includes(column)) : columns
  const decoders = columns.map(
    (column) => dialect.codec(column.type).decode as ((value: unknown) => unknown) | undefined,
  )
  const place = (column: ColumnModel) =>
    behind.includes(column) ? read.length + behind.indexOf(column) : read.indexOf(column)
  const places = columns.map(place)
  return (row) => {
    const raw = places.map((at) => row[at])
    row.length = read.length
    const values = raw.map((value, i) => (value === null ? null : (decoders[i]?.(value) ?? value)))
    return identityOf(link.source, values)
  }
}

/**
 * Gives an instance what was found for a relation, unless it was told meanwhile.
 *
 * @param isPart whether there may be more members than were found
 */
export function giveMembers(
  state: InstanceState,
  link: RelationLink,
  members: readonly object[],
  isPart = false,
): void {
  if (link.toMany) {
    const collection = collectionOf(state, link)
    if (!collection.isWhole) collection.load(members, isPart)
    return
  }
  if (members.length > 1) throw severalForOne(state, link, members.length)
  if (!hasSlot(state, link)) state.slots()[link.index] = members[0] ?? null
}

function severalForOne(state: InstanceState, link: RelationLink, count: number): MultipleResultsError {
  return new MultipleResultsError(
    `Loading ${state.describe()}.${link.property}: a ${link.kind} relation has one row at most, ${count} were found.`,
  )
}
