import { MultipleResultsError } from '../errors.ts'
import type { ColumnModel, RelationLink } from '../mapping/index.ts'
import type { Dialect, MemberPart } from '../sql/index.ts'
import { collectionOf, type IdentityKey, type InstanceState, identityOf, noteHidden } from '../state/index.ts'
import { settled } from './late-value.ts'
import { memberOrder } from './member-order.ts'
import { loadFilter } from './own-condition.ts'
import { type FindPlace, placesIn } from './places.ts'
import { hydrateTargets, type Reader, type RelatedSource, ruledPart, storedValue } from './related-rows.ts'
import { type LoadPlan, noPlan } from './strategies/load-plan.ts'
import { isPartial, type MemberChoice, orderOf, partOf } from './strategies/member-choice.ts'

/**
 * To-many, and to-one held by the other side: the members of all owners together, put to each in order.
 *
 * @returns the members that were read, or none where they have no relations; undefined where some of the owners have other ones
 */
export async function loadMembers(
  source: RelatedSource,
  states: readonly InstanceState[],
  link: RelationLink,
  below: LoadPlan,
  choice: MemberChoice | undefined,
): Promise<readonly InstanceState[] | undefined> {
  const owners = ownersOf(
    link,
    states.map((state) => ownerKey(state, link)),
  )
  const { lists, read, isRuled } = await readMembers(source, link, owners, below, choice)
  const isPart = isRuled || isPartial(choice)
  let areThese = true
  for (let i = 0; i < states.length; i++) {
    const members = lists[owners.placeOf(owners.identities[i])] ?? nobody
    if (!giveMembers(states[i] as InstanceState, link, members, isPart)) areThese = false
  }
  return areThese ? read : undefined
}

const nobody: readonly object[] = []

/** The stored members of the owner with a key. */
export async function membersOfKey(
  source: RelatedSource,
  link: RelationLink,
  key: readonly unknown[],
): Promise<readonly object[]> {
  const { lists } = await readMembers(source, link, ownersOf(link, [key]), noPlan)
  return lists[0] ?? nobody
}

/** Those whose members are read. */
interface Owners {
  /** Undefined for one without a key. */
  readonly identities: readonly (IdentityKey | undefined)[]
  readonly placeOf: FindPlace
  /** Each key once. */
  readonly keys: readonly (readonly unknown[])[]
}

function ownersOf(link: RelationLink, all: readonly (readonly unknown[])[]): Owners {
  const identities = all.map((key) => identityOf(link.source, key))
  const placeOf = placesIn(identities)
  return { identities, placeOf, keys: all.filter((_, place) => placeOf(identities[place]) === place) }
}

/** The stored values by which members point at their owner. */
export function ownerKey(state: InstanceState, link: RelationLink): readonly unknown[] {
  if (isByOwnKey(link)) return state.storedKey ?? []
  return link.pairs.map(({ source }) => storedValue(state, source))
}

/** What was read: the members of each owner by its place, where it has any; and all of them, unless nothing leads on from them. */
interface Members {
  readonly lists: (object[] | undefined)[]
  readonly read: readonly InstanceState[]
  /** Whether criteria may hide others. */
  readonly isRuled: boolean
}

async function readMembers(
  source: RelatedSource,
  link: RelationLink,
  { keys, identities, placeOf }: Owners,
  below: LoadPlan,
  choice?: MemberChoice,
): Promise<Members> {
  const lists = new Array<object[] | undefined>(identities.length)
  if (keys.length === 0) return { lists, read: [], isRuled: false }
  const connection = await source.connectionFor(link.target, link)
  const columns = below.columnsOf(link.target)
  const ownerOf = ownerReader(link, connection.dialect, columns)
  const ruled = ruledPart(source, connection, link, below)
  const read: (readonly (InstanceState | null)[])[] = []
  for (const statement of membersSelect(connection, link, columns, choice, ruled)(keys)) {
    const rows = (await connection.run(settled(statement))).rows as unknown[][]
    // Of whom each row is must be read before the rows are given away: they may become the values of instances.
    const places = rows.map((row) => placeOf(ownerOf(row)))
    const found = await hydrateTargets(source, connection, link, below, rows)
    share(found, places, lists)
    read.push(found)
  }
  const leadsOn = link.target.relations.length > 0
  return { lists, read: leadsOn ? thoseThere(read) : [], isRuled: ruled !== undefined }
}

/** Puts members into the lists of their owners. They are counted first, so that no list grows while it is filled. */
function share(
  members: readonly (InstanceState | null)[],
  places: readonly number[],
  lists: (object[] | undefined)[],
): void {
  const counts = new Int32Array(lists.length)
  for (let i = 0; i < places.length; i++) {
    const place = places[i] as number
    if (place >= 0 && members[i] !== null) counts[place] = (counts[place] as number) + 1
  }
  const filled = new Int32Array(lists.length)
  for (let i = 0; i < places.length; i++) {
    const place = places[i] as number
    const member = members[i]
    if (place < 0 || member == null) continue
    let list = lists[place]
    if (list === undefined) {
      list = new Array<object>(counts[place] as number)
      lists[place] = list
    }
    list[filled[place] as number] = member.instance
    filled[place] = (filled[place] as number) + 1
  }
}

function thoseThere(read: readonly (readonly (InstanceState | null)[])[]): readonly InstanceState[] {
  const [first = []] = read
  const all = read.length > 1 ? read.flat() : first
  return (all.includes(null) ? all.filter((state) => state !== null) : all) as readonly InstanceState[]
}

function membersSelect(
  { statements, dialect }: Reader,
  link: RelationLink,
  columns: readonly ColumnModel[],
  choice: MemberChoice | undefined,
  ruled: MemberPart | undefined,
) {
  const { source, target, through } = link
  const order = choice === undefined ? memberOrder(link) : orderOf(link, choice)
  const part = choice === undefined ? ruled : partOf(dialect, link, choice, ruled)
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

type Decode = ((value: unknown) => unknown) | undefined

/** Reads the owner's key out of a row: a foreign key of the member, or what stands behind its columns. */
function ownerReader(
  link: RelationLink,
  dialect: Dialect,
  read: readonly ColumnModel[],
): (row: readonly unknown[]) => IdentityKey | undefined {
  const ownKey = link.holder === 'condition' ? link.source.key : undefined
  const columns = link.through?.sourceColumns ?? ownKey ?? link.pairs.map(({ target }) => target)
  const behind = !isByOwnKey(link) ? columns.filter((column) => !read.includes(column)) : columns
  const decoders = columns.map((column) => dialect.codec(column.type).decode as Decode)
  const place = (column: ColumnModel) =>
    behind.includes(column) ? read.length + behind.indexOf(column) : read.indexOf(column)
  const places = columns.map(place)
  const [only] = link.source.key
  if (only !== undefined && places.length === 1 && link.source.key.length === 1) {
    return singleKeyReader(places[0] as number, decoders[0], only)
  }
  return (row) => {
    const values = places.map((at, i) => (row[at] === null ? null : (decoders[i]?.(row[at]) ?? row[at])))
    return identityOf(link.source, values)
  }
}

/** The same for a key of one column, without a list for each row. */
function singleKeyReader(place: number, decode: Decode, { type: { keyOf } }: ColumnModel) {
  return (row: readonly unknown[]): IdentityKey | undefined => {
    const raw = row[place]
    if (raw === null || raw === undefined) return undefined
    const value = decode === undefined ? raw : decode(raw)
    return keyOf === undefined ? (value as IdentityKey) : keyOf(value)
  }
}

/**
 * Gives an instance what was found for a relation, unless it was told meanwhile.
 *
 * @param isPart whether there may be more members than were found
 * @returns whether the relation is now exactly what was found
 */
export function giveMembers(
  state: InstanceState,
  link: RelationLink,
  members: readonly object[],
  isPart = false,
): boolean {
  if (link.toMany) {
    const collection = collectionOf(state, link)
    if (collection.isWhole) return false
    collection.load(members, isPart)
    return !collection.isChanged
  }
  if (members.length > 1) throw severalForOne(state, link, members.length)
  if (state.related?.[link.index] !== undefined) return false
  state.slots()[link.index] = members[0] ?? null
  if (isPart && members.length === 0) noteHidden(state, link)
  return true
}

function severalForOne(state: InstanceState, link: RelationLink, count: number): MultipleResultsError {
  return new MultipleResultsError(
    `Loading ${state.describe()}.${link.property}: a ${link.kind} relation has one row at most, ${count} were found.`,
  )
}
