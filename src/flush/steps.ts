import type { ColumnModel, EntityModel, PairTable } from '../mapping/index.ts'
import type { PairRow } from './pairs.ts'
import type { PendingDelete, PendingInsert, PendingUpdate } from './work.ts'

/** Rows of one shape, inserted together in the order of `add`. */
export interface InsertStep {
  readonly kind: 'insert'
  readonly model: EntityModel
  readonly columns: readonly ColumnModel[]
  /** Columns whose values the database makes. */
  readonly returning: readonly ColumnModel[]
  readonly inserts: readonly PendingInsert[]
}

/** Rows of one shape, updated together. */
export interface UpdateStep {
  readonly kind: 'update'
  readonly model: EntityModel
  readonly set: readonly ColumnModel[]
  readonly match: readonly ColumnModel[]
  readonly updates: readonly PendingUpdate[]
}

/** Rows of one entity, deleted together. */
export interface DeleteStep {
  readonly kind: 'delete'
  readonly model: EntityModel
  readonly match: readonly ColumnModel[]
  readonly deletes: readonly PendingDelete[]
}

/** Rows of a table of pairs, inserted or deleted together. */
export interface PairStep {
  readonly kind: 'insert pairs' | 'delete pairs'
  readonly table: PairTable
  readonly rows: readonly PairRow[]
}

export type PlanStep = InsertStep | UpdateStep | DeleteStep | PairStep

/** The ordered batches of one flush. */
export type FlushPlan = readonly PlanStep[]
