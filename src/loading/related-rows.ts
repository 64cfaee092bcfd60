import type { Outcome, Statement } from '../drivers/index.ts'
import type { ColumnModel, EntityModel, RelationLink } from '../mapping/index.ts'
import type { Dialect, MemberPart, Statements } from '../sql/index.ts'
import type { InstanceState, UnitOfWork } from '../state/index.ts'
import type { Criteria } from './condition.ts'
import { hydrateRows, hydrationOf } from './hydrate.ts'
import { hasKinds } from './kinds.ts'
import { loadedTable } from './own-condition.ts'
import { conditionedPart } from './strategies/conditioned-part.ts'
import { type LoadPlan, noPlan, notePlan } from './strategies/load-plan.ts'

/** What reading rows needs of a connection. */
export interface Reader {
  readonly dialect: Dialect
  readonly statements: Statements
  run(statement: Statement): Promise<Outcome>
  /** The same within the call; undefined, with nothing done, where something has to be waited for. */
  runNow?(statement: Statement): Outcome | undefined
}

/** Where the statements of a load run. */
export interface RelatedSource {
  readonly unit: UnitOfWork
  /** Overwrite what instances hold, unflushed changes included. Default: false. */
  readonly populateExisting?: boolean
  /**
   * The criteria that hold for the targets of relations, by what is said of them. Absent where all targets are wanted, as those of a
   * cascade are.
   */
  readonly criteria?: ((plan: LoadPlan) => Criteria | undefined) | undefined
  /** @param link the relation whose targets are to be read, where it is one */
  connectionFor(model: RelationLink['target'], link?: RelationLink): Promise<Reader>
}

/**
 * Reads the columns of instances that are expired or lack some: one statement for each entity. One whose row is gone stays as it is.
 */
export async function readExpired(
  source: RelatedSource,
  states: readonly InstanceState[],
  plan: LoadPlan = noPlan,
): Promise<void> {
  for (const [model, lacking] of Map.groupBy(lackingColumns(source, states, plan), (state) => state.model)) {
    const keys = lacking.map((state) => state.storedKey as readonly unknown[])
    await readByKeys({ ...source, populateExisting: false }, model, keys, plan.columnsOf(model))
  }
}

function lackingColumns({ unit }: RelatedSource, states: readonly InstanceState[], plan: LoadPlan): InstanceState[] {
  const lacking: InstanceState[] = []
  let model: EntityModel | undefined
  let columns: readonly ColumnModel[] = []
  for (const state of states) {
    if (state.owner !== unit || state.status !== 'persistent') continue
    if (state.model !== model) {
      model = state.model
      columns = plan.columnsOf(model)
    }
    if (lacksColumns(state, columns)) lacking.push(state)
  }
  return lacking
}

/** Columns that are deferred, or left out by a query, are not missed: they are read when they are asked for. */
function lacksColumns({ raw }: InstanceState, columns: readonly ColumnModel[]): boolean {
  for (const { index } of columns) if (raw[index] === undefined) return true
  return false
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
export async function hydrateTargets(
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

/** The targets that criteria leave; undefined where they leave all. */
export function ruledPart(
  { criteria }: RelatedSource,
  { dialect }: Reader,
  link: RelationLink,
  below: LoadPlan,
): MemberPart | undefined {
  const conditions = criteria?.(below)?.of(loadedTable(dialect, link)) ?? []
  return conditions.length === 0 ? undefined : conditionedPart(conditions)
}

/** The value of a column as it is stored: what the program has changed since counts for nothing. */
export function storedValue(state: InstanceState, column: ColumnModel): unknown {
  const { originals } = state
  return originals?.has(column.index) === true ? originals.get(column.index) : state.valueOf(column)
}

/** The values of several. */
export function storedValues(state: InstanceState, columns: readonly ColumnModel[]): unknown[] {
  return columns.map((column) => storedValue(state, column))
}
