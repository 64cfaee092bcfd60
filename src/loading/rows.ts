import type { Statement } from '../drivers/index.ts'
import type { EntityModel } from '../mapping/index.ts'
import type { Dialect } from '../sql/index.ts'
import { type InstanceState, stateOf, type UnitOfWork } from '../state/index.ts'
import { hydrateRows, hydrationOf } from './hydrate.ts'
import type { SelectedPart } from './selection.ts'
import { type LoadPlan, notePlan } from './strategies/load-plan.ts'

/** A select of plain rows, ready to run. */
export interface RowSelect {
  readonly model: EntityModel
  readonly parts: readonly SelectedPart[]
  /** `typed`, with rows as arrays. */
  readonly statement: Statement
  readonly populateExisting: boolean
  /** What holds for the relations of instances in the rows. */
  readonly plan: LoadPlan
  readonly autoflush?: boolean
  readonly executionOptions?: Readonly<Record<string, unknown>>
}

/** Turns rows as the driver gives them into what the program selected: values, and instances of the session. */
export function readRows(
  unit: UnitOfWork,
  dialect: Dialect,
  { parts, populateExisting, plan }: RowSelect,
  rows: readonly unknown[],
): object[] {
  const read = rows.map(() => ({}) as Record<string, unknown>)
  let place = 0
  for (const part of parts) {
    const values =
      part.entity === undefined
        ? valuesAt(part, place, rows)
        : instancesAt(unit, dialect, part.entity.model, place, rows, { populateExisting, plan })
    values.forEach((value, i) => {
      define(read[i] as Record<string, unknown>, part.name, value)
    })
    place += part.nodes.length
  }
  return read
}

/** The instances of each entity that rows hold. */
export function instancesIn(
  { parts }: RowSelect,
  rows: readonly object[],
): { readonly model: EntityModel; readonly states: InstanceState[] }[] {
  return parts.flatMap(({ entity, name }) => {
    if (entity === undefined) return []
    const held = rows.map((row) => (row as Record<string, unknown>)[name])
    return [{ model: entity.model, states: held.flatMap((one) => (one == null ? [] : [stateOf(one)])) }]
  })
}

/** Assignment to `__proto__` would be lost. */
function define(row: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') row[name] = value
  else Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true })
}

function valuesAt({ decode }: SelectedPart, place: number, rows: readonly unknown[]): unknown[] {
  return rows.map((row) => {
    const value = (row as readonly unknown[])[place]
    return decode === undefined || value === null ? value : decode(value)
  })
}

function instancesAt(
  unit: UnitOfWork,
  dialect: Dialect,
  model: EntityModel,
  place: number,
  rows: readonly unknown[],
  { populateExisting, plan }: Pick<RowSelect, 'populateExisting' | 'plan'>,
): (object | null)[] {
  const width = model.loaded.length
  const own = rows.map((row) => (row as readonly unknown[]).slice(place, place + width))
  const states = hydrateRows(unit, hydrationOf(dialect, model, model.loaded), own, { populateExisting })
  notePlan(states, plan)
  return states.map((state) => state?.instance ?? null)
}
