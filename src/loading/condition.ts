import { AndNode, type OperationNode } from 'kysely'
import type { EntityTable } from './entity-table.ts'
import type { Evaluate } from './evaluate.ts'
import type { LoadPlan } from './strategies/load-plan.ts'

/** A condition of a query: its values as the driver takes them, apart from its text. */
export interface Condition {
  /** Tells the text of this condition from that of every other; undefined where the text is not known beforehand. */
  readonly shape: string | undefined
  /** In the order of their placeholders; only where there is a shape. */
  readonly values: readonly unknown[]
  readonly toNode: () => OperationNode
  /** Decides it in memory, for the query's own entity; undefined where only the database can. */
  readonly evaluate?: Evaluate | undefined
  /** The same where criteria hold for the entities that it asks about; undefined where it asks about none. */
  readonly under?: ((criteria: Criteria) => Condition) | undefined
}

/** All of the conditions at once; undefined where there are none. */
export function allOf(conditions: readonly Condition[]): OperationNode | undefined {
  const nodes = conditions.map((condition) => condition.toNode())
  return nodes.length === 0 ? undefined : nodes.reduce((all, next) => AndNode.create(all, next))
}

/** What tells the text of several conditions, and their values; undefined where that of one of them is not known beforehand. */
export function textOf(conditions: readonly Condition[]): { shape: string; values: readonly unknown[] } | undefined {
  const shapes = conditions.map(({ shape }) => shape)
  if (shapes.includes(undefined)) return undefined
  return { shape: shapes.join(';'), values: conditions.flatMap(({ values }) => values) }
}

/** The criteria that hold in one run of a statement. */
export interface Criteria {
  /** What rows of an entity must meet there, under the name by which the statement knows it. */
  of(table: EntityTable): readonly Condition[]
  /** Those that hold for what is loaded by another plan in the same statement. */
  at(plan: LoadPlan): Criteria
}

/** Makes the same of the same criteria, so that what is made can be told by its identity. */
export function oncePerCriteria<Made>(make: (criteria: Criteria) => Made): (criteria: Criteria) => Made {
  const made = new WeakMap<Criteria, Made>()
  return (criteria) => {
    const known = made.get(criteria)
    if (known !== undefined) return known
    const fresh = make(criteria)
    made.set(criteria, fresh)
    return fresh
  }
}
