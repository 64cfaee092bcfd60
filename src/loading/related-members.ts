import { MultipleResultsError } from '../errors.ts'
import type { ColumnModel, RelationLink } from '../mapping/index.ts'
import type { Dialect } from '../sql/index.ts'
import { collectionOf, type IdentityKey, type InstanceState, identityOf } from '../state/index.ts'
import { memberOrder } from './member-order.ts'
import { loadFilter } from './own-condition.ts'
import { hydrateTargets, type Reader, type RelatedSource, storedValues } from './related-rows.ts'
import { type LoadPlan, noPlan } from './strategies/load-plan.ts'
import { isPartial, type MemberChoice, orderOf, partOf } from './strategies/member-choice.ts'

/**
 * To-many, and to-one held by the other side: the members of all owners together, put to each in order.
 *
 * @returns the members that were read; undefined where some of the owners have other ones
 */
export async function loadMembers(
  source: RelatedSource,
  states: readonly InstanceState[],
  link: RelationLink,
  below: LoadPlan,
  choice: MemberChoice | undefined,
): Promise<InstanceState[] | undefined> {
  const keys: unknown[][] = []
  const members = new Map<IdentityKey, object[]>()
  const lists = states.map((state) => {
    const key = ownerKey(state, link)
    const identity = identityOf(link.source, key)
    if (identity === undefined) return nobody
    let list = members.get(identity)
    if (list === undefined) {
      list = []
      members.set(identity, list)
      keys.push(key)
    }
    return list
  })
  const read = keys.length === 0 ? [] : await readMembers(source, link, keys, members, below, choice)
  const isPart = isPartial(choice)
  let areThese = true
  for (let i = 0; i < states.length; i++) {
    const state = states[i] as InstanceState
    if (!giveMembers(state, link, lists[i] as readonly object[], isPart)) areThese = false
  }
  return areThese ? read : undefined
}

const nobody: readonly object[] = Object.freeze([])

/** The stored members of the owner with a key. */
export async function membersOfKey(
  source: RelatedSource,
  link: RelationLink,
  key: unknown[],
): Promise<readonly object[]> {
  const owner = identityOf(link.source, key)
  if (owner === undefined) return nobody
  const members: object[] = []
  await readMembers(source, link, [key], new Map([[owner, members]]), noPlan)
  return members
}

/** The stored values by which members point at their owner. */
export function ownerKey(state: InstanceState, link: RelationLink): unknown[] {
  if (isByOwnKey(link)) return [...(state.storedKey ?? [])]
  return storedValues(
    state,
    link.pairs.map(({ source }) => source),
  )
}

/** Reads members, adds them to the lists of their owners, and gives all of them. */
async function readMembers(
  source: RelatedSource,
  link: RelationLink,
  keys: readonly unknown[][],
  members: ReadonlyMap<IdentityKey, object[]>,
  below: LoadPlan,
  choice?: MemberChoice,
): Promise<InstanceState[]> {
  const connection = await source.connectionFor(link.target, link)
  const columns = below.columnsOf(link.target)
  const select = membersSelect(connection, link, columns, choice)
  const ownerOf = ownerReader(link, connection.dialect, columns)
  const read: InstanceState[] = []
  for (const statement of select(keys)) {
    const rows = (await connection.run(statement)).rows as unknown[][]
    // Of whom each row is must be read before the rows are given away: they may become the values of instances.
    const lists = rows.map((row) => members.get(ownerOf(row) as IdentityKey))
    const found = await hydrateTargets(source, connection, link, below, rows)
    for (let i = 0; i < rows.length; i++) {
      const member = found[i]
      if (member == null) continue
      lists[i]?.push(member.instance)
      read.push(member)
    }
  }
  return read
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
  return true
}

function severalForOne(state: InstanceState, link: RelationLink, count: number): MultipleResultsError {
  return new MultipleResultsError(
    `Loading ${state.describe()}.${link.property}: a ${link.kind} relation has one row at most, ${count} were found.`,
  )
}
