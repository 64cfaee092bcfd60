import type { Outcome, Statement } from '../drivers/index.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import type { Dialect, LockOptions } from '../sql/index.ts'
import type { BulkWrite } from './bulk.ts'
import type { RowSelect } from './rows.ts'
import type { CriteriaRule } from './strategies/criteria-rule.ts'
import type { JoinedPlan } from './strategies/joined-plan.ts'
import type { LoadPlan } from './strategies/load-plan.ts'

/** A select of whole entities, ready to run. */
export interface EntitySelect {
  readonly model: EntityModel
  /** What a row holds, in order; always includes the key. */
  readonly columns: readonly ColumnModel[]
  /** `typed`, with rows as arrays. */
  readonly statement: Statement
  readonly populateExisting: boolean
  /** What is said of the loading of relations and columns. */
  readonly plan: LoadPlan
  /** The relations that come in the same rows, behind the columns. */
  readonly joined?: JoinedPlan
  /** Overrides the session's autoflush for this statement. */
  readonly autoflush?: boolean
  readonly lock?: LockOptions
  readonly executionOptions?: Readonly<Record<string, unknown>>
}

/** Criteria of a session, and what their functions may ask it. */
export interface SessionCriteria {
  readonly rules: readonly CriteriaRule[]
  readonly info: Readonly<Record<string, unknown>>
}

/** What a session offers to the queries made on it. Every call goes through the session's lane and its transaction. */
export interface QueryTarget {
  /** What holds for all that the session reads; undefined where nothing does. */
  readonly criteria?: SessionCriteria | undefined
  /** The dialect of the engine to which the entity is bound; needs no connection. */
  dialectFor(model: EntityModel): Dialect
  /** Autoflushes, runs, and gives the instances of the identity map in the order of the rows (one row, one element). */
  loadEntities(select: EntitySelect, label: string): Promise<object[]>
  /** Autoflushes, runs, and gives the rows that were selected, with the instances in them. */
  loadRows(select: RowSelect, label: string): Promise<object[]>
  /** Instances in batches through a cursor; a batch's unmodified instances are let go before the next one. */
  streamEntities(select: EntitySelect, batchSize: number, label: string): AsyncIterable<object>
  /** Autoflushes and runs a statement that gives plain rows: counts, existence, aggregates. */
  runFor(
    model: EntityModel,
    statement: Statement,
    label: string,
    options?: { readonly autoflush?: boolean },
  ): Promise<Outcome>
  /** Autoflushes, runs an UPDATE or DELETE, and makes the session's instances agree with it. */
  writeBulk(write: BulkWrite, label: string): Promise<{ readonly rowCount: number; readonly instances: object[] }>
  /** Has the end of the session treat a promise that a query made from one of these like that one; see the session's gate. */
  follow?<T>(promise: Promise<T>): Promise<T>
}
