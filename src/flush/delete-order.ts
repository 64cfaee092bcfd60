import { type ColumnModel, classesOf, type EntityModel, linksOf, rootOf } from '../mapping/index.ts'
import { type InstanceState, ValuesByColumn } from '../state/index.ts'
import { rowLevels } from './components.ts'
import { isPostUpdate } from './foreign-keys.ts'
import { deleteSteps, updateSteps } from './shapes.ts'
import type { PlanStep } from './steps.ts'
import { isSelfReferring } from './table-order.ts'
import { type PendingDelete, type PendingUpdate, updateAside } from './work.ts'

/**
 * The deletes of a group of entities, rows that refer to others before those. A circle is broken by taking a foreign key away first, by
 * an UPDATE.
 */
export function deleteRounds(group: readonly EntityModel[], deletes: readonly PendingDelete[]): PlanStep[] {
  const rows = deletes.filter(({ state }) => group.includes(rootOf(state.model)))
  const [only] = group
  if (rows.length === 0) return []
  if (group.length === 1 && only !== undefined && (rows.length === 1 || !isSelfReferring(only)))
    return [...releaseThemselves(rows), ...deleteSteps(only, rows)]
  return [...releaseThemselves(rows), ...rowRounds(rows)]
}

/** Rows that refer to themselves let go first: not every database deletes them otherwise. */
function releaseThemselves(rows: readonly PendingDelete[]): PlanStep[] {
  const own = rows
    .filter(({ state }) => isSelfReferring(rootOf(state.model)))
    .flatMap((row) => referencesAmong([row], true))
  return takeAway(own.filter(canBeTakenAway))
}

function rowRounds(rows: readonly PendingDelete[]): PlanStep[] {
  const references = referencesAmong(rows)
  const late = references.filter((reference) => reference.isPostUpdate && canBeTakenAway(reference))
  const referring = Map.groupBy(
    references.filter((reference) => !late.includes(reference)),
    ({ to }) => to,
  )
  const referringTo = (row: PendingDelete) => referring.get(row) ?? []
  const { levels, broken } = rowLevels<PendingDelete>(rows, {
    dependenciesOf: (row) => referringTo(row).map(({ from }) => from),
    canPrecede: (to, from) => referringTo(to).every((other) => other.from !== from || canBeTakenAway(other)),
    // Such rows are there only where the database does not check them before the end, or deletes them all with one.
    onClosedCircle: ([first]) => first as PendingDelete,
  })
  const steps: PlanStep[] = takeAway(late)
  const gone = new Set<PendingDelete>()
  for (const level of levels) {
    const taken = level.filter((row) => broken.has(row)).flatMap(referringTo)
    steps.push(...takeAway(taken.filter((one) => !gone.has(one.from) && canBeTakenAway(one))))
    for (const [model, some] of Map.groupBy(level, ({ state }) => rootOf(state.model)))
      steps.push(...deleteSteps(model, some))
    for (const row of level) gone.add(row)
  }
  return steps
}

interface RowReference {
  readonly from: PendingDelete
  readonly to: PendingDelete
  readonly columns: readonly ColumnModel[]
  /** The relation asks for an UPDATE of its own. */
  readonly isPostUpdate: boolean
}

function canBeTakenAway({ columns }: RowReference): boolean {
  return columns.every((column) => column.nullable && !column.primaryKey)
}

/** Which of the rows refer to which others, or to themselves, by the stored values of their foreign keys. */
function referencesAmong(rows: readonly PendingDelete[], toThemselves = false): RowReference[] {
  const byKey = new Map(rows.map((row) => [nameOf(rootOf(row.state.model).table, row.storedKey), row]))
  const roots = rootTables(rows)
  const references: RowReference[] = []
  for (const from of rows) {
    const values = from.state.committedValues()
    for (const { table, columns, isPostUpdate } of foreignKeysOf(from.state)) {
      const key = columns.map((column) => values[column.index])
      const to = byKey.get(nameOf(roots.get(table) ?? table, key))
      if (to !== undefined && (to === from) === toThemselves) references.push({ from, to, columns, isPostUpdate })
    }
  }
  return references
}

/** Whatever table of a family is referred to, the row is known by its root's. */
function rootTables(rows: readonly PendingDelete[]): ReadonlyMap<string, string> {
  const families = new Set(rows.map(({ state }) => rootOf(state.model)))
  return new Map([...families].flatMap((root) => classesOf(root).map(({ table }) => [table, root.table])))
}

function nameOf(table: string, key: readonly unknown[]): string {
  return `${table} ${key.map(String).join(' ')}`
}

type HeldKey = Pick<RowReference, 'columns' | 'isPostUpdate'> & { readonly table: string }

function foreignKeysOf({ model }: InstanceState): HeldKey[] {
  const byRelation = linksOf(model)
    .filter((link) => link.holder === 'source')
    .map((link) => ({
      table: link.target.table,
      columns: link.pairs.map(({ source }) => source),
      isPostUpdate: isPostUpdate(link),
    }))
  const named = new Set(byRelation.flatMap(({ columns }) => columns))
  const alone = model.columns.flatMap((column) => {
    const { references } = column
    return references === undefined || named.has(column)
      ? []
      : [{ table: references.table, columns: [column], isPostUpdate: false }]
  })
  return [...byRelation, ...alone]
}

/** All that a row is to let go at once by one UPDATE, and rows of one shape together. */
function takeAway(references: readonly RowReference[]): PlanStep[] {
  const byRow = Map.groupBy(references, ({ from }) => from)
  const updates = [...byRow].map(([from, some]): PendingUpdate => {
    const changes = new ValuesByColumn(
      some.flatMap(({ columns }) => columns.map(({ index }) => [index, null] as const)),
    )
    return updateAside('rest', from.state, changes, from.storedKey)
  })
  const byModel = Map.groupBy(updates, ({ state }) => rootOf(state.model))
  return [...byModel].flatMap(([model, some]) => updateSteps(model, some, model.key))
}
