import { type ColumnModel, type EntityModel, linksOf } from '../mapping/index.ts'
import type { InstanceState } from '../state/index.ts'
import { rowLevels } from './components.ts'
import { deleteStep, updateSteps } from './shapes.ts'
import type { PlanStep } from './steps.ts'
import { isSelfReferring } from './table-order.ts'
import type { PendingDelete, PendingUpdate } from './work.ts'

/**
 * The deletes of a group of entities, rows that refer to others before those. A circle is broken by taking a foreign key away first, by
 * an UPDATE.
 */
export function deleteRounds(group: readonly EntityModel[], deletes: readonly PendingDelete[]): PlanStep[] {
  const rows = deletes.filter(({ state }) => group.includes(state.model))
  const [only] = group
  if (rows.length === 0) return []
  if (group.length === 1 && only !== undefined && (rows.length === 1 || !isSelfReferring(only)))
    return [...releaseThemselves(rows), deleteStep(only, rows)]
  return [...releaseThemselves(rows), ...rowRounds(rows)]
}

/** Rows that refer to themselves let go first: not every database deletes them otherwise. */
function releaseThemselves(rows: readonly PendingDelete[]): PlanStep[] {
  return rows.flatMap((row) => {
    const { model } = row.state
    if (!isSelfReferring(model)) return []
    const values = row.state.committedValues()
    const own = nameOf(model.table, row.storedKey)
    const columns = foreignKeysOf(row.state)
      .filter(
        (key) =>
          nameOf(
            key.table,
            key.columns.map((column) => values[column.index]),
          ) === own,
      )
      .flatMap((key) => key.columns)
      .filter((column) => column.nullable && !column.primaryKey)
    return columns.length === 0 ? [] : takeAway({ from: row, columns })
  })
}

function rowRounds(rows: readonly PendingDelete[]): PlanStep[] {
  const references = referencesAmong(rows)
  const referring = new Map<PendingDelete, PendingDelete[]>()
  for (const { from, to } of references) referring.set(to, [...(referring.get(to) ?? []), from])
  const nullable = new Set(
    references.filter(({ columns }) => columns.every((column) => column.nullable)).map(({ to }) => to),
  )
  const { levels, broken } = rowLevels(
    rows,
    (row) => referring.get(row) ?? [],
    (row) => nullable.has(row),
  )
  const steps: PlanStep[] = []
  const gone = new Set<PendingDelete>()
  for (const level of levels) {
    const taken = references.filter(
      ({ from, to }) => broken.has(to) && level.includes(to) && !gone.has(from) && from !== to,
    )
    for (const reference of taken) steps.push(...takeAway(reference))
    for (const [model, some] of Map.groupBy(level, ({ state }) => state.model)) steps.push(deleteStep(model, some))
    for (const row of level) gone.add(row)
  }
  return steps
}

interface RowReference {
  readonly from: PendingDelete
  readonly to: PendingDelete
  readonly columns: readonly ColumnModel[]
}

/** Which of the rows refer to which, by the stored values of their foreign keys. */
function referencesAmong(rows: readonly PendingDelete[]): RowReference[] {
  const byKey = new Map(rows.map((row) => [nameOf(row.state.model.table, row.storedKey), row]))
  const references: RowReference[] = []
  for (const from of rows) {
    const values = from.state.committedValues()
    for (const { table, columns } of foreignKeysOf(from.state)) {
      const to = byKey.get(
        nameOf(
          table,
          columns.map((column) => values[column.index]),
        ),
      )
      if (to !== undefined && to !== from) references.push({ from, to, columns })
    }
  }
  return references
}

function nameOf(table: string, key: readonly unknown[]): string {
  return `${table} ${key.map(String).join(' ')}`
}

function foreignKeysOf({
  model,
}: InstanceState): { readonly table: string; readonly columns: readonly ColumnModel[] }[] {
  const byRelation = linksOf(model)
    .filter((link) => link.holder === 'source')
    .map((link) => ({ table: link.target.table, columns: link.pairs.map(({ source }) => source) }))
  const named = new Set(byRelation.flatMap(({ columns }) => columns))
  const alone = model.columns.filter((column) => column.references !== undefined && !named.has(column))
  return [...byRelation, ...alone.map((column) => ({ table: column.references?.table as string, columns: [column] }))]
}

function takeAway({ from, columns }: Pick<RowReference, 'from' | 'columns'>): PlanStep[] {
  const update: PendingUpdate = {
    state: from.state,
    changes: new Map(columns.map((column) => [column.index, null])),
    originals: new Map(),
    storedKey: from.storedKey,
    storedVersion: undefined,
    replaces: undefined,
  }
  return updateSteps(from.state.model, [update], from.state.model.key)
}
